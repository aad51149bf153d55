"""New connections per second: what a rate costs, and whom it concerns."""

from __future__ import annotations

import pytest

from app.core.limits import Limits, Rate
from app.core.packets import Packet
from app.core.pipeline import LOCAL, Table
from app.core.program import Program
from app.core.simulator import Classifier
from app.core.values import Binding, Group, Rule, SwitchPort, Tenant
from tests.core.plugging import plugged_world, port
from tests.core.world import DPID, ICMP, OUTSIDE, OUTSIDE_MAC, TCP, UDP, UPLINK, World, ip_packet, tcp_in
from tests.model.conntrack import Hesitant

FIVE, NINE = Limits(new_per_second=5, burst=8), Limits(new_per_second=9)
OPENS, ACCEPTS = 4, 5  # the meters of port 2
VM, ADDRESS = "52:54:00:00:00:01", "10.0.0.1"


@pytest.fixture
def world() -> World:
    """Port p1 of red on 2, p2 of red on 3; red has a rate."""
    world = plugged_world()
    world.put(port(2), Tenant("red", limits=FIVE))
    world.plug(3, "v2")
    world.program.take_dirty()
    world.program.take_dirty_meters()
    return world


def dirty(world: World) -> tuple[set[int], set[int]]:
    """The tables in which flows came or went, and the meters."""
    came = world.program.take_dirty()
    return {world.program.wanted[c].table for c in came if c in world.program.wanted}, world.program.take_dirty_meters()


def out(sport: int = 40000, dport: int = 53, protocol: int = UDP) -> Packet:
    return ip_packet(2, (VM, OUTSIDE_MAC), (ADDRESS, OUTSIDE), protocol, sport, dport)


def back(sport: int = 53, dport: int = 40000, protocol: int = UDP) -> Packet:
    return ip_packet(1, (OUTSIDE_MAC, VM), (OUTSIDE, ADDRESS), protocol, sport, dport)


# -- what it costs


def test_without_a_rate_there_is_no_meter_and_no_flow() -> None:
    world = plugged_world()
    assert world.program.meters == {}
    assert world.program.fragment("rate", 2) == ()
    assert world.program.take_dirty_meters() == set()


def test_a_rate_costs_each_port_two_meters_and_a_flow_for_each(world: World) -> None:
    assert world.program.meters == dict.fromkeys((4, 5, 6, 7), Rate(5, 8))
    assert [flow.table for flow in world.program.fragment("rate", 2)] == [Table.ACCEPT_SOURCE, Table.ACCEPT_TARGET]


def test_another_rate_changes_meters_and_no_flow(world: World) -> None:
    world.put(Tenant("red", limits=NINE))
    assert dirty(world) == (set(), {4, 5, 6, 7})
    assert world.program.meters == dict.fromkeys((4, 5, 6, 7), Rate(9, 9))


def test_a_rate_that_goes_takes_its_flows_and_meters_along(world: World) -> None:
    world.put(Tenant("red"))
    assert world.program.meters == {}
    assert world.program.take_dirty_meters() == {4, 5, 6, 7}
    assert len(world.program.take_dirty()) == 4


def test_what_else_changes_of_a_tenant_changes_nothing(world: World) -> None:
    world.put(Tenant("red", "the red one", limits=FIVE), Tenant("blue", limits=NINE))
    world.put(Tenant("red", "the red one", limits=Limits(100, 5, 8, (("udp_first", 9),))))
    assert dirty(world) == (set(), set())


def test_a_port_that_goes_or_is_off_has_no_meter(world: World) -> None:
    world.program.unplug(3)
    assert world.program.meters.keys() == {4, 5}
    world.put(port(1, enabled=False))
    assert world.program.meters == {}


def test_the_default_holds_for_who_says_nothing_and_zero_is_no_limit() -> None:
    world = plugged_world()
    program = Program(world.inventory, DPID, ("ext",), trust_local=False, default_rate=Rate(3, 3))
    program.plug(SwitchPort(2, "v1", "fe:00:00:00:00:00"))
    for limits, rate in ((Limits(), Rate(3, 3)), (FIVE, Rate(5, 8)), (Limits(new_per_second=0), None)):
        world.inventory.put(Tenant("red", limits=limits), "now")
        program.follow(world.inventory.take_journal())
        assert program.meters == ({4: rate, 5: rate} if rate else {})


def test_those_behind_one_interface_share_the_smallest_rate(world: World) -> None:
    blue = (Tenant("blue", limits=Limits(new_per_second=2)), Group("blue", "g", rules=(tcp_in("ssh", 22),)))
    sub = type(port(7))("blue", "sub", VM, ("10.0.0.7",), ("g",), Binding(DPID, interface="v1", tag=7), vlan=9)
    world.put(*blue, sub)
    assert world.program.meters[OPENS] == world.program.meters[ACCEPTS] == Rate(2, 2)
    assert dirty(world)[1] == {OPENS, ACCEPTS}
    tagged = out() | {"vlan_vid": 0x1007, "ipv4_src": 0x0A000007}
    assert world.send(tagged).meters == [OPENS]
    assert world.send(back(40000, 22, TCP) | {"vlan_vid": 0x1009, "ipv4_dst": 0x0A000007}).meters == [ACCEPTS]
    world.program.unplug(2)
    assert world.program.meters.keys() == {6, 7}


def test_numbers_of_meters_stay_in_16_bits_and_one(world: World) -> None:
    world.program.plug(SwitchPort(0xFEFF, "v1", "fe:00:00:00:00:00"))
    world.put(port(3, binding=Binding(DPID, interface="br0")))
    world.program.plug(SwitchPort(LOCAL, "br0", "fe:00:00:00:00:00"))
    assert set(world.program.meters) == {6, 7, 2 * 0xFEFF, 2 * 0xFEFF + 1, 2 * 0xFFFE, 2 * 0xFFFE + 1}


# -- whom it concerns


@pytest.mark.parametrize("hesitant", [False, True])
def test_the_first_packet_of_a_connection_meets_it_and_no_other(world: World, hesitant: bool) -> None:
    if hesitant:  # a conntrack that calls one-way UDP new until it is answered
        world.simulator = Hesitant(Classifier(world.program.wanted.values()))
    assert [world.send(out()).meters for _ in range(3)] == [[OPENS], [], []]
    assert [world.send(back()).meters for _ in range(2)] == [[], []]
    assert world.send(out()).meters == []
    assert world.send(out(40001)).meters == [OPENS]


def test_what_is_accepted_meets_the_other_one(world: World) -> None:
    assert [world.send(back(40000, 22, TCP)).meters for _ in range(2)] == [[ACCEPTS], []]
    assert world.send(out(22, 40000, TCP)).meters == []


def test_each_port_meets_its_own(world: World) -> None:
    other = out() | {"in_port": 3, "eth_src": 0x525400000002, "ipv4_src": 0x0A000002}
    assert (world.send(out()).meters, world.send(other).meters) == ([OPENS], [6])


def test_what_met_a_meter_is_labelled_with_its_rule(world: World) -> None:
    world.send(back(40000, 22, TCP))
    (connection,) = world.simulator.connections.values()
    assert connection.label >> 96 == world.inventory.rule_id("red", "g", "ssh")


def test_what_is_established_meets_none_whatever_its_label_says(world: World) -> None:
    assert world.send(out()).meters == [OPENS]
    for connection in world.simulator.connections.values():
        connection.label = 0
    outcome = world.send(out())
    assert (outcome.ports, outcome.meters) == ({1}, [])


def test_what_is_refused_meets_none(world: World) -> None:
    assert world.send(back(40000, 23, TCP)).meters == []
    world.put(port(1, egress="rules"))
    assert world.send(out()).meters == []


@pytest.mark.parametrize("hesitant", [False, True])
def test_what_is_judged_again_meets_none(world: World, hesitant: bool) -> None:
    if hesitant:
        world.simulator = Hesitant(Classifier(world.program.wanted.values()))
    assert world.send(out()).meters == [OPENS]
    assert world.send(back(40000, 22, TCP)).meters == [ACCEPTS]
    world.put(Group("red", "g", rules=(tcp_in("only", 22, cidr="192.168.0.254/32"),)))
    for packet in (out(), back(40000, 22, TCP), back(), out(22, 40000, TCP)):
        outcome = world.send(packet)
        assert outcome.ports
        assert outcome.meters == []


def test_an_error_about_a_connection_meets_none(world: World) -> None:
    assert world.send(out()).meters == [OPENS]
    (connection,) = world.simulator.connections.values()
    error = back(3, 1, ICMP)
    assert world.simulator.send(error, connection.original).ports == {2}
    assert world.simulator.send(error, connection.original).meters == []


@pytest.mark.parametrize(("target", "ofport", "also"), [(2, 3, 7), (9, 4, 9)])
def test_between_two_vms_each_meets_its_own(world: World, target: int, ofport: int, also: int) -> None:
    blue = type(port(9))("blue", "p9", "52:54:00:00:00:09", ("10.0.0.9",), ("g",), Binding(DPID, interface="v9"))
    world.put(Tenant("blue", limits=NINE), Group("blue", "g", rules=(tcp_in("ssh", 22),)), blue)
    world.plug(4, "v9")
    ends = (VM, f"52:54:00:00:00:{target:02x}"), (ADDRESS, f"10.0.0.{target}")
    packet = ip_packet(2, *ends, TCP, 40000, 22)
    assert (world.send(packet).meters, world.send(packet).meters) == ([OPENS, also], [])


def test_stateless_traffic_and_multicast_meet_none(world: World) -> None:
    stateless = Rule("dns", "ingress", "IPv4", UDP, (53, 53), stateful=False)
    world.put(Group("red", "g", rules=(stateless, Rule("many", "ingress", "IPv4", UDP, (99, 99)))))
    assert (world.send(back(40000, 53)).meters, world.send(out(53, 40000)).meters) == ([], [])
    many = back(40000, 99) | {"eth_dst": 0x01005E000001, "ipv4_dst": 0xE0000001}
    assert (world.send(many).ports, world.send(many).meters) == ({2, 3}, [])
    assert world.send(many | {"in_port": 2, "eth_src": 0x525400000001, "ipv4_src": 0x0A000001}).meters == []


@pytest.mark.parametrize("hesitant", [False, True])
def test_a_connection_that_begins_in_fragments_meets_it_once(world: World, hesitant: bool) -> None:
    if hesitant:
        world.simulator = Hesitant(Classifier(world.program.wanted.values()))
    first = out() | {"ip_frag": 1}
    met = [world.send(packet).meters for packet in (first, first, out(), out(), first)]
    assert met == [[OPENS], [], [], [], []]


def test_ports_of_nobody_meet_none(world: World) -> None:
    world.compile([UPLINK])
    assert world.program.meters == {}
