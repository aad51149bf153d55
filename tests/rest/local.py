"""A firewall without switches to talk to: the real inventory, and what the tests say of the rest."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from webob import Request, Response

from app.aside import aside
from app.core.connections import Listing, read
from app.core.flushes import Tuple, Zone
from app.core.inventory import Inventory
from app.core.limits import Defaults
from app.core.preview import Preview, preview
from app.core.problems import Moved, NotFound
from app.core.program import Program
from app.core.reach.assertions import keeping
from app.core.trace import NearMiss, Question, Step, Trace
from app.core.values import Port
from app.events import Events
from app.observing.metrics import render
from app.observing.observed import Observed
from app.observing.tallies import Meters
from app.plans import Plans
from app.records import Also, Done, Page, Prepared, Reply, Retention, Search
from app.service import Drift, NotConnected, PortStatus, SwitchStatus, Unavailable, ZoneUse
from app.store.records import Records, entries, reply
from app.store.schema import STEPS, migrate
from rest.access.gate import Access
from rest.application import Application, Limits
from rest.tokens import Tokens, mint
from tests.rest import promises
from tests.rest.explanations import Silent

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
    observed: Observed = field(default_factory=Observed)
    plans: Plans = field(default_factory=Plans)
    meters: Meters = field(default_factory=Meters)
    default_limits: Defaults = field(default_factory=lambda: Defaults(100_000))
    drift: Drift | None = None
    programs: dict[str, Program] = field(default_factory=dict)  # of previews, by datapath id
    reconciled: list[tuple[str, float]] = field(default_factory=list)
    statuses: dict[str, SwitchStatus] = field(default_factory=dict)
    port_states: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)  # port -> datapath id
    drops: dict[str, dict[str, int]] = field(default_factory=dict)
    conntrack: dict[tuple[str, int], list[str] | Unavailable] = field(default_factory=dict)  # (dpid, zone) -> lines
    uses: dict[tuple[str, int], ZoneUse] = field(default_factory=dict)
    flushed: list[tuple[str, int, list[Tuple] | None]] = field(default_factory=list)
    unflushable: dict[str, Unavailable] = field(default_factory=dict)  # by datapath id
    now: str = NOW  # the time of every write
    placed: int = 0  # changes that were made on a copy
    traced: Trace | None = None  # what `trace` says, if not the usual
    ofports: dict[str, int] = field(default_factory=dict)  # of ports
    explaining: Any = field(default_factory=Silent)
    database: sqlite3.Connection = field(default_factory=lambda: _database())
    records: Records = field(default_factory=lambda: Records(Retention()))

    def write(self, change: Callable[[Inventory, str], Any], also: Also | None = None) -> Any:
        with self.inventory.attempt():
            result = keeping(change)(self.inventory, self.now)
            if self.failure:
                raise self.failure
            done = Done(result, tuple(self.inventory.journal), self.inventory.revision, self.now)
            self.records.write(self.database, also(done) if also else ())
        self.inventory.take_journal()
        return result

    def place(self, prepared: Prepared, also: Also | None = None) -> Any:
        if prepared.base != self.inventory.revision:
            raise Moved
        self.placed += 1
        return self.write(lambda copy, now: copy.redo(prepared.writes, prepared.revision) or prepared.result, also)

    def entries(self, search: Search) -> Page:
        return entries(self.database, search)

    def reply(self, owner: str, key: str, now: str) -> Reply | None:
        return reply(self.database, owner, key, self.now)

    def preview(
        self,
        change: Callable[[Inventory, str], Any],
        with_reach: bool = True,
        told: Callable[[Preview], Any] = lambda found: found,
        seconds: float = 20,
    ) -> Any:
        return aside(lambda: told(preview(self.inventory, self.programs, change, NOW, with_reach)), seconds)

    def aside(self, function: Callable[[], Any], seconds: float = 20) -> Any:
        return aside(function, seconds)

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
        return PortStatus(
            state,
            None if state == "active" else "unbound",
            dpid=self.places.get(port.name),
            ofport=self.ofports.get(port.name),
        )

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
        if self.traced is not None:
            return self.traced
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

    def metrics(self, is_openmetrics: bool) -> bytes:
        return render(tuple(self.meters.families()), is_openmetrics)

    def ready(self) -> dict[str, str]:
        return self.missing


def _database() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, STEPS)
    return connection


class Client:
    """Calls the WSGI application; every answer is checked for what all answers have in common."""

    def __init__(self, firewall: LocalFirewall, limits: Limits | None = None, access: Access | None = None) -> None:
        self.firewall = firewall
        self.application = Application(firewall, Tokens(TOKEN), limits, {"ovswarden": "0.1.0"}, access)
        self.headers = AUTH

    def bearing(self, secret: str) -> Client:
        """The same, showing another token."""
        other = copy(self)
        other.headers = {"Authorization": f"Bearer {secret}"}
        return other

    def __call__(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Response:
        """`body` is sent as JSON, or as it is if it is bytes."""
        request = Request.blank(path, method=method, headers={**self.headers, **(headers or {})})
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
        if self.firewall.failure is None:  # one that was made up comes in odd places
            promises.check(request, response)
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
