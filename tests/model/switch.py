"""A switch's flow table as Open vSwitch keeps it, and a driver that lets a session talk to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from app.core.flow import Flow
from app.core.session import (
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

Slot = tuple[int, int, object]
Row = tuple[int, int, int]


@dataclass
class SwitchTable:
    """Flows by slot: a flow added to a slot that is taken replaces the one there. A cookie may be anywhere."""

    held: dict[Slot, tuple[int, Flow]] = field(default_factory=dict)

    def add(self, cookie: int, flow: Flow) -> None:
        self.held[flow.slot] = cookie, flow

    def apply(self, push: Push) -> None:
        deletes = set(push.deletes)
        self.held = {slot: kept for slot, kept in self.held.items() if kept[0] not in deletes}
        for cookie, flow in push.adds.items():
            self.add(cookie, flow)

    def rows(self) -> list[Row]:
        return [(flow.table, flow.priority, cookie) for cookie, flow in self.held.values()]

    def flows(self) -> list[Flow]:
        return [flow for _, flow in self.held.values()]

    def contents(self, besides: Callable[[int], bool]) -> dict[int, Flow]:
        """Flows by cookie, `besides` some; each cookie has to be there once."""
        held = [(cookie, flow) for cookie, flow in self.held.values() if not besides(cookie)]
        assert len(dict(held)) == len(held), "a cookie is there twice"
        return dict(held)


@dataclass(frozen=True)
class Rest:
    """What is left of a report that goes out in pieces."""

    rows: tuple[Row, ...]


@dataclass
class Driver:
    """Carries events to a session, and its effects to the switch when told to."""

    session: Session
    table: SwitchTable = field(default_factory=SwitchTable)
    now: float = 0.0
    open: list[Effect | Rest] = field(default_factory=list)  # effects not yet answered
    pushes: list[Push] = field(default_factory=list)  # every one so far

    def tell(self, event: Event) -> list[Effect]:
        effects = self.session.handle(event, self.now)
        self.open += effects
        self.pushes += [effect for effect in effects if isinstance(effect, Push)]
        return effects

    def connect(self) -> None:
        self.tell(Connected())

    def disconnect(self, in_force: bool = False) -> None:
        """The connection goes; a bundle under way may have come into force before, unconfirmed."""
        for effect in self.open:
            if isinstance(effect, Push) and in_force:
                self.table.apply(effect)
        self.open.clear()
        self.tell(Disconnected())

    def answer(self, refuse: bool = False, pieces: bool = False) -> bool:
        """Answer the oldest open effect. False if there is none."""
        if not self.open:
            return False
        effect = self.open.pop(0)
        match effect:
            case Wake(at):
                self.now = max(self.now, at)
                self.tell(Tick())
            case _ if refuse:
                self.tell(Refused("no"))
            case Read():
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

    def settle(self) -> None:
        """Connect if need be, and answer until nothing is open."""
        if self.session.state is State.DISCONNECTED:
            self.connect()
        while self.answer():
            pass
