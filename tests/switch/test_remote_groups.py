"""Rules that name a group: members come and go at a constant price, and take only their own connections along."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.switch.site import Site, both, port, rule, running_site
from topology import SEED
from topology.labs import Host, Lab, Probe
from topology.listeners import Listener
from topology.namespaces import INET

pytestmark = pytest.mark.switch
STEADY_GAP = 0.5
EXT = SEED.host("ext")
FRIENDS = tuple(
    Host(f"vm{n}", f"52:54:00:00:00:0{n}", f"192.168.0.{n}", tenant="red", ofport=n + 1, address6=f"fd00::{n}")
    for n in range(1, 5)
)
LAB = Lab("groups", (EXT, *FRIENDS), ("ext",))
TENANT = "/v1/tenants/red"
RULE = f"{TENANT}/groups/guarded/rules"


@pytest.fixture(scope="module")
def running(place: Path) -> Iterator[Site]:
    with running_site(place, LAB) as site:
        yield site


def _body(name: str, *groups: str) -> dict:
    return port(LAB.host(name), addresses=both(LAB.host(name)), groups=list(groups))


@pytest.fixture(params=[4, 6], ids=["IPv4", "IPv6"])
def friends(running: Site, request: pytest.FixtureRequest) -> Iterator[Site]:
    """vm1 lets TCP 80 and UDP 80 in from the members of `friends`: vm2 is one, vm3 and vm4 are none."""
    rules = [
        rule("ingress", protocol, 80, family=family, remote_group="friends") | {"key": f"{protocol}{family}"}
        for protocol in ("tcp", "udp")
        for family in (4, 6)
    ]
    running.reset(
        [
            {"path": TENANT, "body": {}},
            {"path": f"{TENANT}/groups/friends", "body": {"rules": []}},
            {"path": f"{TENANT}/groups/guarded", "body": {"rules": rules}},
            {"path": f"{TENANT}/ports/vm1", "body": _body("vm1", "guarded")},
            {"path": f"{TENANT}/ports/vm2", "body": _body("vm2", "friends")},
            {"path": f"{TENANT}/ports/vm3", "body": _body("vm3")},
            {"path": f"{TENANT}/ports/vm4", "body": _body("vm4")},
        ]
    )
    running.family = request.param
    yield running
    running.end_streams()


def test_members_pass_and_others_do_not(friends):
    assert friends.passes(("vm2", "vm1", 80)) == [True]
    assert friends.blocked(("vm3", "vm1", 80), ("ext", "vm1", 80), ("vm2", "vm1", 22))


def test_a_new_member_passes_and_established_connections_of_others_do_not_notice(friends):
    others = [friends.stream(kind, "vm2", "vm1", 80) for kind in ("server-push", "udp")]
    assert friends.blocked(("vm3", "vm1", 80))
    begin, before = time.monotonic(), friends.status()["flow_mods"]
    friends.put(f"{TENANT}/ports/vm3", _body("vm3", "friends"))
    sent = friends.status()["flow_mods"] - before
    assert friends.passes(("vm3", "vm1", 80)) == [True]
    assert max(stream.gap(begin) for stream in others) < STEADY_GAP
    print(f"\na port that becomes a member: {sent} flow-mods")


def test_a_member_that_leaves_is_cut_in_both_directions_and_no_other(friends):
    friends.put(f"{TENANT}/ports/vm3", _body("vm3", "friends"))
    kinds = ("server-push", "client-push", "udp")
    doomed = [friends.stream(kind, "vm3", "vm1", 80) for kind in kinds]
    spared = [friends.stream(kind, "vm2", "vm1", 80) for kind in kinds]
    spared.append(friends.stream("client-push", "vm3", "ext", 4711))  # what vm3 may send is not the group's business
    begin = time.monotonic()
    friends.put(f"{TENANT}/ports/vm3", _body("vm3"))
    answered = time.monotonic()
    time.sleep(1.0)
    assert max(stream.report().last_arrival - answered for stream in doomed) < 0.9
    assert [stream.alive(0.3) for stream in doomed] == [False] * 3
    assert max(stream.gap(begin) for stream in spared) < STEADY_GAP
    friends.put(f"{TENANT}/ports/vm3", _body("vm3", "friends"))
    assert all(stream.alive(8) for stream in doomed)


def test_a_port_that_is_deleted_or_loses_an_address_is_no_member_any_more(friends):
    stream = friends.stream("client-push", "vm2", "vm1", 80)
    host = LAB.host("vm2")
    friends.put(f"{TENANT}/ports/vm2", _body("vm2", "friends") | {"addresses": [host.ip(10 - friends.family)]})
    assert not stream.alive(1.0) or not stream.alive(0.5)
    assert friends.blocked(("vm2", "vm1", 80))


def test_addresses_of_pairs_are_members_and_those_of_everything_are_not(friends):
    vip = "192.168.0.77" if friends.family == 4 else "fd00::77"
    mask = 32 if friends.family == 4 else 128
    _add(friends, "vm3", vip, mask)
    everything = [{"address": "0.0.0.0/0"}, {"address": "::/0"}]
    for wanted, pairs in ((False, []), (True, [{"address": vip}]), (False, everything)):
        body = _body("vm3", "friends") | {"addresses": [], "allowed_address_pairs": pairs}
        friends.put(f"{TENANT}/ports/vm3", body)
        friends.fabric.forget()  # what could not be resolved a moment ago
        friends.fabric.ovs.settle()
        assert _from(friends, "vm3", vip, "vm1", 80) is wanted, pairs


def _add(site: Site, name: str, address: str, mask: int) -> None:
    nodad = ["nodad"] if ":" in address else []
    site.fabric.host(name).run(["ip", "address", "replace", f"{address}/{mask}", "dev", "eth0", *nodad])


def _from(site: Site, source: str, address: str, target: str, number: int) -> bool:
    """Whether TCP opens from this address of the source."""
    with (
        Listener(site.fabric.host(target), [Probe("tcp", number)], site.family),
        site.fabric.host(source).socket(INET[site.family]) as client,
    ):
        client.settimeout(1.0)
        client.bind((address, 0))
        try:
            client.connect((LAB.host(target).ip(site.family), number))
        except OSError:
            return False
        return True


def test_an_address_group_is_a_set_of_networks_that_changes_under_live_traffic(friends):
    networks = {4: ["192.168.0.254/32", "10.0.0.0/8"], 6: ["fd00::fe/128", "fd01::/16"]}[friends.family]
    group = f"{TENANT}/address-groups/offices"
    friends.put(group, {"cidrs": networks})
    friends.put(f"{RULE}/offices", rule("ingress", "tcp", 443, family=friends.family, remote_address_group="offices"))
    stream = friends.stream("server-push", "ext", "vm1", 443)
    spared = friends.stream("server-push", "vm2", "vm1", 80)
    assert friends.blocked(("vm2", "vm1", 443))
    begin = time.monotonic()
    friends.put(group, {"cidrs": networks[1:]})
    assert not stream.alive(1.0) or not stream.alive(0.5)
    assert spared.gap(begin) < STEADY_GAP
    friends.put(group, {"cidrs": networks})
    assert stream.alive(8)


# -- a thousand members: ports that are registered and plugged in nowhere are members too

MEMBERS, RULES, FEW = 1000, 20, 20


def _member(number: int) -> dict:
    low = f"{number >> 8:02x}:{number & 255:02x}"
    addresses = [f"10.7.{number >> 8}.{number & 255}", f"fd07::{number:x}"]
    return {"mac": f"52:54:07:00:{low}", "addresses": addresses, "groups": ["crowd"]}


def test_flows_of_a_thousand_members_and_twenty_rules_are_linear_and_each_more_costs_a_constant_few(running):
    running.reset([{"path": TENANT, "body": {}}, {"path": f"{TENANT}/ports/vm1", "body": _body("vm1")}])
    running.put(f"{TENANT}/groups/crowd", {"rules": []})
    for number in range(MEMBERS):
        running.controller.put(f"{TENANT}/ports/m{number}", _member(number))
    running.controller.settle(20)
    empty = len(running.flows())
    rules = [
        rule("ingress", "tcp", 1000 + 7 * n, family=family, remote_group="crowd") | {"key": f"r{n}-{family}"}
        for n in range(RULES // 2)
        for family in (4, 6)
    ]
    running.put(f"{TENANT}/groups/guarded", {"rules": rules})
    running.put(f"{TENANT}/ports/vm1", _body("vm1", "guarded"))
    flows = len(running.flows()) - empty
    print(f"\n{MEMBERS} members of two addresses each, {RULES} port rules: {flows} flows more than without")
    assert 2 * MEMBERS <= flows < 2 * MEMBERS + 10 * RULES
    costs = []
    for work in (
        lambda: running.put(f"{TENANT}/ports/m{MEMBERS}", _member(MEMBERS)),
        lambda: running.delete(f"{TENANT}/ports/m{MEMBERS}"),
        lambda: running.delete(f"{TENANT}/ports/m7"),
    ):
        before = running.status()["flow_mods"]
        work()
        costs.append(running.status()["flow_mods"] - before)
    print(f"flow-mods of a member that comes, goes, and of another that goes: {costs}")
    assert all(0 < cost <= FEW for cost in costs), costs
