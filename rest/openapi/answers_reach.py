"""Answers about who may reach whom, by which rules, and about what was dropped."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rest.openapi.answers import Count, Direction, Ethertype, Page, Shown


class Reachability(Shown):
    """A cell is "-" for nothing, "*" for everything, else the connections that may be opened."""

    tenant: str
    by: Literal["group", "port"]
    rows: list[str]
    cols: list[str]
    cells: list[list[str | list[str]]]
    partial: list[list[int]] = Field(description="row and column of cells that are not true of all members")
    legend: str
    revision: int


class Origin(Shown):
    group: str | None = None
    guardrail: str | None = None
    priority: int | None = None
    default: str | None = None


class EffectiveRule(Shown):
    """A rule or guardrail that applies to a port; counters are of all ports on the switch with the same policy."""

    rule: str | None
    origin: Origin
    action: Literal["allow", "deny"]
    direction: Direction
    ethertype: Ethertype | None = None
    protocol: str | None = None
    port_min: int | None = None
    port_max: int | None = None
    source_port_min: int | None = None
    source_port_max: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    remote_cidr: str | None = None
    remote_group: str | None = None
    remote_address_group: str | None = None
    remote_networks: list[str] = []
    remote_networks_count: int = 0
    stateful: bool | None = None
    effective: bool
    because: str | None = None
    flows: int | None
    hits: int | None
    counted_since: str | None
    last_used: str | None


class WhyNot(Shown):
    reason: str
    detail: str


class EffectiveRules(Page[EffectiveRule]):
    switch: str | None
    shared_by: int | None
    last_used_unknown: str | None
    unavailable: WhyNot | None


class DropCount(Shown):
    time: str
    reason: str
    packets: int


class DropsOfPort(Shown):
    tenant: str
    port: str | None
    reason: str
    packets: int


class Drops(Shown):
    """Packets that were dropped, by step of time and reason, and the ports with most of them."""

    items: list[DropCount]
    since: str
    until: str
    step: int
    totals: dict[str, int]
    ports: list[DropsOfPort]
    looked_at: str | None


class DropSample(Shown):
    time: str
    switch: str
    interface: str | None
    sender: str | None
    receiver: str | None
    packets: int
    match: str


class DropSamples(Shown):
    items: list[DropSample]
    every_seconds: float


class Fill(Shown):
    """How full a zone is on one switch; null is what the switch does not tell."""

    tenant: str
    vlan: int
    zone: int
    switch: str
    connections: Count
    limit: Count
    ratio: float | None
    refused: Count


class Usage(Shown):
    """The fullest zones first, as the last look found them."""

    items: list[Fill]
    looked_at: str | None
