"""Questions, answers and scans: many frames that differ in one 16 bit field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from topology import frames
from topology.bursts import varied
from topology.labs import Host

# Offsets in an untagged Ethernet frame with an IPv4 header without options, or with ARP.
IP_CHECKSUM, TARGET_LOW, SPORT, DPORT, UDP_CHECKSUM, ARP_TARGET_LOW, TCP_CHECKSUM = 24, 32, 34, 36, 40, 40, 50
ELSEWHERE = "203.0.0.0"


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


def _spread(count: int) -> Iterator[int]:
    return (number * (0x10000 // count) for number in range(count))
