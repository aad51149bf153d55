"""How much of the inventory one tenant may fill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.core.parsing import Invalid
from app.core.problems import QuotaExceeded

QUOTA_LAST = 1_000_000  # beyond that it is no limit to anybody
# What is counted, by the kind that it is counted with.
COUNTED = {"port": "ports", "group": "groups", "address_group": "address_groups"}
RESOURCES = ("ports", "groups", "rules", "address_groups")


@dataclass(frozen=True, slots=True)
class Quota:
    """How many a tenant may have of each; None: no limit. `rules` are those of all its groups together."""

    ports: int | None = None
    groups: int | None = None
    rules: int | None = None
    address_groups: int | None = None

    def __post_init__(self) -> None:
        for resource in RESOURCES:
            limit = getattr(self, resource)
            if limit is not None and not 0 <= limit <= QUOTA_LAST:
                raise Invalid("out_of_range", f"{resource} is a number from 0 to {QUOTA_LAST}")


def check(quota: Quota, kind: str, old: Any, new: Any, count: Callable[[str], int]) -> None:
    """`QuotaExceeded` if `new` in place of `old` (None: nothing) fills more than the tenant may. `count` tells how many
    there are of a resource now; it is asked for limited ones only.

    What takes no more than before passes, so that a quota below what is there stops nobody from tidying up.
    """
    resource = COUNTED.get(kind)
    if resource and old is None:
        _within(resource, getattr(quota, resource), 1, count)
    if kind == "group":
        more = len(new.rules) - (len(old.rules) if old else 0)
        if more > 0:
            _within("rules", quota.rules, more, count)


def _within(resource: str, limit: int | None, more: int, count: Callable[[str], int]) -> None:
    if limit is None:
        return
    used = count(resource)
    if used + more > limit:
        raise QuotaExceeded(resource, limit, used, used + more)
