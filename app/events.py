"""What happened lately, for operators and their programs: a ring of events that REST shows and nothing else depends on.

Each has the next number. Whoever follows them has a place in the ring, and no copy of it, so that a follower costs
nothing but what it is sent.
"""

from __future__ import annotations

import time
from collections import Counter, UserDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, get_args

from app import green
from app.clock import utc_now

KEPT = 4096
QUEUE = 256  # events that may wait for a follower who is still busy with earlier ones
STREAMS = 64  # followers at once, unless the settings leave room for fewer connections
PART = 4  # one caller may have this part of them
EventType = Literal[
    "switch.connected",
    "switch.disconnected",
    "switch.refused",  # the switch refused a change, or the controller refused the switch
    "switch.drift",  # an audit found the switch otherwise than wanted
    "switch.duplicate",  # a second connection with the same datapath id
    "switch.warning",
    "switch.warning_cleared",
    "switch.created", "switch.updated", "switch.deleted",
    "tenant.created", "tenant.updated", "tenant.deleted",
    "group.created", "group.updated", "group.deleted",
    "address_group.created", "address_group.updated", "address_group.deleted",
    "guardrail.created", "guardrail.updated", "guardrail.deleted",
    "port.created", "port.updated", "port.deleted",
    "port.bound", "port.unbound",  # its interface appeared on a switch, or went
    "port.active", "port.down", "port.error",
    "token.created", "token.updated", "token.deleted",
    "token.used-first",
    "policy.realized",  # every connected switch has confirmed the revision
    "spoof.drop",  # frames that a guard refused: one event per port, reason and minute
    "zone.near-limit", "zone.full",
    "store.read-only", "store.recovered",
    "trace.disagreement",  # trace and the switch say different things of a packet
]  # fmt: skip
TYPES: tuple[str, ...] = get_args(EventType)


@dataclass(frozen=True, eq=False)
class Happened:
    id: int
    time: str  # RFC 3339
    type: str
    data: Mapping[str, Any]  # JSON; `switch` is a datapath id, `tenant` whose affair it is


class TooMany(Exception):
    """So many follow already, or this caller does with so many streams."""


class Overflow(Exception):
    """The follower is too slow: more events wait for it than may."""


class Events:
    """The last events, the oldest first. Ids go up, also over restarts of the process as long as the clock goes on:
    they begin with its microseconds, and no process has a million events a second."""

    def __init__(self, kept: int = KEPT, streams: int = STREAMS) -> None:
        self._ring: deque[Happened] = deque(maxlen=kept)
        self._next = int(time.time() * 1_000_000)
        self._news = green.Event()
        self._most = streams
        self._followers: Counter[str] = Counter()
        self._over = False
        self.overflows = 0
        self.observers: list[Callable[[Happened], None]] = []  # told of each; they must not wait, nor raise

    def add(self, type: EventType, **data: Any) -> None:
        """Does not wait."""
        happened = Happened(self._next, utc_now(), type, data)
        self._ring.append(happened)
        self._next += 1
        for observer in self.observers:
            observer(happened)
        self._ring_the_bell()

    # -- pages

    @property
    def oldest(self) -> int:
        """The id of the oldest that is kept, or of the first that will be."""
        return self._ring[0].id if self._ring else self._next

    @property
    def last(self) -> int:
        """The id of the last one, or what stands for it before the first."""
        return self._next - 1

    def is_gone(self, after: int) -> bool:
        """Whether events behind this id are kept no more, or nobody gave that id."""
        return not self.oldest - 1 <= after < self._next

    def since(self, after: int | None = None) -> list[Happened]:
        """The events behind the id `after`, or all that are kept."""
        many = len(self._ring) if after is None else min(len(self._ring), max(0, self.last - after))
        return list(islice(reversed(self._ring), many))[::-1]

    # -- streams

    @property
    def followers(self) -> int:
        return self._followers.total()

    def follow(self, who: str, after: int | None, wants: Callable[[Happened], bool], queue: int = QUEUE) -> Following:
        """A place behind the id `after`, or at the end. `TooMany` if there are too many; `close` makes room again."""
        share = max(1, self._most // PART)
        if self.followers >= self._most or self._followers[who] >= share:
            mine = self._followers[who] >= share
            raise TooMany(f"{share} streams of {who} are open" if mine else f"{self._most} streams are open")
        self._followers[who] += 1
        return Following(self, who, self.last if after is None or self.is_gone(after) else after, wants, queue)

    def leave(self, who: str) -> None:
        self._followers[who] -= 1
        if not self._followers[who]:
            del self._followers[who]

    def end_streams(self) -> None:
        """Let everybody who follows come to an end; the process stops."""
        self._over = True
        self._ring_the_bell()

    @property
    def are_over(self) -> bool:
        return self._over

    def wait(self, seconds: float) -> None:
        """Until there is another event, at most so long."""
        self._news.wait(timeout=seconds)

    def _ring_the_bell(self) -> None:
        news, self._news = self._news, green.Event()
        news.set()


class Following:
    """One follower's place. `place` is the id of the last event that it has looked at, wanted or not."""

    def __init__(
        self, events: Events, who: str, place: int, wants: Callable[[Happened], bool], queue: int = QUEUE
    ) -> None:
        self._events, self._who, self._wants, self._queue = events, who, wants, queue
        self.place = place
        self._is_late = self._is_closed = False

    def take(self, seconds: float) -> list[Happened]:
        """All that it wants and has not had, as soon as there is some; empty after `seconds`, or when streams end.

        What was there when it began, or came at once while it waited, it is given whatever its number; `Overflow` if
        too many came while it was busy with what it had taken before.
        """
        found = self._pending()
        if self._is_late and len(found) > self._queue:
            self._events.overflows += 1
            raise Overflow
        end = time.monotonic() + seconds
        while not found and not self._events.are_over and (left := end - time.monotonic()) > 0:
            self._events.wait(left)
            found = self._pending()
        self.place, self._is_late = self._events.last, True
        return found

    @property
    def is_over(self) -> bool:
        """Whether no stream goes on: the process stops."""
        return self._events.are_over

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._events.leave(self._who)

    def _pending(self) -> list[Happened]:
        if self._events.is_gone(self.place):
            self._events.overflows += 1
            raise Overflow
        found = [event for event in self._events.since(self.place) if self._wants(event)]
        if not found:
            self.place = self._events.last
        return found


class Warnings(UserDict[str, str]):
    """Code -> detail of what an operator should see to. `told` hears of each that is raised, reworded or cleared, with
    None for a cleared one's detail."""

    def __init__(self, told: Callable[[str, str | None], None]) -> None:
        super().__init__()
        self._told = told

    def __setitem__(self, code: str, detail: str) -> None:
        changed = self.data.get(code) != detail
        self.data[code] = detail
        if changed:
            self._told(code, detail)

    def __delitem__(self, code: str) -> None:
        del self.data[code]
        self._told(code, None)
