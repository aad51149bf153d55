"""Every packet of a small world, against random policies: without histories, but broad."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations, product
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from app.core.pipeline import Table
from app.core.values import AddressGroup, Binding, EgressMode, Group, Guardrail, Port
from tests.model import small_world as small
from tests.model.frames import EVERYBODY, GRE, ICMP, ICMPV6, LOCAL, PORTS, SCTP, TCP, UDP, Five, Frame
from tests.model.packets import Packet, address, ip, mac
from tests.model.profiles import effort
from tests.model.side_by_side import SideBySide
from tests.model.small_world import (
    NUMBERS,
    OUTSIDE_ADDRESSES,
    OUTSIDE_ADDRESSES_6,
    OUTSIDE_MACS,
    VM_ADDRESSES,
    VM_ADDRESSES_6,
    VM_MACS,
)
from tests.model.traffic import ERROR, along, remembered

OWNERS = ("red", "red", "blue")
LAYER_4_PACKETS = {
    4: (
        *product(PORTS, (40000, 22), NUMBERS), (UDP, 67, 68), (UDP, 68, 67),
        (ICMP, 8, 0), (ICMP, 8, 1), (ICMP, 13, 0), (ICMP, 0, 0), (ICMP, 3, 3), (GRE, 0, 0),
    ),
    6: (
        *product((TCP, UDP), (40000,), (22, 24, 80, 0)), (SCTP, 40000, 22), (UDP, 547, 546), (UDP, 546, 547),
        (ICMPV6, 128, 0), (ICMPV6, 128, 1), (ICMPV6, 129, 0), (ICMPV6, 1, 4), (ICMPV6, 134, 0),
    ),
}  # fmt: skip
Shape = tuple[tuple[str, ...], EgressMode]
shapes = st.lists(st.tuples(small.group_lists, small.egress_modes), min_size=3, max_size=3)


def group_pairs() -> st.SearchStrategy[list[Group]]:
    names = [(tenant, name) for tenant in ("red", "blue") for name in small.GROUPS]
    return st.tuples(*(st.builds(Group, st.just(t), st.just(n), rules=small.rule_sets) for t, n in names)).map(list)


address_groups = st.lists(small.address_groups, max_size=3)


def build(
    groups: list[Group], ports: list[Shape], sets: list[AddressGroup], rails: list[Guardrail], hesitant: bool = False
) -> SideBySide:
    world = SideBySide(hesitant=hesitant)
    for value in (*small.nothing_yet(), *sets, *groups, *rails):
        assert world.put(value)
    for n, (tenant, (names, egress)) in enumerate(zip(OWNERS, ports, strict=True)):
        binding = Binding(small.DPID, interface=f"v{n + 1}")
        addresses = (VM_ADDRESSES[n], VM_ADDRESSES_6[n])
        assert world.put(Port(tenant, f"p{n + 1}", VM_MACS[n], addresses, names, binding, egress))
    for ofport, name in ((LOCAL, small.BR0), (1, "ext0"), *((n + 2, f"v{n + 1}") for n in range(3))):
        world.plug(ofport, name)
    world.follow()
    return world


def everything() -> Iterator[Packet]:
    """Every protocol and port from everybody to everybody, and to all."""
    for family, own, others in ((4, VM_ADDRESSES, OUTSIDE_ADDRESSES), (6, VM_ADDRESSES_6, OUTSIDE_ADDRESSES_6)):
        vms = [(n + 2, mac(VM_MACS[n]), address(own[n])) for n in range(3)]
        outside = [(1, mac(OUTSIDE_MACS[0]), address(a)) for a in others]
        for (in_port, eth_src, source), (_, eth_dst, target) in permutations((*vms, *outside), 2):
            for protocol, a, b in LAYER_4_PACKETS[family]:
                yield ip(in_port, eth_src, eth_dst, Five(family, protocol, source, target, a, b))
        for (in_port, eth_src, source), (protocol, a, b) in product((*vms, outside[0]), LAYER_4_PACKETS[family]):
            yield ip(in_port, eth_src, EVERYBODY, Five(family, protocol, source, 0xFFFFFFFF, a, b))


EVERYTHING = tuple(Frame(packet) for packet in everything())


@effort(16)
@given(group_pairs(), shapes, address_groups, small.guardrail_lists, st.integers(0, 1))
def test_first_packets_pass_as_guardrails_and_rules_say(
    groups: list[Group], ports: list[Shape], sets: list[AddressGroup], rails: list[Guardrail], offset: int
) -> None:
    world = build(groups, ports, sets, rails)
    world.check()
    for frame in EVERYTHING[offset::2]:
        world.reference.known.clear()
        world.simulator.connections.clear()
        if world.send(frame) and world.simulator.connections and not stateless(groups):
            again = world.simulator.send(dict(frame.fields))
            asked = {flow.table for flow in again.path}
            assert not asked & {Table.POLICY, Table.GUARDRAILS}, "what is known is not asked again"


def stateless(groups: list[Group]) -> bool:
    return not all(rule.stateful for group in groups for rule in group.rules)


@effort(20)
@given(group_pairs(), shapes, address_groups, small.guardrail_lists, st.booleans(), st.integers(0, 16))
def test_tenants_may_have_seen_different_connections(
    groups: list[Group], ports: list[Shape], sets: list[AddressGroup], rails: list[Guardrail], hesitant: bool,
    offset: int,
) -> None:  # fmt: skip
    """Somebody is away while others talk to where it was, so zones know different things, in different directions."""
    world, rng = build(groups, ports, sets, rails, hesitant), Random(offset)
    frames = [frame for frame in EVERYTHING[offset::17] if frame["in_port"] != 1 and not frame.to_many]
    for away in (2, 4, 3, None):
        name = world.plugged.get(away or 0)
        if away is not None:
            world.unplug(away)
            world.follow()
        for frame in frames:
            world.send(frame)
            if away != 3:
                talk_back(world, rng, frame)
        if away is not None and name:
            world.plug(away, name)
            world.follow()


def talk_back(world: SideBySide, rng: Random, frame: Frame) -> None:
    """The answer to a packet, and an ICMP error about it."""
    about = frame.five
    answer = about.answer if about.begins else about._replace(source=about.target, target=about.source)
    world.send(along(rng, world.bridge(), ("", 0), answer))
    error = Five(about.family, ERROR[about.family][0], about.target, about.source, *ERROR[about.family][1:])
    world.send(along(rng, world.bridge(), ("", 0), error, about))


@effort(20)
@given(
    st.tuples(group_pairs(), group_pairs()), st.tuples(address_groups, address_groups),
    st.tuples(small.guardrail_lists, small.guardrail_lists), shapes, st.booleans(), st.integers(0, 20),
    st.randoms(use_true_random=True),
)  # fmt: skip
def test_connections_live_and_die_with_the_rules(
    groups: tuple[list[Group], list[Group]], sets: tuple[list[AddressGroup], list[AddressGroup]],
    rails: tuple[list[Guardrail], list[Guardrail]], ports: list[Shape], hesitant: bool, offset: int, rng: Random,
) -> None:  # fmt: skip
    (old, new), (some, others), (guardrails, more) = groups, sets, rails
    world = build(old, ports, some, guardrails, hesitant)
    for frame in EVERYTHING[offset::21]:
        world.send(frame)
    known = remembered(world.reference.known)
    for values in (new, others, more, old, guardrails, some, new[:2] + old[2:]):
        for value in values:
            world.put(value)
        world.follow()
        world.check()
        for n, (zone, about) in enumerate(known):
            for way in (about, about.answer) if n % 2 else (about.answer, about):
                world.send(along(rng, world.bridge(), zone, way))
