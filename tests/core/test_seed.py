"""The seed's ten rows and the guard, on compiled flows in the simulator."""

from __future__ import annotations

import pytest

from app.core import policy
from app.core.packets import Packet, tuple_of
from app.core.pipeline import Reg, Table, Way
from app.core.simulator import Classifier
from app.core.values import Policy, Rule
from tests.core.world import EXT, ICMP, TCP, UDP, VM1, VM2, Vm, World, arp_packet, between, ip_packet, seed, tcp_in

ANYTHING = ((TCP, 40000, 22), (TCP, 40000, 80), (TCP, 40000, 443), (UDP, 40000, 53), (ICMP, 8, 0), (47, 0, 0))


@pytest.fixture
def world() -> World:
    return seed()


@pytest.mark.parametrize(
    ("source", "target", "open_port"),
    [(VM1, EXT, None), (VM2, EXT, None), (VM1, VM2, 80), (VM2, VM1, 22), (EXT, VM1, 22), (EXT, VM2, 80)],
)
@pytest.mark.parametrize(("protocol", "a", "b"), ANYTHING)
def test_the_ten_rows(
    world: World, source: Vm, target: Vm, open_port: int | None, protocol: int, a: int, b: int
) -> None:
    allowed = open_port is None or (protocol, b) == (TCP, open_port)
    outcome = world.send(between(source, target, protocol, a, b))
    assert outcome.ports == ({target.ofport} if allowed else set())
    assert bool(outcome.commits) == allowed, "only an allowed connection is committed"
    if allowed and protocol in (TCP, UDP):
        assert world.send(between(target, source, protocol, b, a)).ports == {source.ofport}, "its answers come back"


FORGED: dict[str, Packet] = {
    "MAC": ip_packet(2, ("52:54:00:00:00:99", EXT.mac), (VM1.address, EXT.address), UDP, 1, 2),
    "IPv4 source": ip_packet(2, (VM1.mac, EXT.mac), ("192.168.0.77", EXT.address), UDP, 1, 2),
    "IPv4 source, to a VM": ip_packet(2, (VM1.mac, VM2.mac), ("192.168.0.77", VM2.address), TCP, 1, 80),
    "IPv4 source, broadcast": ip_packet(
        2, (VM1.mac, "ff:ff:ff:ff:ff:ff"), ("192.168.0.77", "255.255.255.255"), UDP, 1, 2
    ),
    "ARP protocol address": arp_packet(2, 1, VM1.mac, "192.168.0.77", EXT.address),
    "ARP protocol address in a reply": arp_packet(2, 2, VM1.mac, VM2.address, EXT.address, eth_dst=EXT.mac),
    "ARP hardware address": arp_packet(2, 1, VM2.mac, VM1.address, EXT.address, eth_src=VM1.mac),
    "ARP probe for another's address": arp_packet(2, 1, VM1.mac, "0.0.0.0", VM2.address),
    "IPv6": {"in_port": 2, "eth_src": 1, "eth_dst": 2, "eth_type": 0x86DD},
    "unregistered port": ip_packet(9, ("52:54:00:00:00:99", EXT.mac), ("192.168.0.9", EXT.address), UDP, 1, 2),
    "VLAN-tagged": between(VM1, EXT, UDP, 1, 2) | {"vlan_vid": 0x1000 | 7},
    "VLAN-tagged from outside": between(EXT, VM1, TCP, 1, 22) | {"vlan_vid": 0x1000 | 7},
    "a local MAC from outside": ip_packet(1, (VM1.mac, VM2.mac), (EXT.address, VM2.address), TCP, 1, 80),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_frames_reach_nobody(world: World, name: str) -> None:
    outcome = world.send(FORGED[name])
    assert outcome.outputs == []
    assert outcome.commits == []


def test_a_forged_packet_inside_an_established_connection_reaches_nobody(world: World) -> None:
    world.send(between(EXT, VM1, TCP, 40000, 22))
    forged = ip_packet(VM2.ofport, (VM2.mac, EXT.mac), (VM1.address, EXT.address), TCP, 22, 40000)
    assert world.send(forged).outputs == []


def test_arp_requests_reach_the_owner_only(world: World) -> None:
    assert world.send(arp_packet(1, 1, EXT.mac, EXT.address, VM1.address)).ports == {2}
    assert world.send(arp_packet(2, 1, VM1.mac, VM1.address, VM2.address)).ports == {3}
    assert world.send(arp_packet(2, 1, VM1.mac, VM1.address, EXT.address)).ports == {1}
    assert world.send(arp_packet(1, 1, EXT.mac, EXT.address, "192.168.0.99")).ports == set()
    assert world.send(arp_packet(3, 2, VM2.mac, VM2.address, VM1.address, eth_dst=VM1.mac)).ports == {2}


@pytest.mark.parametrize("op", [1, 2])
def test_announcements_reach_everybody(world: World, op: int) -> None:
    assert world.send(arp_packet(1, op, EXT.mac, EXT.address, EXT.address)).ports == {2, 3}
    assert world.send(arp_packet(2, op, VM1.mac, VM1.address, VM1.address)).ports == {1, 3}


def test_a_probe_for_an_own_address_leaves(world: World) -> None:
    assert world.send(arp_packet(2, 1, VM1.mac, "0.0.0.0", VM1.address)).ports == {1}


def test_dhcp_works_before_a_vm_has_its_address(world: World) -> None:
    everybody = "ff:ff:ff:ff:ff:ff"
    discover = ip_packet(2, (VM1.mac, everybody), ("0.0.0.0", "255.255.255.255"), UDP, 68, 67)
    assert world.send(discover).ports == {1}
    offer = ip_packet(1, (EXT.mac, VM1.mac), (EXT.address, VM1.address), UDP, 67, 68)
    assert world.send(offer).ports == {2}
    broadcast = ip_packet(1, (EXT.mac, everybody), (EXT.address, "255.255.255.255"), UDP, 67, 68)
    assert world.send(broadcast).ports == {2, 3}
    assert world.simulator.connections == {}


@pytest.mark.parametrize(("a", "b"), [(EXT, VM1), (VM2, VM1)])
def test_a_removed_rule_cuts_both_directions_at_once_and_adding_it_again_resumes(world: World, a: Vm, b: Vm) -> None:
    there, back = between(a, b, TCP, 40000, 22), between(b, a, TCP, 22, 40000)
    assert world.send(there).ports == {b.ofport}
    group = world.inventory.get("group", "red", "g").value
    world.put(type(group)("red", "g", rules=(tcp_in("other", 23),)))
    assert world.send(there).outputs == world.send(back).outputs == []
    world.put(group)
    assert world.send(back).ports == {a.ofport}
    assert world.send(there).ports == {b.ofport}


def test_an_unrelated_tightening_keeps_connections_and_labels_them_anew(world: World) -> None:
    group = world.inventory.get("group", "red", "g").value
    world.put(type(group)("red", "g", rules=(*group.rules, tcp_in("web", 8080))))
    there, back = between(EXT, VM1, TCP, 40000, 22), between(VM1, EXT, TCP, 22, 40000)
    world.send(there)
    world.put(group)
    first, second = world.send(back), world.send(back)
    assert first.ports == second.ports == {1}
    assert len(first.path) > len(second.path), "judged once, then known again"
    assert world.send(there).ports == {2}


def test_icmp_errors_about_an_allowed_connection_pass_and_others_do_not(world: World) -> None:
    world.send(between(VM1, EXT, UDP, 40000, 53))
    error = between(EXT, VM1, ICMP, 3, 3)
    inner = tuple_of(between(VM1, EXT, UDP, 40000, 53))
    assert world.simulator.send(error, inner).ports == {2}
    assert world.simulator.send(error, inner._replace(second=54)).ports == set()


@pytest.mark.parametrize(
    ("rule", "whole"),
    [
        (Rule("r", "ingress", "IPv4", UDP, (0, 1023)), between(EXT, VM1, UDP, 1, 0)),
        (Rule("r", "ingress", "IPv4", ICMP, icmp_type=0), between(EXT, VM1, ICMP, 0, 0)),
    ],
)
def test_a_rule_for_port_or_type_0_does_not_mean_fragments(rule: Rule, whole: Packet) -> None:
    """Open vSwitch finds zeros where a fragment's ports would be, in the first one too."""
    flows = Classifier(flow for flow in policy.flows(Policy(1, 1, ((1, rule),), "rules")))
    asked = whole | {Reg.CALL: 1, Reg.DIRECTION: int(Way.INGRESS)}
    assert flows.lookup(Table.POLICY, asked) is not None
    assert flows.lookup(Table.POLICY, asked | {"ip_frag": 1}) is None
    assert flows.lookup(Table.POLICY, asked | {"ip_frag": 3}) is None
