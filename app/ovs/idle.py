"""How long flows have been idle, as OpenFlow 1.5's flow descriptions tell it (7.2.3.3 OXS_OF_IDLE_TIME).

OpenFlow 1.3 and 1.4, which a bridge and its controller speak, do not tell it; Nicira's flow statistics do, of
OpenFlow 1.0 alone. So it is asked on the bridge's management socket, which stands beside the control socket. For native
threads.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from struct import error as StructError  # noqa: N812 - it is a class
from typing import Any

from app.ovs.threads import socket

VERSION = 6
HELLO, ERROR, ECHO_REQUEST, ECHO_REPLY, MULTIPART_REQUEST, MULTIPART_REPLY = 0, 1, 2, 3, 18, 19
FLOW_DESCRIPTION = 1
MORE = 1
XID = 7
ANY = 0xFFFFFFFF
IDLE_TIME = 0x80020208  # OXS: class, field, length
MOST_BYTES = 64 << 20

_HEADER = Struct("!BBHI")
_MULTIPART = Struct("!HH4x")
_REQUEST = Struct("!B3xII4xQQ")  # table, out_port, out_group, cookie and mask; a match follows
_FLOW = Struct("!H2xBxHHHHHQ")  # length, table, priority, idle and hard timeout, flags, importance, cookie
_LENGTHS = Struct("!HH")
_OXS = Struct("!I")
_TIME = Struct("!II")


class NoAnswer(Exception):
    """Nobody there, nobody who speaks OpenFlow 1.5, or nonsense. The text says which."""


def idle_seconds(path: Path, table: int, match: bytes, seconds: float) -> dict[int, int]:
    """Seconds since each flow of a table that matches at least this was met, or installed, by cookie."""
    end = time.monotonic() + seconds
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(seconds)
            line.connect(str(path))
            asked = _MULTIPART.pack(FLOW_DESCRIPTION, 0) + _REQUEST.pack(table, ANY, ANY, 0, 0) + match
            line.sendall(_message(HELLO, 1) + _message(MULTIPART_REQUEST, XID, asked))
            return dict(pair for body in _replies(line, end) for pair in _flows(body))
    except (OSError, StructError) as error:
        raise NoAnswer(f"{path.name}: {getattr(error, 'strerror', None) or error}") from error


def _message(kind: int, xid: int, body: bytes = b"") -> bytes:
    return _HEADER.pack(VERSION, kind, _HEADER.size + len(body), xid) + body


def _replies(line: Any, end: float) -> Iterator[bytes]:
    more, read = True, 0
    while more:
        version, kind, length, xid = _HEADER.unpack(_exactly(line, _HEADER.size, end))
        body = _exactly(line, length - _HEADER.size, end) if length >= _HEADER.size else b""
        read += length
        if kind == ERROR or (kind == HELLO and version < VERSION) or length < _HEADER.size or read > MOST_BYTES:
            raise NoAnswer(f"the bridge does not speak OpenFlow 1.5 (it says {version:#x}, message {kind})")
        if kind == ECHO_REQUEST:
            line.sendall(_message(ECHO_REPLY, xid, body))
        if kind == MULTIPART_REPLY and xid == XID:
            more = bool(_MULTIPART.unpack_from(body)[1] & MORE)
            yield body[_MULTIPART.size :]


def _exactly(line: Any, count: int, end: float) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        line.settimeout(max(0.01, end - time.monotonic()))
        part = line.recv(min(count - len(parts), 1 << 16))
        if not part:
            raise NoAnswer("the bridge hangs up")
        parts += part
    return bytes(parts)


def _flows(body: bytes) -> Iterator[tuple[int, int]]:
    offset = 0
    while offset < len(body):
        length, *_, cookie = _FLOW.unpack_from(body, offset)
        matched = _LENGTHS.unpack_from(body, offset + _FLOW.size)[1]
        place = offset + _FLOW.size + matched + -matched % 8
        until = place + _LENGTHS.unpack_from(body, place)[1]
        if length < _FLOW.size or until > offset + length or offset + length > len(body):
            raise NoAnswer("the lengths of a flow do not add up")
        place += _LENGTHS.size
        while place + _OXS.size <= until:
            header = _OXS.unpack_from(body, place)[0]
            if header == IDLE_TIME:
                yield cookie, _TIME.unpack_from(body, place + _OXS.size)[0]
            place += _OXS.size + (header & 0xFF)
        offset += length
