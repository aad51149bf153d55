"""Live traffic whose interruptions are measured where it arrives."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from topology.labs import Family
from topology.namespaces import Attached

KINDS = ("server-push", "client-push", "udp")


@dataclass(frozen=True, slots=True)
class Report:
    """What a stream did so far. Times are `time.monotonic()`; `lost` are numbers sent but not received.

    The newest numbers may still be on their way. TCP retransmits: an interrupted stream that resumes loses
    nothing, but resumes up to as long again as the interruption lasted (its time-out doubles with every try).
    """

    sent: tuple[tuple[int, float], ...]
    arrivals: tuple[tuple[int, float], ...]
    error: str | None = None

    @property
    def received(self) -> int:
        return len(self.arrivals)

    @property
    def last_arrival(self) -> float | None:
        return self.arrivals[-1][1] if self.arrivals else None

    @property
    def lost(self) -> tuple[int, ...]:
        arrived = {number for number, _ in self.arrivals}
        return tuple(number for number, _ in self.sent if number not in arrived)

    def gap(self, since: float, until: float) -> float:
        """Longest time in seconds without an arrival within the window, its edges included."""
        times = [at for _, at in self.arrivals if since <= at <= until]
        edges = [since, *times, until]
        return max(after - before for before, after in itertools.pairwise(edges))


class Stream:
    """Numbers flowing at a steady interval from the start of this object until `close`.

    `server-push`: source connects by TCP to target:port and the *target* sends; `client-push`: the source
    sends; `udp`: one-way datagrams from source to target. The traffic runs in a process of its own. `sport` is the
    source's port, 0 any.
    """

    def __init__(
        self, kind: str, source: Attached, target: Attached, port: int, interval: float = 0.05,
        *, family: Family = 4, sport: int = 0,
    ) -> None:  # fmt: skip
        if kind not in KINDS:
            raise ValueError(f"no stream kind {kind!r}: {', '.join(KINDS)}")
        self.name = f"{kind} {source.host.name}->{target.host.name}:{port}"
        self._sent: list[tuple[int, float]] = []
        self._arrivals: list[tuple[int, float]] = []
        self._error: str | None = None
        self._started = threading.Event()
        self._worker = subprocess.Popen(
            [
                sys.executable, "-m", "topology.stream_worker", kind, source.namespace, target.namespace,
                target.host.ip(family), str(port), str(interval), str(sport),
            ],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def started(self, timeout: float = 3.0) -> bool:
        """Wait until the first number has arrived; False when none has within `timeout` s or it broke."""
        self._started.wait(timeout)
        return bool(self._arrivals)

    def alive(self, within: float = 0.5) -> bool:
        """Whether something arrives within the next `within` seconds."""
        asked = time.monotonic()
        while time.monotonic() < asked + within:
            if self._arrivals and self._arrivals[-1][1] >= asked:
                return True
            time.sleep(0.01)
        return False

    def gap(self, since: float, until: float | None = None) -> float:
        """Longest silence in seconds between two `time.monotonic()` moments; `until` defaults to now."""
        return self.report().gap(since, time.monotonic() if until is None else until)

    @property
    def lost(self) -> tuple[int, ...]:
        """Numbers sent and not received so far; see `Report`."""
        return self.report().lost

    def report(self) -> Report:
        """What has happened so far."""
        arrivals = tuple(self._arrivals)  # before `sent`: what arrived was sent
        return Report(tuple(self._sent), arrivals, self._error)

    def close(self) -> Report:
        """End the traffic and give the final report. Twice is fine."""
        if self._worker.stdin is not None and not self._worker.stdin.closed:
            self._worker.stdin.close()
        try:
            self._worker.wait(2)
        except subprocess.TimeoutExpired:
            self._worker.kill()
            self._worker.wait()
        self._reader.join(2)
        return self.report()

    def _read(self) -> None:
        for line in self._worker.stdout:
            letter, _, rest = line.rstrip("\n").partition(" ")
            if letter == "E":
                self._error = rest
                self._started.set()
                continue
            number, _, at = rest.partition(" ")
            if letter == "S":
                self._sent.append((int(number), float(at)))
            else:
                self._arrivals.append((int(number), float(at)))
                self._started.set()
        self._started.set()
