"""How fast one caller may write: a bucket of tokens each, told in the headers of
draft-ietf-httpapi-ratelimit-headers-10.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

KEPT = 1000  # buckets; one that is full again says nothing and may go


@dataclass(frozen=True, slots=True)
class Allowance:
    """Writes per second that go on for ever, and how many may come at once. `rate` 0: as many as there are."""

    rate: float = 0.0
    burst: int = 200

    @property
    def window(self) -> int:
        """Seconds in which an empty bucket is full again."""
        return math.ceil(self.burst / self.rate)


class Taken(NamedTuple):
    """Whether one more is let through, how many are left, and the seconds until there is one again (0: now)."""

    ok: bool
    left: int
    wait: int

    def headers(self, allowance: Allowance) -> dict[str, str]:
        policy = f'"writes";q={allowance.burst};w={allowance.window}'
        return {"RateLimit-Policy": policy, "RateLimit": f'"writes";r={self.left};t={self.wait}'}


class Buckets:
    """One bucket for each name. Time, in seconds, is an argument."""

    def __init__(self, allowance: Allowance) -> None:
        self.allowance = allowance
        self._levels: dict[str, tuple[float, float]] = {}  # name -> tokens at that time

    def take(self, name: str, now: float) -> Taken:
        """One of this name's, if there is one."""
        rate, burst = self.allowance.rate, self.allowance.burst
        level, at = self._levels.pop(name, (float(burst), now))
        level = min(burst, level + max(0.0, now - at) * rate)
        ok = level >= 1
        level -= ok
        self._levels[name] = level, now
        if len(self._levels) > KEPT:
            self._forget(now)
        return Taken(ok, int(level), 0 if level >= 1 else math.ceil((1 - level) / rate))

    def _forget(self, now: float) -> None:
        """Drop those that are full again; if none is, the one that was idle longest."""
        allowance = self.allowance
        full = [n for n, (level, at) in self._levels.items() if level + (now - at) * allowance.rate >= allowance.burst]
        for name in full or [next(iter(self._levels))]:
            del self._levels[name]
