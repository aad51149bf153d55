"""Stands between a switch and its controller and counts the messages of each way by type."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter
from types import TracebackType

CONTROLLER = ("127.0.0.1", 6653)


class Relay:
    """`with Relay() as relay:` listens at `relay.target`; `sent` counts what switches said, `told` what they heard."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self.sent: Counter[int] = Counter()
        self.told: Counter[int] = Counter()

    @property
    def target(self) -> str:
        return f"tcp:127.0.0.1:{self._server.getsockname()[1]}"

    def __enter__(self) -> Relay:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for end in (self._server, *self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                switch, _ = self._server.accept()
                controller = socket.create_connection(CONTROLLER)
                self._ends += (switch, controller)
                for pair in ((switch, controller, self.sent), (controller, switch, self.told)):
                    threading.Thread(target=_carry, args=pair, daemon=True).start()


def _carry(source: socket.socket, target: socket.socket, counts: Counter[int]) -> None:
    """Message by message, until one of the ends is gone; then the other goes, too."""
    stream = source.makefile("rb")
    with contextlib.suppress(OSError, ValueError):
        while len(header := stream.read(8)) == 8:
            counts[header[1]] += 1
            target.sendall(header + stream.read(int.from_bytes(header[2:4]) - 8))
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
