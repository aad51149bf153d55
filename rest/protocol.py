"""eventlet's HTTP protocol with an end to everything: to a request's head, to its body, to what is thrown away.

eventlet's own time-outs are per read: one byte now and then keeps a connection for ever. Here a head and a body have a
total time each, and nothing is read on behalf of a request that was refused for its length or framing.
"""

from __future__ import annotations

import struct
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import eventlet
from eventlet import wsgi
from eventlet.green import socket

from rest.access.gate import PEER_CERTIFICATE, PEER_USER

DISCARD_SECONDS = 2.0
DIGITS = frozenset("0123456789")


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that a client has: between requests, for a whole head, for a whole body, for one read or write."""

    idle: float = 30.0
    head: float = 10.0
    body: float = 20.0
    step: float = 15.0


UCRED = struct.Struct("3i")  # process, user, group: unix(7), SO_PEERCRED


def peer_of(connection: Any) -> dict[str, Any]:
    """Who is at the other end, as far as the connection itself tells: a user of this host, or a certificate."""
    if connection.family == socket.AF_UNIX:
        told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, UCRED.size)
        return {PEER_USER: UCRED.unpack(told)[1]}
    if hasattr(connection, "getpeercert"):
        return {"wsgi.url_scheme": "https", "HTTPS": "on", PEER_CERTIFICATE: connection.getpeercert()}
    return {}


@contextmanager
def within(seconds: float):
    """`TimeoutError` if what is inside takes longer."""
    timeout = eventlet.Timeout(seconds)
    try:
        yield
    except eventlet.Timeout as caught:
        if caught is not timeout:
            raise
        raise TimeoutError from None
    finally:
        timeout.cancel()


class TimedInput(wsgi.Input):
    """A request's body: all of it in time, or `TimeoutError`."""

    patience = Patience()

    def read(self, length: int | None = None) -> bytes:
        with within(self.patience.body):
            return super().read(length)

    def discard(self, buffer_size: int = 16 << 10) -> None:
        """What the application left unread; eventlet closes the connection when this raises."""
        with within(DISCARD_SECONDS):
            super().discard(buffer_size)


class HttpProtocol(wsgi.HttpProtocol):
    """One connection. `server.patience` and `server.body_bytes` hold the limits."""

    # With both lengths given, the application answers 411 like for any chunked body, and the connection ends.
    reject_bad_requests = False
    _head: eventlet.Timeout | None = None

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """A head that cannot be understood. http.server would quote it, and tell which Python this is."""
        self.close_connection = True
        status = f"HTTP/1.1 {int(code)} {HTTPStatus(code).phrase}\r\n"
        self.wfile.write(status.encode() + b"Connection: close\r\nContent-Length: 0\r\n\r\n")

    def log_message(self, format: str, *args: Any) -> None:
        """http.server would write what a client sends to stderr."""

    def handle(self) -> None:
        try:
            super().handle()
        except eventlet.Timeout as caught:
            if caught is not self._head:
                raise
            self.send_error(408)
        finally:
            self._end_of_head()

    def handle_one_request(self) -> None:
        """One request, then everybody else's turn: a socket that is always ready never makes eventlet switch, and one
        quick client would keep the switches' echoes waiting for seconds (1.7 s measured).
        """
        super().handle_one_request()
        eventlet.sleep(0)

    def _read_request_line(self) -> bytes:
        """Wait for the first byte as for an idle client; from then on the head's time runs."""
        self.connection.settimeout(self.server.patience.idle)
        if self.rfile.closed or not self.rfile.peek(1):
            return b""
        self._head = eventlet.Timeout(self.server.patience.head)
        return super()._read_request_line()

    def parse_request(self) -> bool:
        good = super().parse_request()
        self._end_of_head()
        return good

    def _end_of_head(self) -> None:
        if self._head is not None:
            self._head.cancel()

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ() | peer_of(self.connection)
        lengths = self.headers.get_all("Content-Length") or []
        if lengths:
            environ["CONTENT_LENGTH"] = ", ".join(lengths)
        if "HTTP_TRANSFER_ENCODING" in environ or not self._is_readable(lengths):
            self.close_connection = True
        plain = environ["wsgi.input"]
        timed = TimedInput(
            plain.rfile, plain.content_length, self.connection, plain.wfile, plain.wfile_line, plain.chunked_input
        )
        timed.patience = self.server.patience
        environ["wsgi.input"] = environ["eventlet.input"] = timed
        return environ

    def _is_readable(self, lengths: list[str]) -> bool:
        """May the body be read, at least to be thrown away? If not, the connection ends after the answer."""
        if not lengths:
            return True
        return len(lengths) == 1 and DIGITS.issuperset(lengths[0]) and int(lengths[0]) <= self.server.body_bytes
