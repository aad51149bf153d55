"""A conntrack zone that is full: what is new waits until there is room, what is known does not notice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.core.pipeline import Table
from tests.switch.site import Site, both, eventually, port, rule, running_site
from topology import SEED, datapath
from topology.crowd import Crowd
from topology.labs import Host, Lab

pytestmark = pytest.mark.switch
VM3 = Host("vm3", "52:54:00:00:00:03", "192.168.0.3", tenant="red", ofport=4, address6="fd00::3")
LAB = Lab("zones", (*SEED.hosts, VM3), ("ext",))
PORT, ROOM, MANY = 5000, 5, 30
TENANTS = {"vm1": "red", "vm2": "blue", "vm3": "red"}
# who talks to whom, whose zone is full, and where that shows
CASES = (
    ("vm1", "ext", "red", Table.LIMIT_SOURCE),
    ("ext", "vm1", "red", Table.LIMIT_TARGET),
    ("vm1", "vm2", "red", Table.LIMIT_SOURCE),
    ("vm1", "vm2", "blue", Table.LIMIT_TARGET),
    ("vm1", "vm3", "red", Table.LIMIT_SOURCE),
)


@pytest.fixture(scope="module")
def running(place: Path) -> Iterator[Site]:
    with running_site(place, LAB) as site:
        yield site


@pytest.fixture(params=[4, 6], ids=["IPv4", "IPv6"])
def site(running: Site, request: pytest.FixtureRequest) -> Iterator[Site]:
    """Everybody may be sent UDP 5000, and TCP 22 and 80."""
    services = (("udp", PORT), ("tcp", 22), ("tcp", 80))
    rules = [
        rule("ingress", *service, family=family) | {"key": "-".join(map(str, (*service, family)))}
        for service in services
        for family in (4, 6)
    ]
    policy = [{"path": f"/v1/tenants/{tenant}", "body": {}} for tenant in ("red", "blue")]
    policy += [{"path": f"/v1/tenants/{tenant}/groups/open", "body": {"rules": rules}} for tenant in ("red", "blue")]
    for name, tenant in TENANTS.items():
        body = port(LAB.host(name), addresses=both(LAB.host(name)), groups=["open"])
        policy.append({"path": f"/v1/tenants/{tenant}/ports/{name}", "body": body})
    running.reset(policy)
    running.family = request.param
    yield running
    running.end_streams()


@pytest.mark.parametrize(("source", "target", "tenant", "shown"), CASES)
def test_a_full_zone_takes_nothing_new_and_keeps_what_it_has(site, source, target, tenant, shown):
    zone = _zone(site, tenant)
    counted = _refused(site, shown)
    with _limit(site, zone, ROOM), _crowd(site, source, target) as crowd:
        crowd.more(MANY)
        known = crowd.say()
        assert len(known) == ROOM
        assert len(datapath.connections(site.fabric.ovs, zone)) == ROOM
        assert crowd.say() == known, "those that are in live on, and nobody else comes in"
        assert eventually(lambda: _refused(site, shown) - counted >= 2 * (MANY - ROOM))
        for gone in sorted(known)[:2]:
            _forget(site, zone, gone)
        later = crowd.say(set(crowd.more(MANY)))
        assert len(later) == 2, "as many new ones as there is room"
        assert crowd.say(known) == known - set(sorted(known)[:2])


def test_a_full_zone_hurts_no_other_tenant(site):
    zone = _zone(site, "red")
    with _limit(site, zone, ROOM), _crowd(site, "vm1", "ext") as flood, _crowd(site, "vm2", "ext", PORT + 1) as others:
        flood.more(MANY)
        assert len(flood.say()) == ROOM
        assert others.say(mine := set(others.more(MANY))) == mine
        assert not site.fabric.tcp("ext", "vm1", 22, 0.5, site.family)
        assert site.fabric.tcp("ext", "vm2", 80, 2.0, site.family)


def test_in_a_full_zone_rules_still_come_and_go(site):
    """What is judged again needs no new entry; what is cut resumes, because its entry is still there."""
    path = "/v1/tenants/red/groups/open/rules"
    zone = _zone(site, "red")
    with _limit(site, zone, 4):  # what was there before a limit was set does not count (Open vSwitch 3.1)
        ssh, web = (site.stream("client-push", "ext", "vm1", number) for number in (22, 80))
        out = site.stream("udp", "vm1", "ext", 9001)
        between = site.stream("server-push", "vm2", "vm1", 80)
        assert not site.fabric.tcp("ext", "vm1", 22, 0.5, site.family)
        site.delete(f"{path}/tcp-22-{site.family}")
        assert eventually(lambda: not ssh.alive(0.3))
        for spared in (web, out, between):
            assert spared.alive(1.0), spared.name
        body = rule("ingress", "tcp", 22, family=site.family)
        site.put(f"{path}/tcp-22-{site.family}", {name: body[name] for name in body if name != "key"})
        assert ssh.alive(8)
        site.patch("/v1/tenants/red/ports/vm1", {"egress": "rules"})
        assert eventually(lambda: not out.alive(0.3))
        site.patch("/v1/tenants/red/ports/vm1", {"egress": "any"})
        for stream in (ssh, web, out, between):
            assert stream.alive(8), stream.name


# -- the zone


def _zone(site: Site, tenant: str) -> int:
    """The tenant's conntrack zone; it is empty afterwards."""
    name = "vm1" if tenant == "red" else "vm2"
    site.fabric.ovs.settle()
    assert site.fabric.udp_oneway(name, "ext", 4711, 2.0, site.family)
    (zone,) = {entry.zone for entry in datapath.connections(site.fabric.ovs)}
    site.fabric.ovs.appctl("dpctl/flush-conntrack")
    return zone


@contextmanager
def _limit(site: Site, zone: int, room: int) -> Iterator[None]:
    site.fabric.ovs.appctl("dpctl/ct-set-limits", f"zone={zone},limit={room}")
    try:
        yield
    finally:
        site.fabric.ovs.appctl("dpctl/ct-del-limits", f"zone={zone}")


def _forget(site: Site, zone: int, sport: int) -> None:
    """Drop one entry of a zone."""
    (entry,) = (e for e in datapath.connections(site.fabric.ovs, zone) if e.original["sport"] == str(sport))
    family = "ct_ipv6" if site.family == 6 else "ct_nw"
    five = (
        f"{family}_src={entry.original['src']},{family}_dst={entry.original['dst']},ct_nw_proto=17,"
        f"ct_tp_src={sport},ct_tp_dst={entry.original['dport']}"
    )
    site.fabric.ovs.appctl("dpctl/flush-conntrack", f"zone={zone}", five)


def _refused(site: Site, table: Table) -> int:
    """How many packets the switch counts in a table's refusals."""
    lines = site.fabric.ovs.ofctl("dump-flows", f"table={int(table)}").splitlines()
    counted = (re.search(r"n_packets=(\d+)", line) for line in lines if "actions=drop" in line)
    return sum(int(found[1]) for found in counted if found)


def _crowd(site: Site, source: str, target: str, port: int = PORT) -> Crowd:
    return Crowd(site.fabric.host(source), site.fabric.host(target), port, site.family)
