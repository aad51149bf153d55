"""Conntrack zones: one per (tenant, segment), 1..32767; zone 0 is everybody else's, and the upper half is for
fragments."""

from __future__ import annotations

from collections.abc import Container

from app.core.pipeline import GATE_BIT
from app.core.problems import Exhausted

LAST = (1 << GATE_BIT) - 1


def next_zone(last: int, used: Container[int]) -> int:
    """The next free zone after `last`, round and round: a freed zone rests as long as the others last."""
    for step in range(1, LAST + 1):
        zone = (last + step - 1) % LAST + 1
        if zone not in used:
            return zone
    raise Exhausted("all 32767 conntrack zones are in use")
