"""The green threads in which everything here runs: who leaves eventlet one day begins with this file.

A green thread goes on until it waits or sleeps; `sleep(0)` lets the others have their turn.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

os.environ.setdefault("OSKEN_HUB_TYPE", "eventlet")  # as in app.openflow, for whoever comes here first

from os_ken.lib import hub

# isort: split
from eventlet import hubs, tpool  # after os-ken, which chooses

T = TypeVar("T")

__all__ = [
    "Event",
    "Queue",
    "QueueEmpty",
    "Semaphore",
    "Timeout",
    "in_thread",
    "never_again",
    "sleep",
    "spawn",
    "spawn_after",
    "until_readable",
    "waiting",
]  # fmt: skip

Event, Semaphore, Timeout = hub.Event, hub.Semaphore, hub.Timeout
Queue, QueueEmpty = hub.Queue, hub.QueueEmpty
sleep, spawn, spawn_after = hub.sleep, hub.spawn, hub.spawn_after


def in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """`function(*arguments)` in a native thread, for what blocks; the others go on meanwhile."""
    return tpool.execute(function, *arguments)  # type: ignore[no-any-return]


def waiting() -> int:
    """How many green threads wait for a socket or for a time."""
    there = hubs.get_hub()
    return len(there.get_readers()) + len(there.get_writers()) + int(there.get_timers_count())


def until_readable(fd: int) -> None:
    """Wait until something can be read from a file descriptor, or its other end is closed."""
    hubs.trampoline(fd, read=True)


def never_again() -> None:
    """From now on whoever waits or sleeps gets a RuntimeError: for a forked process, whose hub is its parent's copy."""
    hubs.get_hub().switch = _refuse


def _refuse(*_: Any) -> NoReturn:
    raise RuntimeError("nothing may wait here")
