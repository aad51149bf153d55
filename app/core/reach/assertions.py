"""Whether a tenant's assertions hold, and which rules decide; a change that breaks one is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from app.core.assertions import Assertion, Assertions
from app.core.inventory import Inventory, Write
from app.core.problems import AssertionsBroken, Moved, NotFound
from app.core.reach.ends import Members, kinds_of, ports_of
from app.core.reach.kinds import Kind, between, judged
from app.core.reach.readings import Reading
from app.core.reach.traffic import DHCP, FAMILIES, Traffic, union_of
from app.core.reach.words import cell
from app.core.values import Direction

T = TypeVar("T")
Result = Literal["passed", "failed", "moot"]
MOST_REASONS = 5
JUDGED_AT_ONCE = 400  # ports, each some 20 µs: so many the hub can look at within a write
NUMBERS = {"IPv4": 4, "IPv6": 6}
DECIDING = ("group", "address_group", "port", "assertions")


@dataclass(frozen=True, slots=True)
class Reason:
    """Two ends for which an assertion fails. `rules` are those that let something through, as ``group/key``,
    ``guardrail:name`` or ``default_egress``; `refused_by` is who does not: ``egress of web-1``, ``ingress of db-1``, or
    ``no common family``."""

    source: str
    target: str
    traffic: tuple[str, ...]  # that is allowed, or lacks
    rules: tuple[str, ...] = ()
    refused_by: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Moot if one end has no port that is enabled: it applies to nobody. `place` is its place in the tenant's
    list, from 0; `reasons` are some of those why it fails."""

    place: int
    assertion: Assertion
    result: Result
    reasons: tuple[Reason, ...] = ()
    detail: str = ""


def outcomes(inventory: Inventory, tenant: str, items: Sequence[Assertion] | None = None) -> list[Outcome]:
    """How the tenant's assertions stand, or those that are given."""
    asked = assertions_of(inventory, tenant) if items is None else items
    return [judge(inventory, tenant, place, assertion) for place, assertion in enumerate(asked)]


def assertions_of(inventory: Inventory, tenant: str) -> tuple[Assertion, ...]:
    stored = inventory.find("assertions", tenant)
    return stored.value.items if stored is not None and isinstance(stored.value, Assertions) else ()


def judge(inventory: Inventory, tenant: str, place: int, assertion: Assertion) -> Outcome:
    """O(ports of both ends); of the rules only those that are about its traffic."""
    source, target = assertion.ends(tenant)
    asked = _asked(assertion)
    try:
        ids = [ports_of(inventory, end) if end.is_ours else None for end in (source, target)]
    except NotFound as error:
        return Outcome(place, assertion, "moot", detail=str(error))
    for end, ports in zip((source, target), ids, strict=True):
        if ports == []:
            return Outcome(place, assertion, "moot", detail=f"{end} has no port that is enabled")
    groups = {group for ports in ids for id in ports or () for group in inventory.port(id).groups}
    reading = Reading(inventory, tenant, groups, asked)
    court = _Court(inventory, reading, asked)
    found: list[Reason] = []
    for one, ones in kinds_of(inventory, source, reading).items():
        for other, others in kinds_of(inventory, target, reading).items():
            if len(ones | others) > 1 and len(found) < MOST_REASONS:
                court_of = court.denied if assertion.expect == "deny" else court.allowed
                found += court_of(one, other, ones, others)
    return Outcome(place, assertion, "failed" if found else "passed", tuple(found))


def _asked(assertion: Assertion) -> Traffic:
    families = [NUMBERS[family] for family in assertion.families]
    numbers = None if assertion.port is None else (assertion.port, assertion.port)
    # IPv4 has no ICMPv6: such a family is not asked.
    return union_of(Traffic.of(f, assertion.protocol, None, numbers) for f in families)


@dataclass(frozen=True, slots=True)
class _Court:
    inventory: Inventory
    reading: Reading
    asked: Traffic

    def denied(self, one: Kind, other: Kind, ones: Members, others: Members) -> Iterator[Reason]:
        """What is allowed although it should not be."""
        traffic = between(self.reading, one, self.reading, other) & self.asked
        if traffic:
            source, target = _two(ones, others)
            ways: tuple[tuple[Kind, Kind, Direction], ...] = ((one, other, "egress"), (other, one, "ingress"))
            rules = [rule for mine, theirs, way in ways for rule in self._deciding(mine, theirs, way, traffic)]
            yield Reason(source, target, _words(traffic), tuple(dict.fromkeys(rules)))

    def allowed(self, one: Kind, other: Kind, ones: Members, others: Members) -> Iterator[Reason]:
        """What is not, although it should be: in none of the families that it could be in."""
        common = (one.families & other.families) or frozenset(FAMILIES)
        lacking: list[Traffic] = []
        for family in sorted(common):
            wanted = self.asked.only(family) - DHCP
            if not wanted:
                continue
            missing = wanted - between(self.reading, one, self.reading, other, "all")
            if not missing:
                return
            lacking.append(missing)
        source, target = _two(ones, others)
        if not lacking:
            yield Reason(source, target, _words(self.asked), refused_by="no common family")
            return
        missing = lacking[0]
        lets_out = union_of(judged(self.reading, one, "egress", family, other, "all") for family in FAMILIES)
        refused_by = f"ingress of {target}" if missing <= lets_out else f"egress of {source}"
        yield Reason(source, target, _words(missing), refused_by=refused_by)

    def _deciding(self, mine: Kind, theirs: Kind, way: Direction, traffic: Traffic) -> Iterator[str]:
        if mine.key is None:
            return
        for family in FAMILIES:
            for names in theirs.seen(family, mine):
                yield from self.reading.deciding(mine.key, way, traffic.only(family), names)


def _two(ones: Members, others: Members) -> tuple[str, str]:
    """One of each, not the same."""
    source = min(ones)
    return source[1], min(others - {source} or others)[1]


def _words(traffic: Traffic) -> tuple[str, ...]:
    words = cell(traffic, frozenset(FAMILIES))
    return words if isinstance(words, tuple) else (words,)


# -- keeping them


class TooMuchToJudge(Exception):
    """To judge a change would take longer than who asked has. Nothing was judged."""


def keeping(
    change: Callable[[Inventory, str], T], most: int | None = None, judged_at: int | None = None
) -> Callable[[Inventory, str], T]:
    """The same change, refused with `AssertionsBroken` if an assertion that held before does not hold after it. Whoever
    calls takes it back. `TooMuchToJudge` if more than `most` ports would have to be looked at; `judged_at` is the
    revision on which it was judged and found right: `Moved` if that has passed."""

    def kept(inventory: Inventory, now: str) -> T:
        mark = len(inventory.journal)
        if judged_at not in (None, inventory.revision):
            raise Moved
        result = change(inventory, now)
        if judged_at is None:
            if most is not None and cost(inventory, inventory.journal[mark:]) > most:
                raise TooMuchToJudge
            check(inventory, mark)
        return result

    return kept


def rehearse(inventory: Inventory, change: Callable[[Inventory, str], object], now: str) -> None:
    """Judge a change on a copy of the inventory; what it raises is raised, and what it returns is lost."""
    keeping(change)(inventory, now)


def cost(inventory: Inventory, writes: Iterable[Write]) -> int:
    """About how many ports are looked at to judge a change."""
    ports = 0
    for tenant in concerned(writes):
        items = assertions_of(inventory, tenant)
        ends = [end for item in items for end in item.ends(tenant)]
        ports += inventory.used(tenant, "ports") if items else 0
        ports += sum(len(inventory.ports_of_group(tenant, end.name)) for end in ends if end.kind == "group")
    return ports


def check(inventory: Inventory, mark: int) -> None:
    """Whether what the journal holds beyond `mark` breaks an assertion of a tenant whose own things it changed. The
    operator's guardrails are not the tenants' to stop; new assertions have to hold."""
    writes = inventory.journal[mark:]
    failed = [
        (tenant, outcome)
        for tenant in concerned(writes)
        for outcome in outcomes(inventory, tenant)
        if outcome.result == "failed"
    ]
    if not failed:
        return
    known = {tenant: _known(inventory, tenant, writes) for tenant, _ in failed}
    asked = [(tenant, outcome) for tenant, outcome in failed if outcome.assertion in known[tenant]]
    held = set(_held_before(inventory, mark, writes, asked))
    broken = [(tenant, o) for tenant, o in failed if o.assertion not in known[tenant] or (tenant, o.place) in held]
    if broken:
        raise AssertionsBroken(broken)


def concerned(writes: Iterable[Write]) -> list[str]:
    return sorted({write.id[0] for write in writes if write.kind in DECIDING})


def _known(inventory: Inventory, tenant: str, writes: Iterable[Write]) -> tuple[Assertion, ...]:
    """The assertions of a tenant that were there before."""
    first = next((write for write in writes if write.kind == "assertions" and write.id == (tenant,)), None)
    if first is None:
        return assertions_of(inventory, tenant)
    return first.before.value.items if first.before is not None else ()


def _held_before(
    inventory: Inventory, mark: int, writes: Sequence[Write], asked: Iterable[tuple[str, Outcome]]
) -> Iterator[tuple[str, int]]:
    """Of some outcomes, those that were not "failed" then."""
    asked, revision = list(asked), inventory.revision
    if not asked:
        return
    inventory.undo(mark)
    try:
        before = [judge(inventory, tenant, outcome.place, outcome.assertion) for tenant, outcome in asked]
    finally:
        inventory.redo(writes, revision)
    for (tenant, outcome), old in zip(asked, before, strict=True):
        if old.result != "failed":
            yield tenant, outcome.place
