"""One process per state directory."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from app.errors import StartError


class Lock:
    """An exclusive lock on a directory, held until `release` or until the process ends, however it ends."""

    def __init__(self, directory: Path) -> None:
        """Take it. `StartError` names the process that holds it."""
        path = directory / "lock"
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            why = f"{directory} is in use by another ovswarden (pid {holder})"
            raise StartError(f"{why}: stop it, or set another state_dir") from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let go. The file stays: removing it would let two processes lock two files of one name."""
        os.close(self._fd)
