"""Many frames that differ in one field only, made faster than a library would."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

from topology.frames import Frame, tcp_segment, udp
from topology.labs import Family, Host
from topology.namespaces import Attached

ETHERNET, IP = 14, {4: 20, 6: 40}
CHUNK, PAUSE = 250, 0.004  # no more at once than the receive queue of an interface takes


def ports(source: Host, target: Host, family: Family, protocol: str, sport: int = 40000) -> Iterator[bytes]:
    """One opening packet to each port from 1 to 65535, checksums right."""
    make = {"tcp": lambda port: tcp_segment(source, target, sport, port, seq=1, flags="S", family=family)}
    make["udp"] = lambda port: udp(source, target, family=family, sport=sport, dport=port)
    first = make[protocol](1).raw
    head = ETHERNET + IP[family]
    place = head + (16 if protocol == "tcp" else 6)
    rest = ~int.from_bytes(first[place : place + 2]) & 0xFFFF
    for port in range(1, 65536):
        frame = bytearray(first)
        frame[head + 2 : head + 4] = port.to_bytes(2)
        frame[place : place + 2] = _complement(rest + port - 1)
        yield bytes(frame)


def addresses(source: Host, target: Host, family: Family, count: int, *, vary: str) -> Iterator[bytes]:
    """UDP packets whose source or target address (`vary`) runs through `count` addresses, far from each other."""
    sample: Frame = udp(source, target, family=family, dport=22)
    head, size = (ETHERNET + 12, 4) if family == 4 else (ETHERNET + 8, 16)
    begin = head + (size if vary == "target" else 0)
    for number in range(count):
        frame = bytearray(sample.raw)
        address = (20 << 24 | number * 40503 & 0xFFFFFF).to_bytes(4)
        frame[begin : begin + size] = address if size == 4 else b"\xfd" + address * 3 + b"\x00\x00\x01"
        yield _checked(frame, family)


def _checked(frame: bytearray, family: Family) -> bytes:
    """Right checksums again; IPv4's UDP may go without."""
    head = ETHERNET + IP[family]
    frame[head + 6 : head + 8] = b"\0\0"
    if family == 4:
        frame[ETHERNET + 10 : ETHERNET + 12] = b"\0\0"
        frame[ETHERNET + 10 : ETHERNET + 12] = _complement(_sum(frame[ETHERNET:head]))
    else:
        pseudo = frame[ETHERNET + 8 : head] + bytes(frame[ETHERNET + 4 : ETHERNET + 6]) + b"\0\x11"
        frame[head + 6 : head + 8] = _complement(_sum(pseudo + frame[head:]))
    return bytes(frame)


def _sum(data: bytes | bytearray) -> int:
    padded = bytes(data) + b"\0" * (len(data) % 2)
    return sum(int.from_bytes(padded[at : at + 2]) for at in range(0, len(padded), 2))


def _complement(total: int) -> bytes:
    """RFC 1071: the ones' complement of a ones' complement sum."""
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (~total & 0xFFFF).to_bytes(2)


def pour(source: Attached, frames: Iterator[bytes]) -> int:
    """Send them all as fast as the switch reads; how many there were."""
    count = 0
    with source.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((source.nic, 0))
        for frame in frames:
            raw.send(frame)
            count += 1
            if count % CHUNK == 0:
                time.sleep(PAUSE)
    return count
