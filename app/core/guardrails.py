"""Guardrails: what the operator allows or denies before any group of a tenant is asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from app.core.addresses import network
from app.core.parsing import Family, Invalid, parse_name, parse_owner
from app.core.rules import Direction, Ports, Rule

GuardrailAction = Literal["allow", "deny"]
PRIORITY_LAST = 1000


@dataclass(frozen=True, slots=True)
class Guardrail:
    """One of the operator's ordered rules: the lowest `priority` that matches decides, and no group is asked. What none
    matches is left to the groups. It matches as a stateful rule does. `tenants` None: those of everybody."""

    name: str
    priority: int
    action: GuardrailAction
    direction: Direction
    ethertype: Family = "IPv4"
    protocol: int | None = None
    ports: Ports | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    remote_cidr: str | None = None
    source_ports: Ports | None = None
    tenants: tuple[str, ...] | None = None
    description: str = ""
    owner: str = ""

    def __post_init__(self) -> None:
        parse_name(self.name)
        parse_owner(self.owner)
        if not 1 <= self.priority <= PRIORITY_LAST:
            raise Invalid("out_of_range", f"priority {self.priority} is not in 1..{PRIORITY_LAST}")
        if self.action not in ("allow", "deny"):
            raise Invalid("invalid_action", f"{self.action!r} is neither allow nor deny")
        if self.tenants is not None:
            for tenant in self.tenants:
                parse_name(tenant)
            object.__setattr__(self, "tenants", tuple(sorted(set(self.tenants))))
        _ = self.rule

    @property
    def id(self) -> tuple[str, ...]:
        return (self.name,)

    @property
    def reference(self) -> str:
        """How it is called where a rule is called group/key."""
        return f"guardrail:{self.name}"

    @property
    def rule(self) -> Rule:
        """What it matches, as a rule would say it; what no rule can say is `Invalid`."""
        return Rule(
            self.name, self.direction, self.ethertype, self.protocol, self.ports, self.icmp_type, self.icmp_code,
            self.remote_cidr, self.source_ports,
        )  # fmt: skip

    def concerns(self, tenant: str) -> bool:
        return self.tenants is None or tenant in self.tenants


def in_order(guardrails: Iterable[Guardrail]) -> list[Guardrail]:
    """As they are asked."""
    return sorted(guardrails, key=lambda guardrail: guardrail.priority)


def takes_away(old: Guardrail | None, new: Guardrail | None) -> bool:
    """Whether `old` allowed something that `new`, in its place, does not, or not as early."""
    if old is None or old.action == "deny":
        return False
    keeps = new is not None and new.action == "allow" and new.priority <= old.priority
    return not (keeps and new is not None and covers(new.rule, old.rule))


def denies_more(old: Guardrail | None, new: Guardrail | None) -> bool:
    """Whether `new` denies something that `old`, in its place, did not, or not as early."""
    if new is None or new.action == "allow":
        return False
    knew = old is not None and old.action == "deny" and new.priority >= old.priority
    return not (knew and old is not None and covers(old.rule, new.rule))


def covers(outer: Rule, inner: Rule) -> bool:
    """Whether every packet that `inner` matches is matched by `outer`, of two rules without address sets."""
    if (outer.direction, outer.ethertype) != (inner.direction, inner.ethertype):
        return False
    pairs = ((outer.protocol, inner.protocol), (outer.icmp_type, inner.icmp_type), (outer.icmp_code, inner.icmp_code))
    if any(one not in (None, other) for one, other in pairs):
        return False
    for one, other in ((outer.ports, inner.ports), (outer.source_ports, inner.source_ports)):
        if one is not None and (other is None or not one[0] <= other[0] <= other[1] <= one[1]):
            return False
    if outer.remote_cidr is None:
        return True
    return inner.remote_cidr is not None and network(outer.remote_cidr).covers(network(inner.remote_cidr))


def overlap(one: Rule, other: Rule) -> bool:
    """Whether some packet may match both. Address sets are taken to hold anything, and stateless rules any answer."""
    if one.ethertype != other.ethertype:
        return False
    if not (one.stateful and other.stateful):
        return True
    if one.direction != other.direction:
        return False
    pairs = ((one.protocol, other.protocol), (one.icmp_type, other.icmp_type), (one.icmp_code, other.icmp_code))
    if any(None not in pair and pair[0] != pair[1] for pair in pairs):
        return False
    for ports, others in ((one.ports, other.ports), (one.source_ports, other.source_ports)):
        if ports and others and (ports[1] < others[0] or others[1] < ports[0]):
            return False
    if one.remote_cidr is None or other.remote_cidr is None:
        return True
    here, there = network(one.remote_cidr), network(other.remote_cidr)
    return here.covers(there) or there.covers(here)
