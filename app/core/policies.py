"""The policies that the ports of one switch carry: each is there as long as a port carries it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from app.core import policy, verdicts
from app.core.fragments import Fragments
from app.core.indexes import policy_key
from app.core.inventory import Inventory, Write
from app.core.members import Members
from app.core.multicast import Listing
from app.core.overrides import Overrides, ToMany
from app.core.pipeline import Way
from app.core.values import Policy, PolicyKey

Counted = TypeVar("Counted")


class Policies:
    """`relisted` is called with the number of a policy whose way of admitting what is sent to many has changed."""

    def __init__(self, inventory: Inventory, fragments: Fragments, relisted: Callable[[int], None]) -> None:
        self.members = Members(inventory, fragments)
        self.overrides = Overrides(inventory, fragments, self._guarded)
        self._inventory, self._fragments, self._relisted = inventory, fragments, relisted
        self._carried: Counter[PolicyKey] = Counter()
        self._stale: dict[PolicyKey, None] = {}  # to be looked at by `settle`, in this order
        self._numbers: dict[PolicyKey, int] = {}  # of the policy fragments that are there
        self._contents: dict[int, Policy] = {}  # what those were compiled from, without the epoch
        self._multicast: set[int] = set()  # numbers of the policies that may admit what is sent to many

    def count(self, key: PolicyKey, step: int) -> None:
        """One port more carries a policy, or one less."""
        if tally(self._carried, key, step):
            self._place(key)

    def take(self, writes: Iterable[Write]) -> None:
        """The inventory changed; `settle` sees to the policies. Sets and guardrails come first: under a new epoch
        nobody may be judged by a member that is gone, or without a guardrail that has come."""
        writes = list(writes)
        self.members.follow_writes(writes)
        self.overrides.take(writes)
        self._stale.update((policy_key(write.id), None) for write in writes if write.kind == "policy")

    def settle(self) -> Iterator[None]:
        """Bring policies up to date, when it is known which are still carried. Pauses after each. What becomes stale
        meanwhile is for the next time: so this ends, however much is written."""
        yield from self.overrides.settle()
        for _ in range(len(self._stale)):
            yield from self.overrides.settle()
            if self._stale:
                key = next(iter(self._stale))
                del self._stale[key]
                if key in self._carried:
                    self._place(key)
            yield

    def listed(self, number: int) -> Listing | None:
        """How a policy is asked about what is sent to many; None if it admits nothing of that."""
        by_rules, guardrails = number in self._multicast, self.overrides.to_many(number)
        if not by_rules and guardrails is not ToMany.ADMITS:
            return None
        sets = sum(end is Way.INGRESS for _, end in self.members.asked_by(number))
        return Listing(sets, guardrails is not ToMany.NOTHING, by_rules)

    def _guarded(self, number: int, was: ToMany, now: ToMany) -> None:
        """Guardrails have something else to do with what is sent to many."""
        if number in self._multicast or ToMany.ADMITS in (was, now):
            self._relisted(number)

    def _place(self, key: PolicyKey) -> None:
        number = self._numbers.pop(key, None)
        content = self._inventory.policy(key) if key in self._carried else None
        if content is not None:
            self._numbers[key] = content.number
            self._put(key, content.number, content)
        if number is not None and (content is None or content.number != number):
            self._put(key, number, None)

    def _put(self, key: PolicyKey, number: int, content: Policy | None) -> None:
        self._fragments.place(("epoch", number), verdicts.policy_flows(number, content.epoch) if content else ())
        old, new = self._contents.pop(number, None), replace(content, epoch=0) if content else None
        if new is not None:
            self._contents[number] = new
        if new == old:
            return
        self._fragments.place(("policy", number), policy.flows(new) if new else ())
        before = self.listed(number)
        self.members.follow_policy(key.tenant, number, content)
        self.overrides.follow_policy(key.tenant, number, content is not None)
        admits = content is not None and policy.admits_multicast(content)
        (self._multicast.add if admits else self._multicast.discard)(number)
        if self.listed(number) != before:
            self._relisted(number)


def tally(counter: Counter[Counted], key: Counted, step: int) -> bool:
    """Count up or down; whether the first one came or the last one went."""
    before = counter[key]
    counter[key] += step
    if not counter[key]:
        del counter[key]
    return not before or key not in counter
