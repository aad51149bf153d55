"""Rules as bodies have them, alone and in lists; from there to the core's values and their keys."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import Field

from app.core.values import Ports, Rule
from rest.contradictions import RULES_MAX, family_meant
from rest.fields import Cidr, Document, Name, Octet, Pointers, PortNumber, Protocol, Same, Stored

# What a made key has always been made of. Members that came later count only where they say something, so that a rule
# keeps the key that an older version made for it.
HASHED = ("direction", "ethertype", "protocol", "ports", "icmp_type", "icmp_code", "remote_cidr")
DEFAULTS = {field.name: field.default for field in fields(Rule)}
PLACE = re.compile(r"#/rules/(\d+)(.*)")


class Matched(Document):
    """What a rule, a tenant's or the operator's, says of the traffic that it is about."""

    direction: Literal["ingress", "egress"]
    ethertype: Literal["IPv4", "IPv6"] | None = None
    protocol: Protocol = None
    port_min: PortNumber | None = None
    port_max: PortNumber | None = None
    source_port_min: PortNumber | None = None
    source_port_max: PortNumber | None = None
    icmp_type: Octet | None = None
    icmp_code: Octet | None = None
    remote_cidr: Cidr | None = None

    def matched(self) -> dict[str, Any]:
        """The same, as the core's values have it."""
        return {
            "direction": self.direction,
            "ethertype": self.ethertype or family_meant(self.remote_cidr, self.protocol),
            "protocol": self.protocol,
            "ports": _range(self.port_min, self.port_max),
            "source_ports": _range(self.source_port_min, self.source_port_max),
            "icmp_type": self.icmp_type,
            "icmp_code": self.icmp_code,
            "remote_cidr": self.remote_cidr,
        }


class RuleItem(Matched):
    """A rule in its group's list. `port_min` alone is that single port; without `ethertype` the rest says which."""

    key: Name | None = None
    remote_group: Name | None = None
    remote_address_group: Name | None = None
    stateful: bool = True

    def rule(self, key: str | None = None) -> Rule:
        """The rule under `key`, its own key, or one made of its content: the same content has the same key."""
        content: dict[str, Any] = {
            **self.matched(),
            "remote_group": self.remote_group,
            "remote_address_group": self.remote_address_group,
            "stateful": self.stateful,
        }
        return Rule(key or self.key or _made_key(content), **content)


RuleItems = Annotated[list[RuleItem], Field(max_length=RULES_MAX)]


class RuleBody(RuleItem, Stored):
    """A rule as a resource of its own; its revision is its group's."""

    tenant: Same = None
    group: Same = None


def rules_of(items: list[RuleItem]) -> tuple[Rule, ...]:
    """The rules of a list; what is there twice without a key is there once."""
    return tuple(dict.fromkeys(item.rule() for item in items))


def rule_pointers(rules: tuple[Rule, ...], items: list[RuleItem], head: str) -> Pointers:
    """The core sorts rules and calls one ``#/rules/N``; the client wants its own order, in the list at `head`."""
    own: dict[Rule, int] = {}
    for n, item in enumerate(items):
        own.setdefault(item.rule(), n)

    def pointer(meant: str) -> str:
        place = PLACE.fullmatch(meant)
        found = own.get(rules[int(place[1])]) if place else None
        return meant if place is None or found is None else f"{head}/{found}{place[2]}"

    return pointer


def alone(meant: str) -> str:
    """A place in a group of which the body is one rule: nothing else in it can be wrong."""
    return PLACE.sub(r"#\2", meant)


def _range(low: int | None, high: int | None) -> Ports | None:
    return None if low is None else (low, low if high is None else high)


def _made_key(content: dict[str, Any]) -> str:
    told: list[Any] = [content[name] for name in HASHED]
    later = {name: said for name, said in content.items() if name not in HASHED and said != DEFAULTS[name]}
    return "r-" + sha256(json.dumps([*told, later] if later else told).encode()).hexdigest()[:16]
