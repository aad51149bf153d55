"""Packets as the fields that flows match, and the 5-tuples that conntrack knows them by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from app.core.flow import FULL
from app.core.mirror import ANSWERS, PARTNERS
from app.core.pipeline import EtherType

Packet = dict[str, int]
PORT_FIELDS = {
    6: ("tcp_src", "tcp_dst"),
    17: ("udp_src", "udp_dst"),
    132: ("sctp_src", "sctp_dst"),
    1: ("icmpv4_type", "icmpv4_code"),
    58: ("icmpv6_type", "icmpv6_code"),
}


class FiveTuple(NamedTuple):
    """What a connection is known by. `first` and `second` are ports, or ICMP type and code. `family` is 4 or 6."""

    family: int
    protocol: int
    source: int
    target: int
    first: int
    second: int

    def answered(self) -> FiveTuple:
        """The 5-tuple of an answer."""
        if self.protocol in PARTNERS:
            kind = PARTNERS[self.protocol].get(self.first, self.first)
            return self._replace(source=self.target, target=self.source, first=kind)
        return FiveTuple(self.family, self.protocol, self.target, self.source, self.second, self.first)

    @property
    def may_begin(self) -> bool:
        """Whether conntrack takes such a packet for a connection's first: of ICMP only requests are."""
        return self.protocol not in ANSWERS or self.first in ANSWERS[self.protocol]


def tuple_of(packet: Mapping[str, int]) -> FiveTuple:
    """The 5-tuple of a packet; ICMP has its type and code where others have ports."""
    names = PORT_FIELDS.get(packet["ip_proto"])
    first, second = (packet.get(name, 0) for name in names) if names else (0, 0)
    family = 6 if packet["eth_type"] == EtherType.IPV6 else 4
    return FiveTuple(family, packet["ip_proto"], packet[f"ipv{family}_src"], packet[f"ipv{family}_dst"], first, second)


def fields_of(key: FiveTuple) -> Packet:
    """A 5-tuple as packet fields."""
    family, protocol, source, target, first, second = key
    fields = {
        "eth_type": EtherType.IPV6 if family == 6 else EtherType.IPV4,
        "ip_proto": protocol,
        f"ipv{family}_src": source,
        f"ipv{family}_dst": target,
    }
    return fields | dict(zip(PORT_FIELDS.get(protocol, ()), (first, second), strict=False))


def without_tuple(packet: Packet) -> Packet:
    addresses = {"ip_proto", "ipv4_src", "ipv4_dst", "ipv6_src", "ipv6_dst"}
    names = addresses.union(*PORT_FIELDS.values())
    return {name: value for name, value in packet.items() if name not in names}


def move_bits(
    source_of: Packet, target_of: Packet, source: str, from_bit: int, target: str, to_bit: int, bits: int
) -> None:
    value = source_of.get(source, 0) >> from_bit & ((1 << bits) - 1)
    hole = FULL[target] ^ (((1 << bits) - 1) << to_bit)
    target_of[target] = target_of.get(target, 0) & hole | value << to_bit
