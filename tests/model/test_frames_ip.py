"""Every IP packet of a small world: each cell of the guard's table, honest and with one thing forged."""

from __future__ import annotations

from itertools import product

import pytest

from tests.model.addresses import link_local
from tests.model.forging import later
from tests.model.frames import EVERYBODY, ICMP, LIMITED_BROADCAST, ND, NS, TCP, UDP, Five, Frame
from tests.model.full_house import (
    BLUE,
    LOCAL_MAC,
    OFF,
    OUTSIDE_4,
    OUTSIDE_6,
    OUTSIDE_MAC,
    PAIRED,
    PLACES,
    RED,
    SERVER,
    SHARED,
    SHARED_6,
    UPLINK,
    V4,
    V6,
    VIRTUAL,
    VMS,
    full_house,
    try_all,
)
from tests.model.packets import Packet, address, group_mac, icmp6, ip
from tests.model.side_by_side import SideBySide

SOURCES = (VMS[0], VMS[1], VMS[2], VIRTUAL, OUTSIDE_MAC)
LINK_LOCALS = tuple(link_local(mac).value for mac in SOURCES)
SERVES_4, SERVES_6 = address("10.0.0.66"), address("fd00::66")
ALL_NODES = address("ff02::1")
TO_NODES = group_mac(ALL_NODES)
LAYER_4 = [(TCP, 40000, 22), (UDP, 40000, 22), (UDP, 68, 67), (UDP, 67, 68), (ICMP, 3, 3)]
FAULTS: tuple[Packet, ...] = ({}, {"nw_ttl": 254}, {"icmpv6_code": 1}, {"ip_frag": 1})


@pytest.fixture(scope="module")
def world() -> SideBySide:
    return full_house()


@pytest.mark.parametrize("layer4", LAYER_4)
def test_ipv4(world: SideBySide, layer4: tuple[int, int, int]) -> None:
    protocol, a, b = layer4
    targets = (*SOURCES[1:], LOCAL_MAC, EVERYBODY)
    packets = [
        ip(place, eth_src, eth_dst, Five(4, protocol, source, target, a, b))
        for place, eth_src, eth_dst, source, target in product(
            PLACES, SOURCES, targets, (V4[0], V4[4], SHARED, OUTSIDE_4, 0), (V4[1], OUTSIDE_4, LIMITED_BROADCAST)
        )
    ]
    assert try_all(world, packets)


@pytest.mark.parametrize("layer4", [(TCP, 40000, 22), (UDP, 546, 547), (UDP, 547, 546)])
def test_ipv6(world: SideBySide, layer4: tuple[int, int, int]) -> None:
    protocol, a, b = layer4
    packets = [
        ip(place, eth_src, eth_dst, Five(6, protocol, source, target, a, b))
        for place, eth_src, eth_dst, source, target in product(
            PLACES, SOURCES, (*SOURCES[1:], LOCAL_MAC, TO_NODES),
            (V6[0], SHARED_6, OUTSIDE_6, 0, *LINK_LOCALS[:3]), (V6[1], ALL_NODES),
        )
    ]  # fmt: skip
    assert try_all(world, packets)


@pytest.mark.parametrize("kind", ND)
def test_neighbour_discovery(world: SideBySide, kind: int) -> None:
    targets = (*V6[:2], SHARED_6, OUTSIDE_6, LINK_LOCALS[0], V6[4], 0) if kind in (135, 136) else (0,)
    option = "ipv6_nd_sll" if kind == NS else "ipv6_nd_tll"
    for place, eth_src, eth_dst, source in product(
        PLACES, SOURCES, (TO_NODES, VMS[1], VIRTUAL), (V6[0], SHARED_6, 0, LINK_LOCALS[2])
    ):
        for target, fault in product(targets, FAULTS):
            for option_value in (0, VMS[0]) if len(targets) > 1 else (0,):
                nd = {"ipv6_nd_target": target, option: option_value} if len(targets) > 1 else {}
                to = V6[1] if eth_dst == VMS[1] else ALL_NODES
                try_all(world, [icmp6(place, eth_src, eth_dst, source, to, kind, **nd) | fault])


@pytest.mark.parametrize("kind", [130, 131, 132, 143])
def test_multicast_listeners(world: SideBySide, kind: int) -> None:
    packets = [
        icmp6(place, eth_src, eth_dst, source, ALL_NODES, kind) | fault
        for place, eth_src, eth_dst, source, fault in product(
            PLACES, SOURCES, (TO_NODES, VMS[1]), (V6[0], 0, *LINK_LOCALS), FAULTS
        )
    ]
    assert try_all(world, packets)


def test_dhcp(world: SideBySide) -> None:
    """Each message, right and with one thing different, from and to everybody."""
    for (family, a, b), place, eth_src, eth_dst in product(
        ((4, 68, 67), (4, 67, 68), (6, 546, 547), (6, 547, 546), (4, 546, 547), (6, 67, 68)),
        PLACES,
        (VMS[0], VMS[1], VMS[5], VIRTUAL, OUTSIDE_MAC),
        (EVERYBODY, group_mac(0x10002), VMS[1], VMS[5], VIRTUAL),
    ):  # fmt: skip
        sources = (0, V4[0], SERVES_4, OUTSIDE_4) if family == 4 else (LINK_LOCALS[0], V6[0], SERVES_6, OUTSIDE_6)
        targets = (LIMITED_BROADCAST, V4[1]) if family == 4 else (address("ff02::1:2"), V6[1])
        for source, target, fault in product(sources, targets, ({}, {"ip_frag": 1})):
            try_all(world, [ip(place, eth_src, eth_dst, Five(family, UDP, source, target, a, b)) | fault])


@pytest.mark.parametrize("family", [4, 6])
def test_fragments(world: SideBySide, family: int) -> None:
    """First and later ones, with and without the rest, of what conntrack sees and of what it does not."""
    source, target = (V4[0], V4[1]) if family == 4 else (V6[0], V6[1])
    for place, eth_src, eth_dst, ports in product(
        (UPLINK, RED, BLUE, PAIRED, OFF, SERVER), SOURCES, (*SOURCES, EVERYBODY), ((40000, 22), (0, 22), (67, 68))
    ):
        for protocol in (TCP, UDP):
            whole = Five(family, protocol, source, target, *ports)
            packet = ip(place, eth_src, eth_dst, whole)
            for fields, rest in (
                (packet | {"ip_frag": 1}, None), (packet | {"ip_frag": 1}, whole),
                (later(packet), None), (later(packet), whole),
            ):  # fmt: skip
                world.reference.known.clear()
                world.simulator.connections.clear()
                world.send(Frame(fields, whole=rest))
