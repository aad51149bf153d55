"""Many frames that differ in little, made and sent faster than a library would."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterable, Iterator
from socket import AF_PACKET, SOCK_RAW, socket

AT_ONCE, PAUSE = 250, 0.004  # as many as an interface's receive queue takes, and the seconds to read them


def varied(sample: bytes, at: int, values: Iterable[int], checksums: tuple[int, ...] = ()) -> Iterator[bytes]:
    """The frame with each of the values as the 16 bits at an offset; the checksums over it are right (RFC 1624)."""
    before = _word(sample, at)
    for value in values:
        frame = bytearray(sample)
        frame[at : at + 2] = value.to_bytes(2)
        for place in checksums:
            total = (~_word(sample, place) & 0xFFFF) + (~before & 0xFFFF) + value
            frame[place : place + 2] = _complement(total).to_bytes(2)
        yield bytes(frame)


def checksum(data: bytes) -> int:
    """RFC 1071."""
    even = data + bytes(len(data) % 2)
    return _complement(sum(struct.unpack(f"!{len(even) // 2}H", even)))


def pour(
    interface: str,
    burst: Iterable[bytes],
    at_once: int = AT_ONCE,
    pause: float = PAUSE,
    opened: Callable[[int, int], socket] = socket,
) -> int:
    """Send by an interface, no faster than `at_once` (0: as fast as possible) in `pause` seconds; how many it were.

    The interface is in the current namespace, or in that where `opened` opens sockets.
    """
    count = 0
    with opened(AF_PACKET, SOCK_RAW) as raw:
        raw.bind((interface, 0))
        for frame in burst:
            raw.send(frame)
            count += 1
            if at_once and count % at_once == 0:
                time.sleep(pause)
    return count


def _complement(total: int) -> int:
    """The ones' complement of a ones' complement sum of less than 2**16 words."""
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def _word(frame: bytes, at: int) -> int:
    return int.from_bytes(frame[at : at + 2])
