"""The question "what would happen to this packet?" and its answer, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from app.core.sections import Section

ConnectionState = Literal["new", "established", "related", "invalid"]


@dataclass(frozen=True, slots=True)
class Question:
    """A described packet. `source` and `target` are a port id of `tenant`, ``tenant/port``, or ``ip:ADDRESS``."""

    tenant: str
    source: str
    target: str
    protocol: int | None = None  # None: any; traced as a protocol number nobody uses
    source_port: int | None = None
    target_port: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    state: ConnectionState = "new"
    mac: str | None = None  # instead of the sender's own: to test spoofing
    address: str | None = None  # instead of the sender's own
    vlan: int | None = None  # segment of the ends that are outside; None: that of the other end
    label: int | None = None  # of the connection that is supposed; None: both ends' policies have admitted it
    is_reply: bool = False  # whether the packet goes against the direction of that connection


@dataclass(frozen=True, slots=True)
class Step:
    """One station of the packet: `stage` is a table's name."""

    stage: str
    result: Literal["pass", "allow", "deny", "drop", "commit", "deliver"]
    port: str | None = None  # tenant/port
    rule: str | None = None  # group/key, or guardrail:name
    detail: str = ""


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A rule that would have allowed it but for one thing."""

    rule: str  # group/key, or guardrail:name
    port: str
    because: str


@dataclass(frozen=True, slots=True)
class Leg:
    """The packet's way over one switch: as it came in there, and the sections of what the simulator saw."""

    dpid: str
    packet: Mapping[str, int]
    section: Section


@dataclass(frozen=True, slots=True)
class Trace:
    verdict: Literal["allow", "deny"]
    stage: str  # that decided
    reason: str  # machine word: rule, guardrail, default_egress, established, no_rule_matches, spoofed, invalid...
    rule: str | None  # tenant/group/key, or guardrail:name, that decided
    port: str | None  # tenant/port whose policy decided
    packet: dict[str, str | int]
    steps: tuple[Step, ...]
    near_misses: tuple[NearMiss, ...]
    delivered_to: tuple[str, ...]  # interfaces
    legs: tuple[Leg, ...] = ()
    way_back: Trace | None = None  # of what answers it, if something does
