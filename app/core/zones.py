"""Conntrack zones: one per (tenant, segment), 1..32767; zone 0 is everybody else's, and the upper half is for
fragments.

A zone that was released rests: what its connections were could otherwise be taken for those of whoever gets it next.
"""

from __future__ import annotations

import calendar
import re
from bisect import bisect_left, insort
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import islice

from app.core.pipeline import GATE_BIT
from app.core.problems import Exhausted

LAST = (1 << GATE_BIT) - 1
DAY = 86_400
MOMENT = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?Z", re.ASCII)


def seconds_of(moment: str) -> float:
    """RFC 3339 in UTC -> seconds since 1970; ValueError if it is not that."""
    found = MOMENT.fullmatch(moment)
    if not found:
        raise ValueError(f"{moment!r} is not a time in UTC")
    return calendar.timegm(tuple(map(int, found.groups()[:6]))) + float(found[7] or 0)


@dataclass(slots=True)
class Resting:
    """The zones that were released and not handed out since, in the order of their release."""

    since: dict[int, float] = field(default_factory=dict)  # seconds since 1970
    _order: list[tuple[float, int]] = field(default_factory=list)

    def copied(self) -> Resting:
        return Resting(dict(self.since), list(self._order))

    def mark(self, zone: int, moment: str, present: bool) -> None:
        entry = seconds_of(moment), zone
        if present:
            self.since[zone] = entry[0]
            insort(self._order, entry)
        else:
            del self.since[zone]
            del self._order[bisect_left(self._order, entry)]

    def longest(self) -> tuple[float, int] | None:
        """When the one that rests longest was released, and its number."""
        return self._order[0] if self._order else None

    def all(self) -> list[int]:
        """The one that rests longest first."""
        return [zone for _, zone in self._order]

    def in_future(self, now: float, most: int) -> list[int]:
        """Those whose release is still to come, which is so when the clock was set back."""
        return [zone for released, zone in islice(reversed(self._order), most) if released > now]


def next_zone(last: int, used: Collection[int], resting: Resting, rest: float, now: float) -> int:
    """A zone to hand out: one that never was, else the one that has rested longest, if that is `rest` seconds.

    `last` is the highest that was ever handed out. `Exhausted` says when there is one again.
    """
    longest = resting.longest()
    fresh = _first(range(last + 1, LAST + 1), used, resting)
    if fresh:
        return fresh
    if longest and now - longest[0] >= rest:
        return longest[1]
    # Older versions released zones without noting when.
    forgotten = _first(range(1, LAST + 1), used, resting) if len(used) + len(resting.since) < LAST else None
    if forgotten:
        return forgotten
    # A release that is still to come counts as one of now.
    left = rest - max(0.0, now - longest[0]) if longest else None
    raise Exhausted(len(used), len(resting.since), left)


def _first(zones: range, used: Collection[int], resting: Resting) -> int | None:
    return next((zone for zone in zones if zone not in used and zone not in resting.since), None)
