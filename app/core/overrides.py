"""Guardrails as flows of table GUARDRAILS, which is asked after a policy and before the verdict is used.

The priority of a flow is the guardrail's. One for everybody has one set of flows, whatever the number of policies; one
for some tenants has a set per policy of theirs that a port of the switch carries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum

from app.core import policy
from app.core.flow import Flow, flow, set_field
from app.core.fragments import Fragments, Key
from app.core.guardrails import Guardrail
from app.core.inventory import Inventory, Write
from app.core.pipeline import WHOLE, Reg, Table, Verdict, Way
from app.core.values import Stored

FIRST = 2000  # minus a guardrail's priority is its flows'
STATELESS = Way.SENDS & ~Way.EGRESS


class ToMany(IntEnum):
    """What guardrails have to do with what is sent to many."""

    NOTHING = 0
    ASKED = 1  # they decide for ports that may hear some of it by their rules
    ADMITS = 2  # they may let it in by themselves


def flows(number: int, guardrail: Guardrail, policy_number: int | None) -> Iterator[Flow]:
    """The guardrail with the rule id `number`, for one policy or, if it is None, for all.

    What is asked before conntrack it can only deny, and conntrack is asked then: to allow is stateful.
    """
    way = Way.EGRESS if guardrail.direction == "egress" else Way.INGRESS
    which = {} if policy_number is None else {Reg.CALL: policy_number}
    decided = set_field(Reg.RULE, number)
    for fields, _, from_zero in policy.fields_of(guardrail.rule, way, {}):
        match = {**which, **dict(fields)}
        if guardrail.action == "deny":
            denied = set_field(Reg.VERDICT, Verdict.NONE)
            both = {Reg.DIRECTION: (int(way), int(way))}
            yield flow(Table.GUARDRAILS, FIRST - guardrail.priority, denied, decided, **match, **both)
            continue
        # A fragment that does not show its ports, or its type, has zeros there. To deny it is right all the same.
        whole = {"ip_frag": WHOLE} if from_zero else {}
        allowed = set_field(Reg.VERDICT, Verdict.ALLOWED)
        for each, actions in ((way, (allowed, decided)), (way | STATELESS, ())):
            asked = {**match, **whole, Reg.DIRECTION: int(each)}
            yield flow(Table.GUARDRAILS, FIRST - guardrail.priority, *actions, **asked)


Changed = Callable[[int, ToMany, ToMany], None]


class Overrides:
    """The guardrails of one switch. `changed` is told each policy for which it changes what they have to do with what
    is sent to many, and from what to what."""

    def __init__(self, inventory: Inventory, fragments: Fragments, changed: Changed) -> None:
        self._inventory, self._fragments, self._changed = inventory, fragments, changed
        self._policies: dict[str, set[int]] = {}  # of each tenant that has any here
        self._tenants: dict[int, str] = {}  # of each policy that is here
        self._placed: dict[int | None, set[str]] = {}  # names, for each policy and for all
        self._to_many: dict[str | None, ToMany] = {None: self._survey(None)}
        self._stale: dict[tuple[str, int | None], None] = {}  # to be placed by `settle`, in this order
        for name in inventory.guardrail_names(None):
            self._place(name, None)

    def follow_policy(self, tenant: str, number: int, present: bool) -> None:
        """A policy of a tenant is here now, or is gone."""
        if present == (number in self._tenants):
            return
        if present:
            self._tenants[number] = tenant
            self._policies.setdefault(tenant, set()).add(number)
            self._to_many[tenant] = self._survey(tenant)
        else:
            del self._tenants[number]
            self._policies[tenant].discard(number)
            if not self._policies[tenant]:
                del self._policies[tenant], self._to_many[tenant]
        for name in {*self._placed.get(number, ()), *self._inventory.guardrail_names(tenant)}:
            self._place(name, number)

    def take(self, writes: Iterable[Write]) -> None:
        """The inventory changed. What all policies share is seen to at once, lest one comes before it; to the rest
        `settle` sees."""
        touched: dict[str | None, None] = {}
        for write in writes:
            if write.kind != "guardrail":
                continue
            (name,) = write.id
            hears = any(stored and stored.value.direction == "ingress" for stored in (write.before, write.after))
            for tenant in _named(write.before, write.after):
                if hears:
                    touched[tenant] = None
                self._stale.update(((name, number), None) for number in self._policies.get(tenant or "", ()))
            self._stale.pop((name, None), None)
            if self._names_some(name):
                self._stale[name, None] = None  # what was for everybody stays until those have theirs who are named now
            else:
                self._place(name, None)
        for tenant in touched:
            self._look_again(tenant)

    def settle(self) -> Iterator[None]:
        """Bring the flows of single policies up to date. Pauses after each, and takes up what changes in between."""
        while self._stale:
            name, number = next(iter(self._stale))
            del self._stale[name, number]
            self._place(name, number)
            yield

    def to_many(self, number: int) -> ToMany:
        """What guardrails have to do with what is sent to the ports of a policy and others."""
        tenant = self._tenants.get(number)
        return max(self._to_many[None], self._to_many[tenant] if tenant else ToMany.NOTHING)

    def keys(self, number: int) -> list[Key]:
        """The fragments that a policy meets."""
        return [_key(name, which) for which in (None, number) for name in self._placed.get(which, ())]

    def _look_again(self, tenant: str | None) -> None:
        if tenant is not None and tenant not in self._policies:
            return
        numbers = self._tenants if tenant is None else self._policies[tenant]
        before = {number: self.to_many(number) for number in numbers}
        now = self._survey(tenant)
        if now == self._to_many[tenant]:
            return
        self._to_many[tenant] = now
        for number, was in before.items():
            if self.to_many(number) is not was:
                self._changed(number, was, self.to_many(number))

    def _survey(self, tenant: str | None) -> ToMany:
        found = ToMany.NOTHING
        for name in self._inventory.guardrail_names(tenant):
            guardrail = self._inventory.get("guardrail", name).value
            assert isinstance(guardrail, Guardrail)
            if guardrail.direction == "ingress":
                admits = guardrail.action == "allow" and guardrail.protocol not in policy.CONNECTED
                found = max(found, ToMany.ADMITS if admits else ToMany.ASKED)
        return found

    def _names_some(self, name: str) -> bool:
        stored = self._inventory.find("guardrail", name)
        return stored is not None and not self._holds(stored, None)

    def _place(self, name: str, number: int | None) -> None:
        stored = self._inventory.find("guardrail", name)
        placed = self._placed.setdefault(number, set())
        if stored is not None and self._holds(stored, number):
            assert isinstance(stored.value, Guardrail)
            rule_id = self._inventory.guardrail_id(name)
            self._fragments.place(_key(name, number), flows(rule_id, stored.value, number))
            placed.add(name)
        else:
            self._fragments.place(_key(name, number), ())
            placed.discard(name)
        if not placed:
            del self._placed[number]

    def _holds(self, stored: Stored, number: int | None) -> bool:
        """Whether a guardrail has flows for a policy, or for all."""
        assert isinstance(stored.value, Guardrail)
        tenants = stored.value.tenants
        return tenants is None if number is None else tenants is not None and self._tenants.get(number) in tenants


def _named(*rows: Stored | None) -> Iterator[str | None]:
    """The tenants that guardrails name; None for everybody."""
    for stored in rows:
        if stored is not None:
            assert isinstance(stored.value, Guardrail)
            yield from (None,) if stored.value.tenants is None else stored.value.tenants


def _key(name: str, number: int | None) -> Key:
    return ("guardrail", name) if number is None else ("guardrail", name, number)
