"""Native threads beside the hub: for what computes long, or talks by a library that waits in its own way.

The one place of this package that knows the hub; green things that `app.green` does not have are passed on.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, TypeVar

import ovs.db.idl
import ovs.poller
from eventlet import hubs, patcher
from eventlet import spawn as green
from eventlet.event import Event
from eventlet.hubs import poll

from app.ovs import fast_json

__all__ = ["Bell", "Event", "aside", "green", "native", "prepare_ovs"]

T = TypeVar("T")
threading = patcher.original("threading")
select = patcher.original("select")
socket = patcher.original("socket")


def prepare_ovs() -> None:
    """Let the `ovs` package wait in the system's poll, as its threads here are no green ones, and parse quickly."""
    ovs.poller.SelectPoll = select.poll
    # libuuid keeps a file open in each thread that asked for one with a time in it, also when the thread has ended.
    ovs.db.idl.uuid = SimpleNamespace(uuid1=uuid.uuid4, uuid4=uuid.uuid4, UUID=uuid.UUID)
    fast_json.install()


class Bell:
    """Any thread rings; one other, native or green, waits for it. Rings before it waits are not lost.

    Made in the hub's thread.
    """

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        for end in (self._reader, self._writer):
            hubs.notify_opened(end.fileno())  # the hub may know the number from something that was closed silently
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def fileno(self) -> int:
        """For a poll: readable when it has been rung."""
        return int(self._reader.fileno())

    def ring(self) -> None:
        """Never waits, never raises: nobody may listen any more."""
        with contextlib.suppress(OSError):
            self._writer.send(b"!")

    def hush(self) -> None:
        """Forget the rings so far."""
        with contextlib.suppress(BlockingIOError):
            while len(self._reader.recv(4096)) == 4096:
                pass

    def wait(self) -> None:
        """Wait for a ring, in a green thread."""
        hubs.trampoline(self.fileno(), read=True)
        self.hush()

    def close(self) -> None:
        """By who waited last: the collector of garbage comes late, and never to what `app.heap` has set aside."""
        self.close_reader()
        self.close_writer()

    def close_reader(self) -> None:
        self._reader.close()

    def close_writer(self) -> None:
        self._writer.close()


def native(work: Callable[[], None]) -> None:
    """Run in a native thread that nobody waits for when the process ends. It must not log: the locks of logging are
    green ones, which native threads cannot share."""

    def run() -> None:
        hubs.use_hub(poll)  # a green socket, when it is closed, makes the thread a hub: the usual kind is an open file
        work()

    threading.Thread(target=run, name="ovs", daemon=True).start()


def aside(work: Callable[..., T], *arguments: Any) -> T:
    """Run in a native thread of its own; the calling green thread waits for what comes out. When it stops waiting the
    work goes on, and what comes of it is forgotten."""
    bell = Bell()
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work(*arguments))
        except BaseException as error:
            errors.append(error)
        finally:
            bell.ring()
            bell.close_writer()

    native(run)
    try:
        bell.wait()
    finally:
        bell.close_reader()
    if errors:
        raise errors[0]
    return results[0]
