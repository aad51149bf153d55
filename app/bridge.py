"""One bridge: its program and session, and the line to it that does what the session asks for."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from app.clock import utc_now
from app.core.indexes import Id
from app.core.inventory import Inventory, Write
from app.core.pipeline import Table
from app.core.program import Program
from app.core.session import Changed, Connected, Disconnected, Event, Session, State
from app.core.values import SwitchPort
from app.line import Datapath, Line, Sent
from app.openflow import switch_io
from app.service import SwitchStatus
from app.settings import Settings

LOG = structlog.get_logger(__name__)


class Bridge:
    """A switch that is connected or was. `on_progress` is called whenever its status may have changed."""

    def __init__(self, dpid: str, inventory: Inventory, settings: Settings, on_progress: Callable[[], None]) -> None:
        self.dpid = dpid
        self._inventory, self._settings, self._on_progress = inventory, settings, on_progress
        self._line: Line | None = None
        self._since = utc_now()
        self._sent = Sent()
        # Ports that come or go while the program is being compiled are looked at when that is done.
        self._news: deque[switch_io.PortChange] = deque()
        self._compiling = False
        self._freed_zones: set[int] = set()  # to be emptied when no flow leads there any more
        self._log = LOG.bind(switch=dpid)
        self._begin()

    def _begin(self) -> None:
        settings = self._settings
        self.program = Program(
            self._inventory, self.dpid, settings.uplinks, settings.local_is_uplink, ethertypes=settings.guard_ethertypes
        )
        self.session = Session(self.program.wanted, settings.keep_foreign_flows)
        self.session.wanted_revision = self._inventory.revision

    # -- what happens

    def connect(self, datapath: Datapath) -> None:
        """The switch is there. If it was there already, the newer connection wins and the older is closed."""
        line = Line(datapath, self.session, self._sent, self._hear, self._log)
        older, self._line = self._line, line
        self._since = utc_now()
        if older is not None:
            self._log.warning("a second connection of the same datapath id replaces the first")
            older.close()
            self._handle(Disconnected())
        self._log.info("switch connected", address=line.address, openflow=datapath.ofproto.OFP_VERSION)
        self._news.clear()
        self._compiling = True
        line.aside(self._meet)

    def disconnect(self, datapath: Datapath) -> None:
        if not self._is_mine(datapath):
            return
        self._line, self._since = None, utc_now()
        self._log.info("switch disconnected")
        self._handle(Disconnected())

    def port_changed(self, datapath: Datapath, change: switch_io.PortChange) -> None:
        """A port came, changed or went. Never raises, as `follow`."""
        if not self._is_mine(datapath):
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
        return self._line is not None

    def lags(self, revision: int) -> bool:
        """Whether the switch is connected and has not confirmed `revision`."""
        return self.connected and self.session.applied_revision < revision

    @property
    def refused(self) -> bool:
        return self.session.state is State.BACKOFF

    def drops(self, id: Id) -> dict[str, int] | None:
        """Packets of a port that each guard has dropped; None if it is not plugged in or the switch does not say.

        Waits for the switch, at most a second.
        """
        line, seat, cookies = self._line, self.program.seat(id), self.program.drop_cookies(id)
        if line is None or seat is None or not cookies:
            return None
        try:
            counters = line.counters(Table.DROPPED, in_port=seat[0])
        except switch_io.SwitchTrouble as error:
            self._log.warning("the switch does not tell what it dropped", port=id, error=str(error))
            return None
        return {reason: counters.get(cookie, 0) for reason, cookie in cookies.items()}

    def status(self) -> SwitchStatus:
        session, local = self.session, (["LOCAL"] if self.program.local_is_uplink() else [])
        retry = session.retry_at
        return SwitchStatus(
            dpid=self.dpid,
            connected=self.connected,
            state=session.state.value,
            since=self._since,
            address=self._line.address if self._line else None,
            wanted_revision=session.wanted_revision,
            applied_revision=session.applied_revision,
            flows=len(self.program.wanted),
            ports=len(self.program.owners),
            uplinks=(*sorted(port.name for port in self.program.uplinks()), *local),
            last_error=session.last_error,
            retry_at=utc_now(retry - time.monotonic()) if retry else None,
            flow_mods=self._sent.flow_mods,
            last_push=self._sent.last_push,
        )

    # -- keeping the program

    def _is_mine(self, datapath: Datapath) -> bool:
        return self._line is not None and self._line.datapath is datapath

    def _meet(self, line: Line) -> None:
        """Have the switch tell fragments apart, learn its ports, compile, and let the session begin."""
        try:
            switch_io.match_fragments(line.datapath)
            ports = switch_io.ports(line.datapath)
            for _ in line.in_turns(self.program.compile([SwitchPort(*port) for port in ports])):
                if line is not self._line:
                    return
        except switch_io.SwitchTrouble as error:
            self._log.warning("the switch cannot be prepared", error=str(error))
            line.close()
            return
        except Exception:
            self._log.exception("the program could not be compiled")
            line.close()
            return
        if line is not self._line:
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
        if self._line is not None:
            self._line.close()

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
            assert self._line is not None  # a session asks for nothing while it is disconnected
            self._line.perform(effect)
        if self.session.state is State.SYNCED and before is not State.SYNCED:
            self._log.info("switch in step", flows=len(self.program.wanted), revision=self.session.applied_revision)
        if self._freed_zones and self._line is not None and self.session.state is State.SYNCED:
            freed, self._freed_zones = self._freed_zones, set()
            self._line.aside(self._flush, freed)
        self._on_progress()

    def _flush(self, line: Line, zones: set[int]) -> None:
        """Forget the connections of tenants that are gone: who gets the zone next must not inherit them."""
        try:
            for zone in zones:
                switch_io.flush_zone(line.datapath, zone)
        except switch_io.SwitchTrouble as error:
            self._log.warning("zones are not flushed yet", zones=sorted(zones), error=str(error))
            self._freed_zones |= zones

    def _hear(self, line: Line, event: Event) -> None:
        """An answer counts only on the connection, and for the session, that asked."""
        if line is self._line and line.session is self.session:
            self._handle(event)
