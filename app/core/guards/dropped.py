"""What a guard or a policy drops is counted, per port and reason."""

from __future__ import annotations

from collections.abc import Iterator

from app.core.flow import Action, Flow, flow, goto, set_field
from app.core.pipeline import Priority, Reason, Reg, Table
from app.core.plugged import Plugged

REASONS = tuple(Reason)


def drop(reason: Reason) -> tuple[Action, ...]:
    """The actions that drop a frame of a VM's, or one for it, and count it."""
    return set_field(Reg.CALL, reason), goto(Table.DROPPED)


def drop_flow(port: Plugged, reason: Reason) -> Flow:
    """The flow whose packet counter is the port's count of `reason`."""
    if reason is Reason.INGRESS:
        return flow(Table.DROPPED, Priority.OWN, **{Reg.CALL: reason, Reg.DST_PORT: port.number})
    match = {Reg.CALL: reason, Reg.SEGMENT: port.segment}
    return flow(Table.DROPPED, Priority.OWN, in_port=port.ofport, **match)


def drop_flows(port: Plugged) -> Iterator[Flow]:
    return (drop_flow(port, reason) for reason in REASONS)
