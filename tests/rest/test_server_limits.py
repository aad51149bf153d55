"""Clients that are slow, many, or never leave: the others are served all the same."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import time

import eventlet
from eventlet.green import socket
from structlog.testing import capture_logs

from rest.protocol import Patience
from rest.server import Bounds, Server
from rest.tokens import Tokens
from tests.rest.local import TOKEN, LocalFirewall
from tests.rest.wire import Address, Wanted, answer, ask, connect, get, is_closed, put, send


def test_a_head_that_drips_is_ended_after_its_total_time(server: Server) -> None:
    client = connect(server)
    started = time.monotonic()
    for byte in b"GET /livez HTTP/1.1\r\nX: " + b"a" * 100:
        send(client, bytes([byte]))
        eventlet.sleep(0.05)
        if time.monotonic() - started > 0.5:
            break
    assert answer(client)[0] == 408
    assert 0.4 < time.monotonic() - started < 2
    assert is_closed(client)


def test_a_body_that_drips_is_answered_408_and_holds_no_handler(server: Server) -> None:
    clients = [connect(server) for _ in range(4)]
    for client in clients:
        send(client, put("{}" + " " * 50)[:-40])
    assert ask(server, get())[0] == 200
    for client in clients:
        status, _, body = answer(client)
        assert (status, json.loads(body)["code"]) == (408, "request_timeout")


def test_an_idle_connection_is_closed(firewall: LocalFirewall) -> None:
    bounds = Bounds(patience=Patience(idle=0.3))
    server = Server(firewall, Tokens(TOKEN), Wanted(Address("127.0.0.1", 0)), {}, bounds)
    server.start()
    silent, polite = connect(server), connect(server)
    send(polite, get())
    assert answer(polite)[0] == 200
    started = time.monotonic()
    assert is_closed(silent)
    assert is_closed(polite)
    assert time.monotonic() - started < 2
    server.stop(0.1)


def test_more_clients_than_allowed_wait_until_one_leaves_and_the_unix_socket_stays_free(server: Server) -> None:
    crowd = [connect(server) for _ in range(60)]
    eventlet.sleep(0.1)
    assert server.connections == 10
    assert ask(server, get(), 1)[0] == 200
    last = connect(server)
    send(last, get())
    for client in crowd:
        client.close()
    assert answer(last)[0] == 200


def test_running_out_of_file_descriptors_passes(server: Server) -> None:
    client, blocked = connect(server), socket.socket()
    blocked.settimeout(5)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare: list[int] = []
    eventlet.sleep(0.05)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 2, hard))
    try:
        with contextlib.suppress(OSError):
            while True:
                spare.append(os.dup(0))
        with capture_logs() as lines:
            blocked.connect(server.addresses[0])
            send(blocked, get())
            eventlet.sleep(0.2)
        assert "rest.accept" in [line["event"] for line in lines]
        send(client, get())
        assert answer(client)[0] == 200
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for fd in spare:
            os.close(fd)
    assert answer(blocked)[0] == 200


def test_too_many_requests_at_once_are_told_so(server: Server, firewall: LocalFirewall) -> None:
    held = eventlet.event.Event()
    firewall.ready = lambda: held.wait() or {}  # type: ignore[method-assign]
    busy = [connect(server) for _ in range(2)]
    for client in busy:
        send(client, get("/readyz"))
    eventlet.sleep(0.05)
    status, headers, body = ask(server, get())
    assert (status, json.loads(body)["code"], headers["retry-after"]) == (503, "overloaded", "1")
    held.send({})
    assert [answer(client)[0] for client in busy] == [200, 200]
    assert ask(server, get())[0] == 200


def test_those_who_wait_for_a_revision_hold_no_handler(server: Server, firewall: LocalFirewall) -> None:
    held = eventlet.event.Event()
    firewall.wait = lambda revision, seconds: held.wait()  # type: ignore[method-assign]
    waiting = [connect(server) for _ in range(4)]
    for n, client in enumerate(waiting):
        send(client, put("{}", f"/v1/tenants/t{n}?wait=5s"))
    eventlet.sleep(0.05)
    assert ask(server, get("/v1/tenants"))[0] == 200
    held.send([])
    assert [answer(client)[0] for client in waiting] == [201] * 4
