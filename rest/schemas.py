"""The bodies that are understood. JSON ends here: each schema turns into a value of the core.
Read-only members of an answer are accepted and ignored, so that GET, edit, PUT works; `revision` is a precondition.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter
from pydantic_core import PydanticCustomError

from app.core.parsing import (
    Invalid,
    parse_address,
    parse_cidr,
    parse_datapath_id,
    parse_interface,
    parse_mac,
    parse_name,
    parse_protocol,
)
from app.core.values import OFPORT_MAX, Binding, Group, Port, Rule, Switch, Tenant, labels_of
from rest.contradictions import RULES_MAX, in_group, in_port, in_rule, in_rules
from rest.validation import Schema, fields_of

Id = tuple[str, ...]
LIST_MAX = 64
LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?")
# C0, DEL and C1: they would act on the terminal of whoever reads the answer.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
READ_ONLY = ("revision", "created_at", "updated_at", "status", "realized", "lagging", "tenant", "id", "dpid")


def checked(parse: Callable[[Any], Any]) -> AfterValidator:
    """A ``parse_*`` function of the core as a step of a schema: its code and hint become the error's."""

    def step(value: Any) -> Any:
        try:
            return parse(value)
        except Invalid as error:
            raise PydanticCustomError(error.code, "{detail}", {"detail": error.detail, "hint": error.hint}) from None

    return AfterValidator(step)


# Long enough for anything valid; keeps a refusal from quoting a megabyte.
Text = Annotated[str, Field(max_length=256)]


def parse_text(text: str) -> str:
    if CONTROL.search(text):
        raise Invalid("control_character", "text has a control character")
    return text


def parse_label(text: str) -> str:
    if not LABEL.fullmatch(text):
        raise Invalid("invalid_label", f"{text[:64]!r} is not a label ({LABEL.pattern})")
    return text


def parse_switch(text: str) -> str:
    """What a binding calls a switch: its name, or its datapath id, which becomes canonical."""
    is_id = text.startswith("0x") or ":" in text or re.fullmatch(r"[0-9a-fA-F]{16}", text)
    return parse_datapath_id(text) if is_id else parse_name(text)


def parse_switch_name(text: str) -> str:
    if re.fullmatch(r"[0-9a-f]{16}", text):
        raise Invalid("ambiguous_name", f"{text} would be taken for a datapath id")
    return parse_name(text)


def read_protocol(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise PydanticCustomError("wrong_type", "should be a name or a number", {"hint": "any"})
    if isinstance(value, str) and len(value) > 64:
        raise PydanticCustomError("unknown_protocol", "should be a name or a number", {"hint": "any"})
    return checked(parse_protocol).func(value)  # type: ignore[call-arg]


Description = Annotated[str, Field(max_length=1024), checked(parse_text)]
Labels = Annotated[
    dict[Annotated[Text, checked(parse_label)], Annotated[str, Field(max_length=256), checked(parse_text)]],
    Field(max_length=LIST_MAX),
]
Name = Annotated[Text, checked(parse_name)]
Names = Annotated[list[Name], Field(max_length=LIST_MAX)]
Addresses = Annotated[list[Annotated[Text, checked(parse_address)]], Field(max_length=LIST_MAX)]
Interface = Annotated[Text, checked(parse_interface)]
PortNumber = Annotated[int, Field(ge=0, le=65535)]
Octet = Annotated[int, Field(ge=0, le=255)]
Revision = Annotated[int, Field(ge=0)]


class Document(BaseModel):
    """A JSON object whose every member is known and of the very type."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Stored(Document):
    """A resource's own document: it may carry what its answer carried."""

    revision: Revision | None = None
    created_at: Any = None
    updated_at: Any = None
    status: Any = None
    realized: Any = None
    lagging: Any = None

    def pointer(self, pointer: str, value: Any) -> str:
        """The place in this body that the core means by a place in the canonical value."""
        return pointer


class TenantBody(Stored):
    name: Any = None
    description: Description = ""
    labels: Labels = {}

    def value(self, id: Id, present: Any = None) -> Tenant:
        return Tenant(id[0], self.description, labels_of(self.labels))


class RuleItem(Document):
    """A rule in its group's list. `port_min` alone is that single port."""

    key: Name | None = None
    direction: Literal["ingress", "egress"]
    ethertype: Literal["IPv4"] = "IPv4"
    protocol: Annotated[Any, BeforeValidator(read_protocol)] = None
    port_min: PortNumber | None = None
    port_max: PortNumber | None = None
    icmp_type: Octet | None = None
    icmp_code: Octet | None = None
    remote_cidr: Annotated[Text, checked(parse_cidr)] | None = None

    def rule(self, key: str | None = None) -> Rule:
        """The rule under `key`, its own key, or one made of its content: the same content has the same key."""
        ports = (
            None
            if self.port_min is None
            else (self.port_min, self.port_min if self.port_max is None else self.port_max)
        )
        content = (
            self.direction,
            self.ethertype,
            self.protocol,
            ports,
            self.icmp_type,
            self.icmp_code,
            self.remote_cidr,
        )
        made = "r-" + sha256(json.dumps(content).encode()).hexdigest()[:16]
        return Rule(key or self.key or made, *content)


class RuleBody(RuleItem, Stored):
    """A rule as a resource of its own; its revision is its group's."""

    tenant: Any = None
    group: Any = None


class GroupBody(Stored):
    """Without `rules` a group keeps the rules it has; a new one has none."""

    tenant: Any = None
    name: Any = None
    description: Description = ""
    rules: Annotated[list[RuleItem], Field(max_length=RULES_MAX)] = None  # type: ignore[assignment]

    def value(self, id: Id, present: Group | None = None) -> Group:
        kept = present.rules if present else ()
        return Group(id[0], id[1], self.description, kept if self.rules is None else rules_of(self.rules))


def rules_of(items: list[RuleItem]) -> tuple[Rule, ...]:
    """The rules of a list; what is there twice without a key is there once."""
    return tuple(dict.fromkeys(item.rule() for item in items))


class BindingBody(Document):
    switch: Annotated[Text, checked(parse_switch)]
    interface: Interface | None = None
    ofport: Annotated[int, Field(ge=1, le=OFPORT_MAX - 1)] | None = None

    def value(self) -> Binding:
        return Binding(self.switch, self.interface, self.ofport)


class PortBody(Stored):
    id: Any = None
    tenant: Any = None
    binding: BindingBody | None = None
    mac: Annotated[Text, checked(parse_mac)]
    addresses: Addresses = []
    groups: Names = []
    egress: Literal["any", "rules"] = "any"
    labels: Labels = {}

    def value(self, id: Id, present: Any = None) -> Port:
        return Port(
            tenant=id[0],
            name=id[1],
            mac=self.mac,
            addresses=tuple(self.addresses),
            groups=tuple(self.groups),
            binding=self.binding.value() if self.binding else None,
            egress=self.egress,
            labels=labels_of(self.labels),
        )

    def pointer(self, pointer: str, value: Port) -> str:
        """The core sorts a port's groups; the client wants its own order."""
        head, _, place = pointer.rpartition("/")
        return f"{head}/{self.groups.index(value.groups[int(place)])}" if head == "#/groups" else pointer


class SwitchBody(Stored):
    """`uplinks`: interface names, globs allowed; null leaves it to the setting."""

    dpid: Any = None
    name: Annotated[Text, checked(parse_switch_name)] | None = None
    uplinks: Annotated[list[Interface], Field(max_length=LIST_MAX)] | None = None
    description: Description = ""

    def value(self, id: Id, present: Any = None) -> Switch:
        return Switch(id[0], self.name, None if self.uplinks is None else tuple(self.uplinks), self.description)


RULE_FIELDS = fields_of(RuleItem)
TENANT = Schema(TypeAdapter(TenantBody), {"": fields_of(TenantBody, READ_ONLY)})
GROUP = Schema(TypeAdapter(GroupBody), {"": fields_of(GroupBody, READ_ONLY), "rules": RULE_FIELDS}, in_group)
RULE = Schema(TypeAdapter(RuleBody), {"": RULE_FIELDS}, in_rule)
RULES = Schema(TypeAdapter(Annotated[list[RuleItem], Field(max_length=RULES_MAX)]), {"": RULE_FIELDS}, in_rules)
PORT = Schema(TypeAdapter(PortBody), {"": fields_of(PortBody, READ_ONLY), "binding": fields_of(BindingBody)}, in_port)
SWITCH = Schema(TypeAdapter(SwitchBody), {"": fields_of(SwitchBody, READ_ONLY)})
