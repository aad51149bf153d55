"""Plans that were shown and may be carried out, for a while. In memory: what was planned before a restart is planned
again."""

from __future__ import annotations

import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

KEPT_SECONDS = 600
KEPT = 64
KEPT_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Plan:
    """`steps` are bytes that only who made them can read; `tenant` is whom it is limited to, None for nobody.
    `fingerprint` is what it was computed from, of these `tenants`."""

    id: str
    tenant: str | None
    steps: bytes
    tenants: tuple[str, ...]
    fingerprint: Any
    revision: int
    planned_at: str
    deletes: int
    is_sweeping: bool  # it deletes so much that its number has to be said
    summary: dict[str, int]


class Plans:
    """The last plans. When there are too many, or they take too much, the oldest go first of the tenant (or of those
    limited to none) that has most: nobody's plans push out another's."""

    kept_seconds = KEPT_SECONDS

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.busy = Counter[str | None]()  # how many are being computed, by the tenant that they are limited to
        self._plans: OrderedDict[str, tuple[float, Plan]] = OrderedDict()

    def keep(self, plan: Plan) -> None:
        self._plans[plan.id] = self._clock() + KEPT_SECONDS, plan
        self._tidy()

    def get(self, id: str) -> Plan | None:
        self._tidy()
        found = self._plans.get(id)
        return found[1] if found else None

    def _tidy(self) -> None:
        while self._plans and next(iter(self._plans.values()))[0] <= self._clock():
            self._plans.popitem(last=False)
        while len(self._plans) > KEPT:
            self._drop_from(Counter(plan.tenant for _, plan in self._plans.values()))
        while len(self._plans) > 1 and sum(len(plan.steps) for _, plan in self._plans.values()) > KEPT_BYTES:
            sizes = Counter[str | None]()
            for _, plan in self._plans.values():
                sizes[plan.tenant] += len(plan.steps)
            self._drop_from(sizes)

    def _drop_from(self, shares: Counter[str | None]) -> None:
        tenant = shares.most_common(1)[0][0]
        del self._plans[next(id for id, (_, plan) in self._plans.items() if plan.tenant == tenant)]

    @staticmethod
    def new_id() -> str:
        return f"pl-{secrets.token_hex(8)}"
