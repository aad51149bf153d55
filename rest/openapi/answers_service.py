"""Answers about the service itself: who may call, what was done, declared configurations, events, health."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.core.tokens import Role
from rest.caller import How
from rest.openapi.answers import Change, FlowCount, Life, Shown, Waited
from rest.openapi.answers_rules import OutcomeOf


class TokenStatus(Shown):
    expired: bool
    first_used_at: str | None
    last_used_at: str | None = Field(description="since the process started")


class Token(Life):
    """Who may call, and as what. The secret is in the answer that made it, and nowhere else."""

    id: str
    role: Role
    tenant: str | None
    description: str
    expires_at: str | None
    certificate: str | None
    status: TokenStatus


class TokenMade(Token):
    token: str | None = Field(None, description="the secret; not with a certificate")


class Whoami(Shown):
    name: str
    role: Role
    tenant: str | None
    how: How
    read_only: bool
    expires_at: str | None


class Entry(Shown):
    """One write: who, when, by which request, and what stood there before and after."""

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
    changes: list[Change]


class Audit(Shown):
    items: list[Entry]
    next: str | None
    last: int


class Event(Shown):
    id: int
    time: str
    type: str
    data: dict[str, Any]


class Events(Shown):
    """`last` is where to go on when there is no `next` yet."""

    items: list[Event]
    next: str | None
    last: int


class Result(Shown):
    """The answer to one operation."""

    status: int
    etag: str | None = None
    location: str | None = None
    body: dict[str, Any] | None


class Batch(Waited):
    results: list[Result]
    revision: int


class Configuration(BaseModel):
    """All that is wanted: what `config:plan` and `config:apply` take. docs/config.md tells its members."""

    model_config = ConfigDict(extra="forbid", strict=True)

    version: Literal[1]
    owner: str | None = None
    switches: dict[str, Any] = {}
    guardrails: dict[str, Any] = {}
    tenants: dict[str, Any] = {}


class Summary(Shown):
    add: int
    change: int
    delete: int


class ReachChange(Shown):
    """Who can newly reach whom, or no longer."""

    tenant: str
    source: str = Field(alias="from")
    target: str = Field(alias="to")
    ethertype: str
    protocol: str
    port_min: int | None
    port_max: int | None
    before: Literal["allow", "deny"]
    after: Literal["allow", "deny"]
    words: str


class Standing(Shown):
    """How assertions would stand."""

    passed: int
    failed: int
    moot: int
    failures: list[OutcomeOf]


class Plan(Shown):
    """What a document would change. `plan_id` is good until `expires_at`."""

    plan_id: str
    base_revision: int
    summary: Summary
    needs_confirm_deletes: int | None
    changes: list[Change]
    changes_complete: bool
    flows: dict[str, FlowCount]
    reachability: list[ReachChange]
    reachability_complete: bool
    assertions: Standing
    expires_at: str


class Applied(Waited):
    plan_id: str | None = None
    summary: Summary
    revision: int


class ReadySwitch(Shown):
    dpid: str
    connected: bool
    state: str
    lag: int


class Ready(Shown):
    ready: Literal[True]
    missing: dict[str, str] = Field({}, description="for operators only")
    revision: int = Field(0, description="with verbose=true")
    switches: list[ReadySwitch] = Field([], description="with verbose=true")


class Versions(BaseModel):
    """Programs and their versions."""

    model_config = ConfigDict(extra="allow")


class ProblemHelp(Shown):
    """What an error code means and what to do about it."""

    code: str
    status: int
    title: str
    cause: str
    fix: str
    example: str


class ProblemList(Shown):
    items: list[ProblemHelp]


class Document(BaseModel):
    """This document: OpenAPI 3.1."""

    model_config = ConfigDict(extra="allow")

    openapi: str
