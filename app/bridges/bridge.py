"""One bridge: its program and session, and the line to it that does what the session asks for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import structlog

from app.bridges.admission import Admission
from app.bridges.audits import Audits
from app.bridges.cleaning import Cleaning
from app.bridges.line import Datapath, Line, Sent
from app.bridges.screening import RETRY, Screening
from app.bridges.upkeep import Upkeep
from app.clock import utc_now
from app.core.dialogue import Audit, Audited, Changed, Connected, Disconnected, Doubted, Event
from app.core.indexes import Id
from app.core.inventory import Inventory, Write
from app.core.pipeline import Reg, Table
from app.core.plugged import seat_number
from app.core.program import Program
from app.core.session import Session, State
from app.events import Events, EventType, Warnings
from app.openflow import switch_io
from app.openflow.silence import no_packets
from app.ovs.surroundings import Surroundings
from app.service import Feature, SwitchStatus
from app.settings import Settings

LOG = structlog.get_logger(__name__)


class Bridge:
    """A switch that is connected or was. `on_progress` is called whenever its status may have changed."""

    def __init__(
        self,
        dpid: str,
        inventory: Inventory,
        settings: Settings,
        on_progress: Callable[[], None],
        events: Events | None = None,
        surroundings: Surroundings | None = None,
    ) -> None:
        self.dpid = dpid
        self._events = events or Events()
        self.warnings = Warnings(self._warned)  # code -> detail: set, pop, and the status and the events follow
        self.features: dict[str, Feature] = {}
        self._inventory, self._settings, self._on_progress = inventory, settings, on_progress
        self._line: Line | None = None
        self.touched: set[int] = set()  # ofports that came, changed or went since somebody looked
        self._since = utc_now()
        self._sent = Sent()
        self._admission = Admission(self.warnings)
        self._log = LOG.bind(switch=dpid)
        self._screening = Screening(self.warnings, self.features, self._tell, self._log)
        self._audits = Audits(settings.audit_interval, lambda: self._handle(Audit()), self._tell, self._log)
        self._cleaning = Cleaning(lambda: self.program.zones(), self._log)
        self._begin()
        self.side = (surroundings or Surroundings(settings, inventory)).beside(self)

    def _begin(self) -> None:
        settings = self._settings
        self.program = program = Program(
            self._inventory,
            self.dpid,
            settings.uplinks,
            settings.local_is_uplink,
            ethertypes=settings.guard_ethertypes,
            default_rate=settings.rate,
        )
        self.session = Session(program.wanted, settings.keep_foreign_flows, program.meters)
        self.session.wanted_revision = self._inventory.revision
        dress = lambda port: self.side.dress(port)  # noqa: E731 - there is no side yet
        self._upkeep = Upkeep(program, self._inventory.revision, dress, self._changed, self._start_over)

    # -- what happens

    def connect(self, datapath: Datapath) -> None:
        """The switch is there. If it was there already, the newer connection wins and the older is closed, until they
        throw each other out again and again: then the one that is there stays."""
        if self._line is not None and not self._admission.replaces(datapath, self._line):
            return
        line = Line(datapath, self.session, self._sent, self._hear, self._log, self._cleaning.before_push)
        older, self._line = self._line, line
        self._since = utc_now()
        if older is not None:
            self._log.warning("a second connection of the same datapath id replaces the first", older=older.address)
            self._tell("switch.duplicate", older=older.address, newer=line.address)
            older.close()
            self._upkeep.give_up()
            self._handle(Disconnected())
        self._log.info("switch connected", address=line.address, openflow=datapath.ofproto.OFP_VERSION)
        self._tell("switch.connected", address=line.address)
        line.aside(self._meet)

    def disconnect(self, datapath: Datapath) -> None:
        if not self._is_mine(datapath):
            return
        self._line, self._since = None, utc_now()
        self._log.info("switch disconnected")
        self._tell("switch.disconnected")
        self._upkeep.give_up()
        self._handle(Disconnected())
        self._on_progress()

    def port_changed(self, datapath: Datapath, change: switch_io.PortChange) -> None:
        """A port came, changed or went. Never raises, as `follow`."""
        if not self._is_mine(datapath) or self.unfit:  # its ports are asked for when it is fit
            return
        self.touched.add(change.port.ofport)
        if not self._upkeep.port_changed(change):
            self._log.error("more port changes than a switch can mean; hanging up")
            datapath.close()
        self._on_progress()

    def interfaces_changed(self, ofports: set[int]) -> None:
        """The switch's database says something else of the interfaces at these ports. Never raises, as `follow`."""
        self.touched |= ofports
        self._upkeep.interfaces_changed(ofports)
        self._on_progress()

    def follow(self, writes: Sequence[Write], revision: int) -> None:
        """The inventory changed. Never raises: a program that cannot be brought up to date is compiled anew."""
        self._cleaning.follow(writes)
        self._upkeep.follow(writes, revision)

    def catch_up(self) -> None:
        """Have the program take up all that is written. For a copy in a fork: the switch is not told."""
        self._upkeep.catch_up()

    def missed(self, writes: Sequence[Write]) -> None:
        """Zones changed hands before the bridge was known here; no flow leads into them yet."""
        self._cleaning.follow(writes)

    # -- what there is to say

    @property
    def connected(self) -> bool:
        return self._line is not None

    @property
    def unfit(self) -> str | None:
        """Why nothing is installed on the switch that is there; None if it can be served."""
        return self._screening.unfit

    @property
    def line(self) -> Line | None:
        """The way to the switch while it is connected."""
        return self._line

    def lags(self, revision: int) -> bool:
        """Whether the switch is connected and has not confirmed `revision`."""
        return self.connected and self.session.applied_revision < revision

    @property
    def audit_due(self) -> float | None:
        """When the next periodic audit is to begin (monotonic)."""
        return self._audits.due

    def audit(self, seconds: float) -> Audited | None:
        """Compare all that the switch holds with what is wanted, and mend it. Waits, `seconds` at most."""
        return self._audits.run(seconds)

    @property
    def last_audit(self) -> Audited | None:
        """How the last audit ended."""
        return self._audits.last

    @property
    def audit_totals(self) -> Mapping[str, Any]:
        """What audits found since the process started."""
        return self._audits.totals

    @property
    def sent(self) -> Sent:
        """What the switch was sent since the process started."""
        return self._sent

    def doubt(self, cookies: Iterable[int]) -> None:
        """Have the switch take these flows anew. Does not wait."""
        self._handle(Doubted(frozenset(cookies)))

    @property
    def flow_mods(self) -> int:
        """Sent since the process started."""
        return self._sent.flow_mods

    @property
    def refused(self) -> bool:
        return self.session.state is State.BACKOFF

    def drops(self, id: Id) -> dict[str, int] | None:
        """Packets of a port that guards, policy and meters dropped; None if it is not plugged in or the switch silent.

        Waits for the switch, at most a second.
        """
        line, seat, cookies = self._line, self.program.seat(id), self.program.drop_cookies(id)
        if line is None or seat is None or not cookies:
            return None
        try:
            counters = line.counters(Table.DROPPED, in_port=seat[0])
            counters |= line.counters(Table.DROPPED, **{Reg.DST_PORT: seat_number(seat)})
            excess = line.excess(self.program.port_meters(id))
        except switch_io.SwitchTrouble as error:
            self._log.warning("the switch does not tell what it dropped", port=id, error=str(error))
            return None
        return {reason: counters.get(cookie, 0) for reason, cookie in cookies.items()} | excess

    def status(self) -> SwitchStatus:
        session, local = self.session, (["LOCAL"] if self.program.local_is_uplink() else [])
        unfit = self.unfit if self.connected else None
        retry = self._screening.retry_at if unfit else session.retry_at
        return SwitchStatus(
            dpid=self.dpid,
            connected=self.connected,
            state="refused" if unfit else session.state.value,
            since=self._since,
            address=self._line.address if self._line else None,
            wanted_revision=session.wanted_revision,
            applied_revision=session.applied_revision,
            flows=len(self.program.wanted),
            ports=len(self.program.owners),
            uplinks=(*sorted(port.name for port in self.program.uplinks()), *local),
            last_error=unfit or session.last_error,
            retry_at=utc_now(retry - time.monotonic()) if retry else None,
            flow_mods=self._sent.flow_mods,
            last_push=self._sent.last_push,
            bridge=self.side.bridge_name,
            software=self._screening.description.software or self.side.version,
            datapath_type=self.side.datapath_type,
            capabilities=self.side.capabilities,
            drift=dict(self._audits.totals),
            warnings=dict(self.warnings),
            features=dict(self.features),
        )

    # -- what others should know

    def _tell(self, type: EventType, **data: Any) -> None:
        self._events.add(type, switch=self.dpid, **data)

    def _warned(self, code: str, detail: str | None) -> None:
        if detail is None:
            self._tell("switch.warning_cleared", code=code)
        else:
            self._log.warning("switch.warning", code=code, detail=detail)
            self._tell("switch.warning", code=code, detail=detail)

    # -- keeping the program

    def _is_mine(self, datapath: Datapath) -> bool:
        return self._line is not None and self._line.datapath is datapath

    def _meet(self, line: Line) -> None:
        """See whether the switch is fit, learn its ports, compile, and let the session begin."""
        upkeep = self._upkeep

        def is_over() -> bool:
            return line is not self._line or upkeep is not self._upkeep

        if is_over():
            return
        try:
            self.side.settle()
            if not self._screening.passes(line.datapath, self.side.capabilities, lambda: line is self._line):
                line.later(RETRY, self._meet)
                self._on_progress()
                return
            rates = self.features.get("connection_rates")
            self.program.may_meter(rates is None or rates.on)
            upkeep.begin()
            no_packets(line.datapath)
            switch_io.match_fragments(line.datapath)
            ports = switch_io.ports(line.datapath)
            for _ in () if is_over() else line.in_turns(upkeep.compile(ports)):
                if is_over():
                    return
        except switch_io.SwitchTrouble as error:
            self._log.warning("the switch cannot be prepared", error=str(error))
            line.close()
            return
        except Exception:
            self._log.exception("the program could not be compiled")
            line.close()
            return
        if not is_over():
            self._log.info("program compiled", ports=len(ports), flows=len(self.program.wanted))
            self._cleaning.meet(list(self._inventory.resting_zones()))
            self._handle(Connected())
            self.side.connected()

    def _start_over(self) -> None:
        """A new program and a new session; the connection too, so that no answer to the old one is mistaken."""
        self._log.exception("the program could not follow a change and is compiled anew")
        self._begin()
        self._audits.over(Audited(None, reason="the program is compiled anew"))
        if self._line is not None:
            self._line.close()

    def _changed(self, more: bool) -> None:
        self.side.ports_changed()
        cookies, meters = self.program.take_dirty(), self.program.take_dirty_meters()
        self._handle(Changed(cookies, self._upkeep.revision, meters, more))

    # -- doing what the session asks for

    def _handle(self, event: Event) -> None:
        session = self.session
        before = session.state, session.applied_revision
        for effect in session.handle(event, time.monotonic()):
            if isinstance(effect, Audited):
                self._audits.over(effect)
            else:
                assert self._line is not None  # a session asks the switch for nothing while it is disconnected
                self._line.perform(effect)
        self._note(before[0], session.state)
        if before != (session.state, session.applied_revision):
            self._on_progress()

    def _note(self, before: State, state: State) -> None:
        if before is not state and state is State.SYNCED:
            self._log.info("switch in step", flows=len(self.program.wanted), revision=self.session.applied_revision)
        if before is not state and state is State.BACKOFF:
            self._tell("switch.refused", reason=self.session.last_error)
        if state in (State.DISCONNECTED, State.READING, State.BACKOFF):
            self._audits.out_of_step()
        if state is State.SYNCED and self._line is not None:
            self._audits.in_step()
            self._cleaning.in_step(self._line)

    def _hear(self, line: Line, event: Event) -> None:
        """An answer counts only on the connection, and for the session, that asked."""
        if line is self._line and line.session is self.session:
            self._handle(event)
