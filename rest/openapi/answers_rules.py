"""Answers about what is allowed: groups and their rules, address groups, guardrails, assertions."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rest.openapi.answers import Direction, Ethertype, Life, Shown, Waited


class Matched(Shown):
    """The traffic that a rule or guardrail is about; members that do not apply are not there."""

    direction: Direction
    ethertype: Ethertype
    protocol: str
    port_min: int | None = None
    port_max: int | None = None
    source_port_min: int | None = None
    source_port_max: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    remote_cidr: str | None = Field(None, description="null means anybody")


class Rule(Matched):
    key: str
    remote_group: str | None = None
    remote_address_group: str | None = None
    stateful: bool


class RuleAlone(Rule, Life):
    """A rule; its revision is its group's."""

    tenant: str
    group: str


class Carried(Shown):
    ports: int


class Group(Life):
    """A set of rules, each of which allows something."""

    name: str
    tenant: str
    description: str
    rules: list[Rule]
    owner: str
    status: Carried


class RulesChanged(Shown):
    added: int
    removed: int
    kept: int


class RulesWritten(Waited):
    items: list[Rule]
    changed: RulesChanged
    revision: int


class Used(Shown):
    used_by_rules: int


class AddressGroup(Life):
    """Networks that rules can name as their remote end."""

    name: str
    tenant: str
    description: str
    cidrs: list[str]
    owner: str
    status: Used


class Guardrail(Matched, Life):
    """What is decided before any group is asked."""

    name: str
    priority: int
    action: Literal["allow", "deny"]
    tenants: list[str] | None
    description: str
    owner: str


class Assertion(Shown):
    """What has to stay true about who reaches whom."""

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    protocol: str
    port: int | None = None
    ethertype: Literal["any", "IPv4", "IPv6"]
    expect: Literal["allow", "deny"]
    description: str


class Assertions(Waited):
    tenant: str
    items: list[Assertion]
    revision: int
    created_at: str | None = None
    updated_at: str | None = None


class Reason(Shown):
    """An example: who reaches whom by which rules, or who refuses."""

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    traffic: list[str]
    rules: list[str] = []
    refused_by: str | None = None


class Outcome(Assertion):
    place: int = Field(description="in the list of assertions, from 0")
    result: Literal["passed", "failed", "moot"]
    reasons: list[Reason] = []
    detail: str | None = None


class OutcomeOf(Outcome):
    tenant: str


class Report(Shown):
    """How a tenant's assertions stand; "moot" is one with an end that nobody is."""

    tenant: str
    passed: int
    failed: int
    moot: int
    items: list[Outcome]
    revision: int
