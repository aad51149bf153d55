"""How the tenants' assertions stand, judged again after whatever could have changed it: for who is to be told of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import structlog

from app import green
from app.aside import aside
from app.core.inventory import Inventory, Write
from app.core.reach.assertions import assertions_of, concerned, outcomes
from app.errors import AsideFailed, AsideTooLong
from app.observing.tallies import Meters

LOG = structlog.get_logger(__name__)
GATHER = 2.0  # seconds in which changes are gathered, and between two batches
AT_ONCE = 20  # tenants in one fork
RESULTS = ("passed", "failed", "moot")
Tally = dict[str, int]


class Standing:
    """A write that breaks its tenant's assertions is refused, so what fails here is what the operator's guardrails
    broke, or what had failed before. Judged beside the hub; a tenant without assertions costs nothing."""

    def __init__(self, inventory: Inventory, meters: Meters) -> None:
        self._inventory, self._meters = inventory, meters
        self._due: dict[str, None] = {}  # tenants, those that wait longest first
        self._news = green.Event()

    def start(self) -> None:
        self._note(stored.value.id[0] for stored in self._inventory.list("assertions"))
        green.spawn(self._run)

    def follow(self, writes: Sequence[Write]) -> None:
        """The inventory changed. Does not wait."""
        self._note(concerned(writes))
        if any(write.kind == "guardrail" for write in writes):
            self._note(stored.value.id[0] for stored in self._inventory.list("assertions"))

    def _note(self, tenants: Iterable[str]) -> None:
        for tenant in tenants:
            if assertions_of(self._inventory, tenant):
                self._due[tenant] = None
                self._news.set()
            else:
                self._meters.assertions.pop(tenant, None)

    def _run(self) -> None:
        while True:
            self._news.wait()
            green.sleep(GATHER)
            self._news.clear()
            while self._due:
                try:
                    self.judge_some()
                except Exception:
                    LOG.exception("assertions could not be judged")
                green.sleep(GATHER)

    def judge_some(self) -> None:
        """Those that wait longest. What cannot be judged in time is not told of until its tenant changes again."""
        tenants = list(self._due)[:AT_ONCE]
        for tenant in tenants:
            del self._due[tenant]
        found: dict[str, Tally] = {}
        try:
            found = aside(lambda: {tenant: _tally(self._inventory, tenant) for tenant in tenants})
        except (AsideTooLong, AsideFailed) as error:
            LOG.warning("assertions could not be judged", tenants=tenants, error=str(error))
        for tenant in tenants:
            if tenant in found and assertions_of(self._inventory, tenant):  # others wrote meanwhile
                self._meters.assertions[tenant] = found[tenant]
            else:
                self._meters.assertions.pop(tenant, None)


def _tally(inventory: Inventory, tenant: str) -> Tally:
    counted = Counter(outcome.result for outcome in outcomes(inventory, tenant))
    return {result: counted[result] for result in RESULTS}  # type: ignore[index]
