"""Empties the conntrack zones that `hygiene` says one switch has to empty."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import structlog

from app import green
from app.bridges.hygiene import Hygiene
from app.bridges.line import Line
from app.core.flushes import Zone
from app.core.inventory import Write
from app.openflow.conntrack import flush_zone
from app.openflow.conversation import Refused, SwitchTrouble


class Cleaning:
    """`zones` gives those that the switch's program leads into now. What is owed outlives connections."""

    def __init__(self, zones: Callable[[], set[int]], log: structlog.stdlib.BoundLogger) -> None:
        self._zones, self._log = zones, log
        self._hygiene = Hygiene()
        self._busy: Line | None = None

    def follow(self, writes: Sequence[Write]) -> None:
        """The inventory changed."""
        self._hygiene.follow(writes)

    def meet(self, resting: Sequence[int]) -> None:
        """The switch connected; these zones are nobody's."""
        self._hygiene.meet(resting)

    def before_push(self, line: Line) -> None:
        """Empty the zones that flows are about to lead into for the first time. Waits; raises SwitchTrouble.

        A switch that refuses gets its flows all the same: what a zone remembers carries epochs that nobody has any
        more, and a revocation must not wait for it. The next push tries again.
        """
        try:
            self._pay(line, self._hygiene.before_push(self._zones()), lambda zone: True, green.sleep)
        except Refused as error:
            self._log.warning("flows lead into zones that were not emptied", error=str(error))

    def in_step(self, line: Line) -> None:
        """The switch holds what is wanted: empty, by the by, the zones that no flow leads into any more."""
        if self._busy is not line and self._hygiene.after_push(self._zones()):
            self._busy = line
            line.aside(self._after_push)

    def _after_push(self, line: Line) -> None:
        try:
            while owed := self._hygiene.after_push(self._zones()):
                self._pay(line, owed, lambda zone: zone in self._hygiene.after_push(self._zones()), _at_leisure)
        except SwitchTrouble as error:
            self._log.warning("zones are not emptied yet", error=str(error))
        finally:
            if self._busy is line:
                self._busy = None

    def _pay(self, line: Line, owed: list[Zone], still: Callable[[Zone], bool], pause: Callable[[float], None]) -> None:
        def flush(zone: Zone) -> float:
            begin = time.monotonic()
            flush_zone(line.datapath, zone)
            return time.monotonic() - begin

        for zone in self._hygiene.pay(owed, still, flush, pause):
            self._log.info("zone emptied", zone=zone.number)


def _at_leisure(took: float) -> None:
    """Nobody waits for it, and there may be thousands: a tenth of vswitchd's time."""
    green.sleep(9 * took)
