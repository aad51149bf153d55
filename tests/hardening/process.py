"""A running osken-manager with the minimal application, and what it prints, with times."""

from __future__ import annotations

import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

APP = Path(__file__).with_name("minimal_app.py")
SCRIPT = Path(sys.executable).with_name("osken-manager")
SERVING = re.compile(r"serving ([0-9a-f]+): (\d+) flows")


class Manager:
    """`osken-manager minimal_app.py` with at most `files` file descriptors; ends with the context."""

    def __init__(self, directory: Path, *options: str, files: int = 256) -> None:
        self._log = directory / "manager.log"
        self._options = options
        self._files = files
        self.lines: list[tuple[float, str]] = []

    def __enter__(self) -> Manager:
        self._errors = self._log.open("w")
        self.process = subprocess.Popen(
            [SCRIPT, *self._options, APP],
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (self._files, self._files)),
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._reader.join()
        self.process.stdout.close()
        self._errors.close()

    @property
    def log(self) -> str:
        return self._log.read_text()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.append((time.monotonic(), line.strip()))

    def served(self, dpid: int) -> list[float]:
        """When this switch's flows were counted."""
        return [when for when, line in list(self.lines) if (hit := SERVING.match(line)) and int(hit[1], 16) == dpid]

    def said(self, text: str) -> bool:
        return any(text in line for _, line in list(self.lines))

    def wait_served(self, dpid: int, seconds: float = 10) -> None:
        count = len(self.served(dpid))
        until(lambda: len(self.served(dpid)) > count, seconds)

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    @contextmanager
    def keeps_serving(self, dpid: int, pause: float = 3.0) -> Iterator[None]:
        """Whatever happens inside, this switch is asked and answers with never more than `pause` between."""
        start = time.monotonic()
        yield
        self.wait_served(dpid)
        assert self.process.poll() is None, self.log[-2000:]
        times = [start, *(when for when in self.served(dpid) if when > start)]
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert max(gaps) < pause
        assert not self.said(f"lost {dpid:x}:")


def until(truth: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not truth():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)
