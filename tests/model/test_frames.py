"""Every frame of a small world below IP, honest or forged: every combination of place, tag, MAC and address."""

from __future__ import annotations

from itertools import product

import pytest

from tests.model.frames import EVERYBODY, RARP, TCP, UDP, Five, Frame
from tests.model.full_house import (
    BLUE,
    DOWN,
    ELSEWHERE,
    LOCAL_MAC,
    OFF,
    OUTSIDE_4,
    OUTSIDE_6,
    OUTSIDE_MAC,
    PAIRED,
    PLACES,
    RED,
    SHARED,
    SUB,
    UPLINK,
    V4,
    V6,
    VIRTUAL,
    VMS,
    full_house,
    try_all,
)
from tests.model.packets import address, arp, ip
from tests.model.side_by_side import SideBySide
from tests.model.small_world import LISTED

SOURCES = (VMS[0], VMS[1], VIRTUAL, OUTSIDE_MAC)
BITS = tuple(OUTSIDE_4 ^ 1 << bit for bit in range(32))
TAGS = (0, 0x1000, SUB, ELSEWHERE, 0x1006)


@pytest.fixture(scope="module")
def world() -> SideBySide:
    return full_house()


@pytest.mark.parametrize("place", PLACES)
def test_arp(world: SideBySide, place: int) -> None:
    targets = (EVERYBODY, VMS[1], VIRTUAL)
    spas, tpas = (V4[0], V4[1], V4[4], SHARED, OUTSIDE_4, 0), (V4[0], V4[1], SHARED, V4[4], OUTSIDE_4)
    for what in product(SOURCES, targets, (1, 2), SOURCES, spas, tpas):
        eth_src, eth_dst, op, sha, spa, tpa = what
        if sha == eth_src or (op, tpa) == (1, V4[0]):
            try_all(world, [arp(place, eth_src, eth_dst, op, sha, spa, tpa)])


@pytest.mark.parametrize("place", [RED, BLUE, PAIRED, OFF, DOWN])
def test_each_port_says_who_it_is(world: SideBySide, place: int) -> None:
    n = place - 2
    addresses = (V4[n], V4[(n + 1) % 5], SHARED, 0)
    packets = [
        arp(place, eth_src, EVERYBODY, op, eth_src, spa, tpa)
        for eth_src, op, spa, tpa in product((VMS[n], VIRTUAL), (1, 2), addresses, addresses)
    ]
    assert bool(try_all(world, packets)) == (place != DOWN)


def test_ports_behind_one_interface_reach_each_other_and_never_themselves(world: SideBySide) -> None:
    parent, child = (BLUE, 0, VMS[1], V4[1]), (BLUE, ELSEWHERE, VMS[6], address("10.0.0.7"))
    passed = 0
    for (place, tag, mac, own), (_, _, other, asked) in product(
        (parent, child), (parent, child, (1, 0, VMS[0], V4[0]))
    ):
        packets = (
            arp(place, mac, EVERYBODY, 1, mac, own, asked),
            arp(place, mac, EVERYBODY, 1, mac, 0, asked),
            arp(place, mac, EVERYBODY, 1, mac, own, own),
            arp(place, mac, other, 2, mac, own, asked),
            ip(place, mac, other, Five(4, TCP, own, asked, 40000, 22)),
            ip(place, mac, EVERYBODY, Five(4, UDP, own, asked, 40000, 22)),
        )
        passed += try_all(world, [packet | ({"vlan_vid": tag} if tag else {}) for packet in packets])
    assert passed


def test_rarp(world: SideBySide) -> None:
    targets = (EVERYBODY, VMS[1], VIRTUAL)
    packets = [arp(*what, 0, 0, RARP) for what in product(PLACES, SOURCES, targets, (3,), SOURCES)]
    assert try_all(world, packets)


def test_an_announcement_is_one_whose_addresses_are_equal_in_every_bit(world: SideBySide) -> None:
    for nearly in (*BITS, OUTSIDE_4):
        outs = world.send(Frame(arp(UPLINK, OUTSIDE_MAC, EVERYBODY, 1, OUTSIDE_MAC, OUTSIDE_4, nearly)))
        assert (outs >= {(RED, 0), (BLUE, 0)}) == (nearly == OUTSIDE_4)
        world.send(Frame(arp(RED, VMS[0], EVERYBODY, 1, VMS[0], V4[0], nearly ^ OUTSIDE_4 ^ V4[0])))


def test_tags(world: SideBySide) -> None:
    """A tag makes a frame another segment's on the uplinks, a sub-port's on its interface, and is a bad frame else."""
    passed = 0
    for place, tag, eth_src, eth_dst in product(PLACES, TAGS, SOURCES, (*SOURCES, LOCAL_MAC, EVERYBODY)):
        some = (
            ip(place, eth_src, eth_dst, Five(4, TCP, V4[0], V4[1], 40000, 22)),
            ip(place, eth_src, eth_dst, Five(6, UDP, V6[0], OUTSIDE_6, 40000, 22)),
            arp(place, eth_src, eth_dst, 1, eth_src, V4[0], V4[0]),
            {"in_port": place, "eth_src": eth_src, "eth_dst": eth_dst, "eth_type": 0x88CD},
        )
        passed += try_all(world, [packet | ({"vlan_vid": tag} if tag else {}) for packet in some])
    assert passed


@pytest.mark.parametrize("kind", [0x88CD, 0x8100, LISTED, RARP])
def test_other_ether_types(world: SideBySide, kind: int) -> None:
    for place, eth_src, eth_dst, tag in product(
        PLACES, (*SOURCES, VMS[2]), (*SOURCES, LOCAL_MAC, EVERYBODY, 0x3333_0000_0001), TAGS[:4]
    ):
        packet = {"in_port": place, "eth_src": eth_src, "eth_dst": eth_dst, "eth_type": kind, "vlan_vid": tag}
        try_all(world, [packet | ({"arp_op": 3, "arp_sha": eth_src} if kind == RARP else {})])
