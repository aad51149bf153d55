"""A flood from a host: UDP datagrams, each from another pair of ports, at a steady rate.

    python -m topology.deluge INTERFACE SOURCE-MAC SOURCE-ADDRESS TARGET-MAC TARGET-ADDRESS PER-SECOND SECONDS

To be run inside the host. It ends by itself, or by SIGTERM, and says how many it has sent.
"""

from __future__ import annotations

import ctypes
import itertools
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterator

BATCH = 32
SPORT_AT = 34  # Ethernet, and an IPv4 header without options
PAYLOAD = b"flood" * 4
FIRST, LAST = 1024, 65000
LIBC = ctypes.CDLL(None, use_errno=True)


class Vector(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class Header(ctypes.Structure):
    """struct mmsghdr: struct msghdr, and how much was sent."""

    _fields_ = (
        ("name", ctypes.c_void_p), ("name_length", ctypes.c_uint32), ("vectors", ctypes.POINTER(Vector)),
        ("count", ctypes.c_size_t), ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int), ("padding", ctypes.c_int), ("sent", ctypes.c_uint),
    )  # fmt: skip


def datagram(mac: str, address: str, to_mac: str, to_address: str) -> bytes:
    """A frame without UDP checksum (RFC 768 allows that for IPv4), so that its ports may be changed freely."""
    ends = b"".join(bytes.fromhex(each.replace(":", "")) for each in (to_mac, mac))
    udp = struct.pack("!HHHH", 0, 0, 8 + len(PAYLOAD), 0) + PAYLOAD
    addresses = socket.inet_aton(address) + socket.inet_aton(to_address)
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0x4000, 64, 17, 0) + addresses
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    header = header[:10] + struct.pack("!H", ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF) + header[12:]
    return ends + b"\x08\x00" + header + udp


def ports() -> Iterator[tuple[int, int]]:
    """Pairs that do not come again for a long time."""
    for number in itertools.count():
        yield FIRST + number % (LAST - FIRST), FIRST + number // (LAST - FIRST) % (LAST - FIRST)


def flood(interface: str, frame: bytes, rate: float, seconds: float) -> int:
    """How many were sent; what the interface does not take at once is lost."""
    done = []
    signal.signal(signal.SIGTERM, lambda *_: done.append(True))
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((interface, 0))
        buffers = [ctypes.create_string_buffer(frame, len(frame)) for _ in range(BATCH)]
        vectors = (Vector * BATCH)(*(Vector(ctypes.addressof(buffer), len(frame)) for buffer in buffers))
        headers = (Header * BATCH)()
        for header, vector in zip(headers, vectors, strict=True):
            header.vectors, header.count = ctypes.pointer(vector), 1
        fresh, sent, begin = ports(), 0, time.monotonic()
        while not done and (now := time.monotonic() - begin) < seconds:
            if (early := sent / rate - now) > 0:
                time.sleep(min(early, 0.01))
                continue
            for buffer, pair in zip(buffers, fresh, strict=False):
                struct.pack_into("!HH", buffer, SPORT_AT, *pair)
            sent += max(LIBC.sendmmsg(raw.fileno(), headers, BATCH, 0), 0)
    return sent


def main(interface: str, mac: str, address: str, to_mac: str, to_address: str, rate: str, seconds: str) -> None:
    print(flood(interface, datagram(mac, address, to_mac, to_address), float(rate), float(seconds)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
