"""One connection of a bridge: what the session asks for is done here, each thing in a green thread of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import structlog
from os_ken.lib import hub

from app.core.flow import flow
from app.core.session import Committed, Effect, Event, Push, Read, Refused, Reported, Session, Tick, Wake
from app.openflow import switch_io
from app.openflow.switch_io import Which

COUNTERS = 1.0  # seconds to wait for them: somebody looks at a port
Datapath = Any  # os-ken's; it has no types


@dataclass(slots=True)
class Sent:
    """What a bridge was sent since the process started, over all its connections."""

    flow_mods: int = 0
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
    ) -> None:
        self.datapath, self.session = datapath, session
        self._sent, self._heard, self._log = sent, heard, log

    @property
    def address(self) -> str:
        host, port, *_ = self.datapath.address
        return f"{host}:{port}"

    def close(self) -> None:
        self.datapath.close()

    def aside(self, work: Callable[..., None], *what: Any) -> None:
        """Call `work(line, *what)` in a green thread of its own: it waits for the switch."""
        hub.spawn(work, self, *what)

    @staticmethod
    def in_turns(steps: Iterable[None]) -> Iterator[None]:
        """Long work, step by step: between two steps others get the hub."""
        for step in steps:
            hub.sleep(0)
            yield step

    def counters(self, table: int, **match: int) -> dict[int, int]:
        """Packets of each flow of a table that matches at least this, by cookie. Waits; raises SwitchTrouble."""
        which = Which(table, flow(table, 0, **match).match)
        return {each.cookie: each.packets for each in switch_io.read_flows(self.datapath, which, COUNTERS)}

    def perform(self, effect: Effect) -> None:
        """Begin what the session asks for. Does not wait."""
        match effect:
            case Read():
                hub.spawn(self._ask, self._read)
            case Push():
                hub.spawn(self._ask, lambda: self._push(effect))
            case Wake(at):
                wait = max(0.0, at - time.monotonic())
                self._log.warning("will try again", error=self.session.last_error, seconds=round(wait, 1))
                hub.spawn_after(wait, self._heard, self, Tick())

    def _ask(self, question: Callable[[], Event]) -> None:
        try:
            answer = question()
        except switch_io.SwitchTrouble as error:
            answer = Refused(str(error))
        except Exception:
            self._log.exception("talking to the switch failed")
            answer = Refused("internal error, see the log")
        self._heard(self, answer)

    def _read(self) -> Event:
        """Report the switch's flows as they come in; the last report says that this was all."""
        for flows in switch_io.flows(self.datapath):
            self._heard(self, Reported(((f.table, f.priority, f.cookie) for f in flows), more=True))
        return Reported(())

    def _push(self, push: Push) -> Event:
        revision = self.session.wanted_revision
        result = switch_io.push(self.datapath, push.adds, push.deletes)
        self._sent.flow_mods += result.flow_mods
        told = {"flow_mods": result.flow_mods, "seconds": round(result.seconds, 4), "revision": revision}
        self._sent.last_push = told
        self._log.info("flows pushed", adds=len(push.adds), deletes=len(push.deletes), **told)
        return Committed()
