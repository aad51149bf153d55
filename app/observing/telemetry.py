"""What there is to tell of the running firewall: events, looks at the switches, counters and a scrape's answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from app import green
from app.bridges.bridge import Bridge
from app.core.flushes import Tuple, Zone
from app.core.inventory import Inventory, Write
from app.core.values import Port
from app.events import STREAMS, Events, Happened
from app.observing import metrics
from app.observing.announcing import Announcing
from app.observing.gauges import Gauges
from app.observing.observed import Observed
from app.observing.ports_watch import PortsWatch
from app.observing.pulse import MeasuredStore, Pulse
from app.observing.standing import Standing
from app.observing.tallies import Meters
from app.observing.watch import Watch
from app.service import PortStatus, ZoneUse
from app.settings import Settings
from app.version import versions

STRANGERS = 100  # switches that are not known any more, and of which counters are kept all the same


class Telemetry:
    """Knows the controller by what it is given: its inventory and bridges, and two questions."""

    def __init__(
        self,
        settings: Settings,
        inventory: Inventory,
        bridges: Mapping[str, Bridge],
        store: MeasuredStore,
        path: Path,
        status: Callable[[Port], PortStatus],
        zone_use: Callable[[str, list[int]], dict[int, ZoneUse]],
    ) -> None:
        self.events = Events(streams=min(STREAMS, max(1, settings.rest_connections // 2)))
        self.observed, self.meters = Observed(), Meters()
        self._inventory, self._bridges, self._store = inventory, bridges, store
        self._announcing = Announcing(self.events, bridges, lambda dpid, s: self.meters.realize.observe(s, dpid))
        self._ports = PortsWatch(inventory, bridges, status, self.events, self.observed)
        self._standing = Standing(inventory, self.meters)
        self._watch = Watch(settings.watch_interval, bridges, inventory, self.events, self.observed, zone_use)
        self._pulse = Pulse(self.meters, self.events, store)
        self._gauges = Gauges(
            settings, inventory, bridges, self.events, self.observed, self.meters, path, versions(), green.waiting
        )
        self.events.observers.append(self._heard)

    def start(self) -> None:
        for part in (self._ports, self._standing, self._watch, self._pulse):
            part.start()

    # -- what happens; none of it waits

    def follow(self, writes: Sequence[Write], revision: int) -> None:
        """The inventory has this revision now."""
        self._announcing.follow(writes, revision, self._store.records)
        self._ports.follow(writes)
        self._standing.follow(writes)

    def progress(self) -> None:
        """Some switch came a step further, or went."""
        self._announcing.progress()
        self._ports.progress()

    def flushed(self, zone: Zone, which: Sequence[Tuple] | None) -> None:
        """A client had connections forgotten."""
        owner = self._inventory.zone_owners().get(zone.number)
        if owner is not None:
            self.meters.flushes.add(owner[0], "manual")
            self.meters.flushed.add(owner[0], "manual", by=len(which or ()))

    def _heard(self, event: Happened) -> None:
        data = event.data
        match event.type:
            case "switch.connected":
                self.meters.connects.add(data["switch"])
            case "switch.disconnected":
                self.meters.disconnects.add(data["switch"])
            case "tenant.deleted":
                self.meters.forget("tenant", data["tenant"])
                self.observed.drops.forget_tenants([data["tenant"]])

    # -- for whoever asks

    def metrics(self, is_openmetrics: bool) -> bytes:
        """What a scrape gets. Waits for a native thread; the hub is held for the snapshot only."""
        self._forget_strangers()
        return metrics.text(self._gauges.families(), is_openmetrics)

    def _forget_strangers(self) -> None:
        """Who connects under ever new datapath ids must not fill the memory with counters."""
        counted = {labels[0] for labels in self.meters.connects.values}
        strangers = [d for d in counted - self._bridges.keys() if not self._inventory.find("switch", d)]
        if len(strangers) > STRANGERS:
            for dpid in strangers:
                self.meters.forget("switch", dpid)
