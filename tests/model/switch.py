"""A switch's flow table as Open vSwitch keeps it, and a driver that lets a session talk to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from app.core.audit import Held
from app.core.dialogue import (
    Again,
    Audited,
    Committed,
    Connected,
    Disconnected,
    Effect,
    Event,
    Inspect,
    Inspected,
    Push,
    Read,
    Refused,
    Reported,
    Resume,
    Surveyed,
    Tick,
    Unreadable,
    Wake,
)
from app.core.flow import Flow
from app.core.limits import Rate
from app.core.session import Session, State

Slot = tuple[int, int, object]
Row = tuple[int, int, int]


@dataclass
class SwitchTable:
    """Flows by slot: a flow added to a slot that is taken replaces the one there. A cookie may be anywhere."""

    held: dict[Slot, tuple[int, Flow]] = field(default_factory=dict)
    meters: dict[int, Rate] = field(default_factory=dict)
    groups: set[int] = field(default_factory=set)
    fragments: bool = True  # whether they are treated as told

    def survey(self, audit: int | None = None) -> Surveyed:
        return Surveyed(dict(self.meters), tuple(self.groups), self.fragments, audit)

    def add(self, cookie: int, flow: Flow) -> None:
        self.held[flow.slot] = cookie, flow

    def apply(self, push: Push, steps: int = 3) -> None:
        """As Open vSwitch does it: meters, then the bundle, then what goes; perhaps only so many `steps` of these. A
        meter that is deleted takes the flows along that use it."""
        assert push.replaced == push.meters.keys() & self.meters.keys(), "Open vSwitch refuses this"
        if steps > 0:
            self.meters.update(push.meters)
        if steps > 1:
            self._bundle(push)
        if steps > 2:
            for number in push.unmeters:
                del self.meters[number]
                self.held = {slot: kept for slot, kept in self.held.items() if number not in meters_of(kept[1])}
            self.groups.difference_update(push.ungroups)
            self.fragments |= push.fragments

    def _bundle(self, push: Push) -> None:
        deletes = set(push.deletes)
        self.held = {slot: kept for slot, kept in self.held.items() if kept[0] not in deletes}
        for cookie, flow in push.adds.items():
            self.add(cookie, flow)
            assert meters_of(flow) <= self.meters.keys(), "Open vSwitch refuses a flow whose meter it lacks"

    def rows(self) -> list[Row]:
        return [(flow.table, flow.priority, cookie) for cookie, flow in self.held.values()]

    def flows(self) -> list[Flow]:
        return [flow for _, flow in self.held.values()]

    def contents(self, besides: Callable[[int], bool]) -> dict[int, Flow]:
        """Flows by cookie, `besides` some; each cookie has to be there once."""
        held = [(cookie, flow) for cookie, flow in self.held.values() if not besides(cookie)]
        assert len(dict(held)) == len(held), "a cookie is there twice"
        return dict(held)


def meters_of(flow: Flow) -> set[int]:
    return {action[1] for action in flow.actions if action[0] == "meter"}


@dataclass(frozen=True)
class Rest:
    """What is left of a report that goes out in pieces."""

    rows: tuple[Row, ...]


@dataclass(frozen=True)
class RestOfAudit:
    audit: int
    held: tuple[Held, ...]


@dataclass
class Driver:
    """Carries events to a session, and its effects to the switch when told to."""

    session: Session
    table: SwitchTable = field(default_factory=SwitchTable)
    now: float = 0.0
    open: list[Effect | Rest | RestOfAudit] = field(default_factory=list)  # effects not yet answered
    pushes: list[Push] = field(default_factory=list)  # every one so far
    audits: list[Audited] = field(default_factory=list)  # every one that is over

    def tell(self, event: Event) -> list[Effect]:
        effects = self.session.handle(event, self.now)
        self.audits += [effect for effect in effects if isinstance(effect, Audited)]
        self.open += [effect for effect in effects if not isinstance(effect, Audited)]
        self.pushes += [effect for effect in effects if isinstance(effect, Push)]
        return effects

    def connect(self) -> None:
        self.tell(Connected())

    def disconnect(self, steps: int = 0) -> None:
        """The connection goes; of a push under way some steps may have been done before, unconfirmed."""
        for effect in self.open:
            if isinstance(effect, Push):
                self.table.apply(effect, steps)
        self.open.clear()
        self.tell(Disconnected())

    def answer(self, refuse: bool = False, pieces: bool = False, steps: int = 0) -> bool:
        """Answer the oldest open effect. False if there is none. Of a refused push some steps may be done."""
        if not self.open:
            return False
        effect = self.open.pop(0)
        match effect:
            case Again():
                self.tell(Resume())
            case Wake(at):
                self.now = max(self.now, at)
                self.tell(Tick())
            case Inspect(audit) | RestOfAudit(audit) if refuse:
                self.tell(Unreadable(audit, "no"))
            case _ if refuse:
                if isinstance(effect, Push):
                    self.table.apply(effect, steps)
                self.tell(Refused("no"))
            case Inspect(audit):
                self.tell(self.table.survey(audit))
                held = tuple(Held(cookie, f.table, f.priority, f) for cookie, f in self.table.held.values())
                self._inspected(audit, held, pieces)
            case RestOfAudit(audit, held):
                self._inspected(audit, held, pieces)
            case Read():
                self.tell(self.table.survey())
                self._report(tuple(reversed(self.table.rows())), pieces)  # the fixed flows last
            case Rest(rows):
                self._report(rows, pieces)
            case Push():
                self.table.apply(effect)
                self.tell(Committed())
        return True

    def _report(self, rows: tuple[Row, ...], pieces: bool) -> None:
        cut = len(rows) // 2 if pieces else len(rows)
        if cut < len(rows):
            self.open.append(Rest(rows[cut:]))
        self.tell(Reported(rows[:cut], more=cut < len(rows)))

    def _inspected(self, audit: int, held: tuple[Held, ...], pieces: bool) -> None:
        cut = len(held) // 2 if pieces else len(held)
        if cut < len(held):
            self.open.append(RestOfAudit(audit, held[cut:]))
        self.tell(Inspected(audit, held[:cut], more=cut < len(held)))

    def settle(self) -> None:
        """Connect if need be, and answer until nothing is open."""
        if self.session.state is State.DISCONNECTED:
            self.connect()
        while self.answer():
            pass
