"""Answers about what is wanted: tenants, ports, groups, rules, guardrails, assertions."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, create_model

from app.core.limits import TIMEOUTS
from rest.openapi.answers import Count, Life, Shown
from rest.resources.ports import STATES

Timeouts: Any = create_model("Timeouts", __base__=Shown, **dict.fromkeys(TIMEOUTS, (int | None, None)))


class Limits(Shown):
    """What holds; what is not there is not limited."""

    connections: int | None = None
    new_connections_per_second: int | None = None
    new_connections_burst: int | None = None
    timeouts: Timeouts | None = None


class ZoneFill(Shown):
    """Connections of a zone on one switch; null is what the switch does not tell."""

    switch: str
    count: Count
    limit: Count


class Zone(Shown):
    vlan: int
    zone: int
    connections: list[ZoneFill] = Field([], description="only where one tenant is asked for")


class TenantStatus(Shown):
    conntrack_zone: int | None
    zones: list[Zone]
    ports: int
    active_ports: int
    limits: Limits | None


class Tenant(Life):
    """An owner of ports, groups and conntrack zones."""

    name: str
    description: str
    labels: dict[str, str]
    limits: Limits
    owner: str
    status: TenantStatus


class Amounts(Shown):
    ports: int
    groups: int
    rules: int
    address_groups: int


class QuotaStatus(Shown):
    used: Amounts


class Quota(Life):
    """How much a tenant may have; null is not limited."""

    tenant: str
    ports: int | None
    groups: int | None
    rules: int | None
    address_groups: int | None
    status: QuotaStatus


class Binding(Shown):
    """Where a port is plugged in."""

    switch: str | None = None
    interface: str | None = None
    ofport: int | None = None
    iface_id: str | None = None
    tag: int | None = None


class Pair(Shown):
    address: str
    mac: str | None = None


class PortStatus(Shown):
    """Whether what is wanted of a port is in force. Computed at each request, never stored."""

    state: Literal[STATES]  # type: ignore[valid-type]
    reason: str | None
    message: str | None
    dpid: str | None
    ofport: int | None
    flows: int
    realized_revision: int
    conntrack_zone: int | None
    drops: dict[str, int] | None = Field(None, description="packets by reason; only where one port is asked for")


class Port(Life):
    """One NIC of a tenant's machine."""

    id: str
    tenant: str
    binding: Binding | None
    mac: str
    addresses: list[str]
    allowed_address_pairs: list[Pair]
    vlan: int
    groups: list[str]
    egress: Literal["any", "rules"]
    spoof_guard: Literal["enforce", "off"]
    dhcp_server: bool
    enabled: bool
    labels: dict[str, str]
    owner: str
    status: PortStatus
