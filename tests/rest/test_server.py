"""The API on real sockets: framing, odd requests, start and stop."""

from __future__ import annotations

import json
import os
import stat
import time
from pathlib import Path

import eventlet
import pytest
from eventlet.green import socket

from rest.listening import ListenError
from rest.server import Server
from rest.tokens import Tokens
from tests.rest.local import TOKEN, LocalFirewall
from tests.rest.wire import BEARER, Address, Wanted, answer, ask, connect, get, is_closed, put, send

PUT = f"PUT /v1/tenants/a HTTP/1.1\r\n{BEARER}Content-Type: application/json\r\n"


def test_a_connection_serves_many_requests_on_tcp_and_on_the_unix_socket(
    server: Server, firewall: LocalFirewall
) -> None:
    for n in (0, 1):
        client = connect(server, n)
        for _ in range(3):
            send(client, put('{"description": "x"}') + get("/v1/tenants/acme"))
            assert answer(client)[0] in (200, 201)
            assert answer(client)[0] == 200
    assert firewall.inventory.revision == 1


def test_the_unix_socket_is_its_owners_and_one_left_over_is_replaced(firewall: LocalFirewall, tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    wanted = Wanted(None, str(path))
    old = socket.socket(socket.AF_UNIX)
    old.bind(str(path))
    old.close()
    server = Server(firewall, Tokens(TOKEN), wanted)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    with pytest.raises(ListenError, match="another process listens there"):
        Server(firewall, Tokens(TOKEN), wanted)
    server.start()
    server.stop(0.1)
    assert not path.exists()
    path.write_text("precious")
    with pytest.raises(ListenError, match="not a socket"):
        Server(firewall, Tokens(TOKEN), wanted)
    assert path.read_text() == "precious"


def test_an_address_in_use_is_one_line(server: Server, firewall: LocalFirewall) -> None:
    taken = Address("127.0.0.1", server.addresses[0][1])
    with pytest.raises(ListenError, match=f"rest_listen = 127.0.0.1:{taken.port}: Address already in use"):
        Server(firewall, Tokens(TOKEN), Wanted(taken))


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        (f"{PUT}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n", 411, "length_required"),
        (f"{PUT}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{{}}", 411, "length_required"),
        (f"GET /version HTTP/1.1\r\n{BEARER}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 411, "length_required"),
        (put("{}", more="Content-Length: 3\r\n"), 400, "invalid_length"),
        (put("{}", more="Content-Length: 2\r\n"), 400, "invalid_length"),
        (f"GET /version HTTP/1.1\r\n{BEARER}Content-Length: +2\r\n\r\nxx", 400, "invalid_length"),
        (f"{PUT}Content-Length: 99999999999\r\n\r\n", 413, "too_large"),
        ("GET /v1/tenants HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 401, "unauthorized"),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_trusted_ends_the_connection(text: str, status: int, code: str, server: Server) -> None:
    client = connect(server)
    send(client, text)
    got, headers, body = answer(client)
    assert (got, json.loads(body)["code"], headers["connection"]) == (status, code, "close")
    assert is_closed(client)
    assert ask(server, get())[0] == 200


def test_a_body_just_over_the_limit_is_refused_and_one_below_is_read(server: Server) -> None:
    assert ask(server, put(" " * ((1 << 20) + 1)))[0] == 413
    assert ask(server, put("{}" + " " * ((1 << 20) - 2)))[0] == 201


def test_curls_expect_header_gets_its_100_before_the_body_and_no_100_when_refused(server: Server) -> None:
    client = connect(server)
    head, _, body = put("{}", more="Expect: 100-continue\r\n").partition("\r\n\r\n")
    send(client, head + "\r\n\r\n")
    assert answer(client)[0] == 100
    send(client, body)
    assert answer(client)[0] == 201
    refused = connect(server)
    send(refused, head.replace(TOKEN, "ow_no") + "\r\n\r\n")
    assert answer(refused)[0] == 401


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("GET /" + "a" * 9000 + " HTTP/1.1\r\n\r\n", 414),
        ("GET /livez HTTP/1.1\r\nX: " + "a" * 9000 + "\r\n\r\n", 400),
        ("GET /livez HTTP/1.1\r\n" + "".join(f"X{n}: {'a' * 4000}\r\n" for n in range(20)) + "\r\n", 400),
        ("GET /livez HTTP/1.1\r\n" + "".join(f"X{n}: a\r\n" for n in range(150)) + "\r\n", 431),
        ("GET\r\n\r\n", 400),
        ("GET /livez HTTP/7.7\r\n\r\n", 505),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET /v1/tenants/\xff\xfe HTTP/1.1\r\n" + BEARER.encode() + b"\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nX-\xff: \xfe\r\n\r\n", 200),
        ("GET /v1/tenants/a%2Fgroups HTTP/1.1\r\n" + BEARER + "\r\n", 400),
        ("GET http://x/livez HTTP/1.1\r\n\r\n", 401),
        (get(more="Host: evil\r\n"), 200),
    ],
)  # fmt: skip
def test_odd_heads_get_an_answer_and_nobody_sees_our_insides(
    text: str | bytes, status: int, server: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    got, headers, body = ask(server, text)
    assert got == status
    assert b"Traceback" not in body
    assert "Python" not in str(headers)
    assert "Traceback" not in "".join(capfd.readouterr())
    assert ask(server, get())[0] == 200


def test_a_bug_sends_no_traceback(server: Server, firewall: LocalFirewall) -> None:
    def ready() -> dict[str, str]:
        raise RuntimeError("inside")

    firewall.ready = ready  # type: ignore[method-assign]
    status, _, body = ask(server, get("/readyz"))
    assert (status, json.loads(body)["code"]) == (500, "internal")
    assert b"inside" not in body


def test_a_stop_lets_the_running_request_finish_and_leaves_the_rest(server: Server, firewall: LocalFirewall) -> None:
    def ready() -> dict[str, str]:
        eventlet.sleep(0.3)
        return {}

    firewall.ready = ready  # type: ignore[method-assign]
    running, idle, dripping = (connect(server) for _ in range(3))
    send(running, get("/readyz"))
    send(dripping, "GET /li")
    address = server.addresses[0]
    eventlet.sleep(0.05)
    started = time.monotonic()
    server.stop(3)
    assert time.monotonic() - started < 1
    assert answer(running)[0] == 200
    assert is_closed(running)
    assert is_closed(idle)
    assert is_closed(dripping)
    late = socket.socket()
    with pytest.raises(ConnectionRefusedError):
        late.connect(address)


def test_a_stop_does_not_wait_longer_than_it_may(server: Server, firewall: LocalFirewall) -> None:
    firewall.ready = lambda: eventlet.sleep(60)  # type: ignore[method-assign,assignment]
    stuck = connect(server)
    send(stuck, get("/readyz"))
    eventlet.sleep(0.05)
    started = time.monotonic()
    server.stop(0.3)
    assert time.monotonic() - started < 1
    assert server.connections == 0
    assert is_closed(stuck)
