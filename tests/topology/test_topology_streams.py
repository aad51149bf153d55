from __future__ import annotations

import socket
import time

import pytest

from topology.streams import KINDS, Report

pytestmark = pytest.mark.switch


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_flows_steadily_and_loses_nothing(seed, kind):
    with seed.stream(kind, "vm1", "vm2", 80, interval=0.02) as stream:
        assert stream.started()
        since = time.monotonic()
        time.sleep(0.5)
        assert stream.alive()
        assert stream.gap(since) < 0.3
    report = stream.report()
    assert report.received >= 20
    assert len(report.lost) <= 1  # the newest may have been on its way
    assert report.error is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_gap_that_was_made_is_measured_and_nothing_more(seed, kind):
    with seed.stream(kind, "vm1", "vm2", 80, interval=0.02) as stream:
        assert stream.started()
        cut = time.monotonic()
        seed.ovs.ofctl("add-flow", "priority=40000,ip,actions=drop")
        seed.ovs.settle()
        time.sleep(0.6)
        assert not stream.alive(within=0.1)
        healed = time.monotonic()
        seed.ovs.ofctl("del-flows", "ip")
        seed.ovs.settle()
        assert stream.alive(within=2)
        assert 0.5 < stream.gap(cut) < healed - cut + 2
        assert stream.gap(cut, healed) <= healed - cut
    assert bool(len(stream.lost) > 10) is (kind == "udp")


def test_one_blocked_stream_leaves_the_others_without_a_gap(seed):
    doomed = seed.stream("server-push", "ext", "vm1", 22)
    spared = [seed.stream(kind, "ext", "vm2", port) for kind, port in zip(KINDS, (80, 81, 82), strict=True)]
    assert all(stream.started() for stream in (doomed, *spared))
    since = time.monotonic()
    seed.ovs.ofctl("add-flow", "priority=40000,tcp,tp_src=22,actions=drop")
    seed.ovs.settle()
    time.sleep(0.6)
    assert not doomed.alive(0.2)
    assert [stream.gap(since) < 0.4 for stream in spared] == [True] * 3


def test_a_stream_that_cannot_connect_says_so(seed):
    seed.ovs.ofctl("add-flow", "priority=40000,tcp,actions=drop")
    seed.ovs.settle()
    stream = seed.stream("client-push", "vm1", "vm2", 80)
    assert not stream.started(0.3)
    assert not stream.alive(0.1)
    assert stream.close().received == 0


def test_a_port_that_is_taken_is_reported_as_the_streams_error(seed):
    held = seed.host("vm2").socket()
    with held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # TIME_WAIT of earlier tests
        held.bind(("", 80))
        held.listen()
        stream = seed.stream("client-push", "vm1", "vm2", 80)
        assert not stream.started()
        assert "in use" in stream.report().error


def test_probes_share_a_port_with_a_live_stream(seed):
    with seed.stream("server-push", "vm1", "vm2", 80) as tcp, seed.stream("udp", "vm1", "vm2", 80) as udp:
        assert tcp.started()
        assert udp.started()
        assert seed.tcp("ext", "vm2", 80)
        assert seed.udp("ext", "vm2", 80)
        assert tcp.alive()
        assert udp.alive()


def test_the_gap_counts_the_edges_of_its_window():
    report = Report(sent=((0, 1.0), (1, 2.0), (2, 3.0)), arrivals=((0, 1.0), (2, 3.0)))
    assert report.gap(0.5, 3.5) == 2.0
    assert report.gap(2.9, 9.0) == 6.0
    assert report.gap(4.0, 5.0) == 1.0
    assert (report.lost, report.received, report.last_arrival) == ((1,), 2, 3.0)
