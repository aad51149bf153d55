"""The connections of one switch, as its ovs-vswitchd lists them: seldom, one zone at a time, and for all who ask."""

from __future__ import annotations

import time
from collections.abc import Callable

from app import green
from app.core.connections import RUN, Listing, read
from app.core.flushes import Zone

SHARED = 2.0  # seconds in which a list serves all who ask: ovs-vswitchd makes it in its main thread
MOST = 100_000  # connections of a zone; of the others only the number is told


class Lists:
    """`ask` gives the lines of a zone; it waits, and what it raises is raised here."""

    def __init__(self, ask: Callable[[int], list[str]]) -> None:
        self._ask = ask
        self._turn = green.Semaphore(1)
        self._kept: dict[Zone, tuple[float, Listing]] = {}
        self._failed: tuple[float, Exception] | None = None
        self._changed: dict[Zone, float] = {}

    def get(self, zone: Zone, is_fresh: bool = False) -> Listing:
        """The connections of a zone, at most `SHARED` seconds old; from now, if it must be fresh.

        A switch that failed while one waited for one's turn is not asked again: it took them all its time.
        """
        asked = time.monotonic()
        with self._turn:
            if self._failed is not None and self._failed[0] >= asked:
                raise self._failed[1]
            made, listing = self._kept.get(zone, (0.0, None))
            if listing is not None and (made >= asked if is_fresh else time.monotonic() - made < SHARED):
                return listing
            self.forget(zone)  # should there be no answer, an old one is none either
            begun = time.monotonic()
            try:
                listing = self._read(zone)
            except Exception as error:
                self._failed = time.monotonic(), error
                raise
            if self._changed[zone] <= begun:
                self._kept[zone] = begun, listing
                green.spawn(self._drop, zone, begun)
            return listing

    def forget(self, zone: Zone) -> None:
        """The zone is not what it was; nor is what is being read of it just now."""
        self._kept.pop(zone, None)
        self._changed[zone] = time.monotonic()

    def _drop(self, zone: Zone, made: float) -> None:
        """Keep no memory that serves nobody any more."""
        green.sleep(SHARED)
        if zone in self._kept and self._kept[zone][0] == made:
            del self._kept[zone]

    def _read(self, zone: Zone) -> Listing:
        lines = self._ask(zone.number)
        runs, unreadable = [], 0
        for run in read(lines[:MOST], zone.number, RUN):
            runs.append(run.connections)
            unreadable += run.unreadable
            green.sleep(0)
        return Listing(tuple(runs), unreadable, max(0, len(lines) - MOST))
