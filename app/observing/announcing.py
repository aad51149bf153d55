"""Tells of what was written: an event for each thing that came, changed or went, and one when the switches have it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, cast

from app import green
from app.bridges.bridge import Bridge
from app.core.inventory import Write
from app.core.tokens import Token
from app.core.values import Stored
from app.events import Events, EventType
from app.records import Note, Record

KINDS = ("tenant", "group", "address_group", "guardrail", "port", "switch", "token")
OF_TENANT = ("group", "address_group", "port")
ABOUT_TENANTS = (*OF_TENANT, "tenant")
AT_ONCE = 100  # events
DONE = object()
MOST_PENDING = 2_000  # revisions that some switch has not confirmed


class Pending(NamedTuple):
    revision: int
    at: float  # monotonic
    tenants: frozenset[str]


class Announcing:
    """`realized` hears for each switch how many seconds it took to confirm a revision.

    Many writes at once are told of in turns, so that nobody is held up.
    """

    def __init__(self, events: Events, bridges: Mapping[str, Bridge], realized: Callable[[str, float], None]) -> None:
        self._events, self._bridges, self._realized = events, bridges, realized
        self._untold: deque[Iterator[None]] = deque()  # each step tells something
        self._is_telling = False
        self._pending: deque[Pending] = deque()
        self._confirmed: dict[str, int] = {}  # by datapath id

    def follow(self, writes: Sequence[Write], revision: int, records: Iterable[Record] = ()) -> None:
        """The inventory has this revision now. `records` say which request made which of the writes."""
        self._untold.append(self._telling(writes, revision, records))
        tenants = frozenset({write.id[0] for write in writes if write.kind in ABOUT_TENANTS})
        self._pending.append(Pending(revision, time.monotonic(), tenants))
        if len(self._pending) > MOST_PENDING:
            self._pending.popleft()
        self._tell_some()
        self.progress()

    def progress(self) -> None:
        """Some switch came a step further, or went."""
        if not self._pending:
            return
        lowest = self._pending[-1].revision
        for dpid, bridge in self._bridges.items():
            if bridge.connected and not bridge.unfit:
                applied = bridge.session.applied_revision
                self._time(dpid, applied)
                lowest = min(lowest, applied)
        done: list[Pending] = []
        while self._pending and self._pending[0].revision <= lowest:
            done.append(self._pending.popleft())
        if done:
            is_first = not self._untold
            self._untold.append(self._telling_realized(done, time.monotonic()))
            if is_first:  # nothing has to be told before
                self._tell_some()

    def _tell_some(self) -> None:
        """A few now, which is all after most writes; the others have to wait for another turn."""
        self._tell_a_few()
        if self._untold and not self._is_telling:
            self._is_telling = True
            green.spawn(self._tell_the_others)

    def _tell_the_others(self) -> None:
        try:
            while self._untold:
                green.sleep(0)
                self._tell_a_few()
        finally:
            self._is_telling = False

    def _tell_a_few(self) -> None:
        for _ in range(AT_ONCE):
            if not self._untold:
                return
            if next(self._untold[0], DONE) is DONE:
                self._untold.popleft()

    def _time(self, dpid: str, applied: int) -> None:
        """Revisions that a switch confirms for the first time."""
        before = self._confirmed.get(dpid)
        self._confirmed[dpid] = max(applied, before or 0)
        if before is None or applied <= before:
            return
        now = time.monotonic()
        for pending in reversed(self._pending):
            if pending.revision <= before:
                break
            if pending.revision <= applied:
                self._realized(dpid, now - pending.at)

    def _telling(self, writes: Sequence[Write], revision: int, records: Iterable[Record]) -> Iterator[None]:
        """One event a step."""
        requests = {id(write): each.request_id for each in records if isinstance(each, Note) for write in each.writes}
        for write in writes:
            if write.kind in KINDS:
                self._tell(write, revision, requests.get(id(write)))
                yield

    def _telling_realized(self, done: Iterable[Pending], now: float) -> Iterator[None]:
        """One event for each tenant that is concerned, with its highest revision."""
        latest: dict[str | None, Pending] = {}
        for pending in done:
            for tenant in pending.tenants or (None,):
                latest[tenant] = pending
        switches = sum(bridge.connected for bridge in self._bridges.values())
        for tenant, pending in latest.items():
            about = {"tenant": tenant} if tenant else {}
            seconds = round(now - pending.at, 3)
            self._events.add("policy.realized", **about, revision=pending.revision, seconds=seconds, switches=switches)
            yield

    def _tell(self, write: Write, revision: int, request_id: str | None) -> None:
        before, after = write.before, write.after
        if _is_first_use(before, after):
            return  # there is an event of its own
        verb = "created" if before is None else "deleted" if after is None else "updated"
        made = after.revision if isinstance(after, Stored) else revision
        about: dict[str, Any] = {"revision": made}
        if write.kind in OF_TENANT:
            about |= {"tenant": write.id[0], write.kind: write.id[1]}
        else:
            about |= {write.kind: write.id[0]}
        if write.kind == "token":
            token = (after or before).value
            about |= {"role": token.role} | ({"tenant": token.tenant} if token.tenant else {})
        if request_id:
            about["request_id"] = request_id
        self._events.add(cast(EventType, f"{write.kind}.{verb}"), **about)


def _is_first_use(before: Any, after: Any) -> bool:
    """Is nothing changed of a token but that it was used?"""
    old, new = getattr(before, "value", None), getattr(after, "value", None)
    if not isinstance(old, Token) or not isinstance(new, Token):
        return False
    return replace(old, first_used_at=new.first_used_at) == new
