"""Two switches with one datapath id: the newer connection wins, but they may not throw each other out for ever."""

from __future__ import annotations

from collections import deque

MOST, WITHIN = 3, 60.0  # replacements, in seconds


class Rivalry:
    """Counts how often a newer connection has replaced the one that was there.

    A switch that comes back before its old connection is known to be dead replaces it once. Two switches replace each
    other on and on, and the bridge is read and pushed to each time: so beyond `MOST` within `WITHIN` seconds the one
    that is there stays, and the newer is sent away until it is calm again.
    """

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=MOST)

    def admits(self, now: float) -> bool:
        """Whether a newer connection may replace the one that is there; if so, it counts as done."""
        if self.restless(now):
            return False
        self._times.append(now)
        return True

    def restless(self, now: float) -> bool:
        """Whether too many replacements lie within the last seconds."""
        return len(self._times) == MOST and now - self._times[0] < WITHIN

    def calm(self, now: float) -> bool:
        """Whether there was none within the last seconds."""
        return not self._times or now - self._times[-1] >= WITHIN
