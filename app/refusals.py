"""Who was sent away and why: told now and then, however often they come back."""

from __future__ import annotations

import time
from collections import OrderedDict, deque

import structlog

from app.events import Events

LOG = structlog.get_logger(__name__)

AGAIN = 600.0  # seconds before the same switch is told of again
MOST, WITHIN = 20, 60.0  # tellings of all switches together, in seconds
REMEMBERED = 256  # switches


class Refusals:
    """One line in the log and one event for each switch that is refused, then silence for ten minutes.

    Switches come back every second, and strangers may make up a new datapath id each time: neither may fill the log,
    the ring of events or the memory.
    """

    def __init__(self, events: Events) -> None:
        self._events = events
        self._told: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._recent: deque[float] = deque(maxlen=MOST)
        self._untold = 0

    def note(self, dpid: str, address: str, reason: str) -> None:
        """This switch was refused just now."""
        now, key = time.monotonic(), (dpid, reason)
        told = self._told.get(key)
        busy = len(self._recent) == MOST and now - self._recent[0] < WITHIN
        if busy or (told is not None and now - told < AGAIN):
            self._untold += 1
            return
        self._told[key] = now
        self._told.move_to_end(key)
        if len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        self._recent.append(now)
        untold, self._untold = self._untold, 0
        LOG.warning("switch refused", switch=dpid, address=address, reason=reason, refused_in_silence=untold)
        self._events.add("switch.refused", switch=dpid, address=address, reason=reason, refused_in_silence=untold)
