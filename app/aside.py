"""Heavy computation beside the hub: in a fork of the process, on the state as it is at that moment.

The hub stands still for the fork itself, some milliseconds. The child sees everything that was in memory and may
change it as it likes; only what it returns comes back, pickled, through a pipe. It owns nothing else: no socket, no
lock of the state directory, no signal handler and no turn on the hub. It is killed when its time is over, and dies by
itself when nobody is there to kill it.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import math
import os
import pickle
import resource
import signal
import traceback
import warnings
from collections.abc import Callable
from io import BytesIO, FileIO
from typing import Any, NoReturn, TypeVar

from app import green
from app.errors import AsideFailed, AsideTooLong

__all__ = ["AsideFailed", "AsideTooLong", "aside"]

T = TypeVar("T")

AT_ONCE = 2  # children; each may take a core and, in the end, as much memory as the process itself
ANSWER_MAX = 64 << 20  # bytes
GROWTH_MAX = 2 << 30  # bytes of memory that a child may take beside what it was born with
PIPE_BYTES = 1 << 20  # what the kernel lets a pipe hold; the usual 64 KiB would mean sixteen times as many turns
REAPING = 0.005  # seconds between two looks whether a child is gone: to free its memory takes it a moment
OURS = 3  # the one file descriptor of a child beside the standard ones

_slots = green.Semaphore(AT_ONCE)
_in_child = False


class _ThereError(Exception):
    """Where in the child an error arose: the cause of the one that is raised here."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def aside(function: Callable[[], T], seconds: float = 20) -> T:
    """`function()`, computed by a fork of this process; the green thread waits, the others go on.

    What it raises is raised here. `AsideTooLong` after `seconds`, and `AsideFailed` if the child dies. It must neither
    wait, log, nor touch a file or a socket; what it changes in memory changes in the child only. What it returns is
    unpickled on the hub: make it small, or bytes. Inside another `aside` it is simply called.
    """
    if _in_child:
        return function()
    limit = AsideTooLong(f"not done within {seconds:g} s")
    with green.Timeout(seconds, limit), _slots:
        succeeded, answer = _told(function, seconds)
    if succeeded:
        return answer  # type: ignore[no-any-return]
    error, where = answer
    raise error from _ThereError(where)


# -- the parent


def _told(function: Callable[[], Any], seconds: float) -> tuple[bool, Any]:
    # Files and not `os.read` and `os.write`: those are eventlet's, and want the hub.
    reader, writer = (FileIO(fd, mode) for fd, mode in zip(os.pipe(), ("rb", "wb"), strict=True))
    child = None
    try:
        os.set_blocking(reader.fileno(), False)
        child = _fork()
        if child == 0:
            _answer(function, writer.fileno(), seconds)
        writer.close()
        told = _read(reader)
    finally:
        reader.close()
        writer.close()
        if child:
            _end(child)
    if not told:
        raise AsideFailed("the process that computed it ended without an answer")
    return pickle.loads(told)  # type: ignore[no-any-return]  # of our own making, from a pipe nobody else has


def _fork() -> int:
    with warnings.catch_warnings():
        # eventlet and Python 3.12 warn of what goes on in the child: neither the hub nor a thread does in ours.
        warnings.simplefilter("ignore")
        return os.fork()


def _read(pipe: FileIO) -> bytes:
    told = BytesIO()
    while True:
        green.until_readable(pipe.fileno())
        piece = pipe.read(PIPE_BYTES)
        if piece == b"":
            return told.getvalue()
        told.write(piece or b"")


def _end(child: int) -> None:
    """See to it that no process and no zombie is left, without waiting for the kernel to take it apart."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    green.spawn(_reap, child)


def _reap(child: int) -> None:
    with contextlib.suppress(ChildProcessError):  # somebody waits for any child
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            green.sleep(REAPING)


# -- the child


def _answer(function: Callable[[], Any], writer: int, seconds: float) -> NoReturn:
    """All of a child's life."""
    global _in_child
    try:
        _in_child = True
        _come_loose(writer, seconds)
        _write(_computed(function))
    finally:
        os._exit(0)  # whatever happens: nothing of the parent's may go on here, not even its `finally` clauses


def _come_loose(writer: int, seconds: float) -> None:
    """Give up what is the parent's; the pipe is `OURS`."""
    gc.disable()  # it would copy every page, and close what is not ours
    green.never_again()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    os.dup2(writer, OURS)
    # A client waits for the end of a connection until the last copy of it is closed; so does the next start for the
    # lock of the state directory, should the parent die now.
    os.closerange(OURS + 1, os.sysconf("SC_OPEN_MAX"))
    signal.alarm(math.ceil(seconds) + 1)  # in case that nobody is left to kill it
    os.nice(10)  # the switches come first
    _limit_memory()
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")  # rather this one than the controller
    with contextlib.suppress(OSError):
        fcntl.fcntl(OURS, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _limit_memory() -> None:
    """Whatever it was given to read, a child that grows without end meets a MemoryError of its own."""
    with open("/proc/self/statm") as file:
        mapped = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (mapped + GROWTH_MAX,) * 2)


def _computed(function: Callable[[], Any]) -> bytes:
    try:
        answer = _dumps((True, function()))
        if len(answer) > ANSWER_MAX:
            raise AsideFailed(f"an answer of {len(answer)} bytes is more than {ANSWER_MAX}")
        return answer
    except BaseException as error:
        where = traceback.format_exc()
        try:
            answer = _dumps((False, (error, where)))
            pickle.loads(answer)  # some exceptions only fail when they are read
            return answer
        except Exception:
            return _dumps((False, (AsideFailed(f"{type(error).__name__}: {error}"), where)))


def _write(answer: bytes) -> None:
    left, pipe = memoryview(answer), FileIO(OURS, "wb")
    while left:
        left = left[pipe.write(left) :]


class _Pickler(pickle.Pickler):
    """Exceptions by what they are, and not by how they are made: many take arguments that they do not keep."""

    def reducer_override(self, thing: Any) -> Any:
        if isinstance(thing, BaseException):
            return _revived, (type(thing), thing.args, dict(thing.__dict__))
        return NotImplemented


def _dumps(thing: Any) -> bytes:
    into = BytesIO()
    _Pickler(into, pickle.HIGHEST_PROTOCOL).dump(thing)
    return into.getvalue()


def _revived(kind: type[BaseException], args: tuple[Any, ...], members: dict[str, Any]) -> BaseException:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(members)
    return error
