"""Looks after all bridges, one at a time: audits each when it is due."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import structlog

from app import green
from app.bridges.bridge import Bridge

LOG = structlog.get_logger(__name__)
EVERY = 1.0  # seconds
LONGEST = 120.0  # seconds that one audit may hold up the others


class Rounds:
    """`bridges` gives those that there are."""

    def __init__(self, bridges: Callable[[], Iterable[Bridge]]) -> None:
        self._bridges = bridges

    def start(self) -> None:
        green.spawn(self._run)

    def _run(self) -> None:
        while True:
            green.sleep(EVERY)
            try:
                self._audit(time.monotonic())
            except Exception:
                LOG.exception("an audit failed")

    def _audit(self, now: float) -> None:
        """The one that has been waiting longest."""
        due = [(bridge.audit_due, bridge.dpid, bridge) for bridge in self._bridges() if bridge.audit_due is not None]
        first = min(due, default=None)
        if first is not None and first[0] <= now and first[2].audit(LONGEST) is None:
            LOG.warning("an audit takes long; others go on", switch=first[1])
