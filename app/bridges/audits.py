"""Audits of one bridge: when the next is due, what they found so far, and who waits for one."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import structlog

from app import green
from app.clock import utc_now
from app.core.audit import Findings
from app.core.dialogue import Audited

SOON = 3.0  # seconds after a switch came into step, at least, and twice that at most
SPREAD = 0.1  # part of the interval by which audits are moved, so that those of many bridges do not meet


class Audits:
    """`interval` in seconds between two audits; 0: on demand only. `ask` begins one, or joins the one under way; what
    was found is told to operators by `tell`."""

    def __init__(
        self, interval: float, ask: Callable[[], None], tell: Callable[..., None], log: structlog.stdlib.BoundLogger
    ) -> None:
        self._interval, self._ask, self._tell, self._log = interval, ask, tell, log
        self._due: float | None = None
        self._over = green.Event()
        self._last: Audited | None = None
        self.totals: dict[str, Any] = {
            "audited_at": None, "audits": 0, "missing": 0, "extra": 0, "altered": 0, "repaired": 0,
        }  # fmt: skip

    # -- for the bridge

    def in_step(self) -> None:
        """The switch is in step: if it was not since it was read, an audit is due soon."""
        if self._due is None and self._interval:
            self._due = time.monotonic() + min(self._interval, SOON) * random.uniform(1, 2)

    def out_of_step(self) -> None:
        self._due = None

    def over(self, outcome: Audited) -> None:
        """An audit ended. Those that were given up are not counted."""
        self._put_off()
        if outcome.findings is not None:
            self._count(outcome.findings, outcome.mended)
        elif not self._over.is_set():
            self._log.info("an audit was given up", reason=outcome.reason)
        self._last = outcome
        self._over.set()

    def _put_off(self) -> None:
        if self._interval and self._due is not None:
            self._due = time.monotonic() + self._interval * random.uniform(1 - SPREAD, 1 + SPREAD)

    def _count(self, findings: Findings, mended: bool) -> None:
        counts = {"missing": findings.missing, "extra": findings.extra, "altered": findings.altered}
        self.totals |= {"audited_at": utc_now(), "audits": self.totals["audits"] + 1}
        for kind, number in counts.items():
            self.totals[kind] += number
        self.totals["repaired"] += len(findings) if mended else 0
        if findings:
            told = {**counts, "repaired": mended, "first": list(findings.words)}
            self._log.warning("the switch did not hold what is wanted", **told)
            self._tell("switch.drift", **told)

    # -- for whoever wants one

    @property
    def last(self) -> Audited | None:
        """How the last one ended."""
        return self._last

    @property
    def due(self) -> float | None:
        """When the next one is to begin (monotonic); None if there is none to come."""
        return self._due

    def run(self, seconds: float) -> Audited | None:
        """Audit now, and wait for the end; None if that takes longer than `seconds`."""
        if self._over.is_set():
            self._over = green.Event()
        over = self._over
        self._ask()
        if over.wait(timeout=seconds):
            return self._last
        self._put_off()  # others that are due have their turn
        return None
