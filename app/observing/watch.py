"""Looks at every switch now and then: what was dropped, and how full the zones are. One switch at a time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from app import green
from app.bridges.bridge import Bridge
from app.clock import utc_now
from app.core.flow import flow
from app.core.inventory import Inventory
from app.core.pipeline import Table
from app.core.verdicts import INVALID
from app.events import Events
from app.observing.counts import Counted, Increase, dropped_by, limited_by
from app.observing.observed import POLICY_REASONS, Dropped, Fill, Observed
from app.openflow import counting, meters
from app.openflow.conversation import SwitchTrouble
from app.openflow.switch_io import Which
from app.service import ZoneUse

LOG = structlog.get_logger(__name__)
SHARE = 20  # a look that takes long is not repeated before so many times its own time has passed
WINDOW = 60.0  # seconds between two events of one port and reason
MOST_EVENTS = 200  # of drops, in one look at one switch
NEAR, FULL = 0.85, 1.0
TURN = 5000  # flows counted between two pauses
NAMES = {table.value: table.name.lower() for table in Table}
DROPPED = Which(Table.DROPPED)
INVALID_FLOWS = [Which(table, flow(table, 0, ct_state=INVALID).match) for table in (Table.SOURCE, Table.TARGET)]
CALM = 0.80  # a zone must be emptier than this before it is told of again


@dataclass(slots=True)
class Window:
    """Drops of one port and reason that no event has told of yet."""

    packets: int = 0
    told_at: float | None = None  # monotonic


@dataclass(slots=True, eq=False)
class Looks:
    """What is remembered of one switch from look to look."""

    bridge: Bridge
    total: int | None = None
    flows: Increase[int] = field(default_factory=Increase)
    meters: Increase[int] = field(default_factory=Increase)
    refused: dict[int, int] = field(default_factory=dict)
    told: dict[int, str] = field(default_factory=dict)  # zone -> what was told of it
    due: float = 0.0
    counted: tuple[int, int, int] | None = None  # of what the flows were counted


class Watch:
    """`interval` in seconds; 0: never. `zone_use` tells of zones of a switch, `shared` which zones are told of under
    which switch, as bridges of one datapath have theirs in common."""

    def __init__(
        self,
        interval: float,
        bridges: Mapping[str, Bridge],
        inventory: Inventory,
        events: Events,
        observed: Observed,
        zone_use: Callable[[str, list[int]], dict[int, ZoneUse]],
    ) -> None:
        self._interval, self._bridges, self._inventory = interval, bridges, inventory
        self._events, self._observed, self._zone_use = events, observed, zone_use
        self._looks: dict[str, Looks] = {}
        self._windows: dict[Dropped, Window] = {}
        self._started = time.monotonic()

    def start(self) -> None:
        if self._interval:
            green.spawn(self._run)

    def _run(self) -> None:
        while True:
            green.sleep(min(1.0, self._interval))
            self._forget()
            for dpid in sorted(self._bridges):
                try:
                    self.look(dpid)
                except Exception:
                    LOG.exception("a look at a switch failed", switch=dpid)

    def look(self, dpid: str) -> None:
        """At one switch, if it is there and its turn has come. Waits for it."""
        bridge, now = self._bridges.get(dpid), time.monotonic()
        if bridge is None or bridge.line is None or bridge.unfit:
            self._observed.fills.pop(dpid, None)
            return
        looks = self._looks.get(dpid)
        if looks is None or looks.bridge is not bridge:
            looks = self._looks[dpid] = Looks(bridge)
        if now < looks.due:
            return
        try:
            self._see_drops(dpid, looks)
        except SwitchTrouble as error:
            LOG.debug("the switch does not tell what it dropped", switch=dpid, error=str(error))
        self._see_zones(dpid, looks)
        self._count_flows(dpid, looks)
        took = time.monotonic() - now
        looks.due = now + max(self._interval, SHARE * took)

    # -- drops

    def _see_drops(self, dpid: str, looks: Looks) -> None:
        line = looks.bridge.line
        if line is None:
            return
        age = time.monotonic() - self._started
        grown: dict[Dropped, int] = {}
        total = counting.total_packets(line.datapath, DROPPED)
        if total != looks.total:
            found = [each for some in counting.hit_flows(line.datapath, Table.DROPPED) for each in some]
            more = looks.flows.since(((f.cookie, Counted(f.packets, f.seconds)) for f in found), age)
            self._gather(grown, more, dropped_by(looks.bridge.program, dpid, more))
            looks.total = total
        limited = limited_by(looks.bridge.program, dpid)
        if limited:
            refused = meters.meter_drops(line.datapath, limited)
            more = looks.meters.since(((number, Counted(packets)) for number, packets in refused.items()), age)
            self._gather(grown, more, limited)
        self._note(grown)
        invalid = sum(counting.total_packets(line.datapath, which) for which in INVALID_FLOWS)
        self._observed.invalid[dpid] = max(invalid, self._observed.invalid.get(dpid, 0))

    def _count_flows(self, dpid: str, looks: Looks) -> None:
        """By table; in turns, and only if there are others than at the last look."""
        program = looks.bridge.program
        state = id(program), len(program.wanted), looks.bridge.session.applied_revision
        if state == looks.counted:
            return
        tables: Counter[str] = Counter()
        for count, each in enumerate(list(program.wanted.values()), 1):
            tables[NAMES[each.table]] += 1
            if count % TURN == 0:
                green.sleep(0)
        self._observed.tables[dpid] = tables
        looks.counted = state

    @staticmethod
    def _gather(grown: dict[Dropped, int], more: Mapping[int, int], whose: Mapping[int, Dropped]) -> None:
        for key, packets in more.items():
            dropped = whose.get(key)
            if dropped is not None:
                grown[dropped] = grown.get(dropped, 0) + packets

    def _note(self, grown: Mapping[Dropped, int]) -> None:
        """Into the series, and as events: at once when it begins, then once in a minute while it goes on."""
        moment, now = time.time(), time.monotonic()
        for dropped, packets in grown.items():
            self._observed.drops.add(moment, dropped, packets)
            if dropped.reason not in POLICY_REASONS:
                self._windows.setdefault(dropped, Window()).packets += packets
        self._observed.drops_at = utc_now()
        due = [
            (window.packets, dropped)
            for dropped, window in self._windows.items()
            if window.packets and (window.told_at is None or now - window.told_at >= WINDOW)
        ]
        for packets, dropped in sorted(due, reverse=True)[:MOST_EVENTS]:
            self._tell_of_drops(dropped, packets, now)
        for dropped in [d for d, w in self._windows.items() if not w.packets and now - (w.told_at or now) >= WINDOW]:
            del self._windows[dropped]

    def _tell_of_drops(self, dropped: Dropped, packets: int, now: float) -> None:
        window = self._windows[dropped]
        since = self._interval if window.told_at is None else now - window.told_at
        window.packets, window.told_at = 0, now
        about = {"tenant": dropped.tenant, "port": dropped.port, "switch": dropped.switch, "reason": dropped.reason}
        self._events.add("spoof.drop", **about, packets=packets, window_s=round(since))

    # -- zones

    def _see_zones(self, dpid: str, looks: Looks) -> None:
        owners = self._inventory.zone_owners()
        zones = [zone for zone in self._told_here(dpid) if zone in owners]
        uses = self._zone_use(dpid, zones) if zones else {}
        owners = self._inventory.zone_owners()  # it may have taken its time
        fills = []
        for zone, use in uses.items():
            if zone in owners:
                tenant, vlan = owners[zone]
                fill = Fill(tenant, int(vlan), zone, dpid, use.connections, use.limit, use.refused)
                fills.append(fill)
                self._judge(fill, looks)
        self._observed.fills[dpid] = tuple(fills)
        self._observed.fills_at = utc_now()

    def _told_here(self, dpid: str) -> list[int]:
        """The zones of a switch, without those of another bridge on the same datapath, which comes before it."""
        bridge = self._bridges[dpid]
        zones = bridge.program.zones()
        if bridge.side.has_control:
            for other in sorted(self._bridges):
                if other == dpid:
                    break
                first = self._bridges[other]
                if first.connected and first.side.key == bridge.side.key:
                    zones -= first.program.zones()
        return sorted(zones)

    def _judge(self, fill: Fill, looks: Looks) -> None:
        """Tell when a zone comes near its limit, and when it is full; once, until it has become emptier."""
        before = looks.refused.get(fill.zone)
        refused = 0 if before is None or fill.refused is None else max(0, fill.refused - before)
        if fill.refused is not None:
            looks.refused[fill.zone] = fill.refused
        ratio, told = fill.ratio or 0.0, looks.told.get(fill.zone)
        state = "zone.full" if ratio >= FULL or refused else "zone.near-limit" if ratio >= NEAR else None
        if state is None:
            if ratio < CALM:
                looks.told.pop(fill.zone, None)
            return
        if told == state or told == "zone.full":
            return
        looks.told[fill.zone] = state
        about = {"tenant": fill.tenant, "vlan": fill.vlan, "zone": fill.zone, "switch": fill.switch}
        counts = {"connections": fill.connections, "limit": fill.limit, "ratio": round(ratio, 4), "refused": refused}
        self._events.add("zone.full" if state == "zone.full" else "zone.near-limit", **about, **counts)

    def _forget(self) -> None:
        """Switches that are not known any more."""
        for dpid in self._looks.keys() - self._bridges.keys():
            del self._looks[dpid]
            for table in (self._observed.fills, self._observed.tables, self._observed.invalid):
                table.pop(dpid, None)
