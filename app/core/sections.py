"""A packet's way, cut where conntrack takes it and gives it back, as Open vSwitch goes it and tells it."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.core.flow import Flow
from app.core.packets import FiveTuple


@dataclass(frozen=True, slots=True)
class Seen:
    """What conntrack said when it gave a packet back, at `table`."""

    zone: int
    table: int
    state: int
    label: int
    mark: int
    original: FiveTuple


@dataclass(slots=True)
class Section:
    """A part of a packet's way: from where it began, or conntrack gave it back, to its ends. `seen` is None for the
    first; `path` is None while conntrack holds a fragment. `then` are those that begin within, in their order."""

    seen: Seen | None = None
    path: list[Flow] | None = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    then: list[Section] = field(default_factory=list)
