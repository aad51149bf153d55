"""The running firewall: the inventory and its store on one side, the bridges on the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

import structlog

from app import aside, green
from app.bridges.bridge import Bridge
from app.bridges.hygiene import Handovers
from app.bridges.line import Datapath
from app.bridges.rounds import Rounds
from app.bridges.tracking import Tracking
from app.clock import utc_now
from app.core import trace as tracing
from app.core.audit import Findings
from app.core.connections import Listing
from app.core.flushes import Tuple, Zone
from app.core.inventory import Inventory, Write
from app.core.preview import Preview, preview
from app.core.problems import Moved
from app.core.reach.assertions import JUDGED_AT_ONCE, TooMuchToJudge, keeping, rehearse
from app.core.trace import Question, Trace
from app.core.values import Port, Switch
from app.errors import TooManyFlows
from app.observing.pulse import MeasuredStore
from app.observing.telemetry import Telemetry
from app.openflow import switch_io
from app.ovs.surroundings import Surroundings
from app.plans import Plans
from app.records import Also, Page, Prepared, Reply, Search
from app.refusals import Refusals
from app.service import Drift, NotConnected, PortStatus, SwitchStatus, Unavailable, ZoneUse
from app.settings import Settings
from app.store import Store
from app.store.committer import Committer
from app.why.explaining import Explaining

LOG = structlog.get_logger(__name__)
T = TypeVar("T")
JUDGINGS = 3  # of a change's assertions, while others write


class Controller:
    """Provides `app.service.Firewall` to the REST API, and takes the switches' events."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self.default_limits = settings.limits
        self.inventory: Inventory = store.load(settings.zone_rest)
        measured = MeasuredStore(store)
        self.plans = Plans()
        self._committer = Committer(measured, self.inventory, self._committed)
        self._bridges: dict[str, Bridge] = {}
        self._surroundings = Surroundings(settings, self.inventory)
        self._handovers = Handovers()
        self._tracking = Tracking(self.inventory, self._bridges)
        self._progress = green.Event()
        self._telemetry = Telemetry(
            settings, self.inventory, self._bridges, measured, store.path, self.port_status, self._tracking.zone_use
        )
        self.events, self.observed = self._telemetry.events, self._telemetry.observed
        self.meters, self.metrics = self._telemetry.meters, self._telemetry.metrics
        self._telemetry.start()
        self._refusals = Refusals(self.events)
        self.explaining = Explaining(
            self.inventory, self._bridges, self.events, lambda dpid: self.meters.disagreements.add(dpid)
        )
        self.explaining.sample(settings.drop_samples)
        Rounds(lambda: list(self._bridges.values())).start()

    # -- the switches' events; none of them waits

    def connected(self, datapath: Datapath) -> None:
        dpid = f"{datapath.id:016x}"
        bridge = self._bridges.get(dpid) or self._welcome(dpid)
        if bridge is None:
            self._refusals.note(dpid, str(datapath.address[0]), "max_switches are connected")
            datapath.close()
            return
        bridge.connect(datapath)

    def admits(self, datapath_id: int, address: Any) -> bool:
        """Whether a switch may connect, by the setting `switches`."""
        dpid, allowed = f"{datapath_id:016x}", self._settings.switches
        if not allowed or dpid in allowed:
            return True
        self._refusals.note(dpid, str(address[0]), "not one of `switches`")
        return False

    def _welcome(self, dpid: str) -> Bridge | None:
        """A bridge for a datapath id that is new. Those that are gone make room; None if there is none."""
        if len(self._bridges) >= self._settings.max_switches:
            gone = next((each for each, bridge in self._bridges.items() if not bridge.connected), None)
            if gone is None:
                return None
            self._bridges.pop(gone).side.close()
            self._handovers.forget()
        bridge = Bridge(dpid, self.inventory, self._settings, self._notify, self.events, self._surroundings)
        bridge.missed(self._handovers.for_newcomer())
        self._bridges[dpid] = bridge
        return bridge

    def disconnected(self, datapath: Datapath) -> None:
        bridge = self._bridges.get(f"{datapath.id or 0:016x}")
        if bridge is not None:
            bridge.disconnect(datapath)

    def port_changed(self, datapath: Datapath, change: switch_io.PortChange) -> None:
        bridge = self._bridges.get(f"{datapath.id or 0:016x}")
        if bridge is not None:
            bridge.port_changed(datapath, change)

    def close(self, seconds: float) -> None:
        """Make durable what was asked for, and close the store. The switches keep their flows."""
        if self._committer.close(seconds):
            self._store.close()

    # -- app.service.Firewall

    def write(self, change: Callable[[Inventory, str], T], also: Also | None = None) -> T:
        if self._settings.flow_limit:
            self.preview(change, with_reach=False, told=lambda found: None)  # a result may be such as no pipe takes
        try:
            return self._committer.write(keeping(change, JUDGED_AT_ONCE), also)
        except TooMuchToJudge:
            return self._write_judged(change, also)

    def place(self, prepared: Prepared, also: Also | None = None) -> Any:
        if self._settings.flow_limit:
            self.preview(lambda copy, now: _redone(copy, prepared), with_reach=False, told=lambda found: None)
        return self._committer.place(prepared, also)

    def _write_judged(self, change: Callable[[Inventory, str], T], also: Also | None) -> T:
        """Judge its assertions beside the hub; after some tries in which others wrote meanwhile, on it."""
        for _ in range(JUDGINGS):
            revision, now = self.inventory.revision, utc_now()
            aside.aside(lambda now=now: rehearse(self.inventory, change, now))  # type: ignore[misc]
            try:
                return self._committer.write(keeping(change, judged_at=revision), also)
            except Moved:
                continue
        return self._committer.write(keeping(change), also)

    def preview(
        self,
        change: Callable[[Inventory, str], Any],
        with_reach: bool = True,
        told: Callable[[Preview], Any] = lambda found: found,
        seconds: float = 20,
    ) -> Any:
        inventory, now = self.inventory, utc_now()
        bridges = dict(self._bridges)

        def compute() -> Any:
            for bridge in bridges.values():
                bridge.catch_up()
            programs = {dpid: bridge.program for dpid, bridge in bridges.items()}
            found = preview(inventory, programs, change, now, with_reach)
            self._check_flows(found)
            return told(found)

        return aside.aside(compute, seconds)

    def _check_flows(self, found: Preview) -> None:
        """A switch that has too many already may still lose some."""
        limit = self._settings.flow_limit
        beyond = [
            {"switch": dpid, "now": flows.before, "after": flows.total, "limit": limit}
            for dpid, flows in sorted(found.flows.items())
            if limit and flows.total > max(limit, flows.before)
        ]
        if beyond:
            raise TooManyFlows(beyond)

    def aside(self, function: Callable[[], T], seconds: float = 20) -> T:
        return aside.aside(function, seconds)

    def entries(self, search: Search) -> Page:
        return green.in_thread(self._store.entries, search)

    def reply(self, owner: str, key: str, now: str) -> Reply | None:
        return green.in_thread(self._store.reply, owner, key, now)

    def wait(self, revision: int, seconds: float) -> list[str]:
        end = time.monotonic() + seconds
        while True:
            lagging = sorted(dpid for dpid, bridge in self._bridges.items() if bridge.lags(revision))
            left = end - time.monotonic()
            if not lagging or left <= 0:
                return lagging
            self._progress.wait(timeout=left)

    def switches(self) -> list[SwitchStatus]:
        known = {dpid: bridge.status() for dpid, bridge in self._bridges.items()}
        for stored in self.inventory.list("switch"):
            assert isinstance(stored.value, Switch)
            dpid = stored.value.dpid
            known.setdefault(dpid, SwitchStatus(dpid, connected=False, state="disconnected"))
        return [known[dpid] for dpid in sorted(known)]

    def reconcile(self, dpid: str, seconds: float) -> Drift | None:
        bridge = self._bridges.get(dpid)
        if bridge is None or not bridge.connected:
            raise NotConnected(f"switch {dpid} is not connected")
        outcome = bridge.audit(seconds)
        if outcome is None:
            return None
        found = outcome.findings or Findings()
        return Drift(found.missing, found.extra, found.altered, outcome.mended, found.words, outcome.reason)

    def port_status(self, port: Port) -> PortStatus:
        if port.binding is None:
            return PortStatus("down", "unbound", "the port has no binding")
        dpid = self._switch_of(port)
        if dpid is None:
            return PortStatus("down", "interface_missing", f"no connected switch has {port.binding}")
        bridge = self._bridges.get(dpid)
        if bridge is None or not bridge.connected:
            return PortStatus("down", "switch_disconnected", f"switch {port.binding.switch} is not connected", dpid)
        if bridge.unfit:
            return PortStatus("error", "switch_refused", bridge.unfit, dpid)
        rival = bridge.program.rivals.get(port.id)
        if rival is not None:
            return PortStatus("error", "binding_conflict", f"the switch port is bound to {'/'.join(rival)}", dpid)
        seat = bridge.program.seat(port.id)
        if seat is None:
            return PortStatus("down", "interface_missing", f"there is no {port.binding}", dpid)
        return self._seated(port, bridge, seat[0])

    def port_drops(self, port: Port) -> dict[str, int] | None:
        bridge = self._bridges.get(self._switch_of(port) or "")
        return bridge.drops(port.id) if bridge else None

    def _switch_of(self, port: Port) -> str | None:
        """The switch that a port is bound to. By interface id it is any that has the interface; of two, as while a VM
        moves, the one where its link is up."""
        if port.binding is None:
            return None
        if port.binding.switch is not None:
            return self.inventory.switch_id(port.binding.switch)
        found = []
        for dpid, bridge in self._bridges.items():
            program = bridge.program
            seat = program.seat(port.id) if bridge.connected else None
            if seat is not None:
                found.append((not program.ports[seat[0]].live, dpid))
            elif bridge.connected and port.id in program.rivals:
                found.append((True, dpid))
        return min(found)[1] if found else None

    def _seated(self, port: Port, bridge: Bridge, ofport: int) -> PortStatus:
        stored = self.inventory.get("port", *port.id)
        session, flows = bridge.session, bridge.program.port_flows(port.id)
        status: dict[str, Any] = {
            "dpid": bridge.dpid,
            "ofport": ofport,
            "flows": len(flows),
            "applied_revision": session.applied_revision,
        }
        if not port.enabled:
            return PortStatus("down", "disabled", "the port is not enabled", **status)
        if not bridge.program.ports[ofport].live:
            return PortStatus("down", "link_down", "the interface or its link is down", **status)
        if session.applied_revision >= stored.revision and session.holds(flows):
            return PortStatus("active", **status)
        if bridge.refused:
            return PortStatus("error", "switch_refused", session.last_error, **status)
        return PortStatus("building", "not_confirmed", "the switch has not confirmed the flows yet", **status)

    def zone(self, tenant: str) -> int:
        return self.inventory.zone(tenant)

    def trace(self, question: Question) -> Trace:
        programs = {dpid: bridge.program for dpid, bridge in self._bridges.items() if bridge.connected}
        return tracing.trace(self.inventory, programs, question)

    def zones_by_switch(self, tenant: str) -> dict[str, list[tuple[int, int]]]:
        return self._tracking.zones_by_switch(tenant)

    def connections(self, dpid: str, zone: Zone, is_fresh: bool = False) -> Listing:
        try:
            return self._tracking.connections(dpid, zone, is_fresh)
        except Unavailable:
            self.meters.unread.add(dpid)
            raise

    def zone_use(self, dpid: str, zones: Collection[int]) -> dict[int, ZoneUse]:
        return self._tracking.zone_use(dpid, zones)

    def flush(self, dpid: str, zone: Zone, which: Sequence[Tuple] | None = None) -> None:
        self._tracking.flush(dpid, zone, which)
        self._telemetry.flushed(zone, which)

    def ready(self) -> dict[str, str]:
        refusal = self._committer.refusal
        return {"store": refusal} if refusal else {}

    # -- within

    def _committed(self, writes: Sequence[Write], revision: int) -> None:
        self._surroundings.follow(writes)
        self._handovers.follow(writes)
        for bridge in self._bridges.values():
            bridge.follow(writes, revision)
        self._telemetry.follow(writes, revision)
        self._notify()

    def _notify(self) -> None:
        """Wake everybody who waits for a revision."""
        progress, self._progress = self._progress, green.Event()
        progress.set()
        self._telemetry.progress()


def _redone(copy: Inventory, prepared: Prepared) -> None:
    if copy.revision != prepared.base:
        raise Moved
    copy.redo(prepared.writes, prepared.revision)
