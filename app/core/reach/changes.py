"""Who can newly reach whom, and who no longer can: two states of a tenant compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

from app.core.indexes import Id
from app.core.inventory import Inventory, Write
from app.core.parsing import Family
from app.core.reach.kinds import Answers, kind_of_networks, kind_of_port, written
from app.core.reach.pieces import Piece, pieces
from app.core.reach.readings import Dictionary, Reading
from app.core.reach.traffic import FAMILIES, NOTHING, Traffic, union_of
from app.core.reach.words import Line, lines
from app.core.values import Direction, PolicyKey, Ports

Verdict = Literal["deny", "allow"]
ALLOW: Verdict = "allow"
DENY: Verdict = "deny"
WAYS: tuple[Direction, Direction] = ("ingress", "egress")
FAMILY: dict[int, Family] = {4: "IPv4", 6: "IPv6"}
OF_TENANTS = ("group", "address_group", "port")


@dataclass(frozen=True, slots=True)
class ReachChange:
    """What `source` may newly open to `target`, or may not any more. `protocol` None: what `words` say, all protocols
    of the family but those with "!". `ports` are destination ports, or ICMP types; None: all, or as `words` say."""

    tenant: str
    source: str  # as `End` is written
    target: str
    ethertype: Family
    protocol: int | None
    ports: Ports | None
    before: Verdict
    after: Verdict
    words: str  # the same, as in a matrix: tcp/5432, udp/123 from 123, ipv4 !tcp/25


def changes(inventory: Inventory, writes: Sequence[Write], most: int = 1000) -> tuple[tuple[ReachChange, ...], bool]:
    """Who can newly reach whom, and who no longer can, by the last `writes` of the inventory's journal; and whether
    there are more than the `most` that are told.

    In the tenants whose groups, address groups or ports are written, or that a written guardrail concerns. Each for
    as many as it holds for: a group if it holds for all its ports; outside, the networks that the rules name, each
    without the smaller ones of them. A port that comes or goes is told about, too.
    The inventory is taken back for the look at what was, and is again as it was found at the end: not while others
    read it. `ValueError` if its journal does not end with the writes.
    """
    if not writes:
        return (), False
    journal, mark = inventory.journal, len(inventory.journal) - len(writes)
    if mark < 0 or journal[mark:] != list(writes):
        raise ValueError("these are not the last writes of the journal")
    writes = list(writes)
    tenants, dictionary = concerned(inventory, writes), Dictionary()
    after = [Look(inventory, tenant, dictionary) for tenant in tenants]
    revision = inventory.revision
    inventory.undo(mark)
    try:
        before = [Look(inventory, tenant, dictionary) for tenant in tenants]
    finally:
        inventory.redo(writes, revision)
    found: list[ReachChange] = []
    for old, new in zip(before, after, strict=True):
        for change in compared(old, new):
            if len(found) == most:
                return tuple(found), True
            found.append(change)
    return tuple(found), False


def concerned(inventory: Inventory, writes: Iterable[Write]) -> list[str]:
    """The tenants for which something that reachability depends on is written."""
    found: set[str] = set()
    for write in writes:
        if write.kind in OF_TENANTS:
            found.add(write.id[0])
        elif write.kind == "guardrail":
            rails: list[Any] = [stored.value for stored in (write.before, write.after) if stored is not None]
            tenants = [stored.value.id[0] for stored in inventory.list("tenant")]
            found.update(tenant for tenant in tenants if any(rail.concerns(tenant) for rail in rails))
    return sorted(found)


class Look:
    """A tenant as it is at one moment; it does not follow the inventory."""

    def __init__(self, inventory: Inventory, tenant: str, dictionary: Dictionary) -> None:
        self.tenant = tenant
        is_there = inventory.find("tenant", tenant) is not None
        self.reading = Reading(inventory, tenant, None if is_there else (), dictionary=dictionary)
        self.answers = Answers(self.reading)
        self.named = {n for way in WAYS for n in self.reading.networks(way)}
        self.members = self.reading.members()
        ports = [stored.value for stored in inventory.list("port", tenant)]
        self.kinds: dict[Id, int] = {
            port.id: self.answers.number(kind_of_port(port, self.reading))  # type: ignore[arg-type]
            for port in ports
            if port.enabled  # type: ignore[union-attr]
        }
        self.groups = {
            stored.value.id[1]: frozenset(inventory.ports_of_group(*stored.value.id))
            for stored in inventory.list("group", tenant)
        }

    def passes(self, source: int, target: int, is_within: bool) -> Traffic:
        """What one kind may open to another. To outside, a port has the families of its own addresses."""
        traffic = self.answers(source, target)
        if is_within:
            return traffic
        one, other = (self.answers.kinds[number].families for number in (source, target))
        return union_of(map(traffic.only, one & other))


Both = tuple[int | None, int | None]  # a kind before and after; None: was not, or is not, there
# What is different between two ends: before, after, the family, and the traffic in numbers and words.
Change = tuple[Verdict, Verdict, int, Line]


@dataclass(frozen=True, slots=True)
class _Class:
    """Who had and has the same kind: ports, or pieces of the outside. `sends` and `hears` say whether something may be
    different about what they open, or accept."""

    kinds: Both
    ports: frozenset[Id]
    outside: tuple[int, ...]  # numbers of pieces
    sends: bool
    hears: bool


@dataclass(frozen=True, slots=True)
class _Two:
    """A tenant before and after."""

    before: Look
    after: Look

    def classes(self) -> Iterator[_Class]:
        """The ports."""
        found: dict[Both, set[Id]] = {}
        for id in sorted(self.before.kinds.keys() | self.after.kinds.keys()):
            found.setdefault((self.before.kinds.get(id), self.after.kinds.get(id)), set()).add(id)
        for kinds, ids in found.items():
            yield self._class(kinds, frozenset(ids), ())

    def outside(self, world: Sequence[Piece]) -> Iterator[_Class]:
        found: dict[Both, list[int]] = {}
        for number, piece in enumerate(world):
            both = (self._number(self.before, piece), self._number(self.after, piece))
            found.setdefault(both, []).append(number)
        for kinds, numbers in found.items():
            yield self._class(kinds, frozenset(), tuple(numbers))

    def changes(self, source: _Class, target: _Class) -> Iterator[Change]:
        """What is different from one to the other."""
        if (source.ports == target.ports and len(source.ports) == 1) or not (source.sends or target.hears):
            return
        is_within = bool(source.ports and target.ports)
        old, new = (
            NOTHING if a is None or b is None else look.passes(a, b, is_within)
            for look, a, b in zip((self.before, self.after), source.kinds, target.kinds, strict=True)
        )
        if old == new:
            return
        for traffic, before, after in ((new - old, DENY, ALLOW), (old - new, ALLOW, DENY)):
            for family in FAMILIES:
                yield from ((before, after, family, line) for line in lines(traffic.share(family)))

    def _class(self, kinds: Both, ports: frozenset[Id], outside: tuple[int, ...]) -> _Class:
        pair = zip((self.before, self.after), kinds, strict=True)
        old, new = (None if number is None else look.answers.kinds[number] for look, number in pair)
        if old is None or new is None or old != new:
            return _Class(kinds, ports, outside, True, True)
        sends, hears = (new.key is not None and self._is_other(new.key, way) for way in ("egress", "ingress"))
        return _Class(kinds, ports, outside, sends, hears)

    def _is_other(self, key: PolicyKey, way: Direction) -> bool:
        old, new = self.before.reading, self.after.reading
        return old.barriers != new.barriers or old.openings(key, way) != new.openings(key, way)

    @staticmethod
    def _number(look: Look, piece: Piece) -> int:
        return look.answers.number(kind_of_networks([piece.sample], look.reading))


def compared(before: Look, after: Look) -> Iterator[ReachChange]:
    """The changes of one tenant; first what is new."""
    world = pieces(before.named | after.named, before.members | after.members)
    two = _Two(before, after)
    ports, outside = list(two.classes()), list(two.outside(world))
    found: dict[Change, dict[int, list[_Class]]] = {}
    everybody = [*ports, *outside]
    for n, source in enumerate(everybody):
        for target in ports if source.outside else everybody:
            for change in two.changes(source, target):
                found.setdefault(change, {}).setdefault(n, []).append(target)
    is_there = {id for each in ports for id in each.ports}
    groups = {name: members & is_there for name, members in (before.groups | after.groups).items()}
    naming = _Naming(groups, world)
    for change, rows in sorted(found.items(), key=lambda item: item[0][0] != DENY):
        yield from _told(after.tenant, change, [(everybody[n], targets) for n, targets in rows.items()], naming)


def _told(
    tenant: str, change: Change, rows: Iterable[tuple[_Class, list[_Class]]], naming: _Naming
) -> Iterator[ReachChange]:
    """One change, for all whom it holds for: sources that share their targets are told together."""
    together: dict[tuple[str, ...], list[_Class]] = {}
    for source, targets in rows:
        together.setdefault(tuple(naming.names(targets)), []).append(source)
    before, after, family, (protocol, numbers, words) = change
    for names, sources in together.items():
        for one, other in product(naming.names(sources), names):
            yield ReachChange(tenant, one, other, FAMILY[family], protocol, numbers, before, after, words)


@dataclass(frozen=True, slots=True)
class _Naming:
    """Says who is meant, in as few words as are right."""

    groups: dict[str, frozenset[Id]]
    world: Sequence[Piece]

    def names(self, classes: Sequence[_Class]) -> list[str]:
        ids = frozenset(id for each in classes for id in each.ports)
        names, left = [], set(ids)
        # The largest first, and of equal ones the first by name.
        for name, members in sorted(self.groups.items(), key=lambda item: (-len(item[1]), item[0])):
            if len(members) > 1 and members <= ids and members & left:
                names.append(f"group:{name}")
                left -= members
        names += [id[1] for id in sorted(left)]
        numbers = {n for each in classes for n in each.outside}
        # What holds for a network around it, too, is said of that alone.
        told = (self.world[n] for n in sorted(numbers) if self.world[n].around not in numbers)
        return [*names, *(f"ip:{written(piece.network)}" for piece in told)]
