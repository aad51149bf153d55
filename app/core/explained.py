"""What a switch says when it is asked: of a packet, of flows, of a port's rules. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from app.core.flow import Flow
from app.core.port_parts import Part


@dataclass(frozen=True, slots=True)
class Checked:
    """What one switch's own `ofproto/trace` says of a leg, beside what the model says.

    `agrees` is None if nobody can say: changes were under way. `sections` of `of_sections` could be compared.
    """

    dpid: str
    agrees: bool | None
    differences: tuple[str, ...]
    tables: tuple[int, ...]  # as the switch went through them
    flow: str  # what was asked: `ofproto/trace BRIDGE FLOW --ct-next STATE...`
    states: tuple[str, ...]
    sections: int
    of_sections: int
    text: str  # the answer


class Count(NamedTuple):
    """A flow on a switch. `flow` None: it says what none of ours can."""

    cookie: int
    table: int
    priority: int
    flow: Flow | None
    packets: int
    bytes: int
    seconds: int  # since it was installed


@dataclass(frozen=True, slots=True)
class Installed:
    """A flow that decides about a port; `count` None: the switch does not have it."""

    part: Part
    rule: str | None
    flow: Flow
    count: Count | None


@dataclass(frozen=True, slots=True)
class RuleUse:
    """How often a rule or guardrail has decided for the ports that carry one policy, on one switch."""

    flows: int = 0  # that it has there; 0: others match all that it would
    packets: int = 0
    seconds: int | None = None  # since the youngest of its flows was installed
    idle: int | None = None  # seconds since one of them was met; None: never, or the switch does not tell


@dataclass(frozen=True, slots=True)
class PortUse:
    """The use of what a port's policy says, on its switch. `carriers` ports there share it. `unknown` says why no time
    of last use can be told."""

    dpid: str
    carriers: int
    rules: Mapping[str | None, RuleUse] = field(default_factory=dict)  # None: the default
    unknown: str | None = None


class DropSeen(NamedTuple):
    """Packets that a switch has dropped, sampled. Ends are tenant/port, None for who is none; `match` is what the
    datapath looked at."""

    time: str  # RFC 3339, of the look
    dpid: str
    interface: str  # that they came in by
    sender: str | None
    receiver: str | None
    packets: int
    match: str


@dataclass(frozen=True, slots=True)
class Differences:
    """What a switch holds otherwise than wanted; nothing is mended. `settled` is False if changes were under way."""

    settled: bool
    missing: int = 0
    extra: int = 0
    altered: int = 0
    first: tuple[Difference, ...] = ()


class Difference(NamedTuple):
    kind: str  # missing, extra, altered
    wanted: Flow | None
    held: Count | None
