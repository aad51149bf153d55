"""What a change would do, found by doing it to a copy: what is written, which flows come and go, who can reach whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from app.core.inventory import KINDS, Inventory, Write
from app.core.program import Program
from app.core.reach import ReachChange
from app.core.reach import changes as reach_changes

VALUE_KINDS = tuple(KINDS.values())
REACH_MOST = 1000


class Flows(NamedTuple):
    """How a switch's flows would change, and how many it would have."""

    added: int
    removed: int
    total: int

    @property
    def before(self) -> int:
        return self.total - self.added + self.removed


@dataclass(frozen=True, slots=True)
class Preview:
    """`changes` are values only: each once, as it is and as it would be, in the order of their first writing. `flows`
    are by datapath id, of the switches that have a program: where nothing changes, too. `reach` is at most
    `REACH_MOST`; `is_reach_whole` tells whether that is all."""

    result: Any
    base_revision: int
    changes: tuple[Write, ...]
    flows: Mapping[str, Flows]
    reach: tuple[ReachChange, ...] = ()
    is_reach_whole: bool = True


def preview(
    inventory: Inventory,
    programs: Mapping[str, Program],
    change: Callable[[Inventory, str], Any],
    now: str,
    with_reach: bool = True,
) -> Preview:
    """Make the change and tell what it did. The inventory and the programs are changed by that: they must be copies, as
    a forked process has them. What `change` raises is raised here."""
    for program in programs.values():
        _settle(program)
    wanted = {dpid: set(program.wanted) for dpid, program in programs.items()}
    base, mark = inventory.revision, len(inventory.journal)
    result = change(inventory, now)
    writes = tuple(inventory.journal[mark:])
    told, more = reach_changes(inventory, writes, REACH_MOST) if with_reach else ((), False)
    flows = {dpid: _followed(program, wanted[dpid], writes) for dpid, program in programs.items()}
    return Preview(result, base, net(writes), flows, told, not more)


def net(writes: Iterable[Write]) -> tuple[Write, ...]:
    """The values that are otherwise in the end than in the beginning: before and after."""
    ends: dict[tuple[str, Any], Write] = {}
    for write in writes:
        if write.kind in VALUE_KINDS:
            first = ends.get((write.kind, write.id), write)
            ends[write.kind, write.id] = replace(write, before=first.before)
    return tuple(write for write in ends.values() if _value(write.before) != _value(write.after))


def _value(stored: Any) -> Any:
    return stored.value if stored else None


def _followed(program: Program, before: set[int], writes: Sequence[Write]) -> Flows:
    program.take(writes)
    _settle(program)
    after = program.wanted.keys()
    return Flows(len(after - before), len(before - after), len(after))


def _settle(program: Program) -> None:
    for _ in program.settle():
        pass
