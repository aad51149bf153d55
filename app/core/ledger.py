"""What a switch is believed to hold, and the difference from what is wanted.

Long work comes as a generator that pauses after every slice, so that others get their turn; it takes up what changes
meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from app.core.audit import Comparison, Findings, surplus
from app.core.dialogue import Changed, Push, Surveyed
from app.core.flow import OWNER, OWNER_SHIFT, Flow
from app.core.limits import Rate

SLICE = 10_000  # flows looked at in one go: some milliseconds


@dataclass(slots=True)
class Ledger:
    """`wanted` and `rates` are the live program's: cookie -> flow, and number -> meter."""

    wanted: Mapping[int, Flow]
    rates: Mapping[int, Rate]
    keep_foreign: bool
    installed: set[int] = field(default_factory=set)  # cookies
    _doomed: set[int] = field(default_factory=set)  # cookies that were found out of place
    _unmet: list[int] = field(default_factory=list)  # cookies that reading did not find
    _stale: set[int] = field(default_factory=set)  # those and others that changed: the next plan has to look at them
    _meters: dict[int, Rate] = field(default_factory=dict)  # that the switch has
    _stale_meters: set[int] = field(default_factory=set)
    _groups: tuple[int, ...] = ()  # that have to go
    _fragments: bool = True  # whether they are treated as told

    # -- what the switch reports

    def take_survey(self, survey: Surveyed) -> None:
        self._meters = dict(survey.meters)
        self._groups = () if self.keep_foreign else tuple(survey.groups)
        self._fragments = survey.fragments

    def take_report(self, held: Iterable[tuple[int, int, int]]) -> None:
        """Take note of flows that are as they should be, and of strange ones: not ours, not wanted, or there twice."""
        wanted, installed, doomed = self.wanted, self.installed, self._doomed
        for table, priority, cookie in held:
            flow = wanted.get(cookie)
            if flow and flow.table == table and flow.priority == priority and cookie not in installed:
                installed.add(cookie)
            elif cookie >> OWNER_SHIFT == OWNER or not self.keep_foreign:
                doomed.add(cookie)

    def close_report(self) -> Iterator[None]:
        """All is reported: what is wanted and not there is for the next plan. Pauses."""
        self.installed -= self._doomed
        self._stale_meters |= self.rates.keys() | self._meters.keys()
        for some in _slices(list(self.wanted)):
            self._unmet.extend(cookie for cookie in some if cookie not in self.installed)
            if len(some) == SLICE:
                yield

    # -- what changes

    def take_change(self, change: Changed) -> None:
        self._stale |= change.cookies
        self._stale_meters |= change.meters

    def doubt(self, cookies: Collection[int]) -> None:
        """Take flows for altered; those that are not believed to be there are none."""
        mine = self.installed.intersection(cookies)
        self.installed -= mine
        self._stale |= mine
        self._doomed |= mine

    def comparison(self, number: int) -> Comparison:
        """An audit that begins now; of what has changed and is not pushed yet it takes no notice."""
        touched, meters = set(self._stale), set(self._stale_meters)
        return Comparison(number, set(self.installed), self.keep_foreign, touched=touched, touched_meters=meters)

    def take_audit(self, audit: Comparison) -> Findings:
        """Believe what an audit has seen, so that the next plan mends it."""
        flows, rates = audit.flows(), audit.rates(self.rates)
        findings = audit.findings(flows, rates, self.wanted)
        self.installed -= flows.missing | flows.altered | flows.extra
        self._stale |= flows.missing | flows.altered | flows.extra
        self._doomed |= flows.altered | flows.extra
        for number in rates.missing | rates.altered | rates.extra:
            self._stale_meters.add(number)
            self._meters.pop(number, None)
            if number in audit.meters:
                self._meters[number] = audit.meters[number]
        self._groups, self._fragments = audit.groups, audit.fragments
        return findings

    def plan(self, is_whole: Callable[[], bool]) -> Generator[None, None, Push]:
        """The push that brings the switch what it lacks; an empty one if nothing differs. Pauses, also while what is
        wanted is not whole."""
        wanted, installed = self.wanted, self.installed
        adds: dict[int, Flow] = {}
        gone: set[int] = set()
        while self._unmet or self._stale or not is_whole():
            if not (self._unmet or self._stale):
                yield
            for some in _slices(self._take_stale()):
                for cookie in some:  # one that was looked at before may have changed since
                    flow = wanted.get(cookie)
                    if cookie in installed:
                        (gone.discard if flow else gone.add)(cookie)
                    elif flow:
                        adds[cookie] = flow
                    else:
                        adds.pop(cookie, None)
                if len(some) == SLICE:
                    yield
        deletes, self._doomed = tuple(gone | self._doomed), set()
        meters = self._plan_meters()
        push = Push(adds, deletes, *meters, ungroups=self._groups, fragments=not self._fragments)
        self._groups, self._fragments = (), True
        return push

    def _take_stale(self) -> Collection[int]:
        if self._unmet:
            unmet, self._unmet = self._unmet, []
            return unmet
        stale, self._stale = self._stale, set()
        return stale

    def _plan_meters(self) -> tuple[dict[int, Rate], frozenset[int], tuple[int, ...]]:
        """Meters to set, those of them that are there otherwise, and those to delete when no flow uses them."""
        stale, self._stale_meters = self._stale_meters, set()
        sets = {n: self.rates[n] for n in sorted(stale) if n in self.rates and self._meters.get(n) != self.rates[n]}
        gone = surplus((n for n in stale if n in self._meters), self.rates, self.keep_foreign)
        return sets, frozenset(sets.keys() & self._meters.keys()), tuple(gone)

    def confirm(self, push: Push) -> Iterator[None]:
        """A push is in force. Pauses."""
        for some in _slices(push.deletes):
            self.installed.difference_update(some)
            if len(some) == SLICE:
                yield
        for some in _slices(push.adds):
            self.installed.update(some)
            if len(some) == SLICE:
                yield
        self._meters.update(push.meters)
        for number in push.unmeters:
            self._meters.pop(number, None)


def _slices(things: Collection[int]) -> Iterator[tuple[int, ...]]:
    left = iter(things)
    while some := tuple(islice(left, SLICE)):
        yield some
