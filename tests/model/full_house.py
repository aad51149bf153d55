"""One world with a port of every kind, for tests that try every frame on it."""

from __future__ import annotations

from collections.abc import Iterable

from app.core.values import AddressPair, Binding, Group, Port, Rule, Switch, Tenant
from tests.model import small_world as small
from tests.model.frames import LOCAL, TAG, TCP, Frame
from tests.model.packets import Packet, address, mac
from tests.model.side_by_side import SideBySide
from tests.model.small_world import DPID, VIRTUAL_MACS, VM_ADDRESSES, VM_ADDRESSES_6, VM_MACS

MACS = (*VM_MACS, *(f"52:54:00:00:00:0{n}" for n in (5, 6, 7)))
RED, BLUE, PAIRED, OFF, DOWN, SERVER = 2, 3, 4, 5, 6, 7  # ofports of VMs; blue's carries a sub-port too
NOBODY = 9
SUB = TAG | 7  # what blue's VM tags the sub-port's frames with
ELSEWHERE = TAG | 5  # and how they are tagged on the uplinks
PLACES = (1, RED, BLUE, PAIRED, OFF, DOWN, SERVER, LOCAL, NOBODY)
UPLINK, OTHER_UPLINK = 1, 8
OUTSIDE_MAC, LOCAL_MAC = mac(small.OUTSIDE_MACS[0]), mac(small.LOCAL_MAC)
VIRTUAL = mac(VIRTUAL_MACS[0])
VMS = tuple(mac(m) for m in MACS)
V4 = tuple(address(a) for a in VM_ADDRESSES)
V6 = tuple(address(a) for a in VM_ADDRESSES_6)
SHARED, SHARED_6 = V4[5], V6[5]
OUTSIDE_4, OUTSIDE_6 = address(small.OUTSIDE_ADDRESSES[0]), address(small.OUTSIDE_ADDRESSES_6[0])


def full_house() -> SideBySide:
    """Red accepts everything, blue TCP 22; behind blue is a sub-port with red's MAC and addresses, in another segment,
    and one of red's in blue's own. Red and the paired port share a virtual MAC and address; behind that one is a
    sub-port with its MAC. One port is not guarded, one is off, one serves DHCP."""
    world = SideBySide()
    shared = tuple(AddressPair(a, VIRTUAL_MACS[0]) for a in (VM_ADDRESSES[5], VM_ADDRESSES_6[5]))
    more = map(AddressPair, ("10.0.0.6/31", "fd00::6/127", "10.0.0.5", "fd00::5", "0.0.0.0/0", "::/0"))
    everything = (Rule("k1", "ingress"), Rule("k2", "ingress", "IPv6"))
    values = (
        Switch(DPID, uplinks=("ext*",)),
        Tenant("red"), Group("red", "a", rules=everything),
        Tenant("blue"), Group("blue", "a", rules=(Rule("k1", "ingress", "IPv4", TCP, (22, 22)),)),
        _port("red", 1, allowed_address_pairs=(*shared, AddressPair("10.0.0.5", VIRTUAL_MACS[0]))),
        _port("blue", 2), _port("blue", 4, spoof_guard="off"),
        _port("red", 3, allowed_address_pairs=(*shared, *more)), _port("red", 5, enabled=False),
        _port("red", 6, dhcp_server=True, addresses=("10.0.0.66", "fd00::66")),
        Port("red", "s1", VM_MACS[0], (VM_ADDRESSES[0], VM_ADDRESSES_6[0]), ("a",), Binding(DPID, "v2", tag=7), vlan=5),
        _port("red", 7, binding=Binding(DPID, "v2", tag=5)),
        Port("blue", "s2", VM_MACS[2], ("10.0.0.7",), ("a",), Binding(DPID, "v3", tag=5), vlan=5),
    )  # fmt: skip
    for value in values:
        assert world.put(value)
    world.follow()
    names = {LOCAL: small.BR0, UPLINK: "ext0", OTHER_UPLINK: "ext0b", **{n + 1: f"v{n}" for n in range(1, 7)}}
    for ofport, name in names.items():
        world.plug(ofport, name)
    world.follow()
    return world


def _port(tenant: str, n: int, **more: object) -> Port:
    usual = {"addresses": (f"10.0.0.{n}", f"fd00::{n}"), "binding": Binding(DPID, f"v{n}"), "groups": ("a",)}
    return Port(tenant, f"p{n}", MACS[n - 1], **(usual | more))  # type: ignore[arg-type]


def try_all(world: SideBySide, packets: Iterable[Packet]) -> int:
    """Send each as if nothing had been before; how many came out somewhere."""
    passed = 0
    for packet in packets:
        world.reference.known.clear()
        world.simulator.connections.clear()
        passed += bool(world.send(Frame(packet)))
    return passed
