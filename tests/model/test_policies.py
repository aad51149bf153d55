"""Every packet of a small world, against random policies: without histories, but broad."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations, product
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from app.core.pipeline import Table
from app.core.values import Binding, EgressMode, Group, Port, Tenant
from tests.model import small_world as small
from tests.model.packets import LAYER_4, Packet, address, along, ipv4, mac
from tests.model.profiles import effort
from tests.model.reference import LOCAL, Tuple, answer, tuple_of
from tests.model.side_by_side import SideBySide
from tests.model.small_world import GRE, ICMP, NUMBERS, OUTSIDE_ADDRESSES, OUTSIDE_MACS, UDP, VM_ADDRESSES, VM_MACS

OWNERS = ("red", "red", "blue")
LAYER_4_PACKETS = (
    *product(LAYER_4, (40000,), NUMBERS), (UDP, 67, 68),
    (ICMP, 8, 0), (ICMP, 8, 1), (ICMP, 13, 0), (ICMP, 0, 0), (ICMP, 3, 3), (GRE, 0, 0),
)  # fmt: skip
Shape = tuple[tuple[str, ...], EgressMode]
shapes = st.lists(st.tuples(small.group_lists, small.egress_modes), min_size=3, max_size=3)


def group_pairs() -> st.SearchStrategy[list[Group]]:
    names = [(tenant, name) for tenant in ("red", "blue") for name in small.GROUPS]
    return st.tuples(*(st.builds(Group, st.just(t), st.just(n), rules=small.rule_sets) for t, n in names)).map(list)


def build(groups: list[Group], ports: list[Shape], hesitant: bool = False) -> SideBySide:
    world = SideBySide(hesitant=hesitant)
    for value in (Tenant("red"), Tenant("blue"), *groups):
        assert world.put(value)
    for n, (owner, (names, egress)) in enumerate(zip(OWNERS, ports, strict=True)):
        plug = Binding(small.DPID, interface=f"v{n + 1}")
        assert world.put(Port(owner, f"p{n}", VM_MACS[n], (VM_ADDRESSES[n],), names, plug, egress))
    world.follow()
    for ofport, name in ((LOCAL, small.BR0), (1, "ext0"), (2, "v1"), (3, "v2"), (4, "v3")):
        world.plug(ofport, name)
    world.follow()
    return world


def everything() -> Iterator[Packet]:
    """Every protocol and port from everybody to everybody."""
    vms = [(n + 2, mac(VM_MACS[n]), address(VM_ADDRESSES[n])) for n in range(3)]
    outside = [(1, mac(OUTSIDE_MACS[0]), address(a)) for a in OUTSIDE_ADDRESSES]
    for (in_port, eth_src, source), (_, eth_dst, target) in permutations((*vms, *outside), 2):
        for protocol, a, b in LAYER_4_PACKETS:
            yield ipv4(in_port, eth_src, eth_dst, (protocol, source, target, a, b))


EVERYTHING = tuple(everything())


@effort(50)
@given(group_pairs(), shapes)
def test_first_packets_pass_as_the_rules_say(groups: list[Group], ports: list[Shape]) -> None:
    world = build(groups, ports)
    world.check()
    for packet in EVERYTHING:
        world.reference.known.clear()
        world.simulator.connections.clear()
        if world.send(packet) and world.simulator.connections:
            again = world.simulator.send(packet)
            assert Table.POLICY not in {flow.table for flow in again.path}, "what is known is not asked again"


@effort(50)
@given(group_pairs(), shapes, st.booleans(), st.integers(0, 9))
def test_tenants_may_have_seen_different_connections(
    groups: list[Group], ports: list[Shape], hesitant: bool, offset: int
) -> None:
    """Somebody is away while others talk to where it was, so zones know different things, in different directions."""
    world, rng = build(groups, ports, hesitant), Random(offset)
    packets = [packet for packet in EVERYTHING[offset::7] if packet["in_port"] != 1]
    for away in (2, 4, 3, None):
        name = world.plugged.get(away or 0)
        if away is not None:
            world.unplug(away)
            world.follow()
        for packet in packets:
            world.send(packet)
            if away != 3:
                back = along(rng, world.bridge(), answer_of(packet))
                world.send(back)
                error = (ICMP, back["ipv4_src"], back["ipv4_dst"], 3, 3)
                world.send(along(rng, world.bridge(), error), tuple_of(packet))
        if away is not None and name:
            world.plug(away, name)
            world.follow()


def answer_of(packet: Packet) -> Tuple:
    protocol, source, target, a, b = tuple_of(packet)
    return (protocol, target, source, *((0 if a == 8 else a, b) if protocol == ICMP else (b, a)))


@effort(50)
@given(group_pairs(), group_pairs(), shapes, st.booleans(), st.integers(0, 9), st.randoms(use_true_random=True))
def test_connections_live_and_die_with_the_rules(
    old: list[Group], new: list[Group], ports: list[Shape], hesitant: bool, offset: int, rng: object
) -> None:
    world = build(old, ports, hesitant)
    for packet in EVERYTHING[offset::10]:
        world.send(packet)
    known: list[Tuple] = sorted(set().union(*world.reference.known.values()))
    for groups in (new, old, new[:2] + old[2:]):
        for group in groups:
            world.put(group)
        world.follow()
        world.check()
        for n, about in enumerate(known):
            for way in (about, answer(about)) if n % 2 else (answer(about), about):
                world.send(along(rng, world.bridge(), way))  # type: ignore[arg-type]
