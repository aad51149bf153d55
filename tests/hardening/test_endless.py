"""Peers that never come to an end: they fill the network and their own time, not our memory."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.hardening.process import Manager, until
from tests.hardening.strangers import (
    ECHO_REQUEST,
    HELLO,
    MULTIPART_REPLY,
    MULTIPART_REQUEST,
    PORT_DESC,
    Switch,
    call,
    message,
    multipart,
    plain_answer,
    port,
)

pytestmark = pytest.mark.switch
MUCH = 48 << 20  # bytes; what is sent below is several times that
FOR = 1.0  # seconds
MORE = 1


def resident(manager: Manager) -> int:
    """Bytes of memory that the manager holds."""
    return int(Path(f"/proc/{manager.process.pid}/statm").read_text().split()[1]) * 4096


def endless_ports(kind: int, body: bytes, xid: int) -> bytes:
    """Answers the question for ports with the same ones over and over, each reply announcing another."""
    if kind == MULTIPART_REQUEST and struct.unpack_from("!H", body)[0] == PORT_DESC:
        return message(MULTIPART_REPLY, struct.pack("!HH4x", PORT_DESC, MORE) + port() * 800, xid) * 400
    return plain_answer(kind, body, xid)


@contextmanager
def bounded(manager: Manager) -> Iterator[None]:
    """Whatever is sent inside, the manager does not grow by much, and goes on serving the real switch."""
    before, most, stop = resident(manager), [0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.05):
            most[0] = max(most[0], resident(manager))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with manager.keeps_serving(7):
            yield
    finally:
        stop.set()
        watcher.join()
    assert most[0] - before < MUCH, f"grew by {(most[0] - before) >> 20} MiB"


def pour(peer: socket.socket, chunk: bytes) -> int:
    """Send it again and again for a while; how many bytes were taken."""
    sent, end = 0, time.monotonic() + FOR
    peer.settimeout(0.5)
    with contextlib.suppress(OSError):
        while time.monotonic() < end:
            sent += peer.send(chunk)
    return sent


def test_a_handshake_without_an_end_is_cut_off(manager: Manager) -> None:
    with bounded(manager), Switch(0x72, endless_ports) as switch:
        assert switch.hung_up()


def test_ports_beyond_what_a_switch_has_end_its_connection(manager: Manager) -> None:
    for number in (0xFF00, 0xFFFFFFF0):
        with manager.keeps_serving(7), Switch(0x73) as switch:
            manager.wait_served(0x73)
            switch.peer.sendall(message(12, bytes(8) + port(number)))
            assert switch.hung_up()


def test_port_events_without_an_end_are_not_remembered(manager: Manager) -> None:
    with bounded(manager), Switch(0x74) as switch:
        manager.wait_served(0x74)
        assert pour(switch.peer, b"".join(message(12, bytes(8) + port(number)) for number in range(1, 0xFF00, 7)))


def test_echo_requests_whose_answers_nobody_reads_are_not_answered_on_and_on(manager: Manager) -> None:
    with bounded(manager), call() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.sendall(message(HELLO, struct.pack("!HHI", 1, 8, 1 << 5)))
        peer.sendall(message(6, struct.pack("!QIBB2xII", 0x75, 0, 254, 0, 0, 0)))  # features
        peer.sendall(multipart(PORT_DESC, port()))
        pour(peer, message(ECHO_REQUEST, bytes(60_000)))


def test_connections_that_come_and_go_without_an_end_keep_nobody_out(manager: Manager) -> None:
    before, stop, made = manager.descriptors(), threading.Event(), [0]

    def come_and_go() -> None:
        while not stop.is_set():
            with contextlib.suppress(OSError), call() as peer:
                peer.sendall(message(HELLO))
                made[0] += 1

    visitors = [threading.Thread(target=come_and_go) for _ in range(4)]
    with bounded(manager):
        for visitor in visitors:
            visitor.start()
        try:
            with Switch(0x77):
                manager.wait_served(0x77)
                time.sleep(FOR)
                manager.wait_served(0x77)
        finally:
            stop.set()
            for visitor in visitors:
                visitor.join()
    assert made[0] > 100
    until(lambda: manager.descriptors() <= before + 1)
