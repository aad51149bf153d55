"""One JSON-RPC question on a connection of its own, bounded in time and size. For native threads."""

from __future__ import annotations

import errno
import os
import time
from typing import Any

import ovs.jsonrpc
import ovs.poller
import ovs.stream

MOST_BYTES = 64 << 20
CHUNK = 1 << 16


class Unanswered(Exception):
    """Nobody answered, in time and shortly enough."""


class Rejected(Exception):
    """The other side answered that it will not. The text is its own."""


def ask(remote: str, method: str, params: list[Any], seconds: float, most_bytes: int = MOST_BYTES) -> Any:
    """The result of a method at `remote` (unix:, tcp:, ssl:). Waits at most `seconds`. Raises Unanswered, Rejected."""
    end = time.monotonic() + seconds
    connection = ovs.jsonrpc.Connection(_Bounded(_connect(remote, end), end, most_bytes))
    try:
        request = ovs.jsonrpc.Message.create_request(method, params)
        _check(connection.send(request))
        while True:
            connection.run()
            error, reply = connection.recv()
            if error == 0 and reply.id == request.id and reply.type in (reply.T_REPLY, reply.T_ERROR):
                break
            _check(0 if error == errno.EAGAIN else error)
            _wait(connection, end)
    finally:
        connection.close()
    if reply.type == reply.T_ERROR:
        raise Rejected(_text(reply.error))
    return reply.result


class _Bounded:
    """A stream that reads no more than is allowed, and no longer: a connection reads while anything comes."""

    def __init__(self, stream: Any, end: float, most_bytes: int) -> None:
        self._stream, self._end, self._left, self._most = stream, end, most_bytes, most_bytes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def recv(self, _: int) -> Any:
        if time.monotonic() > self._end:
            raise Unanswered("no answer in time")
        error, data = self._stream.recv(CHUNK)
        self._left -= len(data)
        if self._left < 0:
            raise Unanswered(f"the answer is longer than {self._most >> 10} KiB")
        return error, data


def _connect(remote: str, end: float) -> Any:
    error, stream = ovs.stream.Stream.open(remote)
    if not error:
        error, stream = ovs.stream.Stream.open_block((0, stream), int(1000 * (end - time.monotonic())))
    _check(error)
    return stream


def _wait(connection: Any, end: float) -> None:
    left = end - time.monotonic()
    if left <= 0:
        raise Unanswered("no answer in time")
    poller = ovs.poller.Poller()
    connection.wait(poller)
    connection.recv_wait(poller)
    poller.timer_wait(max(1, int(1000 * left)))
    poller.block()


def _check(error: Any) -> None:
    if error:
        raise Unanswered("the connection was closed" if error == ovs.jsonrpc.EOF else describe(error))


def describe(error: Any) -> str:
    """An errno of the `ovs` package in words; it passes on what Python's exceptions carry."""
    return os.strerror(error) if isinstance(error, int) else str(error)


def _text(error: Any) -> str:
    return error.strip() if isinstance(error, str) else str(error)
