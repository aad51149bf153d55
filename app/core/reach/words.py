"""Traffic in words, as short as they can be and still say which: ``tcp/5432``, ``udp/123 from 123``, ``icmp/8``."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import Literal

from app.core.parsing import PORT_PROTOCOLS, protocol_name
from app.core.reach.regions import REMEMBERED, Region, Span, difference, union
from app.core.reach.traffic import DHCP, FAMILIES, ICMP_OF, UDP, Share, Traffic, every

Cell = Literal["-", "*"] | tuple[str, ...]
Line = tuple[int | None, Span | None, str]  # protocol, destination ports or ICMP types, and the words
PORTS, TYPES = (0, 65535), (0, 255)
PREFIX = {4: "", 6: "ipv6 "}  # as rules have it: what says nothing is IPv4


@lru_cache(REMEMBERED)
def cell(traffic: Traffic, shared: Collection[int] = FAMILIES) -> Cell:
    """A matrix's cell, between ends that have the `shared` families in common; those count for "*"."""
    if not traffic:
        return "-"
    shares = [_plain(traffic.share(family)) for family in FAMILIES]
    if shared and all(share.rest and not share.parts for share in shares if share.family in shared):
        return "*"
    return tuple(word for share in shares for word in _words(share))


def lines(share: Share) -> Iterator[Line]:
    """The same in lines of one protocol each, for who wants numbers; a whole family is one line."""
    plain = _plain(share)
    if plain.rest:
        yield None, None, " ".join(_words(plain))
        return
    for protocol, region in plain.parts:
        for word, span in _of_protocol(plain.family, protocol, region):
            yield protocol, span, word


def _plain(share: Share) -> Share:
    """Without the holes of what DHCP alone may say, where a whole range around them is there."""
    region = share.region(UDP)
    filled = union(region, DHCP.share(share.family).region(UDP))
    if len(filled) >= len(region):
        return share
    parts = [part for part in share.parts if part[0] != UDP]
    if not (share.rest and filled == every(share.family, UDP)):
        parts.append((UDP, filled))
    return Share(share.family, share.rest, tuple(sorted(parts)))


def _words(share: Share) -> Iterator[str]:
    if share.rest:
        yield f"ipv{share.family}"
    for protocol, region in share.parts:
        # Of a family that passes as a whole, what does not is told.
        told = difference(every(share.family, protocol), region) if share.rest else region
        for word, _ in _of_protocol(share.family, protocol, told):
            yield ("!" if share.rest else "") + word


def _of_protocol(family: int, protocol: int, region: Region) -> Iterator[tuple[str, Span | None]]:
    """Words, and the destination ports or ICMP types that they are about; None: all."""
    name = protocol_name(protocol)
    if protocol == ICMP_OF[family]:
        for low, high, codes in region:
            word = name + _after("/", (low, high), TYPES)
            types = None if (low, high) == TYPES else (low, high)
            yield from ((word + _after(" code ", span, TYPES), types) for span in codes)
    elif protocol in PORT_PROTOCOLS:
        for low, high, targets in region:
            sources = _after(" from ", (low, high), PORTS)
            for span in targets:
                yield PREFIX[family] + name + _after("/", span, PORTS) + sources, None if span == PORTS else span
    elif region:
        yield PREFIX[family] + (f"ip/{name}" if name.isdigit() else name), None


def _after(mark: str, span: Span, whole: Span) -> str:
    if span == whole:
        return ""
    return mark + (str(span[0]) if span[0] == span[1] else f"{span[0]}-{span[1]}")
