"""A firewall without switches to talk to: the real inventory, and what the tests say of the rest."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from webob import Request, Response

from app.core.connections import Listing, read
from app.core.flushes import Tuple, Zone
from app.core.inventory import Inventory
from app.core.limits import Defaults
from app.core.problems import NotFound
from app.core.trace import NearMiss, Question, Step, Trace
from app.core.values import Port
from app.events import Events
from app.service import Drift, NotConnected, PortStatus, SwitchStatus, Unavailable, ZoneUse
from rest.application import Application, Limits
from rest.tokens import Tokens, mint

TOKEN = mint()
AUTH = {"Authorization": f"Bearer {TOKEN}"}
NOW = "2026-11-22T15:02:11Z"
DPID = "0000000000000001"


@dataclass
class LocalFirewall:
    """Provides `app.service.Firewall` in one process and one thread."""

    inventory: Inventory = field(default_factory=Inventory)
    lagging: list[str] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    failure: Exception | None = None
    waited: list[tuple[int, float]] = field(default_factory=list)
    asked: list[Question] = field(default_factory=list)
    events: Events = field(default_factory=Events)
    default_limits: Defaults = field(default_factory=lambda: Defaults(100_000))
    drift: Drift | None = None
    reconciled: list[tuple[str, float]] = field(default_factory=list)
    statuses: dict[str, SwitchStatus] = field(default_factory=dict)
    port_states: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)  # port -> datapath id
    drops: dict[str, dict[str, int]] = field(default_factory=dict)
    conntrack: dict[tuple[str, int], list[str] | Unavailable] = field(default_factory=dict)  # (dpid, zone) -> lines
    uses: dict[tuple[str, int], ZoneUse] = field(default_factory=dict)
    flushed: list[tuple[str, int, list[Tuple] | None]] = field(default_factory=list)
    unflushable: dict[str, Unavailable] = field(default_factory=dict)  # by datapath id

    def write(self, change: Callable[[Inventory, str], Any]) -> Any:
        with self.inventory.attempt():
            result = change(self.inventory, NOW)
            if self.failure:
                raise self.failure
        self.inventory.take_journal()
        return result

    def wait(self, revision: int, seconds: float) -> list[str]:
        self.waited.append((revision, seconds))
        return self.lagging

    def switches(self) -> list[SwitchStatus]:
        return [self.statuses[dpid] for dpid in sorted(self.statuses)]

    def reconcile(self, dpid: str, seconds: float) -> Drift | None:
        self.reconciled.append((dpid, seconds))
        if dpid not in self.statuses:
            raise NotConnected(f"switch {dpid} is not connected")
        return self.drift

    def port_status(self, port: Port) -> PortStatus:
        state: Any = self.port_states.get(port.name, "down")
        return PortStatus(state, None if state == "active" else "unbound", dpid=self.places.get(port.name))

    def port_drops(self, port: Port) -> dict[str, int] | None:
        return self.drops.get(port.name)

    def zone(self, tenant: str) -> int:
        return self.inventory.zone(tenant)

    def trace(self, question: Question) -> Trace:
        self.asked.append(question)
        if self.failure:
            raise self.failure
        if question.source == "nobody":
            raise NotFound("port", "nobody")
        step = Step("SOURCE", "allow", "acme/vm1", None, "default_egress")
        miss = NearMiss("web/ssh", "acme/vm1", "dport is 22, the rule has 23")
        packet: dict[str, str | int] = {"src": "10.0.0.1", "dst": "10.0.0.2", "proto": "tcp", "dport": 22}
        return Trace("deny", "TARGET", "no_rule_matches", None, "acme/vm1", packet, (step,), (miss,), ())

    def zones_by_switch(self, tenant: str) -> dict[str, list[tuple[int, int]]]:
        found: dict[str, list[tuple[int, int]]] = {}
        for vlan, zone in self.inventory.zones(tenant):
            for dpid in [dpid for dpid, held in self.conntrack if held == zone]:
                found.setdefault(dpid, []).append((vlan, zone))
        return found

    def connections(self, dpid: str, zone: Zone, is_fresh: bool = False) -> Listing:
        lines = self.conntrack[dpid, zone.number]
        if isinstance(lines, Unavailable):
            raise lines
        runs = list(read(lines, zone.number, run=2))
        return Listing(tuple(run.connections for run in runs), sum(run.unreadable for run in runs))

    def zone_use(self, dpid: str, zones: Collection[int]) -> dict[int, ZoneUse]:
        return {zone: self.uses[dpid, zone] for zone in zones if (dpid, zone) in self.uses}

    def flush(self, dpid: str, zone: Zone, which: Sequence[Tuple] | None = None) -> None:
        if dpid in self.unflushable:
            raise self.unflushable[dpid]
        self.flushed.append((dpid, zone.number, None if which is None else list(which)))

    def ready(self) -> dict[str, str]:
        return self.missing


class Client:
    """Calls the WSGI application; every answer is checked for what all answers have in common."""

    def __init__(self, firewall: LocalFirewall, limits: Limits | None = None) -> None:
        self.firewall = firewall
        self.application = Application(firewall, Tokens(TOKEN), limits, {"ovswarden": "0.1.0"})

    def __call__(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Response:
        """`body` is sent as JSON, or as it is if it is bytes."""
        request = Request.blank(path, method=method, headers={**AUTH, **(headers or {})})
        if body is not None:
            request.body = body if isinstance(body, bytes) else json.dumps(body).encode()
            if not any(name.lower() == "content-type" for name in headers or {}):
                request.content_type = "application/json"
        return self.send(request)

    def send(self, request: Request) -> Response:
        response = request.get_response(self.application)
        assert response.headers["X-Request-Id"]
        if response.status_int >= 400 and request.method != "HEAD":
            assert response.content_type == "application/problem+json"
            assert response.json["status"] == response.status_int
            assert response.json["request_id"] == response.headers["X-Request-Id"]
        return response

    def get(self, path: str, **headers: str) -> Response:
        return self("GET", path, headers=headers)

    def put(self, path: str, body: Any = None, **headers: str) -> Response:
        return self("PUT", path, {} if body is None else body, {n.replace("_", "-"): t for n, t in headers.items()})


@contextmanager
def unchanged(firewall: LocalFirewall):  # type: ignore[no-untyped-def]
    """What is inside must not change the inventory in any way."""
    before = image(firewall.inventory)
    yield
    assert image(firewall.inventory) == before


def image(inventory: Inventory) -> tuple[Any, ...]:
    tables = {kind: dict(table) for kind, table in inventory._tables.items()}
    return inventory.revision, tables, list(inventory.journal)
