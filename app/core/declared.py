"""A declared configuration brought into the inventory: what is to be there, and what is to go because nobody names it.

Values depend on each other, and two may swap what only one can have. So the order is found here: each put is tried,
what is in the way goes first if it goes at all, or is moved aside until it gets its own place. All of that is one
change, and only its end is ever seen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from app.core.guardrails import PRIORITY_LAST
from app.core.indexes import Id
from app.core.inventory import KINDS, Inventory
from app.core.problems import BindingConflict, PriorityConflict, QuotaExceeded, Refused
from app.core.values import Group, Guardrail, Port, Switch, Value

Prune = Literal["none", "owned", "all"]
Key = tuple[str, Id]
Stuck = tuple[Value, Refused]
# What is put first comes first; it goes in the opposite order. Switches and tokens are no policy and never go.
ORDER = ("switch", "tenant", "address_group", "group", "guardrail", "port", "assertions")
OF_ITSELF = ("tenant", "assertions")  # of which a tenant has one
GOING = ("port", "guardrail", "group", "address_group", "tenant")


class Misfits(Refused):
    """Values that cannot be there, with why."""

    def __init__(self, found: Sequence[Stuck]) -> None:
        super().__init__("; ".join(str(error) for _, error in found))
        self.found = tuple(found)


@dataclass(frozen=True, slots=True)
class Steps:
    """What is to be put and what is to go. Only what differs from what is there."""

    puts: tuple[Value, ...] = ()
    deletes: tuple[Key, ...] = ()


def key_of(value: Value) -> Key:
    return KINDS[type(value)], value.id


def surplus(inventory: Inventory, named: Collection[Key], prune: Prune, owner: str, tenant: str | None) -> list[Key]:
    """What is there and not named: of `owner`, or whoever's; for one tenant's caller its things, and never itself."""
    if prune == "none":
        return []
    tenants = {id[0] for kind, id in named if kind in ("tenant", "group", "address_group", "port")}
    kinds = [kind for kind in GOING if tenant is None or kind in ("port", "group", "address_group")]
    return [
        (kind, stored.value.id)
        for kind in kinds
        for stored in (inventory.list(kind, tenant) if tenant else inventory.list(kind))
        if (kind, stored.value.id) not in named and not (kind == "tenant" and stored.value.id[0] in tenants)
        if prune == "all" or getattr(stored.value, "owner", None) == owner
    ]


def settle(inventory: Inventory, steps: Steps, now: str) -> None:
    """Take the steps. `Misfits` if some cannot be taken; `InUse` if what is to go is still needed."""
    _Settling(inventory, now, list(steps.deletes)).run(steps.puts)


@dataclass(slots=True)
class _Settling:
    inventory: Inventory
    now: str
    going: list[Key]
    moved: set[Key] = field(default_factory=set)

    def run(self, puts: Iterable[Value]) -> None:
        ordered = sorted(puts, key=lambda value: ORDER.index(KINDS[type(value)]))
        stuck = self._put(ordered)
        while stuck and (again := self._move_aside(stuck, ordered)):
            stuck = self._put(again)
        if any(isinstance(error, QuotaExceeded) for _, error in stuck):
            self._go(self.going)
            self.going, stuck = [], self._put([value for value, _ in stuck])
        if stuck:
            raise Misfits(stuck)
        self._go(self.going)

    def _put(self, values: Iterable[Value]) -> list[Stuck]:
        """Those that cannot be put, however often it is tried: something is in the way, or is not there."""
        waiting = list(values)
        while True:
            named, stuck = False, []
            for value in waiting:
                if isinstance(value, Group) and not named:
                    self._name(waiting)
                    named = True
                try:
                    self.inventory.put(value, self.now)
                except Refused as error:
                    stuck.append((value, error))
            if len(stuck) in (0, len(waiting)):
                return stuck
            waiting = [value for value, _ in stuck]

    def _name(self, values: Iterable[Value]) -> None:
        """New groups, still without rules: rules may name each other's groups in a circle."""
        for value in values:
            if isinstance(value, Group) and not self.inventory.find("group", *value.id):
                with suppress(Refused):  # it is told when the group itself is put
                    self.inventory.put(replace(value, rules=()), self.now)

    def _move_aside(self, stuck: list[Stuck], ordered: Sequence[Value]) -> list[Value]:
        """Take from those that are put too, or go, what others are to have; once from each. What is to be put then.

        What goes is not deleted yet: the zone of a tenant whose last port went would be another one when the next port
        comes, and its connections lost.
        """
        wanted = {key_of(value): value for value in ordered}
        holders = {holder for value, error in stuck for holder in _holders(value, error)}
        found = [key for key in (*wanted, *self.going) if key in holders and key not in self.moved]
        for key in found:
            self.moved.add(key)
            self.inventory.put(_bare(self.inventory, self.inventory.get(key[0], *key[1]).value), self.now)
        if not found:
            return []
        pending = {key_of(value) for value, _ in stuck}
        again = [wanted[key] for key in found if key in wanted and key not in pending]
        return [value for value, _ in stuck] + again

    def _go(self, keys: Sequence[Key]) -> None:
        going = sorted(keys, key=lambda key: GOING.index(key[0]))
        for kind, id in going:
            stored = self.inventory.find(kind, *id)
            if stored and isinstance(stored.value, Group) and any(rule.remote for rule in stored.value.rules):
                self.inventory.put(replace(stored.value, rules=()), self.now)
        for kind, id in going:
            self.inventory.delete(kind, *id, now=self.now)


def _holders(value: Value, error: Refused) -> Iterator[Key]:
    if isinstance(error, BindingConflict | PriorityConflict):
        yield KINDS[type(value)], tuple(error.conflicts_with.split("/"))


def _bare(inventory: Inventory, value: Value) -> Value:
    """The same thing without what only one can have."""
    if isinstance(value, Port):
        macs = (f"0e:00:00:{n >> 16 & 255:02x}:{n >> 8 & 255:02x}:{n & 255:02x}" for n in range(1 << 24))
        free = next(mac for mac in macs if inventory.holder(value.vlan, mac=mac) is None)
        return replace(value, mac=free, addresses=(), allowed_address_pairs=(), binding=None)
    if isinstance(value, Guardrail):
        taken = {stored.value.priority for stored in inventory.list("guardrail")}  # type: ignore[union-attr]
        return replace(value, priority=next((n for n in range(1, PRIORITY_LAST + 1) if n not in taken), value.priority))
    return replace(value, name=None) if isinstance(value, Switch) else value


def fingerprint(inventory: Inventory, tenants: Iterable[str]) -> tuple[Any, ...]:
    """Something that is different once anything is that these tenants, guardrails or switches say. O(their values)."""
    found: list[Any] = []
    for kind in ("switch", "guardrail"):
        found.append(_extent(inventory.list(kind)))
    for tenant in sorted(set(tenants)):
        said = [stored.revision if stored else None for stored in map(inventory.find, OF_ITSELF, (tenant, tenant))]
        owned = [_extent(inventory.list(kind, tenant)) for kind in ("group", "address_group", "port")]
        found.append((tenant, said, owned))
    return tuple(found)


def _extent(values: Sequence[Any]) -> tuple[int, int]:
    """Revisions only go up: whatever comes, changes or goes changes one of these."""
    return len(values), max((stored.revision for stored in values), default=0)
