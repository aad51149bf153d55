"""What the operator says: tenants, ports, groups, rules, switches.

Every value is frozen and canonical: if it exists it is valid, and equality is equality of content.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from app.core.parsing import (
    DATAPATH_ID,
    ICMP,
    PORT_PROTOCOLS,
    Invalid,
    parse_address,
    parse_cidr,
    parse_datapath_id,
    parse_interface,
    parse_mac,
    parse_name,
    parse_port_id,
    protocol_name,
)

OFPORT_MAX = 0xFFFFFF00  # OFPP_MAX: above are the reserved ports

Direction = Literal["ingress", "egress"]
EgressMode = Literal["any", "rules"]
Family = Literal["IPv4"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One allow rule of a group. `remote_cidr` is the source for ingress and the destination for egress."""

    key: str
    direction: Direction
    ethertype: Family = "IPv4"
    protocol: int | None = None
    ports: tuple[int, int] | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    remote_cidr: str | None = None

    def __post_init__(self) -> None:
        parse_name(self.key)
        if self.direction not in ("ingress", "egress"):
            raise Invalid("invalid_direction", f"{self.direction!r} is neither ingress nor egress")
        if self.remote_cidr is not None and parse_cidr(self.remote_cidr) != self.remote_cidr:
            raise Invalid("not_canonical", f"{self.remote_cidr} is not canonical")
        self._check_ports()
        self._check_icmp()

    def _check_ports(self) -> None:
        if self.ports is None:
            return
        if self.protocol not in PORT_PROTOCOLS:
            raise Invalid(
                "ports_without_protocol", f"protocol {protocol_name(self.protocol)} has no ports", "tcp, udp or sctp"
            )
        low, high = self.ports
        if not (0 <= low <= 65535 and 0 <= high <= 65535):
            raise Invalid("out_of_range", f"ports {low}-{high} are not in 0..65535")
        if high < low:
            raise Invalid("range_reversed", f"port_max {high} is smaller than port_min {low}")

    def _check_icmp(self) -> None:
        if self.icmp_type is None and self.icmp_code is None:
            return
        if self.protocol != ICMP:
            raise Invalid("icmp_without_protocol", f"protocol {protocol_name(self.protocol)} has no ICMP type", "icmp")
        if self.icmp_type is None:
            raise Invalid("code_without_type", "icmp_code needs an icmp_type")
        if not all(0 <= n <= 255 for n in (self.icmp_type, self.icmp_code or 0)):
            raise Invalid("out_of_range", "ICMP type and code are 0..255")


@dataclass(frozen=True, slots=True)
class Tenant:
    """Owner of ports, groups and conntrack zones."""

    name: str
    description: str = ""
    labels: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        parse_name(self.name)
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

    def __post_init__(self) -> None:
        parse_name(self.name)
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
class Binding:
    """Where a port is plugged: a switch (datapath id or name) and an interface name or an OpenFlow port number."""

    switch: str
    interface: str | None = None
    ofport: int | None = None

    def __post_init__(self) -> None:
        if (self.interface is None) == (self.ofport is None):
            raise Invalid("invalid_binding", "a binding names either an interface or an ofport")
        if self.interface is not None:
            parse_interface(self.interface)
        if self.ofport is not None and not 0 < self.ofport < OFPORT_MAX:
            raise Invalid("out_of_range", f"ofport {self.ofport} is not in 1..{OFPORT_MAX - 1}")


@dataclass(frozen=True, slots=True)
class Port:
    """A VM's NIC. `egress` is "any" (all it may say under its own addresses) or "rules" (what its groups allow)."""

    tenant: str
    name: str
    mac: str
    addresses: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    binding: Binding | None = None
    egress: EgressMode = "any"
    vlan: int = 0
    labels: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        parse_port_id(self.name)
        if parse_mac(self.mac) != self.mac:
            raise Invalid("not_canonical", f"{self.mac} is not canonical")
        if any(parse_address(address) != address for address in self.addresses):
            raise Invalid("not_canonical", "an address is not canonical")
        object.__setattr__(self, "addresses", tuple(dict.fromkeys(self.addresses)))
        object.__setattr__(self, "groups", tuple(sorted(set(self.groups))))
        object.__setattr__(self, "labels", tuple(sorted(self.labels)))

    @property
    def id(self) -> tuple[str, ...]:
        return (self.tenant, self.name)


@dataclass(frozen=True, slots=True)
class Switch:
    """What the operator says of a bridge. `uplinks` None: the setting's interface names and globs hold."""

    dpid: str
    name: str | None = None
    uplinks: tuple[str, ...] | None = None
    description: str = ""

    def __post_init__(self) -> None:
        if parse_datapath_id(self.dpid) != self.dpid:
            raise Invalid("not_canonical", f"{self.dpid} is not canonical")
        if self.name is not None and DATAPATH_ID.fullmatch(parse_name(self.name)):
            raise Invalid("ambiguous_name", f"{self.name} could be a datapath id")
        if self.uplinks is not None:
            object.__setattr__(self, "uplinks", tuple(sorted(set(self.uplinks))))

    @property
    def id(self) -> tuple[str, ...]:
        return (self.dpid,)


Value = Tenant | Group | Port | Switch


@dataclass(frozen=True, slots=True)
class Stored:
    """A value in the inventory. `revision` is the store's revision at its last change; times are RFC 3339 UTC."""

    value: Value
    revision: int
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class SwitchPort:
    """A port as the switch reports it. `live` is False while the interface or its link is down."""

    ofport: int
    name: str
    mac: str
    live: bool = True


def labels_of(mapping: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(mapping.items()))


@dataclass(frozen=True, slots=True)
class PolicyKey:
    """Ports that carry the same groups in the same egress mode share one policy of their tenant."""

    tenant: str
    groups: tuple[str, ...] = ()
    egress: EgressMode = "any"

    @classmethod
    def of(cls, port: Port) -> PolicyKey:
        return cls(port.tenant, port.groups, port.egress)


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy's numbers: `number` is its register value, `epoch` names one content. Neither is ever reused."""

    number: int
    epoch: int
    rules: tuple[tuple[int, Rule], ...] = field(default=())
    egress: EgressMode = "any"
