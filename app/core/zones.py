"""Conntrack zones: one per (tenant, segment), 1..65535; zone 0 is everybody else's."""

from __future__ import annotations

from collections.abc import Container

from app.core.problems import Exhausted

LAST = 65535


def next_zone(last: int, used: Container[int]) -> int:
    """The next free zone after `last`, round and round: a freed zone rests as long as the others last."""
    for step in range(1, LAST + 1):
        zone = (last + step - 1) % LAST + 1
        if zone not in used:
            return zone
    raise Exhausted("all 65535 conntrack zones are in use")
