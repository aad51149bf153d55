"""Machines in several segments: trunk VMs that tag their frames, and routers between two segments of a tenant."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.switch.neighbours import announcement, question
from tests.switch.site import DPID, Site, both, port, rule, running_site
from topology import datapath, frames
from topology.labs import Host, Lab

pytestmark = pytest.mark.switch


def _host(name: str, number: int, segment: int, **more: object) -> Host:
    """10.SEGMENT.0.NUMBER and its like."""
    addresses = {"address": f"10.{segment}.0.{number}", "address6": f"fd00:{segment}::{number}"}
    return Host(name, f"52:54:00:00:{segment:02x}:{number:02x}", **addresses, **more)


INSIDE = {"tenant": "red", "groups": ("web",)}
LAB = Lab(
    "trunks",
    (
        _host("ext", 254, 0, ofport=1),
        _host("ext.10", 254, 10, trunk="ext", tag=10),
        _host("gw.10", 253, 10, trunk="ext", tag=10),
        _host("gw.20", 253, 20, trunk="ext", tag=20, machine="gw.10"),
        _host("a", 1, 10, vlan=10, **INSIDE),
        _host("b", 1, 20, vlan=20, **INSIDE),
        _host("r10", 2, 10, vlan=10, **INSIDE),
        _host("r20", 2, 20, vlan=20, machine="r10", **INSIDE),
        _host("t", 3, 0, **INSIDE),
        _host("t.5", 3, 10, trunk="t", tag=5, vlan=10, **INSIDE),
        _host("t.7", 4, 10, trunk="t", tag=7, vlan=10, **INSIDE),
        _host("t.6", 3, 20, trunk="t", tag=6, vlan=20, **INSIDE),
    ),
    ("ext",),
)
A, B, T, T5 = (LAB.host(name) for name in ("a", "b", "t", "t.5"))
EXT, EXT10 = LAB.host("ext"), LAB.host("ext.10")
PORTS = "/v1/tenants/red/ports"


@pytest.fixture(scope="module")
def running(place: Path) -> Iterator[Site]:
    with running_site(place, LAB) as site:
        yield site


def _body(host: Host) -> dict:
    own = {"binding": {"switch": DPID, "interface": host.trunk, "tag": host.tag}} if host.trunk else {}
    return port(host, addresses=both(host), **own)


@pytest.fixture(params=[4, 6], ids=["IPv4", "IPv6"])
def tenant(running: Site, request: pytest.FixtureRequest) -> Iterator[Site]:
    rules = [rule("ingress", "tcp", 80, family=f) | {"key": f"web{f}"} for f in (4, 6)]
    policy = [
        {"path": "/v1/tenants/red", "body": {}},
        {"path": "/v1/tenants/red/groups/web", "body": {"rules": rules}},
        *({"path": f"{PORTS}/{host.name}", "body": _body(host)} for host in LAB.ports()),
    ]
    running.reset(policy)
    running.family = request.param
    yield running
    running.end_streams()


# -- trunk VMs


def test_each_sub_port_is_in_its_own_segment(tenant):
    assert (
        tenant.passes(("t.5", "ext.10", 4711), ("ext.10", "t.5", 80), ("t.5", "a", 80), ("a", "t.5", 80)) == [True] * 4
    )
    assert tenant.passes(("t", "ext", 4711), ("t.6", "b", 80), ("b", "t.6", 80)) == [True] * 3
    assert tenant.blocked(("ext.10", "t.5", 22), ("a", "t.5", 22), ("b", "t.6", 22))


def test_what_a_vm_tags_is_retagged_for_the_uplink_and_back(tenant):
    family = tenant.family
    assert tenant.reached("t.5", frames.udp(T5, EXT10, family=family)) == [{"ext.10"}]
    assert tenant.reached("ext.10", frames.tcp_segment(EXT10, T5, 1, 80, seq=1, flags="S", family=family)) == [{"t.5"}]
    assert tenant.reached("ext.10", announcement(family, EXT10)) == [{"a", "r10", "t.5", "t.7"}]


def test_a_vm_uses_each_address_behind_its_own_tag_only(tenant):
    family = tenant.family
    own, sub = frames.udp(T, EXT, family=family), frames.udp(T5, EXT10, family=family)
    forged = [frames.tagged(own, 5), sub, frames.tagged(sub, 6), frames.tagged(sub, 8), frames.tagged(own, 0)]
    forged += [frames.tagged(frames.tagged(sub, 5), 5), frames.tagged(frames.tagged(sub, 7), 5), frames.tagged(sub, 7)]
    assert tenant.leaks("t", *forged) == []
    assert tenant.reached("t", own, frames.tagged(sub, 5)) == [{"ext"}, {"ext.10"}]


def test_siblings_behind_one_interface_in_one_segment_reach_each_other(tenant):
    assert tenant.passes(("t.5", "t.7", 80), ("t.7", "t.5", 80)) == [True, True]
    assert tenant.blocked(("t.5", "t.7", 22), ("t.7", "t.5", 22))
    family, sibling = tenant.family, LAB.host("t.7")
    assert tenant.reached("t.5", question(family, T5, sibling.ip(family))) == [{"t.7"}]
    stream = tenant.stream("server-push", "t.5", "t.7", 80)
    tenant.delete(f"/v1/tenants/red/groups/web/rules/web{family}")
    assert not stream.alive(1.0) or not stream.alive(0.5)


def test_a_sub_port_goes_and_its_parent_stays(tenant):
    tenant.patch(f"{PORTS}/t.5", {"enabled": False})
    assert tenant.blocked(("t.5", "ext.10", 4711), ("ext.10", "t.5", 80))
    assert tenant.passes(("t", "ext", 4711), ("t.6", "b", 80)) == [True, True]
    tenant.patch(f"{PORTS}/t.5", {"enabled": True})
    assert tenant.passes(("ext.10", "t.5", 80)) == [True]


# -- routers: the same packet passes the bridge twice


def _route(site: Site, name: str, family: int, network: int, via: str) -> None:
    prefix = f"10.{network}.0.0/24" if family == 4 else f"fd00:{network}::/64"
    site.fabric.host(name).run(["ip", f"-{family}", "route", "replace", prefix, "via", via])


def _forward(site: Site, name: str) -> None:
    knobs = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")
    site.fabric.host(name).run(["sh", "-c", "; ".join(f"sysctl -qw {knob}=1" for knob in knobs)])


def _connect_by(site: Site, first: str, second: str) -> None:
    """Make a machine the router between a and b."""
    _forward(site, first)
    _route(site, "a", site.family, 20, LAB.host(first).ip(site.family))
    _route(site, "b", site.family, 10, LAB.host(second).ip(site.family))


ROUTERS = {"a router VM": ("r10", "r20"), "an outside router": ("gw.10", "gw.20")}
OPEN = {
    "without a spoof guard": {"spoof_guard": "off"},
    "with all addresses as pairs": {"allowed_address_pairs": [{"address": "0.0.0.0/0"}, {"address": "::/0"}]},
}


def _tracked_twice(site: Site, router: str) -> None:
    site.fabric.ovs.appctl("dpctl/flush-conntrack")
    assert site.passes(("a", "b", 80), ("b", "a", 80)) == [True, True], router
    assert site.blocked(("a", "b", 22), ("b", "a", 22)), router
    entries = [entry for entry in datapath.connections(site.fabric.ovs) if entry.original.get("dport") == "80"]
    zones = {entry.zone for entry in entries}
    assert len(zones) == 2
    assert len(entries) == 4  # two connections, each in two zones
    for zone in zones:
        assert {entry.original["src"] for entry in entries if entry.zone == zone} == {h.ip(site.family) for h in (A, B)}


@pytest.mark.parametrize("how", OPEN)
def test_a_router_vm_connects_two_segments_of_its_tenant(tenant, how):
    _connect_by(tenant, *ROUTERS["a router VM"])
    rules = "/v1/tenants/red/groups/router/rules"
    tenant.put("/v1/tenants/red/groups/router", {"rules": []})
    for family in (4, 6):
        tenant.put(f"{rules}/all{family}", {"direction": "ingress", "ethertype": f"IPv{family}"})
    for name in ROUTERS["a router VM"]:
        assert tenant.blocked(("a", "b", 80))
        tenant.patch(f"{PORTS}/{name}", {"groups": ["router"], **OPEN[how]})
    _tracked_twice(tenant, how)


def test_an_outside_router_connects_two_segments_of_a_tenant(tenant):
    _connect_by(tenant, *ROUTERS["an outside router"])
    _tracked_twice(tenant, "outside")


def test_a_stream_through_a_router_stops_when_one_segments_rule_goes(tenant):
    _connect_by(tenant, *ROUTERS["an outside router"])
    stream = tenant.stream("server-push", "a", "b", 80)
    spared = tenant.stream("client-push", "a", "ext.10", 4711)
    tenant.delete(f"/v1/tenants/red/groups/web/rules/web{tenant.family}")
    assert not stream.alive(1.0) or not stream.alive(0.5)
    assert spared.alive()
