"""Many frames that differ in one 16 bit field, made faster than a library would."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from socket import AF_PACKET, SOCK_RAW, socket

from topology import frames
from topology.labs import Host

# Offsets in an untagged Ethernet frame with an IPv4 header without options, or with ARP.
IP_CHECKSUM, TARGET_LOW, SPORT, DPORT, UDP_CHECKSUM, ARP_TARGET_LOW, TCP_CHECKSUM = 24, 32, 34, 36, 40, 40, 50
AT_ONCE, PAUSE = 250, 0.004  # as many as an interface's receive queue takes, and the seconds to read them
ELSEWHERE = "203.0.0.0"


def varied(sample: bytes, at: int, values: Iterable[int], checksums: tuple[int, ...] = ()) -> Iterator[bytes]:
    """The frame with each of the values at an offset; the checksums that cover it are right (RFC 1624)."""
    before = _word(sample, at)
    for value in values:
        frame = bytearray(sample)
        frame[at : at + 2] = value.to_bytes(2)
        for place in checksums:
            total = (~_word(sample, place) & 0xFFFF) + (~before & 0xFFFF) + value
            total = (total & 0xFFFF) + (total >> 16)
            frame[place : place + 2] = (~((total & 0xFFFF) + (total >> 16)) & 0xFFFF).to_bytes(2)
        yield bytes(frame)


def questions(client: Host, server: Host, port: int, sports: Iterable[int]) -> list[bytes]:
    """Datagrams to the server's port, from many ports."""
    return list(varied(frames.udp(client, server, dport=port).raw, SPORT, sports, (UDP_CHECKSUM,)))


def answers(client: Host, server: Host, port: int, sports: Iterable[int]) -> list[bytes]:
    """What the server says to each of them."""
    return list(varied(frames.udp(server, client, sport=port).raw, DPORT, sports, (UDP_CHECKSUM,)))


def tcp_scan(source: Host, target: Host, ports: Iterable[int]) -> Iterator[bytes]:
    """A first segment to each port."""
    sample = frames.tcp_segment(source, target, 40000, 1, seq=1, flags="S").raw
    return varied(sample, DPORT, ports, (TCP_CHECKSUM,))


def udp_scan(source: Host, target: Host, ports: Iterable[int]) -> Iterator[bytes]:
    """A datagram to each port."""
    return varied(frames.udp(source, target).raw, DPORT, ports, (UDP_CHECKSUM,))


def address_scan(source: Host, router: Host, count: int) -> Iterator[bytes]:
    """A datagram to each of many addresses, spread over a /16 that is behind the router."""
    sample = frames.udp(source, replace(router, address=ELSEWHERE)).raw
    return varied(sample, TARGET_LOW, _spread(count), (IP_CHECKSUM, UDP_CHECKSUM))


def arp_scan(source: Host, count: int) -> Iterator[bytes]:
    """The question who has it, for each of many addresses, spread over a /16."""
    return varied(frames.arp(source, ELSEWHERE).raw, ARP_TARGET_LOW, _spread(count))


def pour(interface: str, burst: Iterable[bytes], at_once: int = AT_ONCE, pause: float = PAUSE) -> int:
    """Send by an interface of the current namespace, no faster than `at_once` (0: as fast as possible) in `pause`
    seconds; how many it were."""
    count = 0
    with socket(AF_PACKET, SOCK_RAW) as raw:
        raw.bind((interface, 0))
        for frame in burst:
            raw.send(frame)
            count += 1
            if at_once and count % at_once == 0:
                time.sleep(pause)
    return count


def _spread(count: int) -> Iterator[int]:
    return (number * (0x10000 // count) for number in range(count))


def _word(frame: bytes, at: int) -> int:
    return int.from_bytes(frame[at : at + 2])
