"""The one writer: changes are applied one by one, made durable in batches off the hub, then seen and
acknowledged.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import eventlet
from eventlet import event, tpool

from app.clock import utc_now
from app.core.inventory import Inventory, Write
from app.core.problems import Moved
from app.records import Also, Done, Prepared, Record
from app.service import StoreUnavailable

T = TypeVar("T")
BATCH = 256
# How long changes of one batch may be computed before it is closed: the hub stands still meanwhile.
BATCH_SECONDS = 0.005
AT_ONCE = 500  # rows that are put in place in one go; more than a batch of usual changes has


class Commits(Protocol):
    """What the writer needs of a store; called in another thread, one call at a time."""

    def commit(self, changes: list[list[Write]], revision: int, records: list[Record]) -> None: ...


@dataclass(slots=True, eq=False)
class _Request:
    change: Callable[[Inventory, str], Any] | Prepared
    also: Also | None = None
    done: event.Event = field(default_factory=event.Event)
    result: Any = None
    error: BaseException | None = None

    def answer(self) -> None:
        if self.error is not None:
            self.done.send_exception(self.error)
        else:
            self.done.send(self.result)


# Who asked, what they write, the revision that this makes, and what is recorded of it.
Batch = tuple[list[_Request], list[list[Write]], int, list[Record]]


class Committer:
    """Group commit: while one batch is being made durable, later changes queue up and form the next.

    Whoever reads the inventory between two steps of the hub sees durable values only: a batch is computed,
    taken back, committed, and put in place when the commit is through. So a commit that fails leaves nothing
    to undo, and nothing that may yet fail can be read, pushed to a switch or acknowledged.
    """

    def __init__(
        self,
        store: Commits,
        inventory: Inventory,
        on_committed: Callable[[list[Write], int], None],
        now: Callable[[], str] = utc_now,
    ) -> None:
        """`on_committed(writes, revision)` is told every batch, in order, before its callers go on. It must
        not yield, and not raise: then the writer stops, and every later write is refused.
        """
        self._store, self._inventory, self._on_committed, self._now = store, inventory, on_committed, now
        self._queue: deque[_Request] = deque()
        self._wake = event.Event()
        self._refusal: str | None = None
        self._stopped = event.Event()
        eventlet.spawn(self._run)

    @property
    def refusal(self) -> str | None:
        """Why no write is accepted any more; None while writes are."""
        return self._refusal

    def write(self, change: Callable[[Inventory, str], T], also: Also | None = None) -> T:
        """Run `change(inventory, now)` alone and return its result when it is durable, together with the records that
        `also` makes of it; blocks the greenlet.

        What `change` raises is raised here, and nothing has changed; so with `StoreUnavailable`. It must not
        yield. A caller that is killed or times out before its change was begun has changed nothing.
        """
        return self._asked(_Request(change, also))  # type: ignore[no-any-return]

    def place(self, prepared: Prepared, also: Also | None = None) -> Any:
        """The same with what a change did to a copy. `Moved` if the inventory is not what the copy was made of."""
        return self._asked(_Request(prepared, also))

    def _asked(self, request: _Request) -> Any:
        if self._refusal is not None:
            raise StoreUnavailable(self._refusal)
        self._queue.append(request)
        if not self._wake.ready():
            self._wake.send()
        try:
            return request.done.wait()
        finally:
            if not request.done.ready() and request in self._queue:
                self._queue.remove(request)

    def close(self, seconds: float) -> bool:
        """Accept no more, and wait up to `seconds` for what is queued; what is left then is refused.

        False if a commit is still under way: then the store must be left open.
        """
        self._refusal = self._refusal or "the controller is stopping"
        if not self._wake.ready():
            self._wake.send()
        with eventlet.Timeout(seconds, False):
            self._stopped.wait()
        self._refuse_queued()
        return bool(self._stopped.ready())

    # -- the writer

    def _run(self) -> None:
        try:
            while self._queue or self._refusal is None:
                self._wake.wait()
                self._wake = event.Event()
                while self._queue:
                    is_prepared = isinstance(self._queue[0].change, Prepared)
                    self._settle(*(self._take_prepared() if is_prepared else self._compute()))
                    # Let those who were answered go on: what they write next joins the next batch.
                    eventlet.sleep(0)
        except BaseException as error:
            self._refusal = f"the writer has failed: {error!r}"
            raise
        finally:
            self._refuse_queued()
            self._stopped.send()

    def _take_prepared(self) -> Batch:
        """The same of a change that was made on a copy: nothing is applied, and nothing has to be taken back."""
        request, now = self._queue.popleft(), self._inventory.revision
        made, records = request.change, list[Record]()
        assert isinstance(made, Prepared)
        try:
            if made.base != now:
                raise Moved
            if request.also is not None:
                records += request.also(Done(made.result, made.writes, made.revision, made.now))
        except BaseException as error:
            request.error = error
            return [request], [], now, []
        request.result = made.result
        return [request], [list(made.writes)] if made.writes else [], made.revision, records

    def _compute(self) -> Batch:
        """Apply a batch of queued changes and take it back: who asked, what they write, the new revision, records."""
        inventory, before = self._inventory, self._inventory.revision
        requests: list[_Request] = []
        changes: list[list[Write]] = []
        records: list[Record] = []
        end = time.monotonic() + BATCH_SECONDS
        while self._queue and len(requests) < BATCH and (not requests or time.monotonic() < end):
            if isinstance(self._queue[0].change, Prepared):
                break  # it rests on what is in place already
            request = self._queue.popleft()
            requests.append(request)
            mark = len(inventory.journal)
            try:
                with inventory.attempt():
                    records += self._applied(request, mark)
            except BaseException as error:
                request.error = error
            changes.append(inventory.journal[mark:])
        revision = inventory.revision
        inventory.undo()
        inventory.revision = before
        return requests, [writes for writes in changes if writes], revision, records

    def _applied(self, request: _Request, mark: int) -> Sequence[Record]:
        """Make one change; what is to be recorded of it."""
        inventory, now = self._inventory, self._now()
        assert not isinstance(request.change, Prepared)
        request.result = request.change(inventory, now)
        if request.also is None:
            return ()
        return request.also(Done(request.result, tuple(inventory.journal[mark:]), inventory.revision, now))

    def _settle(
        self, requests: list[_Request], changes: list[list[Write]], revision: int, records: list[Record]
    ) -> None:
        """Commit a batch, put it in place, tell of it, and answer."""
        try:
            if changes or records:
                tpool.execute(self._store.commit, changes, revision, records)
        except BaseException as error:
            # Refusals too: they may rest on a change of the same batch that is not to be.
            _fail(requests, str(error) if isinstance(error, StoreUnavailable) else repr(error))
            if not isinstance(error, Exception):
                raise
            return
        try:
            self._publish([write for writes in changes for write in writes], revision)
        finally:
            for request in requests:
                request.answer()

    def _publish(self, writes: list[Write], revision: int) -> None:
        inventory = self._inventory
        if len(writes) > AT_ONCE:
            for _ in inventory.load_in_turns(writes, revision):
                eventlet.sleep(0)
        else:
            for write in writes:
                inventory.load(write.kind, write.id, write.after)
            inventory.revision = revision
        if writes:
            self._on_committed(writes, revision)

    def _refuse_queued(self) -> None:
        _fail(self._queue, self._refusal or "the writer has stopped")
        self._queue.clear()


def _fail(requests: Iterable[_Request], why: str) -> None:
    for request in requests:
        # One exception each: it is raised in as many greenlets.
        request.error = StoreUnavailable(why)
        request.answer()
