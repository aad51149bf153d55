"""Scans: many frames that differ in one field only."""

from __future__ import annotations

from collections.abc import Iterator

from topology.bursts import checksum, varied
from topology.frames import Frame, tcp_segment, udp
from topology.labs import Family, Host

ETHERNET, IP = 14, {4: 20, 6: 40}


def ports(source: Host, target: Host, family: Family, protocol: str, sport: int = 40000) -> Iterator[bytes]:
    """One opening packet to each port from 1 to 65535, checksums right."""
    make = {"tcp": lambda port: tcp_segment(source, target, sport, port, seq=1, flags="S", family=family)}
    make["udp"] = lambda port: udp(source, target, family=family, sport=sport, dport=port)
    first = make[protocol](1).raw
    head = ETHERNET + IP[family]
    place = head + (16 if protocol == "tcp" else 6)
    return varied(first, head + 2, range(1, 65536), (place,))


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
        frame[ETHERNET + 10 : ETHERNET + 12] = checksum(bytes(frame[ETHERNET:head])).to_bytes(2)
    else:
        pseudo = frame[ETHERNET + 8 : head] + frame[ETHERNET + 4 : ETHERNET + 6] + b"\0\x11"
        frame[head + 6 : head + 8] = checksum(bytes(pseudo + frame[head:])).to_bytes(2)
    return bytes(frame)
