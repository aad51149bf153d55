"""The unix socket: the kernel says who is at the other end."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from eventlet.green import subprocess

from rest.server import Server
from rest.tokens import Tokens
from tests.rest.local import TOKEN, LocalFirewall
from tests.rest.wire import QUICK, Address, Wanted, ask, get

NOBODY, SOMEBODY = 65534, 12345
PYTHON = "/usr/bin/python3"  # the tests' own may lie where only root may go
CLIENT = """
import socket, sys
client = socket.socket(socket.AF_UNIX)
try:
    client.connect(sys.argv[1])
except PermissionError:
    print('{"refused": true}'); sys.exit()
client.sendall(sys.argv[2].encode())
text = b""
while more := client.recv(65536):
    text += more
print(text.partition(b"\\r\\n\\r\\n")[2].decode())
"""
WHOAMI = "GET /v1/whoami HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
Serve = Callable[..., Server]


@pytest.fixture
def serve(firewall: LocalFirewall) -> Iterator[Serve]:
    servers: list[Server] = []
    with tempfile.TemporaryDirectory(prefix="ow-") as directory:
        os.chmod(directory, 0o755)

        def start(**wanted: Any) -> Server:
            settings = Wanted(Address("127.0.0.1", 0), str(Path(directory) / "api.sock"), **wanted)
            servers.append(Server(firewall, Tokens(TOKEN), settings, {}, QUICK))
            servers[-1].start()
            return servers[-1]

        yield start
        for server in servers:
            server.stop(0.2)


def ask_as(user: int, server: Server, request: str = WHOAMI + "\r\n") -> dict[str, Any]:
    command = [PYTHON, "-c", CLIENT, server.addresses[1], request]
    done = subprocess.run(command, user=user, group=user, extra_groups=[], capture_output=True, timeout=20, check=True)
    return dict(json.loads(done.stdout))


def test_root_needs_no_token_on_the_unix_socket_and_needs_one_on_tcp(serve: Serve) -> None:
    server = serve()
    status, _, body = ask(server, WHOAMI + "\r\n", 1)
    told = json.loads(body)
    assert (status, told["name"], told["role"], told["how"]) == (200, "root", "admin", "socket")
    assert ask(server, WHOAMI + "\r\n", 0)[0] == 401


def test_a_token_counts_more_than_being_root(serve: Serve) -> None:
    server = serve()
    assert json.loads(ask(server, get("/v1/whoami"), 1)[2])["how"] == "token"
    for wrong in ("Bearer ow_" + "A" * 43, "Basic cm9vdDo="):
        assert ask(server, WHOAMI + f"Authorization: {wrong}\r\n\r\n", 1)[0] == 401


@pytest.mark.parametrize("header", ["ovswarden.peer_user: 0", "ovswarden-peer-user: 0", "HTTP_OVSWARDEN_PEER_USER: 0"])
def test_nobody_says_by_a_header_who_he_is(header: str, serve: Serve) -> None:
    assert ask(serve(), WHOAMI + header + "\r\n\r\n", 0)[0] == 401


def test_without_users_the_socket_is_its_owners(serve: Serve) -> None:
    server = serve()
    assert stat.S_IMODE(os.stat(server.addresses[1]).st_mode) == 0o600
    assert ask_as(NOBODY, server) == {"refused": True}


def test_a_user_of_the_settings_is_an_admin_and_any_other_one_needs_a_token(serve: Serve) -> None:
    server = serve(rest_socket_users=(SOMEBODY,))
    told = ask_as(SOMEBODY, server)
    assert (told["name"], told["role"], told["how"]) == (f"user-{SOMEBODY}", "admin", "socket")
    assert ask_as(NOBODY, server)["code"] == "unauthorized"
    told = ask_as(NOBODY, server, WHOAMI + f"Authorization: Bearer {TOKEN}\r\n\r\n")
    assert (told["name"], told["how"]) == ("admin", "token")
