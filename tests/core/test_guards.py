"""What each kind of port costs, and the seams between guards that a table of cells does not show."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.core.flow import FULL
from app.core.pipeline import TAG, Reason, Table
from app.core.values import AddressPair, Binding, Port, Tenant
from tests.core.world import DPID, OUTSIDE_MAC, UDP, World, ip_packet, mac_number

MAC, ADDRESS = "52:54:00:00:00:01", "10.0.0.1"
PORT = Port("red", "p1", MAC, (ADDRESS, "2001:db8::1"), (), Binding(DPID, interface="v1"))


@pytest.fixture
def world() -> World:
    world = World()
    world.put(Tenant("red"), PORT)
    world.plug(2, "v1")
    return world


def own_flows(world: World) -> int:
    return len(world.program.fragment("port", 2, 0))


def test_a_port_costs_a_few_flows_whatever_else_there_is(world: World) -> None:
    dual = own_flows(world)
    world.put(replace(PORT, addresses=(ADDRESS,)))
    assert (own_flows(world), dual) == (28, 32), "of which ten count what is dropped"
    world.put(replace(PORT, spoof_guard="off"))
    assert own_flows(world) == 18
    world.put(replace(PORT, enabled=False))
    assert own_flows(world) == 2, "nobody takes its MAC, and what is for it stays here"


def test_every_guard_has_a_counter_of_its_own(world: World) -> None:
    cookies = world.program.drop_cookies(PORT.id)
    assert list(cookies) == [reason.name.lower() for reason in Reason]
    assert len(set(cookies.values())) == len(Reason)
    assert all(world.program.wanted[cookie].table == Table.DROPPED for cookie in cookies.values())


def test_a_port_that_is_off_or_elsewhere_counts_nothing(world: World) -> None:
    world.put(replace(PORT, enabled=False))
    assert world.program.drop_cookies(PORT.id) == {}
    assert world.program.drop_cookies(("red", "nobody")) == {}


def test_a_pair_of_everything_lets_any_source_out_but_speaks_for_nobody(world: World) -> None:
    world.put(replace(PORT, allowed_address_pairs=(AddressPair("0.0.0.0/0"),)))
    assert world.send(ip_packet(2, (MAC, OUTSIDE_MAC), ("192.0.2.1", "192.0.2.2"), UDP, 1, 2)).ports == {1}
    fields = [field for flow in world.program.fragment("port", 2, 0) for field in flow.match]
    masks = [mask for name, _, mask in fields if name in ("arp_spa", "arp_tpa")]
    assert set(masks) == {FULL["arp_spa"]}


def test_a_sub_port_is_known_by_its_tag_and_gets_its_frames_with_it(world: World) -> None:
    sub = Port("red", "sub", "52:54:00:00:00:09", ("10.9.0.1",), (), Binding(DPID, "v1", tag=5), vlan=20)
    world.put(sub)
    sent = ip_packet(2, (sub.mac, OUTSIDE_MAC), ("10.9.0.1", "10.9.0.2"), UDP, 1, 2) | {"vlan_vid": TAG | 5}
    ((port, frame),) = world.send(sent).outputs
    assert (port, frame["vlan_vid"]) == (1, TAG | 20)
    back = ip_packet(1, (OUTSIDE_MAC, sub.mac), ("10.9.0.2", "10.9.0.1"), UDP, 2, 1) | {"vlan_vid": TAG | 20}
    ((port, frame),) = world.send(back).outputs
    assert (port, frame["vlan_vid"]) == (2, TAG | 5)
    assert world.send(sent | {"vlan_vid": TAG | 6}).path[-1].table == Table.DROPPED
    assert world.send(sent | {"vlan_vid": 0}).outputs == []
    assert world.program.seat(sub.id) == (2, 5)
    assert {zone for zone, _ in world.simulator.connections} == {world.inventory.zone("red", 20)}


def test_the_mac_of_a_tagged_frame_that_no_sub_port_has_is_the_parents_business(world: World) -> None:
    sent = ip_packet(2, (MAC, OUTSIDE_MAC), (ADDRESS, "10.0.0.2"), UDP, 1, 2) | {"vlan_vid": TAG}
    assert world.send(sent).path[-1].cookie == world.program.drop_cookies(PORT.id)["ethertype"]
    sent |= {"vlan_vid": 0, "eth_src": mac_number("52:54:00:00:00:77")}
    assert world.send(sent).path[-1].cookie == world.program.drop_cookies(PORT.id)["mac"]
