"""Segments: two tenants with the same MAC and addresses on two VLANs do not exist for each other."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.switch.neighbours import announcement, question
from tests.switch.site import Site, both, eventually, port, rule, running_site
from topology import datapath, frames, nd
from topology.frames import Frame
from topology.labs import Host, Lab
from topology.streams import Stream

pytestmark = pytest.mark.switch
STEADY_GAP = 0.5
DPORT = 80
SPORTS = itertools.count(33000, 2)  # none twice: what ended as cut is still being closed
VM_MAC, FAR_MAC = "52:54:00:aa:00:01", "52:54:00:ff:00:01"
NEAR, FAR = ("10.1.0.1", "fd00:1::1"), ("10.1.0.254", "fd00:1::fe")


def _twin(tenant: str, tag: int) -> Host:
    return Host(tenant, VM_MAC, NEAR[0], tenant=tenant, groups=("web",), address6=NEAR[1], vlan=tag)


def _outside(tag: int) -> Host:
    return Host(f"ext.{tag}", FAR_MAC, FAR[0], address6=FAR[1], trunk="ext", tag=tag)


EXT = Host("ext", "52:54:00:e0:00:fe", "192.168.0.254", ofport=1, address6="fd00::fe")
RED, BLUE = _twin("red", 10), _twin("blue", 20)
LAB = Lab("segments", (EXT, _outside(10), _outside(20), RED, BLUE), ("ext",))
EXT10, EXT20 = LAB.host("ext.10"), LAB.host("ext.20")


@pytest.fixture(scope="module")
def running(place: Path) -> Iterator[Site]:
    with running_site(place, LAB) as site:
        yield site


@pytest.fixture(params=[4, 6], ids=["IPv4", "IPv6"])
def twins(running: Site, request: pytest.FixtureRequest) -> Iterator[Site]:
    """Both tenants' machines are registered, and both let the same service in."""
    rules = [rule("ingress", "tcp", DPORT, family=f) | {"key": f"web{f}"} for f in (4, 6)]
    rules += [rule("ingress", "udp", DPORT, family=f) | {"key": f"udp{f}"} for f in (4, 6)]
    policy = []
    for host in (RED, BLUE):
        tenant = f"/v1/tenants/{host.tenant}"
        policy.append({"path": tenant, "body": {}})
        policy.append({"path": f"{tenant}/groups/web", "body": {"rules": rules}})
        policy.append({"path": f"{tenant}/ports/{host.name}", "body": port(host, addresses=both(host))})
    running.reset(policy)
    running.family = request.param
    yield running
    running.end_streams()


STREAMS = (
    ("server-push", "ext.{}", "{}", DPORT),
    ("udp", "ext.{}", "{}", DPORT),
    ("client-push", "{}", "ext.{}", 9000),
)
SIDES = {"red": 10, "blue": 20}


def _streams(site: Site, tenant: str, sport: int) -> list[Stream]:
    names = {"{}": tenant, "ext.{}": f"ext.{SIDES[tenant]}"}
    return [site.stream(kind, names[a], names[b], number, sport=sport) for kind, a, b, number in STREAMS]


def test_streams_of_one_5_tuple_live_side_by_side_and_one_tenants_change_does_not_touch_the_other(twins):
    sport = next(SPORTS)
    red, blue = _streams(twins, "red", sport), _streams(twins, "blue", sport)
    entries = [e for e in datapath.connections(twins.fabric.ovs) if e.original.get("sport") == str(sport)]
    zones = {entry.zone for entry in entries}
    assert len(zones) == 2
    tuples = [{(e.protocol, *e.original.items()) for e in entries if e.zone == zone} for zone in zones]
    assert tuples[0] == tuples[1]
    assert len(tuples[0]) == len(STREAMS)

    begin = time.monotonic()
    for kind in ("web", "udp"):
        twins.delete(f"/v1/tenants/red/groups/web/rules/{kind}{twins.family}")
    twins.patch("/v1/tenants/red/ports/red", {"egress": "rules"})
    time.sleep(1.0)
    assert [stream.alive(0.3) for stream in red] == [False] * len(red)
    assert [stream.alive() for stream in blue] == [True] * len(blue)
    assert max(stream.gap(begin) for stream in blue) < STEADY_GAP
    assert [stream.report().error for stream in blue] == [None] * len(blue)


def test_a_connection_of_one_tenant_admits_no_packet_of_the_other(twins):
    twins.delete(f"/v1/tenants/blue/groups/web/rules/web{twins.family}")
    twins.stream("server-push", "ext.10", "red", DPORT, sport=(sport := next(SPORTS)))
    to_ext, to_red = twins.fabric.overhear("ext.10", DPORT), twins.fabric.overhear("red", DPORT)
    into_red, into_blue = (_continued(EXT10, target, to_red) for target in (RED, BLUE))
    from_red, from_blue = (_continued(host, EXT10, to_ext) for host in (RED, BLUE))
    assert twins.reached("ext.10", into_red) == [{"red"}]
    assert twins.leaks("ext.20", into_blue) == []
    assert twins.reached("red", from_red) == [{"ext.10"}]
    assert twins.reached("blue", from_blue) == [{"ext.20"}]  # egress is free, and it is a packet of nothing
    held = [entry for entry in datapath.connections(twins.fabric.ovs) if entry.original.get("sport") == str(sport)]
    assert len(held) == 1


def _continued(sender: Host, target: Host, heard: frames.Segment) -> Frame:
    return frames.tcp_segment(
        sender, target, heard.sport, heard.dport, seq=heard.next_seq, ack=heard.ack, address=heard.source,
        family=frames.family_of(heard.source),
    )  # fmt: skip


def test_frames_are_tagged_on_the_uplink_and_untagged_to_the_vm(twins):
    family = twins.family
    assert twins.reached("red", frames.udp(RED, EXT10, family=family)) == [{"ext.10"}]
    assert twins.reached("blue", frames.udp(BLUE, EXT20, family=family)) == [{"ext.20"}]
    assert twins.reached("ext.10", frames.udp(EXT10, RED, family=family, dport=DPORT)) == [{"red"}]
    assert twins.reached("ext", frames.tagged(frames.udp(EXT20, BLUE, family=family, dport=DPORT), 20)) == [{"blue"}]


def test_questions_and_announcements_stay_in_their_segment(twins):
    family = twins.family
    assert (
        twins.reached("ext.10", question(family, EXT10, RED.ip(family)), announcement(family, EXT10)) == [{"red"}] * 2
    )
    assert twins.reached("ext.20", nd.router_advertisement(EXT20), frames.rarp(EXT20)) == [{"blue"}, set()]
    assert twins.reached("red", question(family, RED, EXT10.ip(family)), announcement(family, RED)) == [{"ext.10"}] * 2


@pytest.mark.parametrize("tag", [None, 0, 30])
def test_a_frame_of_another_segment_reaches_nobody(twins, tag):
    frame = frames.udp(EXT10, RED, family=twins.family, dport=DPORT)
    sent = (frame, question(twins.family, EXT10, RED.ip(twins.family)), announcement(twins.family, EXT10))
    assert twins.leaks("ext", *(each if tag is None else frames.tagged(each, tag) for each in sent)) == []


def test_a_doubly_tagged_frame_is_no_way_into_a_segment(twins):
    sent = [
        frames.tagged(frames.tagged(frame, inner), outer)
        for outer, inner in ((10, 20), (30, 10), (0, 10), (10, 10))
        for frame in (frames.udp(EXT10, RED, family=twins.family, dport=DPORT), announcement(twins.family, EXT10))
    ]
    assert twins.leaks("ext", *sent) == []


def test_a_local_mac_is_refused_in_its_own_segment_only(twins):
    forged = frames.udp(EXT10, RED, mac=VM_MAC, family=twins.family, dport=DPORT)
    assert twins.leaks("ext.10", forged) == []
    twins.delete("/v1/tenants/blue/ports/blue")
    twins.put("/v1/tenants/blue/ports/blue", port(BLUE, addresses=both(BLUE), mac="52:54:00:aa:00:02"))
    other = Host("blue", "52:54:00:aa:00:02", NEAR[0], address6=NEAR[1])
    sent = frames.udp(EXT20, other, mac=VM_MAC, family=twins.family, dport=DPORT)
    assert eventually(lambda: twins.reached("ext.20", sent) == [{"blue"}], 3)
