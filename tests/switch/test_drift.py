"""What somebody does to a switch behind our back is found by content, told, and mended without a blink."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.switch.site import DPID, Site, eventually

pytestmark = pytest.mark.switch
RECONCILE = f"/v1/switches/{DPID}:reconcile"
LIMITS = {"new_connections_per_second": 1000, "new_connections_burst": 2000}
NOTHING = {"missing": 0, "extra": 0, "altered": 0}
FORBIDDEN = ("ext", "vm1", 4711)


@pytest.fixture
def guarded(site: Site) -> Iterator[Site]:
    """The seed's lab, where the ports of one tenant have meters, with nothing amiss."""
    site.put("/v1/tenants/red", {"limits": LIMITS})
    assert counts(reconcile(site)) == NOTHING
    yield site
    site.fabric.ovs.ofctl("set-frags", "nx-match")


def reconcile(site: Site, wait: str = "10s") -> dict[str, Any]:
    reply = site.controller.ask("POST", f"{RECONCILE}?wait={wait}", {})
    assert reply.status == 200, (reply.status, reply.body)
    return dict(reply.body)


def counts(found: dict[str, Any]) -> dict[str, int]:
    return {kind: found[kind] for kind in NOTHING}


def mended(site: Site, **expected: int) -> dict[str, Any]:
    """An audit finds this much, and the next one nothing."""
    found = reconcile(site)
    assert counts(found) == {**NOTHING, **expected}, found
    assert found["repaired"] == sum(expected.values())
    assert counts(reconcile(site)) == NOTHING
    return found


def contents(site: Site) -> dict[tuple[int, int, str], float]:
    """Every flow, with its age in seconds."""
    return {(flow.table, flow.cookie, flow.text): flow.duration for flow in site.flows()}


def test_an_audit_of_a_switch_that_is_as_wanted_finds_and_sends_nothing(guarded: Site) -> None:
    sent, before = guarded.status()["flow_mods"], contents(guarded)
    assert counts(reconcile(guarded)) == NOTHING
    assert guarded.status()["flow_mods"] == sent
    assert contents(guarded).keys() == before.keys()
    drift = guarded.status()["drift"]
    assert drift["audits"] >= 2
    assert drift["audited_at"]


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        ("del-flows cookie={0}/-1", {"missing": 1}),
        ("mod-flows cookie={0}/-1,table=20,actions=drop", {"altered": 1}),
        ("mod-flows cookie={0}/-1,table=20,actions=NORMAL", {"altered": 1}),
        ("add-flow cookie=0,table=0,priority=65000,actions=NORMAL", {"extra": 1}),
        ("add-flow cookie={0},table=0,priority=65000,actions=NORMAL", {"extra": 1}),
        ("add-flow cookie=0x77,table=99,actions=drop", {"extra": 1}),
        ("add-flow cookie={0},table=20,idle_timeout=900,priority=5,in_port=77,actions=drop", {"extra": 1}),
        ("del-flows table=20", {"missing": -1}),
        ("add-group group_id=5,type=all,bucket=output:1", {"extra": 1}),
        ("del-meter meter=4", {"missing": 3}),  # and the flow that uses it goes along
        ("mod-meter meter=4,pktps,burst,stats,band=type=drop,rate=1,burst_size=1", {"altered": 1}),
        ("add-meter meter=77,kbps,band=type=drop,rate=1", {"extra": 1}),
        ("set-frags normal", {"altered": 1}),
    ],
)
def test_what_was_done_behind_our_back_is_found_counted_and_undone(guarded: Site, act: str, expected: dict) -> None:
    before = contents(guarded)
    cookie = next(flow.cookie for flow in guarded.flows() if flow.table == 20 and "dl_dst" in flow.text)
    command, _, rest = act.format(f"{cookie:#x}").partition(" ")
    events = guarded.controller.get("/v1/events?type=switch.drift&limit=1000")["last"]
    totals = guarded.status()["drift"]
    meters = guarded.fabric.ovs.ofctl("dump-meters").splitlines()[1:]
    if expected == {"missing": -1}:
        expected = {"missing": sum(flow.table == 20 for flow in guarded.flows())}
    if command == "del-meter":
        expected = {"missing": 1 + sum("meter:4," in flow.text or "meter:4 " in flow.text for flow in guarded.flows())}
        assert expected["missing"] > 1
    guarded.fabric.ovs.ofctl(command, rest)

    found = mended(guarded, **expected)
    assert found["first"], "it is told what it was"
    assert contents(guarded).keys() == before.keys()
    assert guarded.fabric.ovs.ofctl("dump-meters").splitlines()[1:] == meters
    assert "group_id" not in guarded.fabric.ovs.ofctl("dump-groups")
    assert guarded.passes(("ext", "vm1", 22)) == [True]
    assert guarded.blocked(FORBIDDEN)

    (event,) = guarded.controller.get(f"/v1/events?type=switch.drift&after={events}")["items"]
    assert {kind: event["data"][kind] for kind in NOTHING} == {**NOTHING, **expected}
    assert event["data"]["switch"] == DPID
    assert event["data"]["first"] == found["first"]
    now = guarded.status()["drift"]
    assert now["repaired"] - totals["repaired"] == sum(expected.values())
    assert now["audits"] - totals["audits"] == 2


def test_a_flow_of_ours_in_another_shape_under_its_cookie_is_put_right(guarded: Site) -> None:
    """Its priority, or its match, is another one: the cookie alone would pass for it."""
    for change in (
        lambda text: text.replace("priority=", "priority=1"),
        lambda text: text.replace("dl_dst=", "dl_src="),
    ):
        flow = next(flow for flow in guarded.flows() if flow.table == 20 and "dl_dst" in flow.text)
        guarded.fabric.ovs.ofctl("del-flows", f"cookie={flow.cookie:#x}/-1")
        match, _, actions = flow.text.partition(" actions=")
        guarded.fabric.ovs.ofctl(
            "add-flow", f"cookie={flow.cookie:#x},table={flow.table},{change(match)},actions={actions}"
        )
        mended(guarded, altered=1)


def test_nothing_that_is_as_wanted_is_touched_by_a_repair_and_live_streams_lose_nothing(guarded: Site) -> None:
    streams = [guarded.stream("server-push", "ext", "vm2", 80), guarded.stream("server-push", "ext", "vm1", 22)]
    time.sleep(1)
    begin, before = time.monotonic(), contents(guarded)
    victim = next(flow for flow in guarded.flows() if flow.table == 3)  # no stream needs it
    guarded.fabric.ovs.ofctl("add-flow", "cookie=0,table=0,priority=65000,icmp,nw_ttl=77,actions=NORMAL")
    guarded.fabric.ovs.ofctl("del-flows", f"cookie={victim.cookie:#x}/-1")
    mended(guarded, missing=1, extra=1)
    after = contents(guarded)
    touched = [key for key in before if after[key] < before[key]]
    assert [cookie for _, cookie, _ in touched] == [victim.cookie]
    assert max(stream.gap(begin) for stream in streams) < 0.5


def test_traffic_that_an_injected_flow_lets_through_stops(guarded: Site) -> None:
    assert guarded.blocked(FORBIDDEN)
    guarded.fabric.ovs.ofctl("add-flow", "cookie=0,table=0,priority=65000,udp,in_port=1,tp_dst=4711,actions=output:2")
    guarded.fabric.ovs.settle()
    stream = guarded.stream("udp", "ext", "vm1", 4711)  # one way: an answer would make it a connection of vm1's
    mended(guarded, extra=1)
    guarded.fabric.ovs.settle()
    assert guarded.blocked(FORBIDDEN)
    end = time.monotonic()
    time.sleep(1)
    assert stream.gap(end) > 0.9, "what the flow had let in does not go on"


def test_an_audit_takes_no_notice_of_what_changes_meanwhile(guarded: Site) -> None:
    rules = "/v1/tenants/red/groups/ssh/rules"
    body = {"direction": "ingress", "protocol": "tcp", "port_min": 5000}
    for index in range(10):
        guarded.controller.ask("PUT", f"{rules}/r{index}", {**body, "port_min": 5000 + index, "port_max": 5000 + index})
        reply = guarded.controller.ask("POST", f"{RECONCILE}?wait=0s", {})
        assert reply.status in (200, 202)
    assert counts(reconcile(guarded)) == NOTHING
    assert counts(reconcile(guarded)) == NOTHING


def test_a_switch_that_is_not_there_is_not_audited(site: Site) -> None:
    reply = site.controller.ask("POST", "/v1/switches/00000000000000ff:reconcile", {})
    assert (reply.status, reply.body["code"]) == (409, "switch_not_connected")


def test_audits_come_by_themselves_soon_after_a_switch_is_in_step(guarded: Site) -> None:
    """The first one; the others are minutes apart."""
    guarded.controller.kill()
    guarded.controller.start()
    guarded.controller.wait_connected()
    guarded.fabric.ovs.ofctl("add-flow", "cookie=0,table=0,priority=65000,actions=NORMAL")
    assert eventually(lambda: guarded.status()["drift"]["extra"], seconds=15) == 1
    assert eventually(lambda: not [flow for flow in guarded.flows() if flow.cookie == 0])
