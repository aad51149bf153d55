"""Sets of traffic, exactly: families, protocols, and of each protocol which numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from app.core.parsing import ICMP, ICMPV6, PORT_PROTOCOLS
from app.core.reach.regions import EMPTY, REMEMBERED, Region, Span, box, contains, difference, intersection, union

FAMILIES = (4, 6)
UDP = 17
NUMBERLESS: Span = (0, 0)
ICMP_OF = {4: ICMP, 6: ICMPV6}
Parts = tuple[tuple[int, Region], ...]


@lru_cache
def every(family: int, protocol: int) -> Region:
    """All that there is of a protocol: source and destination ports, ICMP types and codes, or the one kind."""
    last = 65535 if protocol in PORT_PROTOCOLS else 255 if protocol == ICMP_OF[family] else 0
    return box((0, last), (0, last))


@dataclass(frozen=True, slots=True)
class Share:
    """What there is of one family: the regions of some protocols, and all of the others if `rest`. A protocol that is
    not listed has what the rest has, and none is listed without need; so equal sets are equal values."""

    family: int  # 4 or 6
    rest: bool = False
    parts: Parts = ()

    def region(self, protocol: int) -> Region:
        listed = next((region for number, region in self.parts if number == protocol), None)
        return listed if listed is not None else every(self.family, protocol) if self.rest else EMPTY

    @property
    def is_empty(self) -> bool:
        return not self.rest and not self.parts


@dataclass(frozen=True, slots=True)
class Traffic:
    """A set of first packets of connections, by what rules look at beside addresses. Equality is equality of sets."""

    ipv4: Share = Share(4)
    ipv6: Share = Share(6)
    # Sets are asked about far more often than they are made.
    _hash: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.ipv4, self.ipv6)))

    def __hash__(self) -> int:
        return self._hash

    @classmethod
    def of(
        cls, family: int, protocol: int | None = None, first: Span | None = None, second: Span | None = None
    ) -> Traffic:
        """Of one family all, or of one protocol all, or with these source and destination ports, or ICMP types and
        codes."""
        if protocol is None:
            return ALL_OF[family]
        whole = every(family, protocol)
        (low, high, ((bottom, top),)) = whole[0]
        region = intersection(whole, box(first or (low, high), second or (bottom, top)))
        return _only(_share(family, False, {protocol: region}))

    def share(self, family: int) -> Share:
        return self.ipv4 if family == 4 else self.ipv6

    def only(self, family: int) -> Traffic:
        return _only(self.share(family))

    def has(self, family: int, protocol: int, first: int = 0, second: int = 0) -> bool:
        """Whether one packet is in it."""
        return contains(self.share(family).region(protocol), first, second)

    def __or__(self, other: Traffic) -> Traffic:
        return _united(self, other)

    def __and__(self, other: Traffic) -> Traffic:
        return _common(self, other)

    def __sub__(self, other: Traffic) -> Traffic:
        return _without(self, other)

    def __le__(self, other: Traffic) -> bool:
        """Whether all of it is in another."""
        return not self - other

    def __bool__(self) -> bool:
        return not (self.ipv4.is_empty and self.ipv6.is_empty)


def _share(family: int, rest: bool, regions: dict[int, Region]) -> Share:
    left = ((number, region) for number, region in sorted(regions.items()))
    implied = {number: every(family, number) if rest else EMPTY for number in regions}
    return Share(family, rest, tuple(part for part in left if part[1] != implied[part[0]]))


def _only(share: Share) -> Traffic:
    return Traffic(ipv4=share) if share.family == 4 else Traffic(ipv6=share)


def _combined(one: Traffic, other: Traffic, regions: Callable[[Region, Region], Region]) -> Traffic:
    shares = []
    for a, b in ((one.ipv4, other.ipv4), (one.ipv6, other.ipv6)):
        listed = {number for number, _ in (*a.parts, *b.parts)}
        both = {number: regions(a.region(number), b.region(number)) for number in listed}
        shares.append(_share(a.family, bool(regions(_rest(a), _rest(b))), both))
    return Traffic(*shares)


def _rest(share: Share) -> Region:
    return every(share.family, 0) if share.rest else EMPTY


@lru_cache(REMEMBERED)
def _united(one: Traffic, other: Traffic) -> Traffic:
    return _combined(one, other, union)


@lru_cache(REMEMBERED)
def _common(one: Traffic, other: Traffic) -> Traffic:
    return _combined(one, other, intersection)


@lru_cache(REMEMBERED)
def _without(one: Traffic, other: Traffic) -> Traffic:
    return _combined(one, other, difference)


def union_of(some: Iterable[Traffic]) -> Traffic:
    whole = NOTHING
    for traffic in some:
        whole = whole | traffic
    return whole


NOTHING = Traffic()
ALL_OF = {family: _only(Share(family, True)) for family in FAMILIES}
EVERYTHING = ALL_OF[4] | ALL_OF[6]
# What only DHCP servers send, and what only they hear; anybody's policy leaves it out.
SAID_BY_SERVERS = Traffic.of(4, UDP, (67, 67), (68, 68)) | Traffic.of(6, UDP, (547, 547), (546, 546))
SAID_TO_SERVERS = Traffic.of(4, UDP, (68, 68), (67, 67)) | Traffic.of(6, UDP, (546, 546), (547, 547))
DHCP = SAID_BY_SERVERS | SAID_TO_SERVERS
