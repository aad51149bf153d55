"""Answers about switches: as they are, what they hold, and what they have confirmed."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from rest.openapi.answers import Life, Page, Shown, Waited


class Warning(Shown):
    code: str
    detail: str


class Feature(Shown):
    """Whether the switch does something for us; if not, why."""

    on: bool
    why: str | None


class SwitchStatus(Shown):
    connected: bool
    state: Literal["disconnected", "reading", "synced", "pushing", "backoff", "refused"]
    since: str | None
    address: str | None
    wanted_revision: int
    applied_revision: int
    flows: int
    ports: int
    uplinks: list[str]
    last_error: str | None
    retry_at: str | None
    flow_mods: int
    last_push: dict[str, Any]
    bridge: str | None
    software: str | None
    datapath_type: str | None
    capabilities: dict[str, str]
    drift: dict[str, Any]
    warnings: list[Warning]
    features: dict[str, Feature]


class Switch(Life):
    """A bridge, as configured and as it is; one that nobody configured is at revision 0."""

    dpid: str
    name: str | None
    uplinks: list[str] | None
    description: str
    ovsdb: str | None
    control_socket: str | None
    status: SwitchStatus


class Reconciled(Shown):
    """What an audit found and mended. With `done` false it goes on."""

    dpid: str
    done: bool
    missing: int = 0
    extra: int = 0
    altered: int = 0
    repaired: int = 0
    first: list[str] = []


class SwitchRevision(Shown):
    dpid: str
    name: str | None
    connected: bool
    applied_revision: int


class Revision(Waited):
    """Which switches have confirmed what was written at a revision."""

    revision: int
    current: int
    switches: list[SwitchRevision]


class FlowContent(Shown):
    """What a flow says, in the words of ovs-ofctl and in those of docs/pipeline.md."""

    table: str
    table_id: int
    priority: int
    match: str | None
    actions: str | None
    says: str


class CountedFlow(FlowContent):
    """A flow as a switch has it."""

    cookie: str
    packets: int | None
    bytes: int | None
    seconds: int | None


class PortFlow(CountedFlow):
    """A flow that decides about a port, where it comes from, and whether the switch has it."""

    part: str
    rule: str | None
    installed: bool


class PortFlows(Page[PortFlow]):
    switch: str | None
    ofport: int | None
    flows: int
    not_installed: int


class TableSize(Shown):
    table: str
    table_id: int
    flows: int
    packets: int


class SwitchTables(Shown):
    """How many flows each table has."""

    switch: str
    tables: list[TableSize]
    flows: int
    revision: int


class SwitchFlows(Page[CountedFlow]):
    """The flows of one table."""

    switch: str
    flows: int


class Difference(Shown):
    kind: Literal["missing", "extra", "altered"]
    wanted: FlowContent | None
    held: CountedFlow | None


class Drift(Shown):
    """Where a switch differs from what is wanted; `settled` is false while changes are under way."""

    switch: str
    settled: bool
    in_step: bool
    missing: int
    extra: int
    altered: int
    items: list[Difference]
    revision: int


class Resynced(Shown):
    port: str
    switch: str
    flows: int
    confirmed: bool


class PortCounts(Shown):
    """Ports by state."""

    total: int
    building: int
    active: int
    down: int
    error: int


class Behind(Shown):
    switch: str
    state: str
    lag: int


class SwitchesSummed(Shown):
    total: int
    connected: int
    in_step: int
    behind: list[Behind]
    away: list[str]
    warnings: int
    slowest_push: dict[str, Any] | None
    drift: dict[str, Any]


class TenantPorts(Shown):
    name: str
    ports: PortCounts


class Overview(Shown):
    """Whether everything is in force; `switches` is null for who belongs to a tenant."""

    switches: SwitchesSummed | None
    ports: PortCounts
    tenants: list[TenantPorts]
    revision: int


class Placed(Shown):
    tenant: str
    id: str
    state: str


class PlacedPorts(Shown):
    ports: list[Placed]
    left_out: int


class TopologySwitch(PlacedPorts):
    dpid: str
    name: str
    connected: bool
    state: str
    flows: int | None = None
    uplinks: list[str] = Field([], description="not for who belongs to a tenant")


class Topology(Shown):
    """Who is where."""

    switches: list[TopologySwitch]
    unplaced: PlacedPorts
    revision: int
