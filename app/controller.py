"""The running firewall: the inventory and its store on one side, the bridges on the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import structlog
from os_ken.lib import hub

from app.bridge import Bridge
from app.core import trace as tracing
from app.core.inventory import Inventory, Write
from app.core.trace import Question, Trace
from app.core.values import Binding, Port, Switch
from app.line import Datapath
from app.openflow import switch_io
from app.service import PortStatus, SwitchStatus
from app.settings import Settings
from app.store import Store
from app.store.committer import Committer

LOG = structlog.get_logger(__name__)
T = TypeVar("T")


class Controller:
    """Provides `app.service.Firewall` to the REST API, and takes the switches' events."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self.inventory: Inventory = store.load()
        self._committer = Committer(store, self.inventory, self._committed)
        self._bridges: dict[str, Bridge] = {}
        self._progress = hub.Event()

    # -- the switches' events; none of them waits

    def connected(self, datapath: Datapath) -> None:
        dpid = f"{datapath.id:016x}"
        bridge = self._bridges.get(dpid) or self._welcome(dpid)
        if bridge is None:
            LOG.error("too many switches; this one is refused", switch=dpid, limit=self._settings.max_switches)
            datapath.close()
            return
        bridge.connect(datapath)

    def _welcome(self, dpid: str) -> Bridge | None:
        """A bridge for a datapath id that is new. Those that are gone make room; None if there is none."""
        if len(self._bridges) >= self._settings.max_switches:
            gone = next((each for each, bridge in self._bridges.items() if not bridge.connected), None)
            if gone is None:
                return None
            del self._bridges[gone]
        bridge = self._bridges[dpid] = Bridge(dpid, self.inventory, self._settings, self._notify)
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

    def write(self, change: Callable[[Inventory, str], T]) -> T:
        return self._committer.write(change)

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

    def port_status(self, port: Port) -> PortStatus:
        if port.binding is None:
            return PortStatus("down", "unbound", "the port has no binding")
        dpid = self.inventory.switch_id(port.binding.switch)
        bridge = self._bridges.get(dpid)
        if bridge is None or not bridge.connected:
            return PortStatus("down", "switch_disconnected", f"switch {port.binding.switch} is not connected", dpid)
        rival = bridge.program.rivals.get(port.id)
        if rival is not None:
            return PortStatus("error", "binding_conflict", f"the switch port is bound to {'/'.join(rival)}", dpid)
        seat = bridge.program.seat(port.id)
        if seat is None:
            return PortStatus("down", "interface_missing", f"the switch has no {_plug(port.binding)}", dpid)
        return self._seated(port, bridge, seat[0])

    def port_drops(self, port: Port) -> dict[str, int] | None:
        bridge = port.binding and self._bridges.get(self.inventory.switch_id(port.binding.switch))
        return bridge.drops(port.id) if bridge else None

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

    def ready(self) -> dict[str, str]:
        refusal = self._committer.refusal
        return {"store": refusal} if refusal else {}

    # -- within

    def _committed(self, writes: Sequence[Write], revision: int) -> None:
        for bridge in self._bridges.values():
            bridge.follow(writes, revision)
        self._notify()

    def _notify(self) -> None:
        """Wake everybody who waits for a revision."""
        progress, self._progress = self._progress, hub.Event()
        progress.set()


def _plug(binding: Binding) -> str:
    return f"interface {binding.interface}" if binding.interface else f"port {binding.ofport}"
