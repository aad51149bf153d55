"""The conversation with one switch, as events in and effects out: no socket, no clock, no thread.

Whatever happens (a change, a connect, a refusal) ends the same way: what the switch holds is compared with what is
wanted, and the difference is pushed as one atomic bundle. Changes that come while a bundle is under way wait for its
end and then go together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from app.core.flow import OWNER, OWNER_SHIFT, Flow

RETRY_FIRST, RETRY_LAST = 1.0, 30.0  # seconds between a refusal and the next try; doubled each time


class State(Enum):
    DISCONNECTED = "disconnected"
    READING = "reading"
    SYNCED = "synced"
    PUSHING = "pushing"
    BACKOFF = "backoff"


# -- events


@dataclass(frozen=True, slots=True)
class Connected:
    """The switch is there and its ports are known; nothing is known of its flows."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    pass


@dataclass(frozen=True, slots=True)
class Reported:
    """The flows that the switch holds, in one piece or in several: then `more` follow."""

    flows: Iterable[tuple[int, int, int]]  # (table, priority, cookie)
    more: bool = False


@dataclass(frozen=True, slots=True)
class Changed:
    """The program changed: these cookies came or went, and `revision` of the inventory is the one to reach."""

    cookies: frozenset[int] | set[int]
    revision: int


@dataclass(frozen=True, slots=True)
class Committed:
    """The bundle under way is in force, confirmed by a barrier."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Reading or pushing failed; nothing of a bundle is in force."""

    reason: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time went by."""


Event = Connected | Disconnected | Reported | Changed | Committed | Refused | Tick

# -- effects


@dataclass(frozen=True, slots=True)
class Read:
    """Ask the switch for all its flows and report them."""


@dataclass(frozen=True, slots=True)
class Push:
    """Send one atomic bundle: the deletions first, then the additions, which are by cookie."""

    adds: Mapping[int, Flow]
    deletes: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.adds) + len(self.deletes)


@dataclass(frozen=True, slots=True)
class Wake:
    """Send a Tick at this time."""

    at: float


Effect = Read | Push | Wake


@dataclass(slots=True)
class Session:
    """What is known of one switch. `wanted` is the live program: cookie -> flow."""

    wanted: Mapping[int, Flow]
    keep_foreign: bool = False
    state: State = State.DISCONNECTED
    wanted_revision: int = 0
    applied_revision: int = 0
    last_error: str | None = None
    retry_at: float | None = None
    installed: set[int] = field(default_factory=set)
    _strange: set[int] = field(default_factory=set)  # cookies that reading found out of place
    _stale: set[int] = field(default_factory=set)  # cookies that the next plan has to look at
    _under_way: Push | None = None
    _pushing_revision: int = 0
    _delay: float = RETRY_FIRST  # before the next try, should this one be refused

    def handle(self, event: Event, now: float) -> list[Effect]:
        """What to do about an event at time `now` (seconds, monotonic)."""
        match event:
            case Connected():
                self._in_order()
                self.applied_revision = 0  # the switch may have lost since what it had confirmed
                return self._read()
            case Disconnected():
                self.state, self.retry_at, self._under_way = State.DISCONNECTED, None, None
                return []
            case Reported(flows, more) if self.state is State.READING:
                self._compare(flows)
                return [] if more else self._settle_all()
            case Changed(cookies, revision):
                self._stale |= cookies
                self.wanted_revision = max(self.wanted_revision, revision)
                return self._settle() if self.state is State.SYNCED else []
            case Committed() if self._under_way is not None:
                return self._confirm(self._under_way)
            case Refused(reason) if self.state in (State.READING, State.PUSHING):
                return self._back_off(reason, now)
            case Tick() if self.retry_at is not None and now >= self.retry_at:
                return self._read()
        return []  # an answer that came too late

    def holds(self, cookies: Iterable[int]) -> bool:
        """Whether the switch is known to hold all of these flows."""
        return self.installed.issuperset(cookies)

    def _read(self) -> list[Effect]:
        self.state, self.retry_at, self._under_way = State.READING, None, None
        self.installed, self._strange, self._stale = set(), set(), set()
        return [Read()]

    def _compare(self, held: Iterable[tuple[int, int, int]]) -> None:
        """Take note of flows that are as they should be, and of strange ones: not ours, not wanted, or there twice."""
        wanted, installed, strange = self.wanted, self.installed, self._strange
        for table, priority, cookie in held:
            flow = wanted.get(cookie)
            if flow and flow.table == table and flow.priority == priority and cookie not in installed:
                installed.add(cookie)
            elif cookie >> OWNER_SHIFT == OWNER or not self.keep_foreign:
                strange.add(cookie)

    def _settle_all(self) -> list[Effect]:
        """All flows are known; there may be a hundred thousand. What went during reading is among the stale."""
        self.installed -= self._strange
        gone, self._stale = self._stale & self.installed, set()
        wanted = self.wanted
        # Set arithmetic, since a comprehension over all of them holds up everybody else.
        adds = {cookie: wanted[cookie] for cookie in wanted.keys() - self.installed} if self.installed else dict(wanted)
        return self._push(adds, self._strange.union(cookie for cookie in gone if cookie not in self.wanted))

    def _confirm(self, push: Push) -> list[Effect]:
        self.installed.difference_update(push.deletes)
        self.installed.update(push.adds)
        self.applied_revision = self._pushing_revision
        self._under_way = None
        self._in_order()
        return self._settle()

    def _back_off(self, reason: str, now: float) -> list[Effect]:
        self.state, self._under_way = State.BACKOFF, None
        self.last_error, self.retry_at = reason, now + self._delay
        self._delay = min(2 * self._delay, RETRY_LAST)
        return [Wake(self.retry_at)]

    def _in_order(self) -> None:
        """Nothing is amiss any more."""
        self._delay, self.last_error = RETRY_FIRST, None

    def _settle(self) -> list[Effect]:
        stale, self._stale = self._stale, set()
        adds = {c: self.wanted[c] for c in stale if c in self.wanted and c not in self.installed}
        return self._push(adds, {c for c in stale if c in self.installed and c not in self.wanted})

    def _push(self, adds: dict[int, Flow], deletes: set[int]) -> list[Effect]:
        """Push what differs; if nothing does, the wanted revision is in force."""
        if not adds and not deletes:
            self.state, self.applied_revision = State.SYNCED, self.wanted_revision
            self._in_order()
            return []
        self.state, self._pushing_revision = State.PUSHING, self.wanted_revision
        self._under_way = Push(adds, tuple(deletes))
        return [self._under_way]
