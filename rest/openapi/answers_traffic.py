"""Answers about packets: what would become of one, who may reach whom, what is connected, what was dropped."""

from __future__ import annotations

from typing import Any, Literal

from rest.openapi.answers import Count, Missing, Page, Shown


class Party(Shown):
    """One end of a connection. `rule_id` is the number that the switch has for the rule."""

    port: str | None
    rule: str | None
    epoch: str | None
    rule_id: int | None = None


class Connection(Shown):
    switch: str
    vlan: int
    zone: int
    protocol: str
    src: str
    dst: str
    sport: int | None = None
    dport: int | None = None
    icmp_id: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    state: str | None
    timeout: int | None
    initiator: Party
    responder: Party


class Connections(Page[Connection]):
    unavailable: list[Missing]
    left_out: int
    unreadable: int


class ZoneUse(Shown):
    switch: str
    vlan: int
    zone: int
    connections: Count
    limit: Count
    refused: Count


class TopPort(Shown):
    port: str
    connections: int


class ConnectionSummary(Shown):
    switches: list[ZoneUse]
    protocols: dict[str, int]
    states: dict[str, int]
    epochs: dict[str, int]
    top_ports: list[TopPort]
    unavailable: list[Missing]
    left_out: int
    unreadable: int
    revision: int


class Flush(Shown):
    """What was done in one zone of one switch; `left` are connections that could not be told from others."""

    switch: str
    vlan: int
    zone: int
    ok: bool
    how: Literal["zone", "connections", "tuples"] | None = None
    connections: int | None = None
    left: int | None = None
    protocols: list[str] | None = None
    reason: str | None = None
    detail: str | None = None


class Flushed(Shown):
    flushed: list[Flush]
    complete: bool
    dry_run: bool = False


class Decided(Shown):
    """Who decided: at which table, by whose policy, by which rule."""

    stage: str
    port: str | None
    rule: str | None
    reason: str


class TraceStep(Shown):
    stage: str
    result: Literal["pass", "allow", "deny", "drop", "commit", "deliver"]
    port: str | None
    rule: str | None
    detail: str


class NearMiss(Shown):
    """A rule that would have let it through but for one thing."""

    rule: str
    port: str
    because: str


class WayBack(Shown):
    """What becomes of what answers it."""

    verdict: Literal["allow", "deny"]
    decided_by: Decided
    steps: list[TraceStep]


class PresentVerdict(Shown):
    verdict: Literal["allow", "deny"]
    decided_by: Decided


class Entries(Shown):
    """Connections that the packet may belong to; `now` is what becomes of the first one's packets."""

    items: list[Connection]
    left_out: int
    unavailable: list[Missing]
    now: PresentVerdict | None


class Compared(Shown):
    sections: int
    of: int


class CheckedSwitch(Shown):
    switch: str
    agrees: bool | None
    differences: list[str]
    compared: Compared
    tables: list[int]
    asked: str | None = None
    output: str | None = None


class Checked(Shown):
    """What the switches' own ofproto/trace says; `agrees` is null while changes are under way."""

    checked: bool
    agrees: bool | None = None
    tables: list[int] = []
    switches: list[CheckedSwitch] = []


class Trace(Shown):
    """Whether a packet would pass, which rule decides, and what would nearly have let it through."""

    verdict: Literal["allow", "deny"]
    decided_by: Decided
    packet: dict[str, Any]
    steps: list[TraceStep]
    near_misses: list[NearMiss]
    delivered_to: list[str]
    way_back: WayBack | None
    engine: Literal["model"]
    revision: int
    conntrack: Entries | None
    datapath: Checked
