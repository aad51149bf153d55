"""GET /v1/events: the ring, its filters and pages, and what is said of events that are gone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from app.events import Events, Warnings
from app.service import Feature, SwitchStatus
from tests.rest.local import DPID, Client, LocalFirewall

OTHER = "00000000000000aa"


@pytest.fixture
def events(firewall: LocalFirewall) -> Events:
    firewall.events = Events(kept=6)
    for index in range(3):
        firewall.events.add("switch.connected", switch=DPID, index=index)
        firewall.events.add("switch.warning", switch=OTHER, code="x")
    return firewall.events


def test_events_come_oldest_first_with_ids_that_go_up(call: Client, events: Events) -> None:
    body = call.get("/v1/events").json
    ids = [item["id"] for item in body["items"]]
    assert ids == sorted(set(ids))
    assert len(ids) == 6
    assert (body["next"], body["last"]) == (None, ids[-1])
    first = body["items"][0]
    assert (first["type"], first["data"]) == ("switch.connected", {"switch": DPID, "index": 0})
    assert first["time"].endswith("Z")


@pytest.mark.parametrize(
    ("query", "count"),
    [("type=switch.connected", 3), (f"switch={OTHER}", 3), ("switch=0x1&type=switch.warning", 0), ("switch=9", 0)],
)
def test_filters_pick_by_type_and_switch(call: Client, events: Events, query: str, count: int) -> None:
    assert len(call.get(f"/v1/events?{query}").json["items"]) == count


def test_a_switch_is_meant_by_its_name_too(call: Client, events: Events) -> None:
    call.put(f"/v1/switches/{DPID}", {"name": "host-9"})
    assert len(call.get("/v1/events?switch=host-9").json["items"]) == 3


def test_pages_give_every_event_once(call: Client, events: Events) -> None:
    seen: list[Any] = []
    path: str | None = "/v1/events?limit=2&type=switch.connected"
    while path:
        answer = call.get(path)
        seen += answer.json["items"]
        path = answer.json["next"]
        assert path is None or path in answer.headers["Link"]
    assert [item["data"]["index"] for item in seen] == [0, 1, 2]


def test_who_goes_on_behind_the_last_id_sees_what_came_since(call: Client, events: Events) -> None:
    last = call.get("/v1/events?type=switch.drift").json["last"]
    assert call.get(f"/v1/events?after={last}").json == {"items": [], "next": None, "last": last}
    events.add("switch.drift", switch=DPID, missing=1)
    body = call.get(f"/v1/events?after={last}").json
    assert [item["type"] for item in body["items"]] == ["switch.drift"]


def test_a_cursor_behind_which_events_are_gone_is_refused(call: Client, events: Events) -> None:
    first = call.get("/v1/events?limit=1").json["items"][0]["id"]
    events.add("switch.connected", switch=DPID)
    assert call.get(f"/v1/events?after={first}").status_int == 200, "the next one is still there"
    events.add("switch.connected", switch=DPID)
    for gone in (first, 0, 9999999999999999):
        answer = call.get(f"/v1/events?after={gone}")
        assert (answer.status_int, answer.json["code"]) == (410, "cursor_expired")
        assert answer.json["oldest"] == call.get("/v1/events?limit=1").json["items"][0]["id"]


def test_ids_go_up_over_restarts_however_many_events_there_were(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_790_000_000.0
    monkeypatch.setattr("app.events.time", SimpleNamespace(time=lambda: now))
    before = Events(kept=3)
    for _ in range(50_000):
        before.add("switch.connected", switch=DPID)
    assert before.last == 1_790_000_000_000_000 + 50_000 - 1, "the clock's microseconds"
    now += 0.06
    assert Events().oldest > before.last


@pytest.mark.parametrize(
    "query", ["type=switch.conected", "switch=nobody!", "after=x", "after=-1", "limit=0", "since=1"]
)
def test_a_wrong_query_is_refused(call: Client, events: Events, query: str) -> None:
    answer = call.get(f"/v1/events?{query}")
    assert (answer.status_int, answer.json["code"]) == (400, "invalid_query")
    assert answer.json["errors"][0]["pointer"] == "?" + query.partition("=")[0]


def test_a_warning_is_told_when_it_is_raised_reworded_or_cleared_and_not_in_between() -> None:
    told: list[tuple[str, str | None]] = []
    warnings = Warnings(lambda code, detail: told.append((code, detail)))
    warnings["a"] = "one"
    warnings["a"] = "one"
    warnings["a"] = "two"
    warnings.pop("a", None)
    warnings.pop("a", None)
    assert told == [("a", "one"), ("a", "two"), ("a", None)]


def test_a_switch_shows_its_warnings_and_what_it_cannot_do(call: Client, firewall: LocalFirewall) -> None:
    firewall.statuses[DPID] = SwitchStatus(
        DPID,
        connected=True,
        state="synced",
        warnings={"fail_mode_not_secure": "fail_mode is standalone"},
        features={"timeouts": Feature(on=False, why="no OVSDB connection"), "connection_flush": Feature(on=True)},
    )
    status = call.get(f"/v1/switches/{DPID}").json["status"]
    assert status["warnings"] == [{"code": "fail_mode_not_secure", "detail": "fail_mode is standalone"}]
    assert status["features"] == {
        "connection_flush": {"on": True, "why": None},
        "timeouts": {"on": False, "why": "no OVSDB connection"},
    }
