"""Single questions asked with real packets: does this traffic get from here to there?

Every function takes running hosts and answers within `timeout` seconds; True only when the far end really had
it.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Mapping
from contextlib import suppress

from topology.bursts import checksum
from topology.frames import Frame, Segment
from topology.labs import Family, Probe
from topology.listeners import Listener
from topology.namespaces import INET, Attached
from topology.sniffer import Sniffer

TIMEOUT = 0.7
ECHO = {4: (8, 0), 6: (128, 129)}  # request and reply, ICMP and ICMPv6


def run(source: Attached, target: Attached, probe: Probe, timeout: float = TIMEOUT, family: Family = 4) -> bool:
    """Ask one probe; the target listens for just that long."""
    if probe.kind == "icmp":
        return icmp(source, target, timeout, family)
    with Listener(target, (probe,), family):
        return ask(source, target, probe, timeout, family)


def ask(source: Attached, target: Attached, probe: Probe, timeout: float = TIMEOUT, family: Family = 4) -> bool:
    """Ask one probe of a target that listens already (see `listeners`)."""
    if probe.kind == "icmp":
        return icmp(source, target, timeout, family)
    kind = socket.SOCK_STREAM if probe.kind == "tcp" else socket.SOCK_DGRAM
    with source.socket(INET[family], kind) as client:
        client.settimeout(timeout)
        try:
            client.connect((target.host.ip(family), probe.port))
            client.sendall(b"?")
            return client.recv(1) == b"?"
        except OSError:  # timed out, refused, reset, unreachable: it did not get through
            return False


def tcp(source: Attached, target: Attached, port: int, timeout: float = TIMEOUT, family: Family = 4) -> bool:
    """Whether a TCP connection opens and one byte comes back over it."""
    return run(source, target, Probe("tcp", port), timeout, family)


def udp(source: Attached, target: Attached, port: int, timeout: float = TIMEOUT, family: Family = 4) -> bool:
    """Whether a datagram is answered."""
    return run(source, target, Probe("udp", port), timeout, family)


def udp_oneway(
    source: Attached, target: Attached, port: int, timeout: float = TIMEOUT, family: Family = 4, size: int = 16
) -> bool:
    """Whether a datagram of `size` bytes reaches the target, whatever happens to answers."""
    marker = os.urandom(size)
    with (
        target.socket(INET[family], socket.SOCK_DGRAM) as receiver,
        source.socket(INET[family], socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("", port))
        receiver.settimeout(timeout)
        with suppress(OSError):
            sender.sendto(marker, (target.host.ip(family), port))
            return receiver.recv(65535) == marker
    return False


def icmp(source: Attached, target: Attached, timeout: float = TIMEOUT, family: Family = 4) -> bool:
    """Whether an echo request is answered."""
    request, reply = ECHO[family]
    marker, identifier = os.urandom(16), int.from_bytes(os.urandom(2))
    protocol = socket.IPPROTO_ICMP if family == 4 else socket.IPPROTO_ICMPV6
    with source.socket(INET[family], socket.SOCK_RAW, protocol) as raw:
        deadline = time.monotonic() + timeout
        try:
            raw.sendto(_echo_request(request, identifier, marker), (target.host.ip(family), 0))
            while (left := deadline - time.monotonic()) > 0:
                raw.settimeout(left)
                packet = raw.recv(2048)
                message = packet[(packet[0] & 15) * 4 :] if family == 4 else packet  # raw(7): no IPv6 header
                if message[0] == reply and message[8:24] == marker:
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
            for name, raw in sniffer.listen(0.05):
                heard = Segment.parse(raw) if name == host.host.name else None
                if heard is not None and port in (heard.sport, heard.dport):
                    return heard
    raise TimeoutError(f"no TCP segment of port {port} arrived at {host.host.name} within {timeout} s")


def send(source: Attached, *forged: Frame) -> None:
    """Put frames on the wire as they are, whatever addresses the host has."""
    with source.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((source.nic, 0))
        for frame in forged:
            raw.send(frame.raw)


def _echo_request(kind: int, identifier: int, payload: bytes) -> bytes:
    header = struct.pack("!BBHHH", kind, 0, 0, identifier, 1)  # the kernel fills ICMPv6's checksum in
    return struct.pack("!BBHHH", kind, 0, checksum(header + payload), identifier, 1) + payload
