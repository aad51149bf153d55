"""What the operator says: tenants, ports, groups, rules, switches.

Every value is frozen and canonical: if it exists it is valid, and equality is equality of content.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.core.assertions import Assertion, Assertions
from app.core.guardrails import Guardrail
from app.core.limits import Limits
from app.core.parsing import DATAPATH_ID, Family, Invalid, parse_cidr, parse_datapath_id, parse_name, parse_owner
from app.core.ports import OFPORT_MAX, VLAN_LAST, AddressPair, Binding, EgressMode, Port, SpoofGuard
from app.core.quota import Quota
from app.core.remotes import parse_control_socket, parse_remote
from app.core.rules import Direction, Ports, Remote, Rule
from app.core.tokens import Token

__all__ = [
    "OFPORT_MAX",
    "VLAN_LAST",
    "AddressGroup",
    "AddressPair",
    "Assertion",
    "Assertions",
    "Binding",
    "Direction",
    "EgressMode",
    "Family",
    "Group",
    "Guardrail",
    "Limits",
    "Policy",
    "PolicyKey",
    "Port",
    "Ports",
    "Quota",
    "Remote",
    "Rule",
    "SpoofGuard",
    "Stored",
    "Switch",
    "SwitchPort",
    "Tenant",
    "Token",
    "Value",
    "labels_of",
]


@dataclass(frozen=True, slots=True)
class Tenant:
    """Owner of ports, groups and conntrack zones, of which it may take so much.

    Its own `owner`, as that of other values, is the declared configuration that keeps it; empty: none does.
    """

    name: str
    description: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    limits: Limits = field(default_factory=Limits)
    quota: Quota = field(default_factory=Quota)
    owner: str = ""

    def __post_init__(self) -> None:
        parse_name(self.name)
        parse_owner(self.owner)
        object.__setattr__(self, "labels", tuple(sorted(self.labels)))

    @property
    def id(self) -> tuple[str, ...]:
        return (self.name,)


@dataclass(frozen=True, slots=True)
class Group:
    """A security group: an unordered set of allow rules, each under its own key."""

    tenant: str
    name: str
    description: str = ""
    rules: tuple[Rule, ...] = ()
    owner: str = ""

    def __post_init__(self) -> None:
        parse_name(self.name)
        parse_owner(self.owner)
        ordered = tuple(sorted(self.rules, key=lambda rule: rule.key))
        if len({rule.key for rule in ordered}) != len(ordered):
            raise Invalid("duplicate_key", "two rules have the same key")
        object.__setattr__(self, "rules", ordered)

    @property
    def id(self) -> tuple[str, ...]:
        return (self.tenant, self.name)

    def rule(self, key: str) -> Rule | None:
        return next((rule for rule in self.rules if rule.key == key), None)


@dataclass(frozen=True, slots=True)
class AddressGroup:
    """A set of networks, of both families, that rules name by `remote_address_group`."""

    tenant: str
    name: str
    description: str = ""
    cidrs: tuple[str, ...] = ()
    owner: str = ""

    def __post_init__(self) -> None:
        parse_name(self.name)
        parse_owner(self.owner)
        if any(parse_cidr(cidr) != cidr for cidr in self.cidrs):
            raise Invalid("not_canonical", "a network is not canonical")
        object.__setattr__(self, "cidrs", tuple(sorted(set(self.cidrs))))

    @property
    def id(self) -> tuple[str, ...]:
        return (self.tenant, self.name)


@dataclass(frozen=True, slots=True)
class Switch:
    """What the operator says of a bridge. `uplinks` None: the setting's interface names and globs hold; likewise for
    `ovsdb`, the remote of its database, and `control_socket`, the path of the socket of its ovs-vswitchd or of the run
    directory where that is. Empty: it has none."""

    dpid: str
    name: str | None = None
    uplinks: tuple[str, ...] | None = None
    description: str = ""
    ovsdb: str | None = None
    control_socket: str | None = None

    def __post_init__(self) -> None:
        if parse_datapath_id(self.dpid) != self.dpid:
            raise Invalid("not_canonical", f"{self.dpid} is not canonical")
        if self.name is not None and DATAPATH_ID.fullmatch(parse_name(self.name)):
            raise Invalid("ambiguous_name", f"{self.name} could be a datapath id")
        if self.uplinks is not None:
            object.__setattr__(self, "uplinks", tuple(sorted(set(self.uplinks))))
        if self.ovsdb is not None and parse_remote(self.ovsdb) != self.ovsdb:
            raise Invalid("not_canonical", f"{self.ovsdb} is not canonical")
        if self.control_socket is not None:
            parse_control_socket(self.control_socket)

    @property
    def id(self) -> tuple[str, ...]:
        return (self.dpid,)


Value = Tenant | Group | AddressGroup | Port | Switch | Guardrail | Token | Assertions


@dataclass(frozen=True, slots=True)
class Stored:
    """A value in the inventory. `revision` is the store's revision at its last change; times are RFC 3339 UTC."""

    value: Value
    revision: int
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class SwitchPort:
    """A port as the switch reports it. `live` is False while the interface or its link is down. `iface_id` is what the
    switch's database says of it, if it is known."""

    ofport: int
    name: str
    mac: str
    live: bool = True
    iface_id: str | None = None


def labels_of(mapping: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(mapping.items()))


@dataclass(frozen=True, slots=True)
class PolicyKey:
    """Ports that carry the same groups in the same way share one policy of their tenant."""

    tenant: str
    groups: tuple[str, ...] = ()
    egress: EgressMode = "any"
    dhcp_server: bool = False

    @classmethod
    def of(cls, port: Port) -> PolicyKey:
        return cls(port.tenant, port.groups, port.egress, port.dhcp_server)


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy's numbers and content: `number` is its register value, `epoch` names one content; neither is ever
    reused. `rules` are under their ids; `sets` are the numbers of the address sets that they name."""

    number: int
    epoch: int
    rules: tuple[tuple[int, Rule], ...] = ()
    egress: EgressMode = "any"
    dhcp_server: bool = False
    sets: tuple[tuple[Remote, int], ...] = ()
