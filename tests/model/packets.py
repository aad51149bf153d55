"""Packets of the small world: mostly what honest parties would send, often with one thing forged."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address
from random import Random

from app.core.values import Port
from tests.model.reference import ARP, EVERYBODY, IPV4, LIMITED_BROADCAST, LOCAL, Bridge, Known, Tuple, answer
from tests.model.small_world import (
    GRE,
    ICMP,
    LOCAL_MAC,
    NUMBERS,
    OFPORTS,
    OUTSIDE_ADDRESSES,
    OUTSIDE_MACS,
    SCTP,
    TCP,
    UDP,
    VM_ADDRESSES,
    VM_MACS,
)

Packet = dict[str, int]
Sent = tuple[Packet, Tuple | None]
LAYER_4 = {TCP: ("tcp_src", "tcp_dst"), UDP: ("udp_src", "udp_dst"), SCTP: ("sctp_src", "sctp_dst")}
ICMP_FIELDS = ("icmpv4_type", "icmpv4_code")


def mac(text: str) -> int:
    return int(text.replace(":", ""), 16)


def address(text: str) -> int:
    return int(IPv4Address(text))


MACS = (*(mac(text) for text in (*VM_MACS, *OUTSIDE_MACS, LOCAL_MAC)), EVERYBODY, 0x01005E000001)
ADDRESSES = (*(address(text) for text in (*VM_ADDRESSES, *OUTSIDE_ADDRESSES)), 0, LIMITED_BROADCAST)
PLACES = (*OFPORTS, LOCAL, 9)


def some_packet(rng: Random, bridge: Bridge, known: Known) -> Sent:
    """A packet from anybody to anybody."""
    kind = rng.random()
    if kind < 0.35 and any(known.values()):
        sent = _continued(rng, bridge, known)
    elif kind < 0.85:
        sent = _begun(rng, bridge), None
    else:
        sent = _arp(rng, bridge), None
    return _forged(rng, sent) if rng.random() < 0.2 else sent


def _ends(rng: Random, bridge: Bridge) -> list[tuple[int, int, int]]:
    """Two parties as (ofport, MAC, address)."""
    local = [(o, mac(p.mac), _one_of(rng, p)) for o, p in bridge.ports.items()]
    ways = [*bridge.uplinks, LOCAL] if bridge.local is not None else [*bridge.uplinks] or [1]
    outside = (rng.choice(ways), mac(rng.choice(OUTSIDE_MACS)), address(rng.choice(OUTSIDE_ADDRESSES)))
    return rng.sample([*local, *local, outside, outside], 2) if local else [outside, outside]


def _one_of(rng: Random, port: Port) -> int:
    return address(rng.choice(port.addresses or VM_ADDRESSES))


def _begun(rng: Random, bridge: Bridge) -> Packet:
    (in_port, eth_src, source), (_, eth_dst, target) = _ends(rng, bridge)
    if rng.random() < 0.08:
        return _dhcp(rng, in_port, eth_src, eth_dst, target)
    protocol = rng.choice((TCP, TCP, UDP, UDP, ICMP, SCTP, GRE))
    first, second = rng.choice((40000, 68, 22)), rng.choice(NUMBERS)
    if protocol == ICMP:
        first, second = rng.choice(((8, 0), (8, 0), (0, 0), (13, 0), (3, 3)))
    if protocol == GRE:
        first = second = 0
    return ipv4(in_port, eth_src, eth_dst, (protocol, source, target, first, second))


def _dhcp(rng: Random, in_port: int, eth_src: int, eth_dst: int, target: int) -> Packet:
    if rng.random() < 0.5:
        return ipv4(in_port, eth_src, EVERYBODY, (UDP, 0, LIMITED_BROADCAST, 68, 67))
    server = address(OUTSIDE_ADDRESSES[0])
    eth_dst, target = rng.choice(((eth_dst, target), (EVERYBODY, LIMITED_BROADCAST), (EVERYBODY, target)))
    return ipv4(in_port, eth_src, eth_dst, (UDP, server, target, 67, 68))


def _continued(rng: Random, bridge: Bridge, known: Known) -> Sent:
    """The next packet of a connection, in either direction, or an ICMP error about it."""
    about: Tuple = rng.choice(sorted(set().union(*known.values())))
    about = answer(about) if rng.random() < 0.6 else about
    if rng.random() < 0.8:
        return along(rng, bridge, about), None
    back = (ICMP, about[2], rng.choice((about[1], *ADDRESSES)) if rng.random() < 0.2 else about[1], 3, 3)
    if rng.random() < 0.2:
        about = (*about[:4], about[4] ^ 1) if about[0] != ICMP else (UDP, *about[1:])
    return along(rng, bridge, back), about


def along(rng: Random, bridge: Bridge, about: Tuple) -> Packet:
    """A packet with this 5-tuple, sent by the owner of its source to the owner of its destination."""
    (in_port, eth_src), (_, eth_dst) = _place(rng, bridge, about[1]), _place(rng, bridge, about[2])
    return ipv4(in_port, eth_src, eth_dst, about)


def _place(rng: Random, bridge: Bridge, number: int) -> tuple[int, int]:
    for ofport, port in bridge.ports.items():
        if number in map(address, port.addresses):
            return ofport, mac(port.mac)
    return rng.choice(sorted(bridge.uplinks) or [1]), mac(OUTSIDE_MACS[0])


def _arp(rng: Random, bridge: Bridge) -> Packet:
    (in_port, eth_src, source), (_, eth_dst, target) = _ends(rng, bridge)
    op = rng.choice((1, 1, 2))
    if rng.random() < 0.3:
        nearly = source ^ 1 << rng.choice((0, 1, 7, 30, 31))
        source, target = rng.choice(((source, source), (source, nearly), (0, target), (0, source)))
    return {
        "in_port": in_port, "eth_src": eth_src, "eth_dst": rng.choice((EVERYBODY, eth_dst)), "eth_type": ARP,
        "arp_op": op, "arp_sha": eth_src, "arp_spa": source, "arp_tpa": target, "arp_tha": 0,
    }  # fmt: skip


def ipv4(in_port: int, eth_src: int, eth_dst: int, about: Tuple) -> Packet:
    protocol, source, target, a, b = about
    packet = {
        "in_port": in_port, "eth_src": eth_src, "eth_dst": eth_dst, "eth_type": IPV4,
        "ip_proto": protocol, "ipv4_src": source, "ipv4_dst": target,
    }  # fmt: skip
    names: Sequence[str] = ICMP_FIELDS if protocol == ICMP else LAYER_4.get(protocol, ())
    return packet | dict(zip(names, (a, b), strict=False))


def _forged(rng: Random, sent: Sent) -> Sent:
    """The same with one field replaced."""
    packet, inner = sent
    choices = {
        "in_port": PLACES, "eth_src": MACS[:-2], "eth_dst": MACS, "ipv4_src": ADDRESSES, "ipv4_dst": ADDRESSES,
        "arp_sha": MACS, "arp_spa": ADDRESSES, "arp_tpa": ADDRESSES, "arp_op": (1, 2, 3),
        "udp_src": NUMBERS, "udp_dst": NUMBERS, "tcp_dst": NUMBERS,
    }  # fmt: skip
    if rng.random() < 0.1:
        other = {"eth_type": 0x86DD} | {name: packet[name] for name in ("in_port", "eth_src", "eth_dst")}
        return rng.choice((other, packet | {"vlan_vid": 0x1000 | 7})), inner
    name = rng.choice([name for name in choices if name in packet])
    return packet | {name: rng.choice(choices[name])}, inner
