"""Datagrams in fragments, and what attackers do with them (RFC 1858, RFC 3128, RFC 5722).

What they carry has right checksums, so whoever puts them together takes them. Their marker is their own IP header with
its random identity and the offset, and the first eight bytes behind it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from topology.frames import Frame, ip
from topology.labs import Family, Host

UNIT = 8  # fragment offsets count eights
HEADER: dict[Family, int] = {4: 20, 6: 40}
ETHERNET, EXTENSION = 14, 8


def datagram(
    sender: Host, target: Host, family: Family = 4, *, size: int = 3000, sport: int = 40000, dport: int = 4711,
    address: str | None = None,
) -> bytes:  # fmt: skip
    """A UDP header and `size` random bytes, as from the sender (or `address`) to the target."""
    from scapy.layers.inet import UDP
    from scapy.packet import Raw

    header = ip(family, address or sender.ip(family), target.ip(family))
    return bytes(header / UDP(sport=sport, dport=dport) / Raw(os.urandom(size)))[HEADER[family] :]


def opening(sender: Host, target: Host, family: Family = 4, *, sport: int = 40000, dport: int = 4711) -> bytes:
    """A TCP SYN with some data."""
    from scapy.layers.inet import TCP
    from scapy.packet import Raw

    header = ip(family, sender.ip(family), target.ip(family))
    return bytes(header / TCP(sport=sport, dport=dport, flags="S") / Raw(bytes(44)))[HEADER[family] :]


def pieces(
    sender: Host, target: Host, payload: bytes, cuts: Sequence[tuple[int, int]], family: Family = 4, *,
    protocol: int = 17, address: str | None = None, mac: str | None = None, to_mac: str | None = None,
    hop_limit: int = 64, identity: int | None = None, name: str = "fragment",
) -> list[Frame]:  # fmt: skip
    """One frame for each (begin, end) of the payload in bytes, in that order; begins are multiples of eight.

    A piece that ends the payload says that it is the last one.
    """
    chosen = int.from_bytes(os.urandom(4 if family == 6 else 2)) if identity is None else identity
    ends = (address or sender.ip(family), target.ip(family))
    made = []
    for begin, end in cuts:
        header = _header(family, ends, protocol, chosen, begin // UNIT, end < len(payload))
        header["IPv6" if family == 6 else "IP"].setfieldval("hlim" if family == 6 else "ttl", hop_limit)
        packet = header / payload[begin:end]
        title = f"{name} {begin}-{end} of {len(payload)}, IPv{family}"
        made.append(_framed(title, mac or sender.mac, to_mac or target.mac, packet, family))
    return made


def whole(sender: Host, target: Host, family: Family = 4, **ports: int) -> list[Frame]:
    """A well-formed datagram in three fragments, as large as hosts make them; `sport`, `dport`."""
    body = datagram(sender, target, family, **ports)
    return pieces(sender, target, body, cuts(len(body)), family)


def cuts(length: int, size: int = 1400) -> list[tuple[int, int]]:
    """Where to cut. Open vSwitch's conntrack refuses pieces below 1200 bytes (IPv6: 1280), except the last."""
    return [(begin, min(begin + size, length)) for begin in range(0, length, size)]


def _header(family: Family, ends: tuple[str, str], protocol: int, identity: int, offset: int, more: bool) -> Any:
    from scapy.layers.inet6 import IPv6ExtHdrFragment

    if family == 4:
        return ip(4, *ends, id=identity, frag=offset, flags="MF" if more else 0, proto=protocol)
    return ip(6, *ends) / IPv6ExtHdrFragment(offset=offset, m=int(more), id=identity, nh=protocol)


def _framed(name: str, src: str, dst: str, packet: Any, family: Family) -> Frame:
    from scapy.layers.l2 import Ether

    raw = bytes(Ether(src=src, dst=dst) / packet)
    length = HEADER[family] + (EXTENSION if family == 6 else 0)
    return Frame(name, raw, raw[ETHERNET : ETHERNET + length + UNIT])
