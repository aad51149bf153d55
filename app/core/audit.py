"""Drift: what a switch holds otherwise than wanted, found by content and not only by cookie.

A comparison runs while changes go on. What they touch meanwhile it takes no notice of; the next one will.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from app.core.flow import OWNER, OWNER_SHIFT, Flow
from app.core.limits import Rate
from app.core.words import flow_in_words, table_name

SHOWN = 5  # differences told in words
REMEMBERED = 1000  # strange flows kept with what they say; of millions that would be a lot
OUR_METERS = 1 << 17  # their numbers are below (see `rates`)


class Held(NamedTuple):
    """A flow as the switch has it. `flow` is None if it says what none of ours can."""

    cookie: int
    table: int
    priority: int
    flow: Flow | None


@dataclass(frozen=True, slots=True)
class Findings:
    """How much of what the switch holds is not as wanted, with the first few in words."""

    missing: int = 0
    extra: int = 0
    altered: int = 0
    words: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.missing + self.extra + self.altered


@dataclass(frozen=True, slots=True)
class Odd:
    """Flows by cookie, and meters and groups by number, that are not as they should be."""

    missing: set[int]
    altered: set[int]
    extra: set[int]  # cookies that have to go: nobody's, or of a flow that is there a second time in another shape


@dataclass(slots=True)
class Comparison:
    """One audit under way, of what the switch has beside and in its tables."""

    number: int
    unseen: set[int]  # what the switch is believed to hold of what is wanted, as far as it was not found
    keep_foreign: bool = False
    meters: Mapping[int, Rate] = field(default_factory=dict)
    groups: tuple[int, ...] = ()  # those that have to go
    fragments: bool = True  # whether they are treated as told
    touched: set[int] = field(default_factory=set)  # cookies that were changed meanwhile
    touched_meters: set[int] = field(default_factory=set)
    _strange: list[Held] = field(default_factory=list)

    def look(self, held: Iterable[Held], wanted: Mapping[int, Flow]) -> None:
        """Take note of some flows."""
        for each in held:
            cookie = each.cookie
            if each.flow is not None and wanted.get(cookie) == each.flow:
                self.unseen.discard(cookie)
            elif not self.keep_foreign or cookie >> OWNER_SHIFT == OWNER:
                few = len(self._strange) < REMEMBERED
                self._strange.append(each if few else each._replace(flow=None))

    def flows(self) -> Odd:
        """What is odd, all flows having been looked at."""
        strange = {each.cookie for each in self._strange} - self.touched
        missing = self.unseen - self.touched
        altered = missing & strange
        return Odd(missing - altered, altered, strange - altered)

    def rates(self, wanted: Mapping[int, Rate]) -> Odd:
        """The same of the meters."""
        has = {n: rate for n, rate in self.meters.items() if n not in self.touched_meters}
        missing = wanted.keys() - has.keys() - self.touched_meters
        altered = {n for n, rate in has.items() if n in wanted and wanted[n] != rate}
        return Odd(missing, altered, set(surplus(has, wanted, self.keep_foreign)))

    def findings(self, flows: Odd, rates: Odd, wanted: Mapping[int, Flow]) -> Findings:
        """How much that is. Each strange flow counts, except one that stands for a flow of ours that was altered."""
        strange = [each for each in self._strange if each.cookie not in self.touched]
        return Findings(
            len(flows.missing) + len(rates.missing),
            len(strange) - len(flows.altered) + len(rates.extra) + len(self.groups),
            len(flows.altered) + len(rates.altered) + (not self.fragments),
            tuple(islice(self._words(flows, rates, wanted, strange), SHOWN)),
        )

    def _words(self, flows: Odd, rates: Odd, wanted: Mapping[int, Flow], strange: list[Held]) -> Iterator[str]:
        for kind, cookies in (("altered", flows.altered), ("missing", flows.missing)):
            yield from (f"{kind}: {flow_in_words(wanted[c])}" for c in islice(cookies, SHOWN) if c in wanted)
        yield from (f"extra: {_in_words(each)}" for each in strange if each.cookie not in flows.altered)
        for kind, numbers in (("altered", rates.altered), ("missing", rates.missing), ("extra", rates.extra)):
            yield from (f"{kind}: meter {number}" for number in sorted(numbers))
        yield from (f"extra: group {number}" for number in self.groups)
        if not self.fragments:
            yield "altered: how fragments are treated"


def surplus(has: Iterable[int], wanted: Mapping[int, Rate], keep_foreign: bool) -> list[int]:
    """The meters that have to go; those of others may stay."""
    return sorted(n for n in has if n not in wanted and (n < OUR_METERS or not keep_foreign))


def _in_words(held: Held) -> str:
    if held.flow is not None:
        return f"{flow_in_words(held.flow)} (cookie {held.cookie:#x})"
    return f"{table_name(held.table)} {held.priority:>4} of cookie {held.cookie:#x}"
