"""Conntrack as datapaths differ in it.

The core's simulator calls a committed connection established at once, as Open vSwitch's userspace does with TCP. UDP
and ICMP there, and everything in the Linux kernel, stay ``+new`` until an answer was seen (ovs-fields(7), ct_state).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from app.core.packets import FiveTuple, Packet
from app.core.pipeline import CtState
from app.core.simulator import Connection, Simulator


@dataclass(slots=True)
class Hesitant(Simulator):
    """A switch whose connections are new until answered."""

    answered: set[tuple[int, FiveTuple]] = field(default_factory=set)

    def _look(self, zone: int, packet: Packet) -> tuple[int, Connection | None]:
        state, connection = Simulator._look(self, zone, packet)
        if connection is None or state & CtState.RELATED:
            return state, connection
        name = zone, connection.original
        if state & CtState.REPLY:
            self.answered.add(name)
        elif name not in self.answered:
            state = CtState.TRACKED | CtState.NEW
        return state, connection
