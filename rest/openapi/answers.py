"""What all answers are made of, as models: the OpenAPI document is made of them, and the tests hold every answer that
they get against it.

Nothing is converted by these at run time: handlers answer with plain documents.
"""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")
Count = int | None
Ethertype = Literal["IPv4", "IPv6"]
Direction = Literal["ingress", "egress"]


class Shown(BaseModel):
    """An object with no other members than these."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Waited(Shown):
    """What a write says beside its answer if it was waited for: whether every connected switch has confirmed it, and
    the names of those that have not."""

    realized: bool = False
    lagging: list[str] = []


class Lagging(Waited):
    """A write that is stored, and that not every switch has confirmed."""

    revision: int


class Life(Waited):
    """What every stored thing ends with."""

    revision: int
    created_at: str | None
    updated_at: str | None


class Page(Shown, Generic[T]):
    """A part of a list; `next` is the path of the following part."""

    items: list[T]
    next: str | None
    revision: int


class Fault(Shown):
    """One wrong place: a JSON pointer into the body, `?name` of the query, or `{name}` of the path."""

    pointer: str
    code: str
    detail: str
    hint: str | None = None


class Problem(BaseModel):
    """RFC 9457. `code` is the word to go by; `type` is the path of a page that explains it. Some codes have further
    members."""

    model_config = ConfigDict(extra="allow", strict=True)

    type: str
    title: str
    status: int
    code: str
    detail: str
    instance: str
    request_id: str
    errors: list[Fault] = []


class Change(Shown):
    """One thing that a write changed, or would."""

    op: Literal["add", "change", "delete"]
    path: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class FlowCount(Shown):
    """Flows of one switch."""

    added: int
    removed: int
    total: int | None = None


class DryRun(Shown):
    """What a write would have done; nothing was changed. `result` is what its answer would have been."""

    dry_run: Literal[True]
    changes: list[Change]
    flows: dict[str, FlowCount] = Field(description="by switch")
    result: Any


class Missing(Shown):
    """A switch that could not tell its part, and why."""

    switch: str
    reason: str
    detail: str
