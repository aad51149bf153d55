"""A conntrack zone without room: what is new is dropped and counted, what is known does not notice."""

from __future__ import annotations

import pytest

from app.core.packets import FiveTuple, Packet
from app.core.pipeline import Table
from app.core.simulator import Classifier, Outcome
from app.core.trace import Question, trace
from app.core.values import Group, Rule
from tests.core.world import DPID, EXT, TCP, UDP, VM1, VM2, Vm, World, between, seed, tcp_in
from tests.model.conntrack import Hesitant

VM3 = Vm("red", "vm3", 4, "52:54:00:00:00:03", "192.168.0.3", tcp_in("ssh", 22))
# who talks to whom, on which TCP port, whose zone may be full, and where that shows
CASES = (
    (VM1, EXT, 4711, "red", Table.LIMIT_SOURCE),
    (EXT, VM1, 22, "red", Table.LIMIT_TARGET),
    (VM1, VM2, 80, "red", Table.LIMIT_SOURCE),
    (VM1, VM2, 80, "blue", Table.LIMIT_TARGET),
    (VM1, VM3, 22, "red", Table.LIMIT_SOURCE),
)
COUNTERS = {Table.LIMIT_SOURCE: "refused_source", Table.LIMIT_TARGET: "refused_target"}


@pytest.fixture
def world() -> World:
    world = seed()
    world.put(VM3.values()[2])
    world.plug(4, "vm3")
    return world


def refused(world: World, outcome: Outcome) -> list[tuple[int, str]]:
    """The zones that counted a packet as refused, and the counters' names."""
    program = world.program
    names = {cookie: (zone, name) for zone in program.zones() for name, cookie in program.zone_cookies(zone).items()}
    return [names[flow.cookie] for flow in outcome.path if flow.cookie in names]


def answer(packet: Packet, a: Vm, b: Vm) -> Packet:
    return between(b, a, packet["ip_proto"], packet["tcp_dst"], packet["tcp_src"])


@pytest.mark.parametrize("hesitant", [False, True])
@pytest.mark.parametrize(("source", "target", "port", "tenant", "table"), CASES)
def test_what_a_zone_has_no_room_for_is_dropped_and_counted_until_it_has(
    world: World, source: Vm, target: Vm, port: int, tenant: str, table: Table, hesitant: bool
) -> None:
    if hesitant:
        world.simulator = Hesitant(Classifier(world.program.wanted.values()))
    zone = world.inventory.zone(tenant)
    world.simulator.limits[zone] = 1
    first, second = (between(source, target, TCP, sport, port) for sport in (40000, 40001))
    assert world.send(first).ports == {target.ofport}
    for _ in range(2):
        outcome = world.send(second)
        assert (outcome.ports, refused(world, outcome)) == (set(), [(zone, COUNTERS[table])])
    for packet, to in ((first, target), (answer(first, source, target), source), (first, target)):
        outcome = world.send(packet)
        assert (outcome.ports, refused(world, outcome)) == ({to.ofport}, [])
    del world.simulator.connections[zone, next(key for each, key in world.simulator.connections if each == zone)]
    assert world.send(second).ports == {target.ofport}


@pytest.mark.parametrize("hesitant", [False, True])
def test_what_is_judged_again_needs_no_room(world: World, hesitant: bool) -> None:
    if hesitant:
        world.simulator = Hesitant(Classifier(world.program.wanted.values()))
    packets = [between(source, target, TCP, 40000, port) for source, target, port, *_ in CASES]
    for packet in packets:
        assert world.send(packet).ports
    for tenant in ("red", "blue"):
        zone = world.inventory.zone(tenant)
        world.simulator.limits[zone] = sum(each == zone for each, _ in world.simulator.connections)
    for tenant, key, port in (("red", "ssh", 22), ("blue", "http", 80)):
        some = tcp_in("some", 1000)
        world.put(Group(tenant, "g", rules=(tcp_in(key, port), some)))
        world.put(Group(tenant, "g", rules=(tcp_in(key, port),)))  # tighter: a new epoch
    for packet, (_, target, *_) in zip(packets, CASES, strict=True):
        assert world.send(packet).ports == {target.ofport}
        assert Table.LIMIT_SOURCE not in {flow.table for flow in world.send(packet).path}, "it was told once"
    world.put(Group("red", "g"))
    assert world.send(packets[1]).ports == set()
    world.put(Group("red", "g", rules=(tcp_in("ssh", 22),)))
    assert world.send(packets[1]).ports == {VM1.ofport}, "what is allowed again resumes"


@pytest.mark.parametrize("one", [VM1, VM2])
def test_who_alone_is_judged_again_between_two_needs_no_room(world: World, one: Vm) -> None:
    packet = between(VM1, VM2, TCP, 40000, 80)
    assert world.send(packet).ports == {VM2.ofport}
    world.simulator.limits |= dict.fromkeys(world.program.zones(), 0)
    world.put(Group(one.tenant, "g", rules=(one.rule, tcp_in("some", 1000))))
    world.put(Group(one.tenant, "g", rules=(one.rule,)))
    back = answer(packet, VM1, VM2)
    assert (world.send(back).ports, world.send(packet).ports) == ({VM1.ofport}, {VM2.ofport})


def test_an_entry_without_a_label_makes_room_for_none(world: World) -> None:
    """One that a datagram in fragments has left: the first whole packet is judged, and labels it."""
    zone = world.inventory.zone("red")
    packet = between(VM1, EXT, UDP, 40000, 53)
    assert world.send(packet | {"ip_frag": 1}).ports == {1}
    world.simulator.limits[zone] = 1
    assert world.send(packet).ports == {1}
    assert [each.label != 0 for each in world.simulator.connections.values()] == [True]


def test_fragments_go_on_without_room(world: World) -> None:
    """They have left when conntrack is told, so each datagram is judged."""
    world.simulator.limits[world.inventory.zone("red")] = 0
    packet = between(VM1, EXT, UDP, 40000, 53)
    assert world.send(packet | {"ip_frag": 1}).ports == {1}
    assert world.send(packet).ports == set()
    assert world.simulator.connections == {}


def test_established_traffic_is_looked_at_no_further(world: World) -> None:
    packet = between(VM1, VM2, TCP, 40000, 80)
    world.send(packet)
    tables = {flow.table for flow in world.send(packet).path}
    assert not tables & {Table.COMMIT_NOW, Table.LIMIT_SOURCE, Table.LIMIT_TARGET}


def test_zones_are_those_of_the_ports_that_are_plugged_in(world: World) -> None:
    red, blue = (world.inventory.zone(tenant) for tenant in ("red", "blue"))
    assert world.program.zones() == {red, blue}
    assert set(world.program.zone_cookies(red).values()) <= world.program.wanted.keys()
    world.program.unplug(3)
    assert world.program.zones() == {red}
    assert world.program.fragment("zone", blue) == ()


def test_a_traced_packet_tells_of_one_commit_and_no_limit(world: World) -> None:
    allowed = trace(world.inventory, {DPID: world.program}, Question("red", "vm1", "blue/vm2", TCP, target_port=80))
    assert [(step.stage, step.result) for step in allowed.steps[-3:]] == [
        ("COMMIT", "commit"),
        ("COMMIT", "commit"),
        ("OUTPUT", "deliver"),
    ]
    assert (allowed.verdict, allowed.reason) == ("allow", "rule")


def test_the_rule_that_admits_is_labelled_in_one_zone_and_in_two(world: World) -> None:
    rule = Rule("out", "egress", "IPv4", TCP)
    world.put(Group("red", "g", rules=(VM1.rule, rule)))
    for port, target, zones in ((22, VM3, 1), (80, VM2, 2)):
        world.simulator.connections.clear()
        packet = between(VM1, target, TCP, 40000, port)
        assert len(world.send(packet).commits) == zones
        five = FiveTuple(4, TCP, packet["ipv4_src"], packet["ipv4_dst"], 40000, port)
        labels = [each.label for (_, key), each in world.simulator.connections.items() if key == five]
        assert sum(label & 0xFFFFFFFF != 0 for label in labels) == 1
        assert sum(label >> 32 & 0xFFFFFFFF != 0 for label in labels) == 1
