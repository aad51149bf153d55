"""Rules: what one packet must be like to be allowed, and the address sets that rules name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from app.core.parsing import (
    ICMP,
    ICMPV6,
    PORT_PROTOCOLS,
    Family,
    Invalid,
    family_of,
    parse_cidr,
    parse_name,
    protocol_name,
)

Direction = Literal["ingress", "egress"]
Ports = tuple[int, int]


class Remote(NamedTuple):
    """A set of addresses that rules name: the members of a group, or an address group. Both are of one tenant."""

    kind: Literal["group", "address_group"]
    name: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One allow rule of a group. The remote end (`remote_cidr`, `remote_group` or `remote_address_group`, at most one)
    is the source for ingress and the destination for egress. `ports` are destination ports, of a connection's first
    packet. Not `stateful`: both directions pass without conntrack."""

    key: str
    direction: Direction
    ethertype: Family = "IPv4"
    protocol: int | None = None
    ports: Ports | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    remote_cidr: str | None = None
    source_ports: Ports | None = None
    remote_group: str | None = None
    remote_address_group: str | None = None
    stateful: bool = True

    def __post_init__(self) -> None:
        parse_name(self.key)
        if self.direction not in ("ingress", "egress"):
            raise Invalid("invalid_direction", f"{self.direction!r} is neither ingress nor egress")
        self._check_remote()
        self._check_family()
        self._check_ports()
        self._check_icmp()

    @property
    def remote(self) -> Remote | None:
        """The set of addresses that the rule names."""
        if self.remote_group is not None:
            return Remote("group", self.remote_group)
        return Remote("address_group", self.remote_address_group) if self.remote_address_group is not None else None

    def _check_remote(self) -> None:
        named = [remote for remote in (self.remote_cidr, self.remote_group, self.remote_address_group) if remote]
        if len(named) > 1:
            raise Invalid("several_remotes", "a rule has one remote: a CIDR, a group or an address group")
        for name in (self.remote_group, self.remote_address_group):
            if name is not None:
                parse_name(name)
        if self.remote_cidr is not None and parse_cidr(self.remote_cidr) != self.remote_cidr:
            raise Invalid("not_canonical", f"{self.remote_cidr} is not canonical")

    def _check_family(self) -> None:
        if self.remote_cidr is not None and family_of(self.remote_cidr) != self.ethertype:
            raise Invalid("family_mismatch", f"{self.remote_cidr} is not {self.ethertype}", family_of(self.remote_cidr))
        if self.protocol in ICMP_OF.values() and self.protocol != ICMP_OF[self.ethertype]:
            fitting = protocol_name(ICMP_OF[self.ethertype])
            raise Invalid("family_mismatch", f"{self.ethertype} has no {protocol_name(self.protocol)}", fitting)

    def _check_ports(self) -> None:
        for what, ports in (("port", self.ports), ("source_port", self.source_ports)):
            if ports is None:
                continue
            if self.protocol not in PORT_PROTOCOLS:
                raise Invalid(
                    "ports_without_protocol",
                    f"protocol {protocol_name(self.protocol)} has no ports",
                    "tcp, udp or sctp",
                )
            low, high = ports
            if not (0 <= low <= 65535 and 0 <= high <= 65535):
                raise Invalid("out_of_range", f"ports {low}-{high} are not in 0..65535")
            if high < low:
                raise Invalid("range_reversed", f"{what}_max {high} is smaller than {what}_min {low}")

    def _check_icmp(self) -> None:
        if self.icmp_type is None and self.icmp_code is None:
            return
        if self.protocol not in ICMP_OF.values():
            fitting = protocol_name(ICMP_OF[self.ethertype])
            raise Invalid("icmp_without_protocol", f"protocol {protocol_name(self.protocol)} has no ICMP type", fitting)
        if self.icmp_type is None:
            raise Invalid("code_without_type", "icmp_code needs an icmp_type")
        if not all(0 <= n <= 255 for n in (self.icmp_type, self.icmp_code or 0)):
            raise Invalid("out_of_range", "ICMP type and code are 0..255")


ICMP_OF: dict[Family, int] = {"IPv4": ICMP, "IPv6": ICMPV6}
