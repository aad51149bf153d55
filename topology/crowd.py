"""Many UDP connections at once, and which of them get through."""

from __future__ import annotations

import select
import socket
import time
from types import TracebackType

from topology.labs import Family
from topology.namespaces import INET, Attached


class Crowd:
    """Datagrams from `source` to one port of `target`, each member's from a port of its own; `target` hears them."""

    def __init__(self, source: Attached, target: Attached, port: int, family: Family = 4) -> None:
        self._sockets: list[socket.socket] = []
        self._source, self._family = source, family
        self._there = (target.host.ip(family), port)
        self._ear = target.socket(INET[family], socket.SOCK_DGRAM)
        self._ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._ear.bind(("", port))

    def __enter__(self) -> Crowd:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in (*self._sockets, self._ear):
            each.close()

    def more(self, count: int) -> list[int]:
        """So many new members; each is known by its source port."""
        fresh = [self._source.socket(INET[self._family], socket.SOCK_DGRAM) for _ in range(count)]
        for each in fresh:
            each.bind(("", 0))
        self._sockets += fresh
        return [each.getsockname()[1] for each in fresh]

    def say(self, only: set[int] | None = None, window: float = 0.3) -> set[int]:
        """Each member, or those of `only`, sends one datagram; who was heard until `window` seconds of silence."""
        for each in self._sockets:
            if only is None or each.getsockname()[1] in only:
                each.sendto(b"?", self._there)
        heard: set[int] = set()
        until = time.monotonic() + 10 * window
        while time.monotonic() < until and select.select([self._ear], [], [], window)[0]:
            heard.add(self._ear.recvfrom(16)[1][1])
        return heard
