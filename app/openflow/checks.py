"""Which messages os-ken may see. Anybody who reaches the port can send bytes, and os-ken's parsers trust them.

One 16-byte HELLO whose element has length 0 keeps os-ken busy for ever; so do zero lengths inside most replies. Hence
os-ken gets to parse only the few types it needs for its handshake and for port events, and those after their inner
lengths have been checked. Replies we ask for are read by `app.openflow.replies` and never get there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum, auto
from struct import Struct

from app.openflow import replies
from app.openflow.replies import HEADER, MULTIPART_REPLY, PORT_DESCRIPTION, Malformed

HELLO, ERROR, ECHO_REQUEST, ECHO_REPLY, FEATURES_REPLY = 0, 1, 2, 3, 6
PORT_STATUS = 12

# What a switch may send by the specification (ofp_type). Those os-ken is not given below are dropped unread.
FROM_SWITCH = frozenset((0, 1, 2, 3, 4, 6, 8, 10, 11, 12, 19, 21, 23, 25, 27, 30, 31, 32, 33, 34, 35))
SMALL = 2048  # bytes; HELLO and FEATURES_REPLY of a switch are below 100

_ELEMENT = Struct("!HH")
_MULTIPART = Struct("!HH")


class Stage(Enum):
    """How far a connection has come."""

    GREETING = auto()  # not even a HELLO yet
    NAMELESS = auto()  # HELLO seen, no FEATURES_REPLY yet
    DESCRIBING = auto()  # named; os-ken waits for the list of ports
    SERVED = auto()


_BEFORE_NAME = frozenset((HELLO, ERROR, ECHO_REQUEST, ECHO_REPLY, FEATURES_REPLY))
_PARSED = {
    Stage.GREETING: frozenset((HELLO, ERROR)),
    Stage.NAMELESS: _BEFORE_NAME,
    Stage.DESCRIBING: frozenset((ERROR, ECHO_REQUEST, ECHO_REPLY, MULTIPART_REPLY)),
    Stage.SERVED: frozenset((ERROR, ECHO_REQUEST, ECHO_REPLY, PORT_STATUS)),
}


def messages(buffer: bytearray, limit: int) -> Iterator[bytes]:
    """Take the whole messages out of `buffer`. Raises Malformed when a length is impossible or above `limit`."""
    offset = 0
    try:
        while len(buffer) - offset >= HEADER.size:
            length = HEADER.unpack_from(buffer, offset)[2]
            if not HEADER.size <= length <= limit:
                raise Malformed(f"a message of {length} bytes")
            if len(buffer) - offset < length:
                return
            offset += length
            yield bytes(buffer[offset - length : offset])
    finally:
        del buffer[:offset]


def parse_worthy(stage: Stage, version: int, message: bytes) -> bool:
    """Whether os-ken is to see this message at this stage. Raises Malformed when its sender is no switch."""
    spoken, kind, _, _ = HEADER.unpack_from(message)
    if kind not in FROM_SWITCH:
        raise Malformed(f"message type {kind}")
    if stage is Stage.GREETING and kind not in _PARSED[stage]:
        raise Malformed(f"message type {kind} instead of HELLO")
    if stage in (Stage.DESCRIBING, Stage.SERVED) and spoken != version and kind != HELLO:
        raise Malformed(f"version {spoken} after agreeing on {version}")
    if kind not in _PARSED[stage]:
        return False
    check = _CHECKS.get(kind)
    return check is None or check(version, message)


def _check_hello(_: int, message: bytes) -> bool:
    # os-ken steps by the bare length, without the padding to 8 that the specification has; so must this
    offset, end = HEADER.size, len(message)
    while offset < end:
        length = _ELEMENT.unpack_from(message, offset)[1] if end - offset >= _ELEMENT.size else 0
        if length < _ELEMENT.size or offset + length > end:
            raise Malformed(f"a HELLO element of {length} bytes")
        offset += length
    return True


def _check_ports(version: int, message: bytes) -> bool:
    """Descriptions of ports are let through, other statistics that nobody of us has asked for are not."""
    entries, _ = replies.body(message)
    if _MULTIPART.unpack_from(message, HEADER.size)[0] != PORT_DESCRIPTION:
        return False
    for _ in replies.ports(version, entries):
        pass
    return True


def _check_port_status(version: int, message: bytes) -> bool:
    if len(list(replies.ports(version, memoryview(message)[HEADER.size + 8 :]))) != 1:
        raise Malformed("a port status without a port")
    return True


_CHECKS: dict[int, Callable[[int, bytes], bool]] = {
    HELLO: _check_hello,
    MULTIPART_REPLY: _check_ports,
    PORT_STATUS: _check_port_status,
}
