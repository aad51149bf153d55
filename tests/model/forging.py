"""Frames with one thing wrong, and frames in fragments."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from tests.model.frames import ARP, EVERYBODY, FIRST, LATER, LAYER_4, LIMITED_BROADCAST, LOCAL, TAG, Frame
from tests.model.packets import address, mac
from tests.model.small_world import (
    LOCAL_MAC,
    NUMBERS,
    OFPORTS,
    OUTSIDE_ADDRESSES,
    OUTSIDE_ADDRESSES_6,
    OUTSIDE_MACS,
    TAGS,
    VIRTUAL_MACS,
    VM_ADDRESSES,
    VM_ADDRESSES_6,
    VM_MACS,
)

MANY = (EVERYBODY, 0x01005E000001, 0x3333_0000_0001)
UNICAST = tuple(mac(text) for text in (*VM_MACS, *VIRTUAL_MACS, *OUTSIDE_MACS, LOCAL_MAC))
ADDRESSES = (*(address(text) for text in (*VM_ADDRESSES, *OUTSIDE_ADDRESSES)), 0, LIMITED_BROADCAST)
ADDRESSES_6 = (*(address(text) for text in (*VM_ADDRESSES_6, *OUTSIDE_ADDRESSES_6)), 0, address("ff02::1"))
TAGGED = tuple(TAG | vlan for vlan in (0, 6, *TAGS, *TAGS))
INSTEAD = {
    "in_port": (*OFPORTS, LOCAL, 9), "eth_src": UNICAST, "eth_dst": (*UNICAST, *MANY), "vlan_vid": (0, *TAGGED),
    "ipv4_src": ADDRESSES, "ipv4_dst": ADDRESSES, "ipv6_src": ADDRESSES_6, "ipv6_dst": ADDRESSES_6,
    "arp_sha": UNICAST, "arp_spa": ADDRESSES, "arp_tpa": ADDRESSES, "arp_op": (1, 2, 3),
    "udp_src": NUMBERS, "udp_dst": NUMBERS, "tcp_dst": NUMBERS, "nw_ttl": (1, 254, 255),
    "ipv6_nd_target": ADDRESSES_6, "ipv6_nd_sll": (0, *UNICAST), "ipv6_nd_tll": (0, *UNICAST), "icmpv6_code": (0, 1),
}  # fmt: skip


def forged(rng: Random, frame: Frame) -> Frame:
    """The same with one field replaced."""
    fields = dict(frame.fields)
    if rng.random() < 0.1:
        return replace(frame, fields=fields | {"vlan_vid": rng.choice(TAGGED)})
    name = rng.choice([name for name in INSTEAD if name in fields])
    return replace(frame, fields=fields | {name: rng.choice(INSTEAD[name])})


def in_fragments(rng: Random, frame: Frame) -> Frame:
    """A fragment of it, if it is IP: a first one, a later one, or a later one of which the first never came."""
    if frame.family is None or frame["eth_type"] == ARP:
        return frame
    if rng.random() < 0.5:
        return replace(frame, fields={**frame.fields, "ip_frag": FIRST}, whole=frame.five)
    whole = frame.five if rng.random() < 0.8 else None
    return replace(frame, fields=later(dict(frame.fields)), whole=whole)


def later(fields: dict[str, int]) -> dict[str, int]:
    """A later fragment: nothing is seen of what stands behind the IP header."""
    seen = {name: value for name, value in fields.items() if not name.startswith("ipv6_nd_")}
    return seen | dict.fromkeys(LAYER_4.get(fields["ip_proto"], ()), 0) | {"ip_frag": LATER}
