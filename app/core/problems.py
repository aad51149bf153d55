"""Why a change is refused. REST turns each into one answer; nothing here knows HTTP."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


class Refused(Exception):
    """A change that cannot be made. Nothing was changed."""


class NotFound(Refused):
    """There is no such thing: `kind` and `id` say which."""

    def __init__(self, kind: str, id: str) -> None:
        super().__init__(f"there is no {kind} {id}")
        self.kind, self.id = kind, id


class Moved(Exception):
    """The inventory is not any more what a change was computed from, or judged on. Nothing was changed."""


class InUse(Refused):
    """Something still refers to what should go; `referrers` are paths like ``port/acme/web-1``."""

    def __init__(self, kind: str, id: str, referrers: Sequence[str]) -> None:
        super().__init__(f"{kind} {id} is in use by {len(referrers)} others")
        self.kind, self.id, self.referrers = kind, id, tuple(referrers)


class BindingConflict(Refused):
    """A MAC, an address, an interface or a name that another holds; `conflicts_with` is its path."""

    def __init__(self, detail: str, conflicts_with: str) -> None:
        super().__init__(detail)
        self.conflicts_with = conflicts_with


class PriorityConflict(Refused):
    """Another guardrail, `conflicts_with`, has this priority; of two nobody could say which is asked first."""

    def __init__(self, detail: str, conflicts_with: str) -> None:
        super().__init__(detail)
        self.conflicts_with = conflicts_with


class Exhausted(Refused):
    """No conntrack zone is left: so many are in use and so many rest; the next is free in `next_free` seconds, or never
    by itself."""

    def __init__(self, in_use: int, resting: int, next_free: float | None) -> None:
        soon = f"the next is free in {math.ceil(next_free)} s" if next_free is not None else "none will be by itself"
        super().__init__(f"no conntrack zone is free: {in_use} are in use and {resting} rest; {soon}")
        self.in_use, self.resting, self.next_free = in_use, resting, next_free


class QuotaExceeded(Refused):
    """A tenant would have more of a resource than its quota allows: `limit`; `used` now, and `requested` in all."""

    def __init__(self, resource: str, limit: int, used: int, requested: int) -> None:
        super().__init__(f"the tenant may have {limit} {resource.replace('_', ' ')} and would have {requested}")
        self.resource, self.limit, self.used, self.requested = resource, limit, used, requested


class AssertionsBroken(Refused):
    """Assertions of tenants would not hold any more: `broken` are `app.core.reach.assertions.Outcome`s, by tenant."""

    def __init__(self, broken: Sequence[tuple[str, object]]) -> None:
        count = "1 assertion" if len(broken) == 1 else f"{len(broken)} assertions"
        super().__init__(f"{count} would not hold any more; nothing was changed")
        self.broken = tuple(broken)


@dataclass(frozen=True, slots=True)
class UnknownReference:
    """A member of a body that refers to nothing; `pointer` is a JSON pointer into the body."""

    pointer: str
    code: str
    detail: str
    hint: str | None = None


class Problem(Refused):
    """A body that contradicts what exists, with every place that does."""

    def __init__(self, errors: Sequence[UnknownReference]) -> None:
        super().__init__("; ".join(error.detail for error in errors))
        self.errors = tuple(errors)
