"""Sets of pairs of numbers: source and destination ports, or ICMP types and codes.

A region is a tuple of slabs: a range of first numbers, and the ranges of second numbers that go with each of them. Both
are in order, as wide as can be and apart from one another, so equal sets are equal regions. Ranges include both ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import pairwise

Span = tuple[int, int]
Spans = tuple[Span, ...]
Slab = tuple[int, int, Spans]
Region = tuple[Slab, ...]
Keep = Callable[[bool, bool], bool]

EMPTY: Region = ()
REMEMBERED = 1 << 14


def box(first: Span, second: Span) -> Region:
    return ((*first, (second,)),)


def contains(region: Region, first: int, second: int) -> bool:
    slab = next((slab for slab in region if slab[0] <= first <= slab[1]), None)
    return slab is not None and any(low <= second <= high for low, high in slab[2])


@lru_cache(REMEMBERED)
def union(one: Region, other: Region) -> Region:
    return other if not one else one if not other else _combined(one, other, lambda a, b: a or b)


@lru_cache(REMEMBERED)
def intersection(one: Region, other: Region) -> Region:
    return _combined(one, other, lambda a, b: a and b) if one and other else EMPTY


@lru_cache(REMEMBERED)
def difference(one: Region, other: Region) -> Region:
    return _combined(one, other, lambda a, b: a and not b) if one and other else one


def _combined(one: Region, other: Region, keep: Keep) -> Region:
    slabs: list[Slab] = []
    for low, high in _pieces((slab[0], slab[1]) for slab in (*one, *other)):
        spans = _combined_spans(_at(one, low), _at(other, low), keep)
        if not spans:
            continue
        if slabs and slabs[-1][1] == low - 1 and slabs[-1][2] == spans:
            low = slabs.pop()[0]
        slabs.append((low, high, spans))
    return tuple(slabs)


def _combined_spans(one: Spans, other: Spans, keep: Keep) -> Spans:
    found: list[Span] = []
    for low, high in _pieces((*one, *other)):
        if keep(_is_in(one, low), _is_in(other, low)):
            if found and found[-1][1] == low - 1:
                low = found.pop()[0]
            found.append((low, high))
    return tuple(found)


def _pieces(spans: Iterable[Span]) -> Iterator[Span]:
    """The ranges between the borders of some ranges: each of those is made of whole pieces."""
    borders = sorted({border for low, high in spans for border in (low, high + 1)})
    for low, after in pairwise(borders):
        yield low, after - 1


def _at(region: Region, first: int) -> Spans:
    return next((spans for low, high, spans in region if low <= first <= high), ())


def _is_in(spans: Spans, number: int) -> bool:
    return any(low <= number <= high for low, high in spans)
