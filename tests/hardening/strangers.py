"""Those who connect: somebody with bytes to send, and a switch that keeps to the protocol until it does not."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from types import TracebackType

PORT = 6653
HELLO, ECHO_REQUEST, ECHO_REPLY, FEATURES_REQUEST, FEATURES_REPLY = 0, 2, 3, 5, 6
MULTIPART_REQUEST, MULTIPART_REPLY = 18, 19
FLOW, PORT_DESC = 1, 13


def message(kind: int, body: bytes = b"", xid: int = 1, version: int = 5) -> bytes:
    return struct.pack("!BBHI", version, kind, 8 + len(body), xid) + body


def multipart(kind: int, body: bytes = b"", xid: int = 1) -> bytes:
    return message(MULTIPART_REPLY, struct.pack("!HH4x", kind, 0) + body, xid)


def port(number: int = 1, properties: bytes = struct.pack("!HH28x", 0, 32)) -> bytes:
    length = 40 + len(properties)
    return struct.pack("!IH2x6s2x16sII", number, length, b"\2\0\0\0\0\1", b"tap1", 0, 0) + properties


ENDLESS_HELLO = message(HELLO, struct.pack("!HHI", 1, 0, 0))


def call() -> socket.socket:
    return socket.create_connection(("127.0.0.1", PORT), timeout=5)


def call_patiently() -> socket.socket:
    """`call` somebody who may still be starting."""
    for _ in range(100):
        with contextlib.suppress(ConnectionRefusedError):
            return call()
        time.sleep(0.1)
    return call()


def send(stream: bytes) -> None:
    """Send and hang up; being hung up on is fine."""
    with contextlib.suppress(OSError), call() as peer:
        peer.sendall(stream)


def is_hung_up(peer: socket.socket, seconds: float = 3) -> bool:
    """Whether the other side ends the connection; what it says before does not matter."""
    peer.settimeout(seconds)
    try:
        while peer.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


class Switch:
    """Shakes hands, answers echoes, and answers everything else by `answer`, which gets type, body and xid."""

    def __init__(
        self, dpid: int, answer: Callable[[int, bytes, int], bytes] | None = None, peer: socket.socket | None = None
    ) -> None:
        self._dpid = dpid
        self._answer = answer or plain_answer
        self.peer = peer or call_patiently()
        self.peer.settimeout(None)
        self._thread = threading.Thread(target=self._talk, daemon=True)

    def __enter__(self) -> Switch:
        self.peer.sendall(message(HELLO, struct.pack("!HHI", 1, 8, 1 << 5)))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self.peer.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self.peer.close()

    def hung_up(self, seconds: float = 5) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _talk(self) -> None:
        stream = self.peer.makefile("rb")
        with contextlib.suppress(OSError, ValueError):
            while len(header := stream.read(8)) == 8:
                _, kind, length, xid = struct.unpack("!BBHI", header)
                body = stream.read(length - 8)
                if kind == ECHO_REQUEST:
                    self.peer.sendall(message(ECHO_REPLY, body, xid))
                elif kind == FEATURES_REQUEST:
                    features = struct.pack("!QIBB2xII", self._dpid, 0, 254, 0, 0, 0)
                    self.peer.sendall(message(FEATURES_REPLY, features, xid))
                elif kind != HELLO:
                    self.peer.sendall(self._answer(kind, body, xid))


def plain_answer(kind: int, body: bytes, xid: int) -> bytes:
    """An empty bridge with one port."""
    if kind != MULTIPART_REQUEST:
        return b""
    about = struct.unpack_from("!H", body)[0]
    return multipart(about, port() if about == PORT_DESC else b"", xid)


def answering(about: int, body: bytes) -> Callable[[int, bytes, int], bytes]:
    """Like `plain_answer`, but with this body for one kind of statistics."""

    def answer(kind: int, request: bytes, xid: int) -> bytes:
        if kind == MULTIPART_REQUEST and struct.unpack_from("!H", request)[0] == about:
            return multipart(about, body, xid)
        return plain_answer(kind, request, xid)

    return answer
