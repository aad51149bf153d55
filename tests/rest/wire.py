"""A client that can be as impolite as the tests need, and a server to be impolite to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eventlet.green import socket

from rest.protocol import Patience
from rest.server import Bounds, Server
from tests.rest.local import TOKEN

BEARER = f"Authorization: Bearer {TOKEN}\r\n"
QUICK = Bounds(patience=Patience(idle=3.0, head=0.6, body=0.6, step=2.0), handler_wait=0.2, handlers=2)


@dataclass
class Address:
    host: str
    port: int


@dataclass
class Wanted:
    rest_listen: Address | None
    rest_socket: str | None = None
    rest_connections: int = 10
    rest_certificate: str | None = None
    rest_private_key: str | None = None
    rest_client_ca: str | None = None
    rest_socket_users: tuple[int, ...] = ()
    require_if_match: bool = False
    metrics_open: bool = False
    write_rate: int = 0
    write_burst: int = 200


def connect(server: Server, n: int = 0) -> Any:
    address = server.addresses[n]
    client = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
    client.settimeout(5)
    client.connect(address)
    return client


def send(client: Any, text: str | bytes) -> None:
    client.sendall(text.encode() if isinstance(text, str) else text)


def answer(client: Any) -> tuple[int, dict[str, str], bytes]:
    """Status, headers in lower case, body."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        more = client.recv(1)
        if not more:
            return 0, {}, head
        head += more
    lines, body = head.decode().strip().split("\r\n"), b""
    headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:])}
    while len(body) < int(headers.get("content-length", 0)):
        body += client.recv(int(headers["content-length"]) - len(body))
    return int(lines[0].split()[1]), headers, body


def ask(server: Server, text: str | bytes, n: int = 0) -> tuple[int, dict[str, str], bytes]:
    client = connect(server, n)
    send(client, text)
    try:
        return answer(client)
    finally:
        client.close()


def is_closed(client: Any) -> bool:
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def put(body: str, path: str = "/v1/tenants/acme", more: str = "") -> str:
    head = f"PUT {path} HTTP/1.1\r\nHost: x\r\n{BEARER}Content-Type: application/json\r\n{more}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}"


def get(path: str = "/version", more: str = "") -> str:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n{BEARER}{more}\r\n"
