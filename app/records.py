"""What becomes durable together with a change: a note in the audit log, and the answer under an idempotency key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.core.inventory import Write

Told = Sequence[dict[str, Any]]  # changes: "op", "path", "before", "after"


@dataclass(frozen=True, slots=True)
class Note:
    """Who did what. `tell` makes JSON of the change's writes; it runs in the store's thread, as large changes take
    their time, so it must look at nothing but its argument."""

    time: str
    actor: str
    role: str
    how: str
    remote: str | None
    request_id: str
    method: str
    path: str
    status: int
    revision: int
    writes: tuple[Write, ...] = ()
    tell: Callable[[Sequence[Write]], Told] = lambda writes: ()


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a request with an idempotency key. `owner` is the caller; a key is its own affair."""

    owner: str
    key: str
    fingerprint: str
    time: str
    revision: int
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""


Record = Note | Reply


class Prepared(NamedTuple):
    """What a change did to a copy of the inventory as it was at revision `base`, where it was checked and judged."""

    result: Any
    writes: tuple[Write, ...]
    base: int
    revision: int
    now: str


class Done(NamedTuple):
    """A change that was applied and is about to become durable: what it returned, wrote, and when."""

    result: Any
    writes: tuple[Write, ...]
    revision: int
    now: str


Also = Callable[[Done], Sequence[Record]]


@dataclass(frozen=True, slots=True)
class Entry:
    """A note as the audit log has it. Ids only go up."""

    id: int
    time: str
    actor: str
    role: str
    how: str
    remote: str | None
    request_id: str
    method: str
    path: str
    status: int
    revision: int
    changes: Told | str  # JSON text, when it is large


@dataclass(frozen=True, slots=True)
class Search:
    """Which entries are wanted: AND between the members, OR within one. `path` means it and what is below it, in the
    request or in a change. `after` is an id: behind it in the order in which they come. Of the changes of each entry
    `within`, a tenant, leaves its own only."""

    after: int | None = None
    since: str | None = None
    actors: frozenset[str] = frozenset()
    tenants: frozenset[str] = frozenset()
    path: str | None = None
    within: str | None = None
    newest_first: bool = False
    limit: int = 100


class Page(NamedTuple):
    """Some entries in order; whether there are more; and the id of the newest entry of all, 0 without any."""

    entries: tuple[Entry, ...]
    more: bool
    newest: int


@dataclass(frozen=True, slots=True)
class Retention:
    """How long entries of the audit log are kept, and how much they may take; the oldest go first."""

    days: int = 90
    size: int = 256 << 20  # bytes of their changes
