from __future__ import annotations

import time

import pytest

from topology import frames, matrix
from topology.labs import SEED, Expect, Probe

pytestmark = pytest.mark.switch
EXT, VM1, VM2 = (SEED.host(name) for name in ("ext", "vm1", "vm2"))
ASK = {
    "tcp": lambda lab: lab.tcp("vm1", "vm2", 80),
    "udp": lambda lab: lab.udp("vm1", "vm2", 80),
    "one-way udp": lambda lab: lab.udp_oneway("vm1", "vm2", 80),
    "icmp": lambda lab: lab.icmp("vm1", "vm2"),
}
FORGED = (
    frames.udp(VM1, VM2),
    frames.wrong_mac(VM1, VM2),
    frames.wrong_address(VM1, VM2, "192.168.0.254"),
    frames.arp(VM1, "192.168.0.2", reply_to=VM2),
    frames.arp_wrong_spa(VM1, "192.168.0.2", "192.168.0.254", reply_to=VM2),
    frames.arp_wrong_sha(VM1, "192.168.0.2", reply_to=VM2),
    frames.tcp_segment(VM1, VM2, 80, 40000, seq=1, ack=1),
)
TO_ALL = (
    frames.wrong_address_broadcast(VM1, VM2, "192.168.0.254"),
    frames.arp(VM1, "192.168.0.77"),
    frames.arp_wrong_spa(VM1, "192.168.0.77", "192.168.0.254"),
)


@pytest.mark.parametrize("ask", ASK.values(), ids=ASK)
def test_a_probe_says_true_at_once_where_traffic_passes(seed, ask):
    started = time.monotonic()
    assert ask(seed) is True
    assert time.monotonic() - started < 0.7


@pytest.mark.parametrize("ask", ASK.values(), ids=ASK)
def test_a_probe_says_false_within_a_second_where_traffic_is_dropped(sealed, ask):
    started = time.monotonic()
    assert ask(sealed) is False
    assert time.monotonic() - started < 1.5


def test_only_the_way_there_counts_for_a_one_way_probe(seed):
    seed.ovs.ofctl("add-flow", "priority=40000,udp,in_port=3,actions=drop")
    seed.ovs.settle()
    assert seed.udp_oneway("vm1", "vm2", 80)
    assert not seed.udp("vm1", "vm2", 80)


def test_a_connection_without_the_echo_does_not_count(seed):
    seed.ovs.ofctl("add-flow", "priority=40000,tcp,in_port=3,tcp_flags=+psh,actions=drop")
    seed.ovs.settle()
    assert not seed.tcp("vm1", "vm2", 80)


@pytest.mark.parametrize("forged", FORGED, ids=lambda forged: forged.name)
def test_a_forged_frame_is_seen_by_its_target_alone(seed, forged):
    seed.ovs.ofctl("add-flow", "priority=50000,in_port=2,actions=output:3")  # whatever MACs NORMAL has learnt
    seed.ovs.settle()
    assert seed.frame("vm1", forged) == {"vm2"}


@pytest.mark.parametrize("forged", TO_ALL, ids=lambda forged: forged.name)
def test_a_broadcast_frame_is_seen_by_everybody_else(seed, forged):
    assert seed.frame("vm1", forged) == {"ext", "vm2"}


@pytest.mark.parametrize("forged", [*FORGED, *TO_ALL], ids=lambda forged: forged.name)
def test_a_dropped_frame_is_seen_by_nobody(seed, forged):
    seed.ovs.ofctl("del-flows")
    seed.ovs.settle()
    assert seed.frame("vm1", forged, window=0.15) == frozenset()


def test_forged_frames_lie_only_where_they_say():
    from scapy.layers.l2 import ARP, Ether

    honest, lie = (Ether(build.raw) for build in (frames.arp(VM1, "192.168.0.2"), FORGED[4]))
    assert (honest[ARP].psrc, honest[ARP].hwsrc, honest.src) == (VM1.address, VM1.mac, VM1.mac)
    assert (lie[ARP].psrc, lie[ARP].hwsrc, lie.src) == ("192.168.0.254", VM1.mac, VM1.mac)
    assert Ether(FORGED[5].raw)[ARP].hwsrc != VM1.mac == Ether(FORGED[5].raw).src
    assert Ether(frames.tagged(FORGED[0], 7).raw)["Dot1Q"].vlan == 7


def test_a_segment_is_forged_into_a_live_connection(seed):
    with seed.stream("client-push", "vm1", "vm2", 80) as stream:
        assert stream.started()
        heard = seed.overhear("vm2", 80)
        assert (heard.source, heard.target, heard.dport) == (VM1.address, VM2.address, 80)
        assert seed.frame("ext", frames.into_connection(EXT, VM2, heard)) == {"vm2"}


def test_the_matrix_on_a_plain_switch_fails_exactly_where_nothing_should_pass(seed):
    outcomes = seed.matrix()
    assert [outcome.holds for outcome in outcomes] == [row.passes for row in SEED.expectation]
    assert all(outcome.passes is True for outcome in outcomes)
    assert not matrix.holds(outcomes)


def test_the_matrix_on_a_sealed_switch_fails_exactly_where_something_should_pass(sealed):
    outcomes = sealed.matrix()
    assert [outcome.holds for outcome in outcomes] == [not row.passes for row in SEED.expectation]
    assert all(outcome.passes is False for outcome in outcomes)


def test_the_matrix_holds_on_the_flows_that_the_article_asks_for(seed):
    """Its ten rows on a table small enough to be checked by eye."""
    seed.ovs.program(
        """
        table=0,priority=9,arp,actions=NORMAL
        table=0,priority=1,ip,actions=ct(table=1)
        table=1,priority=9,ip,ct_state=+trk+est,actions=NORMAL
        table=1,priority=9,ip,ct_state=+trk+rpl,actions=NORMAL
        table=1,priority=5,ip,nw_dst=192.168.0.254,ct_state=+trk+new,actions=ct(commit),NORMAL
        table=1,priority=5,tcp,nw_dst=192.168.0.1,tp_dst=22,ct_state=+trk+new,actions=ct(commit),NORMAL
        table=1,priority=5,tcp,nw_dst=192.168.0.2,tp_dst=80,ct_state=+trk+new,actions=ct(commit),NORMAL
        """,
    )
    outcomes = seed.matrix()
    assert matrix.holds(outcomes), matrix.table(outcomes)


def test_a_table_ticks_the_rows_that_hold_and_names_the_culprits_of_the_others():
    probes = (Probe("tcp", 81), Probe("icmp"))
    row = Expect("vm1", "vm2", "anything else", False, probes)
    good, bad = matrix.Outcome(row, (False, False)), matrix.Outcome(row, (True, False))
    _, ticked, crossed = matrix.table((good, bad)).splitlines()
    assert ticked.split() == ["✓", "vm1", "vm2", "anything", "else", "blocked", "blocked"]
    assert crossed.split() == ["✗", "vm1", "vm2", "anything", "else", "blocked", "mixed", "<-", "tcp/81"]


@pytest.mark.parametrize("family", [4, 6])
def test_the_matrix_is_measured_in_either_family(seed, family):
    outcomes = seed.matrix(family=family)
    assert all(outcome.passes is True for outcome in outcomes)
    seed.ovs.ofctl("add-flow", f"priority=40000,tcp{'6' if family == 6 else ''},actions=drop")
    seed.ovs.settle()
    assert [outcome.passes for outcome in seed.matrix(family=family)] == [
        False if all(probe.kind == "tcp" for probe in row.probes) else None for row in SEED.expectation
    ]
    assert all(outcome.passes is True for outcome in seed.matrix(family=10 - family))


def test_a_link_local_address_is_the_one_that_linux_makes(seed):
    assert f"{SEED.host('vm1').link_local}/64" in seed.host("vm1").run(["ip", "address"]).stdout
