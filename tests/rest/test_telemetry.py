"""GET /v1/drops, /v1/usage and /metrics; what is counted and logged of requests."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import structlog

from app import logs
from app.observing.observed import Dropped, Fill
from rest.server import Server
from tests.rest.local import DPID, Client, LocalFirewall
from tests.rest.wire import BEARER, ask, get

OTHER = "00000000000000aa"
VM1 = Dropped("acme", "vm1", DPID, "ipv4")


@pytest.fixture
def dropped(call: Client, firewall: LocalFirewall) -> LocalFirewall:
    call.put("/v1/tenants/other")
    now = time.time()
    for minutes, what, packets in (
        (100, VM1, 1), (7, VM1, 10), (6, VM1._replace(reason="mac"), 20), (1, VM1._replace(port="vm2"), 30),
        (1, Dropped("other", "x", OTHER, "egress"), 40),
    ):  # fmt: skip
        firewall.observed.drops.add(now - 60 * minutes, what, packets)
    firewall.observed.fills[DPID] = (Fill("acme", 0, 1, DPID, 97, 100, 3), Fill("acme", 5, 2, DPID, 4, 0, None))
    firewall.observed.fills[OTHER] = (Fill("other", 0, 3, OTHER, 10, 100, 0),)
    return firewall


def token(call: Client, role: str, tenant: str | None = None) -> dict[str, str]:
    body = {"id": f"{role}-{tenant or 'all'}", "role": role} | ({"tenant": tenant} if tenant else {})
    made = call("POST", "/v1/tokens", body)
    assert made.status_int == 201, made.text
    return {"Authorization": f"Bearer {made.json['token']}"}


# -- drops


@pytest.mark.parametrize(
    ("query", "totals"),
    [
        ("", {"ipv4": 41, "mac": 20, "egress": 40}),
        ("?since=30m", {"ipv4": 40, "mac": 20, "egress": 40}),
        ("?since=30m&tenant=acme", {"ipv4": 40, "mac": 20}),
        ("?since=30m&port=vm1&tenant=acme", {"ipv4": 10, "mac": 20}),
        ("?since=30m&reason=mac&reason=egress", {"mac": 20, "egress": 40}),
        (f"?switch={OTHER}", {"egress": 40}),
        ("?since=2036-01-01T00:00:00Z", {}),
    ],
)
def test_drops_add_up_by_reason(call: Client, dropped: LocalFirewall, query: str, totals: dict[str, int]) -> None:
    body = call.get(f"/v1/drops{query}").json
    assert body["totals"] == totals
    assert sum(item["packets"] for item in body["items"]) == sum(totals.values())
    assert [item["time"] for item in body["items"]] == sorted(item["time"] for item in body["items"])


def test_a_step_gathers_minutes(call: Client, dropped: LocalFirewall) -> None:
    body = call.get("/v1/drops?step=3600&tenant=acme&since=20m").json
    assert body["step"] == 3600
    assert len(body["items"]) <= 4
    assert all(item["time"].endswith(":00:00Z") for item in body["items"])


def test_the_ports_with_most_drops_come_first(call: Client, dropped: LocalFirewall) -> None:
    ports = call.get("/v1/drops?since=30m").json["ports"]
    assert [(port["port"], port["packets"]) for port in ports] == [("x", 40), ("vm2", 30), ("vm1", 20), ("vm1", 10)]


@pytest.mark.parametrize(
    "query", ["step=61", "step=0", "since=yesterday", "since=2026-13-01T00:00:00Z", "reason=no!", "switch=?", "x=1"]
)
def test_a_wrong_query_of_drops_is_refused(call: Client, query: str) -> None:
    answer = call.get(f"/v1/drops?{query}")
    assert (answer.status_int, answer.json["code"]) == (400, "invalid_query")
    assert answer.json["errors"][0]["pointer"] == "?" + query.partition("=")[0]


# -- usage


def test_the_fullest_zone_comes_first(call: Client, dropped: LocalFirewall) -> None:
    items = call.get("/v1/usage").json["items"]
    assert [(item["tenant"], item["vlan"], item["ratio"]) for item in items] == [
        ("acme", 0, 0.97), ("other", 0, 0.1), ("acme", 5, None)
    ]  # fmt: skip
    first = items[0]
    assert (first["connections"], first["limit"], first["refused"], first["switch"]) == (97, 100, 3, DPID)
    assert [item["tenant"] for item in call.get("/v1/usage?limit=1").json["items"]] == ["acme"]
    assert [item["zone"] for item in call.get(f"/v1/usage?switch={OTHER}").json["items"]] == [3]


@pytest.mark.parametrize("path", ["/v1/drops", "/v1/usage"])
def test_a_tenant_sees_what_is_its_own(call: Client, dropped: LocalFirewall, path: str) -> None:
    headers = token(call, "viewer", "acme")
    whole, own = call.get(path).json, call("GET", path, headers=headers).json
    assert own["items"]
    assert "other" not in json.dumps(own)
    assert "other" in json.dumps(whole)
    for name in ("other", "absent"):
        hidden = call("GET", f"{path}?tenant={name}", headers=headers)
        assert (hidden.status_int, hidden.json["code"]) == (404, "not_found")
    assert call("GET", f"{path}?tenant=acme", headers=headers).status_int == 200


# -- metrics


def test_metrics_are_for_their_own_role_and_that_role_for_nothing_else(call: Client) -> None:
    metrics = token(call, "metrics")
    assert call("GET", "/metrics", headers=metrics).status_int == 200
    assert call("GET", "/v1/tenants", headers=metrics).status_int == 403
    viewer = token(call, "viewer", "acme")
    assert call("GET", "/metrics", headers=viewer).json["code"] == "forbidden"


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
            "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
        ("text/plain;version=0.0.4;q=0.5,*/*;q=0.1", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
            "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,*/*;q=0.2",
            "text/plain; version=0.0.4; charset=utf-8",
        ),
    ],
)
def test_a_scraper_gets_the_format_that_it_prefers(call: Client, accept: str, answered: str) -> None:
    answer = call("GET", "/metrics", headers={"Accept": accept})
    assert (answer.status_int, answer.headers["Content-Type"]) == (200, answered)
    assert answer.text.endswith("# EOF\n") == ("openmetrics" in answered)


def test_requests_are_counted_by_route_and_never_by_path(call: Client, firewall: LocalFirewall) -> None:
    for name in ("a", "b", "c"):
        call.get(f"/v1/tenants/{name}")
    call.get("/v1/nothing/at/all")
    call("BREW", "/v1/tenants")
    counted = firewall.meters.requests.values
    assert counted["GET", "/v1/tenants/{tenant}", "404"] == 3
    assert counted["GET", "unknown", "404"] == 1
    assert {key[0] for key in counted} <= {"GET", "PUT", "POST", "other"}
    assert firewall.meters.rejected.values["not_found",] == 4
    assert not any(name in "".join(key) for key in counted for name in ("acme", "nothing"))


def test_a_stream_is_counted_once_and_not_timed(call: Client, firewall: LocalFirewall) -> None:
    call("HEAD", "/v1/events", headers={"Accept": "text/event-stream"})
    assert firewall.meters.requests.values["HEAD", "/v1/events", "200"] == 1
    timed = [labels for labels, *_ in firewall.meters.request_seconds.family().spread]
    assert ("HEAD", "/v1/events") not in timed


def test_metrics_need_a_token_unless_they_are_open(server: Server) -> None:
    assert ask(server, get("/metrics"))[0] == 200
    assert ask(server, get("/metrics").replace(BEARER, ""))[0] == 401


# -- logs


@pytest.fixture
def plain_logging() -> Iterator[None]:
    """Afterwards everything is logged as before."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_every_line_that_a_request_leads_to_has_its_id(
    call: Client, firewall: LocalFirewall, plain_logging: None
) -> None:
    lines = StringIO()
    logs.set_up("debug", "json", lines)

    def trouble(*_: Any) -> Any:
        structlog.get_logger("app.somewhere").warning("the switch does not answer")
        raise ZeroDivisionError

    firewall.port_drops = trouble  # type: ignore[method-assign]
    answer = call("GET", "/v1/tenants/acme/ports/vm1", headers={"X-Request-Id": "orchestrator-17"})
    assert (answer.status_int, answer.json["request_id"]) == (500, "orchestrator-17")
    call.get("/livez")
    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [line.get("request_id") for line in told[:3]] == ["orchestrator-17"] * 3
    assert {line["message"] for line in told[:3]} == {"the switch does not answer", "rest.bug", "rest.request"}
    assert told[3]["request_id"] != "orchestrator-17", "the next request has its own"
