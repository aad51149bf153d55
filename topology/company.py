"""What a neighbour notices: new connections, many streams, and one that sends as fast as it can, all of one process.

    python -m topology.company SOURCE-NAMESPACE TARGET-NAMESPACE TARGET-ADDRESS PORT STREAMS CONNECTIONS SECONDS

It says `ready` when all streams flow, and begins to measure when it reads a line. For two thirds of SECONDS it opens
connections, then it sends as fast as it can, which leaves no room for others. It says as JSON what it saw: seconds of
each new connection, how many failed, the longest gap of each stream till then, and bytes a second of the fast one.
"""

from __future__ import annotations

import itertools
import json
import selectors
import socket
import sys
import threading
import time
from contextlib import suppress
from typing import Any

from topology.namespaces import inside

BEAT = 0.1  # seconds between two numbers of a stream
PATIENCE = 3.0  # seconds until a new connection counts as failed
CHUNK = 65536
CONNECTING, RAMP = 2 / 3, 0.5  # the part of the time for connections; seconds until TCP is at its speed


class Server:
    """Accepts, echoes the first byte of a connection, and takes in whatever else comes."""

    def __init__(self, namespace: str, port: int) -> None:
        self.listener = inside(namespace, socket.socket)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("", port))
        self.listener.listen(512)
        self.datagrams = inside(namespace, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.datagrams.bind(("", port))
        self.arrived: dict[int, list[float]] = {}
        self.bulk = 0
        self._selector = selectors.DefaultSelector()
        self._selector.register(self.listener, selectors.EVENT_READ)
        self._selector.register(self.datagrams, selectors.EVENT_READ)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                with suppress(OSError):
                    self._take(key)

    def _take(self, key: selectors.SelectorKey) -> None:
        if key.fileobj is self.listener:
            self._selector.register(self.listener.accept()[0], selectors.EVENT_READ, None)
        elif key.fileobj is self.datagrams:
            self._note(self.datagrams.recv(16))
        elif not (data := key.fileobj.recv(CHUNK)):
            self._selector.unregister(key.fileobj)
            key.fileobj.close()
        elif data[:1] == b"?":
            key.fileobj.sendall(b"!")
        elif data[:1] == b"s":
            for start in range(0, len(data), 4):
                self._note(data[start : start + 4])
        else:
            self.bulk += len(data)

    def _note(self, data: bytes) -> None:
        self.arrived.setdefault(int(data[1:4]), []).append(time.monotonic())


def streams(namespace: str, end: tuple[str, int], count: int) -> list[socket.socket]:
    """Half of them TCP, half UDP."""
    made = []
    for number in range(count):
        kind = socket.SOCK_STREAM if number % 2 else socket.SOCK_DGRAM
        made.append(inside(namespace, lambda kind=kind: socket.socket(socket.AF_INET, kind)))
        made[-1].settimeout(PATIENCE)
        made[-1].connect(end)
        if number % 2:
            made[-1].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def beat(made: list[socket.socket]) -> None:
    while True:
        begin = time.monotonic()
        for number, each in enumerate(made):
            with suppress(OSError):
                each.send(b"s%03d" % number)
        time.sleep(max(0.0, begin + BEAT - time.monotonic()))


def connections(namespace: str, end: tuple[str, int], count: int, until: float) -> tuple[list[float], int]:
    """One after the other, spread over the time that there is: the seconds of each, and how many failed."""
    took: list[float] = []
    failed, begin = 0, time.monotonic()
    apart = (until - begin) / max(count, 1)
    for number in range(count):
        time.sleep(max(0.0, begin + number * apart - time.monotonic()))
        start = time.monotonic()
        if start > until + PATIENCE:  # too many had failed; those that are left have, too
            return took + [PATIENCE] * (count - number), failed + count - number
        with inside(namespace, socket.socket) as client:
            client.settimeout(PATIENCE)
            try:
                client.connect(end)
                client.sendall(b"?")
                failed += client.recv(1) != b"!"
            except OSError:
                failed += 1
        took.append(time.monotonic() - start)
    return took, failed


def pour(namespace: str, end: tuple[str, int]) -> None:
    with inside(namespace, socket.socket) as fast:
        fast.connect(end)
        chunk = b"b" * CHUNK
        while True:
            fast.sendall(chunk)


def main(source: str, target: str, address: str, port: str, many: str, count: str, seconds: str) -> None:
    server, end = Server(target, int(port)), (address, int(port))
    made = streams(source, end, int(many))
    threading.Thread(target=beat, args=(made,), daemon=True).start()
    while len(server.arrived) < len(made):
        time.sleep(0.01)
    print("ready", flush=True)
    sys.stdin.readline()
    begin = time.monotonic()
    took, failed = connections(source, end, int(count), begin + float(seconds) * CONNECTING)
    end_at = time.monotonic()
    gaps = [_gap(list(times), begin, end_at) for times in list(server.arrived.values())]
    threading.Thread(target=pour, args=(source, end), daemon=True).start()
    time.sleep(RAMP)
    poured, before = time.monotonic(), server.bulk
    time.sleep(max(1.0, begin + float(seconds) - poured))
    bulk = (server.bulk - before) / (time.monotonic() - poured)
    seen: dict[str, Any] = {"took": took, "failed": failed, "gaps": gaps, "bulk": bulk}
    print(json.dumps(seen), flush=True)


def _gap(times: list[float], begin: float, end: float) -> float:
    edges = [begin, *(at for at in times if begin <= at <= end), end]
    return max(after - before for before, after in itertools.pairwise(edges))


if __name__ == "__main__":
    main(*sys.argv[1:])
