"""Computing beside the hub: the answer comes back, and nothing else of the child is noticed."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app import aside as asides
from app import green
from app.aside import AsideFailed, AsideTooLong, aside
from app.core.problems import InUse
from app.errors import StartError
from app.store import Store
from rest.problems import Failure, Fault


def doze(seconds: float) -> None:
    """Sleep as a process, whatever eventlet makes of `time.sleep`."""
    signal.sigtimedwait([], seconds)


def children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


@contextmanager
def nobody_left() -> Iterator[None]:
    """No process and no file descriptor more than before, soon."""
    before, files = children(), len(os.listdir("/proc/self/fd"))
    yield
    for _ in range(500):
        if children() <= before:
            break
        green.sleep(0.01)
    assert children() <= before
    assert len(os.listdir("/proc/self/fd")) == files


@pytest.fixture(autouse=True)
def tidy() -> Iterator[None]:
    green.sleep(0)  # the hub opens its own files at first use
    with nobody_left():
        yield


def test_the_answer_comes_back_and_the_memory_is_as_it_was() -> None:
    state = {"a": 1}

    def compute() -> Any:
        state["a"] = 2
        return dict(state), os.getpid()

    answer, pid = aside(compute)
    assert (answer, state) == ({"a": 2}, {"a": 1})
    assert pid != os.getpid()


def test_a_large_answer_comes_whole() -> None:
    assert aside(lambda: bytes(range(256)) * 50_000) == bytes(range(256)) * 50_000


def test_others_go_on_meanwhile() -> None:
    turns: list[int] = []

    def count() -> None:
        while len(turns) < 1000:
            turns.append(1)
            green.sleep(0.001)

    green.spawn(count)
    aside(lambda: doze(0.2))
    assert len(turns) > 20


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no"),
        InUse("group", "web", ["port/acme/p1"]),
        Failure(409, "stale_plan", "too old", errors=[Fault("#/a", "b", "c")], headers={"X": "1"}, current=3),
        KeyboardInterrupt(),
    ],
)
def test_an_error_comes_back_as_it_was(error: BaseException) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        aside(fail)
    assert (caught.value.args, vars(caught.value)) == (error.args, vars(error))
    assert "in fail" in str(caught.value.__cause__)


class _StubbornError(Exception):
    def __reduce__(self) -> Any:
        raise TypeError

    def __init__(self) -> None:
        self.held = lambda: None


def stubborn() -> None:
    raise _StubbornError


@pytest.mark.parametrize(
    "function", [stubborn, lambda: os._exit(1), lambda: os.kill(os.getpid(), 9), lambda: lambda: 1]
)
def test_what_cannot_be_told_is_an_error(function: Callable[[], Any]) -> None:
    with pytest.raises((AsideFailed, AttributeError, TypeError)):
        aside(function)


def test_what_is_too_large_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asides, "ANSWER_MAX", 100)
    with pytest.raises(AsideFailed, match="more than 100"):
        aside(lambda: "x" * 101)


def test_what_takes_too_long_is_killed_and_its_slot_is_free_again() -> None:
    for _ in range(asides.AT_ONCE + 1):
        with pytest.raises(AsideTooLong):
            aside(lambda: doze(30), 0.05)
    assert aside(lambda: 1) == 1


def test_two_at_a_time_and_the_third_waits() -> None:
    first = [green.spawn(aside, lambda: doze(0.3)) for _ in range(asides.AT_ONCE)]
    green.sleep(0.1)
    assert len(children()) == asides.AT_ONCE
    with pytest.raises(AsideTooLong):
        aside(lambda: 1, 0.05)
    assert len(children()) == asides.AT_ONCE
    assert aside(lambda: 1) == 1
    for one in first:
        one.wait()


def test_who_is_killed_while_it_waits_leaves_no_child() -> None:
    waiting = green.spawn(aside, lambda: doze(30))
    green.sleep(0.05)
    waiting.kill()


def test_a_child_of_a_child_is_none() -> None:
    assert aside(lambda: aside(os.getpid) == os.getpid())


def test_a_child_cannot_wait() -> None:
    with pytest.raises(RuntimeError, match="nothing may wait here"):
        aside(lambda: green.sleep(0))


def test_a_child_holds_no_file_and_heeds_the_usual_signals() -> None:
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        files, handler = aside(
            lambda: (sorted(map(int, os.listdir("/proc/self/fd"))), signal.getsignal(signal.SIGTERM))
        )
    finally:
        signal.signal(signal.SIGTERM, before)
    assert files[:4] == [0, 1, 2, 3]
    assert len(files) == 5  # with that of the listing itself
    assert handler is signal.SIG_DFL


def test_the_other_end_notices_at_once_that_a_connection_is_closed() -> None:
    here, there = socket.socketpair()
    waiting = green.spawn(aside, lambda: doze(0.5))
    green.sleep(0.1)
    here.close()
    there.setblocking(False)
    assert there.recv(1) == b""
    there.close()
    waiting.wait()


def test_the_lock_of_the_state_directory_outlives_a_child_and_no_child_outlives_the_lock(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    aside(lambda: 1)
    with pytest.raises(StartError, match="in use by another"):
        Store.open(tmp_path)
    waiting = green.spawn(aside, lambda: doze(0.5))
    green.sleep(0.1)
    store.close()
    Store.open(tmp_path).close()
    waiting.wait()


def test_a_lock_that_the_child_gives_back_is_still_ours(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("w") as held, path.open("w") as other:
        fcntl.flock(held, fcntl.LOCK_EX)
        aside(lambda: None)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_nobody_is_warned_of_forks() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert aside(lambda: 1) == 1


def test_all_that_under_eventlets_own_standard_library() -> None:
    """As the controller runs it: there `os.write` and `time.sleep` want the hub."""
    script = "import eventlet; eventlet.monkey_patch(); import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"
    chosen = ["-q", "-p", "no:xdist", "-p", "no:cacheprovider", "-k", "not own_standard_library", __file__]
    done = subprocess.run([sys.executable, "-c", script, *chosen], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout


def test_a_child_that_grows_without_end_fails_by_itself() -> None:
    with pytest.raises(MemoryError):
        aside(lambda: len(bytearray(3 << 30)))
