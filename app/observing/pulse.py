"""The health of the process itself: how late the event loop comes, and how the store does."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from app import green
from app.core.inventory import Write
from app.events import Events
from app.observing.tallies import Meters
from app.records import Record

# Seconds between two looks at the clock. A stall that is longer is seen for certain, a shorter one by chance; each look
# costs a tenth of a millisecond, also when nothing else is to be done.
EVERY = 0.05
BACKEND = "sqlite"


class MeasuredStore:
    """A store whose commits are timed. `commit` runs in a native thread, so it only leaves notes for `Pulse`."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.records: Sequence[Record] = ()  # those of the last commit that went through
        self.trouble: str | None = None  # why the last one did not
        self.notes: deque[tuple[float, int, bool]] = deque(maxlen=10_000)  # seconds, changes, whether it went through

    def commit(self, changes: list[list[Write]], revision: int, records: list[Record]) -> None:
        began, is_done = time.perf_counter(), False
        try:
            self._store.commit(changes, revision, records)
            is_done, self.records, self.trouble = True, records, None
        except Exception as error:
            self.trouble = str(error)
            raise
        finally:
            self.notes.append((time.perf_counter() - began, len(changes), is_done))


class Pulse:
    """Counts stalls and commits, and tells when the store takes no more and when it does again."""

    def __init__(self, meters: Meters, events: Events, store: MeasuredStore) -> None:
        self._meters, self._events, self._store = meters, events, store
        self._is_read_only = False

    def start(self) -> None:
        green.spawn(self._run)

    def _run(self) -> None:
        while True:
            began = time.monotonic()
            green.sleep(EVERY)
            self._meters.stalls.observe(max(0.0, time.monotonic() - began - EVERY))
            self.take_notes()

    def take_notes(self) -> None:
        while self._store.notes:
            seconds, changes, is_done = self._store.notes.popleft()
            self._meters.commits.observe(seconds, BACKEND)
            self._meters.batches.observe(changes, BACKEND)
            if not is_done:
                self._meters.store_errors.add(BACKEND)
        trouble = self._store.trouble
        if trouble is not None and not self._is_read_only:
            self._events.add("store.read-only", detail=trouble)
        elif trouble is None and self._is_read_only:
            self._events.add("store.recovered")
        self._is_read_only = trouble is not None
