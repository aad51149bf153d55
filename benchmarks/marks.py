"""What the observer and the controller's log say happened, and when."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Marks:
    """The observer's file and the controller's JSON log, both of which only grow."""

    marks: Path
    log: Path

    def stalls(self, start: float, end: float) -> list[Record]:
        """The hub's delays that lie in a span of time, longest first."""
        found = [mark for mark in self._noted() if mark["kind"] == "stall" and start <= mark["at"] <= end + 0.2]
        return sorted(found, key=lambda mark: -mark["seconds"])

    def collections(self, start: float, end: float) -> float:
        """Seconds of the longest garbage collection in a span of time."""
        return max((m["seconds"] for m in self._noted() if m["kind"] == "gc" and start <= m["at"] <= end), default=0.0)

    def switch(self, state: str, after: float, seconds: float = 60.0) -> float:
        """When a switch came into an os-ken state (handshake, main), or had said who it is (named)."""
        return _await(
            lambda: (m["at"] for m in self._noted() if m["kind"] == "switch" and m["state"] == state), after, seconds
        )

    def logged(self, message: str, after: float, seconds: float = 60.0) -> float:
        """When a line was logged."""
        return _await(lambda: (_time(r) for r in self._lines() if r.get("message") == message), after, seconds)

    def _noted(self) -> Iterator[Record]:
        return _records(self.marks)

    def _lines(self) -> Iterator[Record]:
        return _records(self.log)


def _records(path: Path) -> Iterator[Record]:
    if not path.exists():
        return
    with path.open() as lines:
        for line in lines:
            if line.startswith("{") and line.endswith("}\n"):
                yield json.loads(line)


def _time(record: Record) -> float:
    return datetime.fromisoformat(record["timestamp"]).timestamp()


def _await(times: Callable[[], Iterator[float]], after: float, seconds: float) -> float:
    end = time.time() + seconds
    while time.time() < end:
        for at in times():
            if at >= after:
                return at
        time.sleep(0.1)
    raise TimeoutError("what was waited for did not happen")
