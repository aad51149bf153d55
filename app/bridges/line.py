"""One connection of a bridge: what the session asks for is done here, each thing in a green thread of its own."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from app import green
from app.core.dialogue import (
    Again,
    Committed,
    Effect,
    Event,
    Inspect,
    Inspected,
    Push,
    Read,
    Refused,
    Reported,
    Resume,
    Tick,
    Unreadable,
    Wake,
)
from app.core.flow import flow
from app.core.session import Session
from app.openflow import inspection, meters, switch_io
from app.openflow.switch_io import Which

COUNTERS = 1.0  # seconds to wait for them: somebody looks at a port
Datapath = Any  # os-ken's; it has no types


@dataclass(slots=True)
class Sent:
    """What a bridge was sent since the process started, over all its connections."""

    flow_mods: int = 0
    ops: Counter[tuple[str, str]] = field(default_factory=Counter)  # flow changes by "add"/"delete" and "ok"/"failed"
    errors: Counter[str] = field(default_factory=Counter)  # failed exchanges by kind
    last_push: dict[str, Any] = field(default_factory=dict)  # flow_mods, seconds, revision


class Line:
    """Carries `session`'s effects to the switch at the other end; `heard` gets its answers, with the line they came by.

    An answer may come when the bridge has another line, or another session, already: whoever hears it has to look.
    """

    def __init__(
        self,
        datapath: Datapath,
        session: Session,
        sent: Sent,
        heard: Callable[[Line, Event], None],
        log: structlog.stdlib.BoundLogger,
        before_push: Callable[[Line], None] = lambda line: None,
    ) -> None:
        self.datapath, self.session = datapath, session
        self._before_push = before_push  # waits; raises SwitchTrouble
        self._sent, self._heard, self._log = sent, heard, log

    @property
    def address(self) -> str:
        host, port, *_ = self.datapath.address
        return f"{host}:{port}"

    def close(self) -> None:
        self.datapath.close()

    def aside(self, work: Callable[..., None], *what: Any) -> None:
        """Call `work(line, *what)` in a green thread of its own: it waits for the switch."""
        green.spawn(work, self, *what)

    def later(self, seconds: float, work: Callable[[Line], None]) -> None:
        """Call `work(line)` then, in a green thread of its own, whatever has become of the connection."""
        green.spawn_after(seconds, work, self)

    @staticmethod
    def in_turns(steps: Iterable[None]) -> Iterator[None]:
        """Long work, step by step: between two steps others get the hub."""
        for step in steps:
            green.sleep(0)
            yield step

    def counters(self, table: int, **match: int) -> dict[int, int]:
        """Packets of each flow of a table that matches at least this, by cookie. Waits; raises SwitchTrouble."""
        which = Which(table, flow(table, 0, **match).match)
        return {each.cookie: each.packets for each in switch_io.read_flows(self.datapath, which, COUNTERS)}

    def excess(self, numbers: Mapping[str, int]) -> dict[str, int]:
        """Packets that each of these meters has dropped, under the same names. Waits; raises SwitchTrouble."""
        drops = meters.meter_drops(self.datapath, numbers.values(), COUNTERS)
        return {name: drops.get(number, 0) for name, number in numbers.items()}

    def perform(self, effect: Effect) -> None:
        """Begin what the session asks for. Does not wait."""
        match effect:
            case Read():
                green.spawn(self._ask, self._read)
            case Push():
                green.spawn(self._ask, lambda: self._push(effect))
            case Inspect(audit):
                green.spawn(self._inspect, audit)
            case Again():
                green.spawn_after(0, self._heard, self, Resume())
            case Wake(at):
                wait = max(0.0, at - time.monotonic())
                self._log.warning("will try again", error=self.session.last_error, seconds=round(wait, 1))
                green.spawn_after(wait, self._heard, self, Tick())

    def _ask(self, question: Callable[[], Event]) -> None:
        try:
            answer = question()
        except switch_io.SwitchTrouble as error:
            self._sent.errors[type(error).__name__.lower()] += 1
            answer = Refused(str(error))
        except Exception:
            self._log.exception("talking to the switch failed")
            answer = Refused("internal error, see the log")
        self._heard(self, answer)

    def _read(self) -> Event:
        """Report the switch's flows as they come in; the last report says that this was all."""
        self._heard(self, inspection.survey(self.datapath))
        for flows in switch_io.flows(self.datapath):
            self._heard(self, Reported(((f.table, f.priority, f.cookie) for f in flows), more=True))
        return Reported(())

    def _push(self, push: Push) -> Event:
        revision = self.session.wanted_revision
        self._before_push(self)
        outcome = "failed"
        try:
            result = inspection.push(self.datapath, push)
            outcome = "ok"
        finally:
            self._sent.ops.update({("add", outcome): len(push.adds), ("delete", outcome): len(push.deletes)})
        self._sent.flow_mods += result.flow_mods
        told = {"flow_mods": result.flow_mods, "seconds": round(result.seconds, 4), "revision": revision}
        self._sent.last_push = told
        self._log.info("flows pushed", adds=len(push.adds), deletes=len(push.deletes), **told)
        return Committed()

    def _inspect(self, audit: int) -> None:
        """As `_read`, with the content of the flows; a failure is the audit's alone."""
        try:
            self._heard(self, inspection.survey(self.datapath, audit))
            for held in inspection.held(self.datapath):
                self._heard(self, Inspected(audit, held, more=True))
            answer: Event = Inspected(audit, ())
        except switch_io.SwitchTrouble as error:
            answer = Unreadable(audit, str(error))
        except Exception:
            self._log.exception("an audit failed")
            answer = Unreadable(audit, "internal error, see the log")
        self._heard(self, answer)
