"""Every frame of a small world, honest or forged: every combination of place, MAC and address."""

from __future__ import annotations

from itertools import product

import pytest

from app.core.values import Binding, Group, Port, Rule, Tenant
from tests.model import small_world as small
from tests.model.packets import Packet, address, ipv4, mac
from tests.model.reference import ARP, EVERYBODY, LIMITED_BROADCAST, LOCAL
from tests.model.side_by_side import SideBySide
from tests.model.small_world import ICMP, OUTSIDE_ADDRESSES, OUTSIDE_MACS, TCP, UDP, VM_ADDRESSES, VM_MACS

NOBODY = 9
PLACES = (1, 2, 3, LOCAL, NOBODY)
LOCAL_MAC = mac(small.LOCAL_MAC)
SOURCES = (mac(VM_MACS[0]), mac(VM_MACS[1]), mac(OUTSIDE_MACS[0]))
VM1, VM2, OUTSIDE = (address(text) for text in (*VM_ADDRESSES[:2], OUTSIDE_ADDRESSES[0]))
BITS = tuple(OUTSIDE ^ 1 << bit for bit in range(32))
TAG = 0x1007


@pytest.fixture
def world() -> SideBySide:
    """A port of each of two tenants: red accepts everything, blue TCP 22."""
    world = SideBySide()
    for value in (
        Tenant("red"), Group("red", "a", rules=(Rule("k1", "ingress"),)),
        Tenant("blue"), Group("blue", "a", rules=(Rule("k1", "ingress", "IPv4", TCP, (22, 22)),)),
        Port("red", "p1", VM_MACS[0], (VM_ADDRESSES[0],), ("a",), Binding(small.DPID, interface="v1")),
        Port("blue", "p2", VM_MACS[1], (VM_ADDRESSES[1], VM_ADDRESSES[3]), ("a",), Binding(small.DPID, interface="v2")),
    ):  # fmt: skip
        assert world.put(value)
    world.follow()
    for ofport, name in ((LOCAL, small.BR0), (1, "ext0"), (2, "v1"), (3, "v2"), (5, "v4")):
        world.plug(ofport, name)
    world.follow()
    return world


def arp(in_port: int, eth_src: int, eth_dst: int, op: int, sha: int, spa: int, tpa: int) -> Packet:
    return {
        "in_port": in_port, "eth_src": eth_src, "eth_dst": eth_dst, "eth_type": ARP,
        "arp_op": op, "arp_sha": sha, "arp_spa": spa, "arp_tpa": tpa, "arp_tha": 0,
    }  # fmt: skip


def test_arp(world: SideBySide) -> None:
    targets, addresses = (EVERYBODY, SOURCES[1], SOURCES[2]), (VM1, VM2, OUTSIDE, 0)
    for what in product(PLACES, SOURCES, targets, (1, 2), SOURCES, addresses, addresses):
        world.send(arp(*what))


def test_an_announcement_is_one_whose_addresses_are_equal_in_every_bit(world: SideBySide) -> None:
    for nearly in (*BITS, OUTSIDE):
        assert (world.send(arp(1, SOURCES[2], EVERYBODY, 1, SOURCES[2], OUTSIDE, nearly)) >= {2, 3}) == (
            nearly == OUTSIDE
        )
        world.send(arp(2, SOURCES[0], EVERYBODY, 1, SOURCES[0], VM1, nearly ^ OUTSIDE ^ VM1))


@pytest.mark.parametrize("layer4", [(TCP, 40000, 22), (UDP, 40000, 22), (UDP, 68, 67), (UDP, 67, 68), (ICMP, 3, 3)])
def test_ipv4(world: SideBySide, layer4: tuple[int, int, int]) -> None:
    protocol, a, b = layer4
    targets = (*SOURCES, LOCAL_MAC, EVERYBODY)
    for in_port, eth_src, eth_dst, source, target in product(
        PLACES, SOURCES, targets, (VM1, VM2, OUTSIDE, 0), (VM2, OUTSIDE, LIMITED_BROADCAST)
    ):
        packet = ipv4(in_port, eth_src, eth_dst, (protocol, source, target, a, b))
        for frame in (packet, packet | {"vlan_vid": TAG}) if protocol == TCP else (packet,):
            world.reference.known.clear()
            world.simulator.connections.clear()
            world.send(frame)


def test_other_ether_types(world: SideBySide) -> None:
    for in_port, eth_src, eth_dst in product(PLACES, SOURCES, (*SOURCES, LOCAL_MAC, EVERYBODY, 0x3333_0000_0001)):
        world.send({"in_port": in_port, "eth_src": eth_src, "eth_dst": eth_dst, "eth_type": 0x86DD})
