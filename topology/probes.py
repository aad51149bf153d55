"""Single questions asked with real packets: does this traffic get from here to there?

Every function takes running hosts and answers within `timeout` seconds; True only when the far end really had
it.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import time
from collections.abc import Mapping
from contextlib import suppress

from topology.frames import Frame, Segment
from topology.labs import Probe
from topology.listeners import Listener
from topology.namespaces import INTERFACE, Attached

TIMEOUT = 0.7
ETH_P_ALL = 3
PACKET_OUTGOING = 4


def run(source: Attached, target: Attached, probe: Probe, timeout: float = TIMEOUT) -> bool:
    """Ask one probe; the target listens for just that long."""
    if probe.kind == "icmp":
        return icmp(source, target, timeout)
    with Listener(target, (probe,)):
        return ask(source, target, probe, timeout)


def ask(source: Attached, target: Attached, probe: Probe, timeout: float = TIMEOUT) -> bool:
    """Ask one probe of a target that listens already (see `listeners`)."""
    if probe.kind == "icmp":
        return icmp(source, target, timeout)
    kind = socket.SOCK_STREAM if probe.kind == "tcp" else socket.SOCK_DGRAM
    with source.socket(kind=kind) as client:
        client.settimeout(timeout)
        try:
            client.connect((target.host.address, probe.port))
            client.sendall(b"?")
            return client.recv(1) == b"?"
        except OSError:  # timed out, refused, reset, unreachable: it did not get through
            return False


def tcp(source: Attached, target: Attached, port: int, timeout: float = TIMEOUT) -> bool:
    """Whether a TCP connection opens and one byte comes back over it."""
    return run(source, target, Probe("tcp", port), timeout)


def udp(source: Attached, target: Attached, port: int, timeout: float = TIMEOUT) -> bool:
    """Whether a datagram is answered."""
    return run(source, target, Probe("udp", port), timeout)


def udp_oneway(source: Attached, target: Attached, port: int, timeout: float = TIMEOUT) -> bool:
    """Whether a datagram reaches the target, whatever happens to answers."""
    marker = os.urandom(16)
    with target.socket(kind=socket.SOCK_DGRAM) as receiver, source.socket(kind=socket.SOCK_DGRAM) as sender:
        receiver.bind(("", port))
        receiver.settimeout(timeout)
        with suppress(OSError):
            sender.sendto(marker, (target.host.address, port))
            return receiver.recv(64) == marker
    return False


def icmp(source: Attached, target: Attached, timeout: float = TIMEOUT) -> bool:
    """Whether an echo request is answered."""
    marker, identifier = os.urandom(16), int.from_bytes(os.urandom(2))
    with source.socket(kind=socket.SOCK_RAW, proto=socket.IPPROTO_ICMP) as raw:
        deadline = time.monotonic() + timeout
        try:
            raw.sendto(_echo_request(identifier, marker), (target.host.address, 0))
            while (left := deadline - time.monotonic()) > 0:
                raw.settimeout(left)
                packet = raw.recv(2048)
                message = packet[(packet[0] & 15) * 4 :]
                if message[0] == 0 and message[8:24] == marker:
                    return True
        except OSError:
            return False
    return False


def frame(hosts: Mapping[str, Attached], source: str, forged: Frame, window: float = 0.4) -> frozenset[str]:
    """Send `forged` from the source; the names of the other hosts that received it within `window` s."""
    with Sniffer(hosts) as sniffer:
        send(hosts[source], forged)
        return sniffer.saw(forged, window) - {source}


def overhear(host: Attached, port: int, timeout: float = 2.0) -> Segment:
    """The next TCP segment that arrives at the host from or to `port`. Raises TimeoutError."""
    with Sniffer({host.host.name: host}) as sniffer:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for _, raw in sniffer.listen(0.05):
                heard = Segment.parse(raw)
                if heard is not None and port in (heard.sport, heard.dport):
                    return heard
    raise TimeoutError(f"no TCP segment of port {port} arrived at {host.host.name} within {timeout} s")


def send(source: Attached, forged: Frame) -> None:
    """Put a frame on the wire as it is, whatever addresses the host has."""
    with source.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((INTERFACE, 0))
        raw.send(forged.raw)


class Sniffer:
    """Hears every frame that arrives at the hosts while it is open; not what they send themselves."""

    def __init__(self, hosts: Mapping[str, Attached]) -> None:
        self._ears: dict[socket.socket, str] = {}
        for name, host in hosts.items():
            ear = host.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            ear.bind((INTERFACE, ETH_P_ALL))
            self._ears[ear] = name
        self._heard: list[tuple[str, bytes]] = []

    def __enter__(self) -> Sniffer:
        return self

    def __exit__(self, *_: object) -> None:
        for ear in self._ears:
            ear.close()

    def saw(self, frame: Frame, window: float = 0.4) -> frozenset[str]:
        """Names of the hosts that received the frame, listening `window` seconds more.

        Its MACs must be there besides its marker: an ICMP error about it quotes the marker too.
        """
        ends = frame.raw[:12]
        heard = self.listen(window)
        return frozenset(name for name, raw in heard if raw[:12] == ends and frame.marker in raw)

    def listen(self, window: float) -> list[tuple[str, bytes]]:
        """Listen `window` seconds more; (host name, frame) of everything heard so far, in order."""
        deadline = time.monotonic() + window
        while (left := deadline - time.monotonic()) > 0:
            for ear in select.select(list(self._ears), [], [], left)[0]:
                raw, address = ear.recvfrom(65535)
                if address[2] != PACKET_OUTGOING:
                    self._heard.append((self._ears[ear], raw))
        return list(self._heard)


def _echo_request(identifier: int, payload: bytes) -> bytes:
    header = struct.pack("!BBHHH", 8, 0, 0, identifier, 1)
    return struct.pack("!BBHHH", 8, 0, _checksum(header + payload), identifier, 1) + payload


def _checksum(data: bytes) -> int:
    """RFC 1071, for an even number of bytes."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF
