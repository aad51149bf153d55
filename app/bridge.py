"""One bridge: its program and session, and the green threads that do what the session asks for."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from os_ken.lib import hub

from app.clock import utc_now
from app.core.inventory import Inventory, Write
from app.core.program import Program
from app.core.session import (
    Changed,
    Committed,
    Connected,
    Disconnected,
    Effect,
    Event,
    Push,
    Read,
    Refused,
    Reported,
    Session,
    State,
    Tick,
    Wake,
)
from app.core.values import SwitchPort
from app.openflow import switch_io
from app.service import SwitchStatus
from app.settings import Settings

LOG = structlog.get_logger(__name__)
Datapath = Any  # os-ken's; it has no types


class Bridge:
    """A switch that is connected or was. `on_progress` is called whenever its status may have changed."""

    def __init__(self, dpid: str, inventory: Inventory, settings: Settings, on_progress: Callable[[], None]) -> None:
        self.dpid = dpid
        self._inventory, self._settings, self._on_progress = inventory, settings, on_progress
        self._datapath: Datapath | None = None
        self._since = utc_now()
        self._flow_mods = 0
        self._last_push: dict[str, Any] = {}
        # Ports that come or go while the program is being compiled are looked at when that is done.
        self._news: deque[switch_io.PortChange] = deque()
        self._compiling = False
        self._freed_zones: set[int] = set()  # to be emptied when no flow leads there any more
        self._log = LOG.bind(switch=dpid)
        self._begin()

    def _begin(self) -> None:
        settings = self._settings
        self.program = Program(self._inventory, self.dpid, settings.uplinks, settings.local_is_uplink)
        self.session = Session(self.program.wanted, settings.keep_foreign_flows)
        self.session.wanted_revision = self._inventory.revision

    # -- what happens

    def connect(self, datapath: Datapath) -> None:
        """The switch is there. If it was there already, the newer connection wins and the older is closed."""
        older, self._datapath = self._datapath, datapath
        self._since = utc_now()
        if older is not None:
            self._log.warning("a second connection of the same datapath id replaces the first")
            older.close()
            self._handle(Disconnected())
        self._log.info("switch connected", address=_address(datapath), openflow=datapath.ofproto.OFP_VERSION)
        self._news.clear()
        self._compiling = True
        hub.spawn(self._meet, datapath)

    def disconnect(self, datapath: Datapath) -> None:
        if datapath is not self._datapath:
            return
        self._datapath, self._since = None, utc_now()
        self._log.info("switch disconnected")
        self._handle(Disconnected())

    def port_changed(self, datapath: Datapath, change: switch_io.PortChange) -> None:
        """A port came, changed or went. Never raises, as `follow`."""
        if datapath is not self._datapath:
            return
        self._news.append(change)
        if not self._compiling:
            self._or_start_over(self._take_news)

    def follow(self, writes: Sequence[Write], revision: int) -> None:
        """The inventory changed. Never raises: a program that cannot be brought up to date is compiled anew."""
        self._freed_zones |= {write.before for write in writes if write.kind == "zone" and write.after is None}
        self._or_start_over(lambda: self._follow(writes, revision))

    # -- what there is to say

    @property
    def connected(self) -> bool:
        return self._datapath is not None

    def lags(self, revision: int) -> bool:
        """Whether the switch is connected and has not confirmed `revision`."""
        return self.connected and self.session.applied_revision < revision

    def status(self) -> SwitchStatus:
        session, local = self.session, (["LOCAL"] if self.program.local_is_uplink() else [])
        retry = session.retry_at
        return SwitchStatus(
            dpid=self.dpid,
            connected=self.connected,
            state=session.state.value,
            since=self._since,
            address=_address(self._datapath) if self._datapath else None,
            wanted_revision=session.wanted_revision,
            applied_revision=session.applied_revision,
            flows=len(self.program.wanted),
            ports=len(self.program.owners),
            uplinks=(*sorted(port.name for port in self.program.uplinks()), *local),
            last_error=session.last_error,
            retry_at=utc_now(retry - time.monotonic()) if retry else None,
            flow_mods=self._flow_mods,
            last_push=self._last_push,
        )

    # -- keeping the program

    def _meet(self, datapath: Datapath) -> None:
        """Learn the ports, compile, and let the session begin."""
        try:
            ports = switch_io.ports(datapath)
            for _ in self.program.compile([SwitchPort(*port) for port in ports]):
                hub.sleep(0)
                if datapath is not self._datapath:
                    return
        except switch_io.SwitchTrouble as error:
            self._log.warning("the switch does not tell its ports", error=str(error))
            datapath.close()
            return
        except Exception:
            self._log.exception("the program could not be compiled")
            datapath.close()
            return
        if datapath is not self._datapath:
            return
        self._compiling = False
        self._log.info("program compiled", ports=len(ports), flows=len(self.program.wanted))
        self._take_news()
        self.program.take_dirty()
        self._handle(Changed(set(), self._inventory.revision))
        self._handle(Connected())

    def _follow(self, writes: Sequence[Write], revision: int) -> None:
        self.program.follow(writes)
        self._changed(revision)

    def _or_start_over(self, change: Callable[[], None]) -> None:
        try:
            change()
        except Exception:
            self._log.exception("the program could not follow a change and is compiled anew")
            self._start_over()

    def _start_over(self) -> None:
        """A new program and a new session; the connection too, so that no answer to the old one is mistaken."""
        self._begin()
        if self._datapath is not None:
            self._datapath.close()

    def _take_news(self) -> None:
        while self._news:
            change = self._news.popleft()
            if change.kind != "removed":
                self.program.plug(SwitchPort(*change.port))
            else:
                self.program.unplug(change.port.ofport)
        self._changed(self._inventory.revision)

    def _changed(self, revision: int) -> None:
        self._handle(Changed(self.program.take_dirty(), revision))

    # -- doing what the session asks for

    def _handle(self, event: Event) -> None:
        before = self.session.state
        for effect in self.session.handle(event, time.monotonic()):
            self._perform(effect)
        if self.session.state is State.SYNCED and before is not State.SYNCED:
            self._log.info("switch in step", flows=len(self.program.wanted), revision=self.session.applied_revision)
        if self._freed_zones and self.session.state is State.SYNCED:
            freed, self._freed_zones = self._freed_zones, set()
            hub.spawn(self._flush, self._datapath, freed)
        self._on_progress()

    def _flush(self, datapath: Datapath, zones: set[int]) -> None:
        """Forget the connections of tenants that are gone: who gets the zone next must not inherit them."""
        try:
            for zone in zones:
                switch_io.flush_zone(datapath, zone)
        except switch_io.SwitchTrouble as error:
            self._log.warning("zones are not flushed yet", zones=sorted(zones), error=str(error))
            self._freed_zones |= zones

    def _perform(self, effect: Effect) -> None:
        datapath, session = self._datapath, self.session
        match effect:
            case Read():
                hub.spawn(self._ask, datapath, session, lambda dp: self._read(dp, session))
            case Push():
                hub.spawn(self._ask, datapath, session, lambda dp: self._push(dp, effect))
            case Wake(at):
                self._log.warning("will try again", error=session.last_error, seconds=round(at - time.monotonic(), 1))
                hub.spawn_after(max(0.0, at - time.monotonic()), self._answer, datapath, session, Tick())

    def _ask(self, datapath: Datapath, session: Session, question: Callable[[Datapath], Event]) -> None:
        try:
            answer = question(datapath)
        except switch_io.SwitchTrouble as error:
            answer = Refused(str(error))
        except Exception:
            self._log.exception("talking to the switch failed")
            answer = Refused("internal error, see the log")
        self._answer(datapath, session, answer)

    def _answer(self, datapath: Datapath, session: Session, event: Event) -> None:
        """An answer counts only on the connection, and for the session, that asked."""
        if datapath is self._datapath and session is self.session:
            self._handle(event)

    def _read(self, datapath: Datapath, session: Session) -> Event:
        """Report the switch's flows as they come in; the last report says that this was all."""
        for flows in switch_io.flows(datapath):
            self._answer(datapath, session, Reported(((f.table, f.priority, f.cookie) for f in flows), more=True))
        return Reported(())

    def _push(self, datapath: Datapath, push: Push) -> Event:
        revision = self.session.wanted_revision
        result = switch_io.push(datapath, push.adds, push.deletes)
        self._flow_mods += result.flow_mods
        self._last_push = {"flow_mods": result.flow_mods, "seconds": round(result.seconds, 4), "revision": revision}
        self._log.info("flows pushed", adds=len(push.adds), deletes=len(push.deletes), **self._last_push)
        return Committed()

    @property
    def refused(self) -> bool:
        return self.session.state is State.BACKOFF


def _address(datapath: Datapath) -> str:
    host, port, *_ = datapath.address
    return f"{host}:{port}"
