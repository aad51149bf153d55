"""A switch of a few lines: it says yes to everything and measures how long its echo requests take.

python -m benchmarks.fake_switch PORT    until SIGTERM; then the round trips in seconds, as JSON
"""

from __future__ import annotations

import json
import signal
import socket
import sys
import time
from collections.abc import Iterator
from struct import Struct

HEADER = Struct("!BBHI")
VERSION, DPID = 5, 2
HELLO, ECHO_REQUEST, ECHO_REPLY, FEATURES_REQUEST, FEATURES_REPLY = 0, 2, 3, 5, 6
CONFIG_REQUEST, CONFIG_REPLY = 7, 8
MULTIPART_REQUEST, MULTIPART_REPLY, BARRIER_REQUEST, BARRIER_REPLY, BUNDLE_CONTROL = 18, 19, 20, 21, 33
EVERY = 0.01  # seconds between two echo requests
NX_MATCH = 3  # how it treats fragments
BUNDLE = Struct("!IHH")


def message(kind: int, xid: int, body: bytes = b"") -> bytes:
    return HEADER.pack(VERSION, kind, HEADER.size + len(body), xid) + body


def answer(kind: int, xid: int, body: bytes) -> bytes:
    """What a bridge without ports and flows says."""
    match kind:
        case _ if kind == ECHO_REQUEST:
            return message(ECHO_REPLY, xid, body)
        case _ if kind == FEATURES_REQUEST:
            return message(FEATURES_REPLY, xid, Struct("!QIBB2xII").pack(DPID, 0, 254, 0, 0x4F, 0))
        case _ if kind == CONFIG_REQUEST:
            return message(CONFIG_REPLY, xid, Struct("!HH").pack(NX_MATCH, 128))
        case _ if kind == MULTIPART_REQUEST:
            return message(MULTIPART_REPLY, xid, body[:2] + bytes(6))
        case _ if kind == BARRIER_REQUEST:
            return message(BARRIER_REPLY, xid)
        case _ if kind == BUNDLE_CONTROL:
            number, step, flags = BUNDLE.unpack_from(body)
            return message(BUNDLE_CONTROL, xid, BUNDLE.pack(number, step + 1, flags))
    return b""


def messages(peer: socket.socket, buffer: bytearray) -> Iterator[tuple[int, int, bytes]]:
    """The whole messages that are there, after waiting a little for some."""
    try:
        received = peer.recv(1 << 16)
        if not received:
            raise ConnectionError("the controller hung up")
        buffer += received
    except TimeoutError:
        return
    while len(buffer) >= HEADER.size and len(buffer) >= (length := HEADER.unpack_from(buffer)[2]):
        _, kind, _, xid = HEADER.unpack_from(buffer)
        yield kind, xid, bytes(buffer[HEADER.size : length])
        del buffer[:length]


def measure(peer: socket.socket, stopping: list[int]) -> list[float]:
    """Echo requests, one at a time, until told to stop."""
    peer.sendall(message(HELLO, 0))
    buffer, trips, xid = bytearray(), list[float](), 1 << 20
    asked, waiting = 0.0, False
    while not stopping:
        now = time.perf_counter()
        if not waiting and now - asked >= EVERY:
            xid, asked, waiting = xid + 1, now, True
            peer.sendall(message(ECHO_REQUEST, xid))
        for kind, about, body in messages(peer, buffer):
            if kind == ECHO_REPLY and about == xid:
                trips.append(time.perf_counter() - asked)
                waiting = False
            elif reply := answer(kind, about, body):
                peer.sendall(reply)
    return trips


def main() -> None:
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopping.append(number))
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.settimeout(EVERY / 4)
        print(json.dumps(measure(peer, stopping)))


if __name__ == "__main__":
    main()
