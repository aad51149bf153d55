"""The matrix: who may open what to whom in one tenant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from app.core.inventory import Inventory
from app.core.reach.ends import Members, kinds_of
from app.core.reach.kinds import Answers, written
from app.core.reach.readings import Reading
from app.core.reach.traffic import NOTHING, Traffic, union_of
from app.core.reach.words import Cell, cell
from app.core.values import Direction
from app.core.who import End

By = Literal["port", "group"]
MOST_NETWORKS = 200  # of those that rules name, the widest
Party = dict[int, Members]  # kinds, by their numbers, and who is of them
EVERYBODY = ("0.0.0.0/0", "::/0")
ELSEWHERE: Members = frozenset([("", "nobody else")])


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows open connections to columns. Ends are named as `End` is written, ``web-1``, ``ip:192.0.2.0/24``; in a matrix
    by group the groups without ``group:`` and ports, if somebody asked for them, with ``port:``.

    A cell says what *some* member of the row may open to *some* member of the column: "-" nothing, "*" everything of
    the families that both have, else words like "tcp/5432", "udp/53", "icmp", "ipv6 tcp/443". In `partial` are the
    places (row, column) of the cells that do not hold for all of them. Nobody opens anything to itself. With outside, a
    port talks in the families of its addresses: what it may say there under its link-local one is not told.
    """

    rows: tuple[str, ...]
    cols: tuple[str, ...]
    cells: tuple[tuple[Cell, ...], ...]
    partial: frozenset[tuple[int, int]] = frozenset()


def matrix(
    inventory: Inventory,
    tenant: str,
    by: By = "group",
    sources: Sequence[End] | None = None,
    targets: Sequence[End] | None = None,
    outside: bool = False,
    only: Traffic | None = None,
    pause: Callable[[], None] = lambda: None,
) -> Matrix:
    """Who may open what in a tenant: all its ports, or groups, unless ends are given. `outside` adds the networks that
    its rules name and that may reach something, or be reached. `only` leaves out all other traffic. `NotFound` if the
    tenant or an end does not exist, or is not the tenant's.

    Ports of one policy whose addresses the rules do not tell apart share an answer: the cost is that of the kinds of
    ports, squared, and of the cells. `pause` is called after every row; the inventory must be the same all the time.
    """
    inventory.get("tenant", tenant)
    reading = Reading(inventory, tenant)
    ends = ends_of(inventory, tenant, by)
    rows, cols = list(ends if sources is None else sources), list(ends if targets is None else targets)
    said = len(rows), len(cols)
    if outside:
        rows += [] if sources is not None else _networks(reading, "ingress")
        cols += [] if targets is not None else _networks(reading, "egress")
    table = _Table(inventory, reading, only)
    parties = {end: table.party(end) for end in dict.fromkeys((*rows, *cols))}
    lines = []
    for row in rows:
        lines.append(table.line(row, [(col, parties[col]) for col in cols], parties[row]))
        pause()
    kept_rows = [r for r, row in enumerate(rows) if _is_kept(row, r < said[0], (c for c, _ in lines[r]))]
    kept_cols = [c for c, col in enumerate(cols) if _is_kept(col, c < said[1], (line[c][0] for line in lines))]
    return Matrix(
        tuple(label(rows[r], by) for r in kept_rows),
        tuple(label(cols[c], by) for c in kept_cols),
        tuple(tuple(lines[r][c][0] for c in kept_cols) for r in kept_rows),
        frozenset((i, j) for i, r in enumerate(kept_rows) for j, c in enumerate(kept_cols) if lines[r][c][1]),
    )


def ends_of(inventory: Inventory, tenant: str, by: By) -> list[End]:
    """All ports, or groups, of a tenant."""
    return [End(by, tenant, stored.value.id[1]) for stored in inventory.list(by, tenant)]


def label(end: End, by: By) -> str:
    """How an end is written in a matrix; `End.parse` reads it."""
    if end.kind == by:
        return end.name
    return f"port:{end.name}" if end.kind == "port" else str(end)


def _networks(reading: Reading, direction: Direction) -> list[End]:
    named = sorted(reading.networks(direction), key=lambda n: (n.length, n))[:MOST_NETWORKS]
    texts = [*EVERYBODY, *(text for n in sorted(named) if (text := written(n)) not in EVERYBODY)]
    return [End("network", "", text) for text in texts]


def _is_kept(end: End, was_asked_for: bool, cells: Iterable[Cell]) -> bool:
    """Networks that were not asked for stay if there is something to tell, and IPv4's outside in any case."""
    return was_asked_for or end.name == EVERYBODY[0] or any(content != "-" for content in cells)


class _Answer(NamedTuple):
    some: Traffic
    all: Traffic
    families: frozenset[int]  # in which both have addresses of their own


class _Table:
    """Cells, each kind of question answered once."""

    def __init__(self, inventory: Inventory, reading: Reading, only: Traffic | None) -> None:
        self._inventory, self._reading = inventory, reading
        self._some, self._all = Answers(reading, "some", only), Answers(reading, "all", only)
        self._known: dict[tuple[int, int], tuple[Cell, bool]] = {}
        self._answers: dict[tuple[int, int], _Answer] = {}
        self._lines: dict[int, list[tuple[Cell, bool]]] = {}

    def party(self, end: End) -> Party:
        if end.is_ours and end.tenant != self._reading.tenant:
            self._inventory.get(end.kind, self._reading.tenant, f"{end.tenant}/{end.name}")  # as if there were none
        found = {}
        for kind, members in kinds_of(self._inventory, end, self._reading).items():
            number = self._some.number(kind)
            self._all.number(kind)
            found[number] = members
        return found

    def line(self, row: End, cols: Sequence[tuple[End, Party]], sources: Party) -> list[tuple[Cell, bool]]:
        """A row: what each cell says, and whether that does not hold for all. Ports of one kind have the same, but for
        the place where they meet themselves."""
        if len(sources) != 1 or any(len(ids) > 1 for ids in sources.values()):
            return [self._cell(sources, targets) for _, targets in cols]
        ((source, ones),) = sources.items()
        line = self._lines.get(source)
        if line is None:
            line = self._lines[source] = [
                self._pair(source, *targets) if len(targets) == 1 else self._cell({source: ELSEWHERE}, targets)
                for _, targets in cols
            ]
        mine = [c for c, (_, targets) in enumerate(cols) if any(ones & others for others in targets.values())]
        if not mine:
            return line
        own = list(line)
        for c in mine:
            own[c] = self._cell(sources, cols[c][1])
        return own

    def _cell(self, sources: Party, targets: Party) -> tuple[Cell, bool]:
        answers = {
            self._answer(source, target)
            for source, ones in sources.items()
            for target, others in targets.items()
            if len(ones | others) > 1
        }
        some = union_of({answer.some for answer in answers})
        families = frozenset(family for answer in answers for family in answer.families)
        return cell(some, families), bool(some) and any(answer.all != some for answer in answers)

    def _pair(self, source: int, target: int) -> tuple[Cell, bool]:
        known = self._known.get((source, target))
        if known is None:
            answer = self._answer(source, target)
            known = self._known[source, target] = cell(answer.some, answer.families), answer.some != answer.all
        return known

    def _answer(self, source: int, target: int) -> _Answer:
        known = self._answers.get((source, target))
        if known is None:
            known = self._answers[source, target] = self._asked(source, target)
        return known

    def _asked(self, source: int, target: int) -> _Answer:
        one, other = self._some.kinds[source], self._some.kinds[target]
        shared = one.families & other.families
        if one.key is other.key is None:
            return _Answer(NOTHING, NOTHING, shared)  # what outside has to do with outside is not for us to say
        some, every = self._some(source, target), self._all(source, target)
        if one.key is None or other.key is None:
            some, every = (union_of(map(traffic.only, shared)) for traffic in (some, every))
        return _Answer(some, every, shared)
