"""A frame as the reference model looks at it, and the numbers of the protocols: nothing here knows a flow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

Packet = Mapping[str, int]

IPV4, ARP, RARP, IPV6 = 0x0800, 0x0806, 0x8035, 0x86DD
ICMP, TCP, UDP, GRE, ICMPV6, SCTP = 1, 6, 17, 47, 58, 132
REQUEST, REPLY = 1, 2
EVERYBODY, LIMITED_BROADCAST = 0xFFFFFFFFFFFF, 0xFFFFFFFF
LOCAL = 0xFFFFFFFE
TAG = 0x1000
RS, RA, NS, NA, REDIRECT = 133, 134, 135, 136, 137
ND = (RS, RA, NS, NA, REDIRECT)
MLD_QUERY, MLD_REPORTS = 130, (131, 132, 143)
WHOLE, FIRST, LATER = 0, 1, 3  # of ip_frag
# The only ICMP messages that begin anything, and what answers them.
ANSWER = {ICMP: {8: 0, 13: 14, 15: 16}, ICMPV6: {128: 129}}
# (family, client's port, server's port)
DHCP = {4: (68, 67), 6: (546, 547)}
TYPE_AND_CODE = {ICMP: ("icmpv4_type", "icmpv4_code"), ICMPV6: ("icmpv6_type", "icmpv6_code")}
PORTS = {TCP: ("tcp_src", "tcp_dst"), UDP: ("udp_src", "udp_dst"), SCTP: ("sctp_src", "sctp_dst")}
LAYER_4 = TYPE_AND_CODE | PORTS


class Five(NamedTuple):
    """A 5-tuple with its family; ICMP has type and code where others have source and destination port."""

    family: int
    protocol: int
    source: int
    target: int
    first: int
    second: int

    @property
    def begins(self) -> bool:
        return self.protocol not in ANSWER or self.first in ANSWER[self.protocol]

    @property
    def answer(self) -> Five:
        """The 5-tuple of what answers it."""
        if self.protocol in ANSWER:
            return self._replace(source=self.target, target=self.source, first=ANSWER[self.protocol][self.first])
        return self._replace(source=self.target, target=self.source, first=self.second, second=self.first)

    def is_dhcp(self, sender: str) -> bool:
        """Whether it is what a DHCP "client" or "server" says to the other."""
        client, server = DHCP[self.family]
        ports = (client, server) if sender == "client" else (server, client)
        return self.protocol == UDP and (self.first, self.second) == ports


def five_of(packet: Packet) -> Five:
    family = 4 if packet["eth_type"] == IPV4 else 6
    names = LAYER_4.get(packet["ip_proto"], ())
    a, b = (packet.get(name, 0) for name in names) if names else (0, 0)
    return Five(family, packet["ip_proto"], packet[f"ipv{family}_src"], packet[f"ipv{family}_dst"], a, b)


@dataclass(frozen=True)
class Frame:
    """A packet; `inner` is what an ICMP error is about, `whole` what a fragment's datagram turned out to be."""

    fields: Packet
    inner: Five | None = None
    whole: Five | None = None

    def __getitem__(self, name: str) -> int:
        return self.fields[name]

    @cached_property
    def family(self) -> int | None:
        return {IPV4: 4, IPV6: 6}.get(self["eth_type"])

    @property
    def vlan_vid(self) -> int:
        return self.fields.get("vlan_vid", 0)

    @property
    def vlan(self) -> int:
        """A priority tag is none."""
        return self.vlan_vid & ~TAG

    @property
    def to_many(self) -> bool:
        return bool(self["eth_dst"] >> 40 & 1)

    @property
    def fragment(self) -> int:
        return self.fields.get("ip_frag", WHOLE)

    @property
    def source(self) -> int:
        return self[f"ipv{self.family}_src"]

    @property
    def target(self) -> int:
        return self[f"ipv{self.family}_dst"]

    @cached_property
    def five(self) -> Five:
        """What the frame itself shows; of a later fragment that is no ports."""
        return five_of(self.fields)

    @property
    def connection(self) -> Five | None:
        """What conntrack takes it for; None: the rest of its datagram never came."""
        return self.whole or (None if self.fragment == LATER else self.five)

    @cached_property
    def icmp6(self) -> int | None:
        """The ICMPv6 type as far as it shows."""
        shows = self.family == 6 and self["ip_proto"] == ICMPV6 and self.fragment != LATER
        return self["icmpv6_type"] if shows else None

    @property
    def well_formed(self) -> bool:
        """As neighbour discovery has to be, so that nobody can have routed it here (RFC 4861)."""
        return (self["nw_ttl"], self["icmpv6_code"], self.fragment) == (255, 0, WHOLE)

    def is_dhcp(self, sender: str) -> bool:
        return self.family is not None and self.fragment == WHOLE and self.five.is_dhcp(sender)
