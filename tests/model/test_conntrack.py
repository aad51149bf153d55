"""What conntrack is taken to do, where the pipeline relies on it."""

from __future__ import annotations

from typing import Literal

import pytest

from app.core.flow import ct_clear
from app.core.parsing import Family
from app.core.pipeline import CtState
from app.core.simulator import Simulator
from app.core.values import AddressGroup, Binding, Group, Guardrail, Port, Rule
from tests.model import small_world as small
from tests.model.forging import later
from tests.model.frames import FIRST, ICMP, ICMPV6, LOCAL, UDP, Five, Frame
from tests.model.packets import address, ip, mac
from tests.model.side_by_side import SideBySide
from tests.model.small_world import OUTSIDE_ADDRESSES, OUTSIDE_ADDRESSES_6, VM_ADDRESSES, VM_ADDRESSES_6, VM_MACS

REQUESTS = [(4, ICMP, 8, 0), (4, ICMP, 13, 14), (4, ICMP, 15, 16), (6, ICMPV6, 128, 129)]
NOT_REQUESTS = [*((4, ICMP, kind) for kind in (0, 3, 5, 11, 14, 16)), *((6, ICMPV6, kind) for kind in (1, 2, 129, 139))]
VM, OUT = mac(VM_MACS[0]), mac(small.OUTSIDE_MACS[0])
ENDS = {4: (VM_ADDRESSES[0], OUTSIDE_ADDRESSES[0]), 6: (VM_ADDRESSES_6[0], OUTSIDE_ADDRESSES_6[0])}
SPLIT = Rule("udp", "ingress", "IPv4", UDP, (53, 53))


@pytest.fixture
def world() -> SideBySide:
    """A port that accepts all ICMP, in another segment than 0."""
    world = SideBySide()
    icmp = Rule("icmp", "ingress", "IPv4", ICMP), Rule("icmp6", "ingress", "IPv6", ICMPV6)
    for value in (*small.nothing_yet(), Group("red", "a", rules=icmp), _port(vlan=5)):
        assert world.put(value)
    for ofport, name in ((LOCAL, small.BR0), (1, "ext0"), (2, "v1")):
        world.plug(ofport, name)
    world.follow()
    return world


def _port(**more: object) -> Port:
    own = (VM_ADDRESSES[0], VM_ADDRESSES_6[0])
    return Port("red", "p1", VM_MACS[0], own, ("a",), Binding(small.DPID, interface="v1"), **more)  # type: ignore[arg-type]


def five(family: int, protocol: int, first: int, second: int, inwards: bool) -> Five:
    vm, out = map(address, ENDS[family])
    return Five(family, protocol, *((out, vm) if inwards else (vm, out)), first, second)


def inwards(about: Five, **more: int) -> dict[str, int]:
    return ip(1, OUT, VM, about, vlan_vid=0x1005, **more)


@pytest.mark.parametrize(("family", "protocol", "request_type", "answer_type"), REQUESTS)
def test_an_icmp_request_begins_a_connection_and_its_answer_belongs_to_it(
    world: SideBySide, family: int, protocol: int, request_type: int, answer_type: int
) -> None:
    assert world.send(Frame(inwards(five(family, protocol, request_type, 0, inwards=True)))) == {(2, 0)}
    answer = five(family, protocol, answer_type, 0, inwards=False)
    assert world.send(Frame(ip(2, VM, OUT, answer))) == {(1, 0x1005)}
    assert len(world.simulator.connections) == 1


@pytest.mark.parametrize(("family", "protocol", "kind"), NOT_REQUESTS)
def test_an_icmp_message_that_answers_nothing_is_invalid_even_where_a_rule_allows_it(
    world: SideBySide, family: int, protocol: int, kind: int
) -> None:
    """Conntrack lets only requests begin something (lib/conntrack.c icmp4_validate_new, nf_conntrack_proto_icmp.c)."""
    assert world.send(Frame(inwards(five(family, protocol, kind, 0, inwards=True)))) == set()
    assert world.simulator.connections == {}


def test_a_later_fragment_passes_only_with_its_datagram_and_is_judged_by_it(world: SideBySide) -> None:
    for rules, passes in (((), False), ((SPLIT,), True)):
        world.put(Group("red", "a", rules=rules))
        world.follow()
        whole = five(4, UDP, 40000, 53, inwards=True)
        parts = [inwards(whole, ip_frag=FIRST), later(inwards(whole))]
        assert [bool(world.send(Frame(part, whole=whole))) for part in parts] == [passes, passes]
        assert world.send(Frame(parts[1])) == set()


def test_fragments_of_what_needs_no_conntrack_are_tracked(world: SideBySide) -> None:
    world.put(Group("red", "a", rules=(Rule("udp", "ingress", "IPv4", UDP, (53, 53), stateful=False),)))
    world.follow()
    whole = five(4, UDP, 40000, 53, inwards=True)
    assert world.send(Frame(inwards(whole)))
    assert world.known_to_switch() == set()
    assert world.send(Frame(inwards(whole, ip_frag=FIRST), whole=whole))
    assert len(world.known_to_switch()) == 1


def test_what_a_guardrail_allows_no_later_one_denies_and_only_the_rule_says_whether_it_is_tracked(
    world: SideBySide,
) -> None:
    allow = Guardrail("g1", 1, "allow", "ingress", protocol=UDP, ports=(53, 53))
    deny = Guardrail("g2", 2, "deny", "ingress", protocol=UDP)
    for guardrail in (allow, deny):
        assert world.put(guardrail)
    asked = five(4, UDP, 40000, 53, inwards=True)
    for stateful, tracked in ((False, set()), (True, {asked})):
        world.put(Group("red", "a", rules=(Rule("udp", "ingress", "IPv4", UDP, (53, 54), stateful=stateful),)))
        world.follow()
        assert world.send(Frame(inwards(asked))) == {(2, 0)}
        assert {about for _, about in world.known_to_switch()} == tracked
        assert world.send(Frame(inwards(five(4, UDP, 40000, 54, inwards=True)))) == set()


@pytest.mark.parametrize(
    ("family", "protocol", "kind", "answer"), [(4, ICMP, 3, 3), (6, ICMPV6, 1, 1), (4, ICMP, 8, 0)]
)
def test_a_stateless_rule_of_a_type_that_nothing_answers_passes_one_way(
    world: SideBySide, family: Literal[4, 6], protocol: int, kind: int, answer: int
) -> None:
    ethertype: Family = "IPv4" if family == 4 else "IPv6"
    world.put(Group("red", "a", rules=(Rule("k", "ingress", ethertype, protocol, icmp_type=kind, stateful=False),)))
    world.put(_port(vlan=5, egress="rules"))
    world.follow()
    assert world.send(Frame(inwards(five(family, protocol, kind, 0, inwards=True)))) == {(2, 0)}
    out = world.send(Frame(ip(2, VM, OUT, five(family, protocol, answer, 0, inwards=False))))
    assert bool(out) == (answer != kind)


def test_another_segment_knows_nothing_of_a_connection(world: SideBySide) -> None:
    assert world.put(
        Port("red", "s1", VM_MACS[0], (VM_ADDRESSES[0],), (), Binding(small.DPID, interface="v1", tag=7), vlan=6)
    )
    world.follow()
    ping, pong = five(4, ICMP, 8, 0, inwards=False), five(4, ICMP, 0, 0, inwards=True)
    assert world.send(Frame(ip(2, VM, OUT, ping, vlan_vid=0x1007))) == {(1, 0x1006)}
    assert world.send(Frame(inwards(pong))) == set()
    assert world.send(Frame(inwards(pong) | {"vlan_vid": 0x1006})) == {(2, 0x1007)}


def test_who_leaves_an_address_set_is_heard_no_more(world: SideBySide) -> None:
    rule = Rule("udp", "ingress", "IPv4", UDP, remote_address_group="x")
    for cidrs in (("10.0.0.0/8",), ("10.0.0.9/32",), ()):
        world.put(AddressGroup("red", "x", cidrs=cidrs))
        world.put(Group("red", "a", rules=(rule,)))
        world.follow()
        assert bool(world.send(Frame(inwards(five(4, UDP, 40000, 53, inwards=True))))) == bool(cidrs)


@pytest.mark.parametrize("in_port", [1, 2])
def test_what_others_have_tracked_is_forgotten_before_anything_is_asked(world: SideBySide, in_port: int) -> None:
    """From another bridge, or the host, a packet may come with a connection that says all that we would say."""
    packet = {
        "in_port": in_port, "eth_src": VM if in_port == 2 else OUT, "eth_dst": OUT if in_port == 2 else VM,
        "eth_type": 0x0800, "ipv4_src": address(ENDS[4][in_port == 1]), "ipv4_dst": address(ENDS[4][in_port == 2]),
        "ip_proto": UDP, "udp_src": 5000, "udp_dst": 53, "vlan_vid": 0 if in_port == 2 else 0x1005,
    }  # fmt: skip
    said = {"ct_state": CtState.TRACKED | CtState.ESTABLISHED, "ct_zone": 1, "ct_mark": 1, "ct_label": 1 << 64 | 1}
    fresh, tracked = (Simulator(world.simulator.classifier).send({**packet, **more}) for more in ({}, said))
    assert len(fresh.path) > 3
    assert tracked.path[0].actions[0] == ct_clear()
    assert (tracked.path[1:], tracked.ports) == (fresh.path, fresh.ports)
