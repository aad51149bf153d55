"""A packet put to a switch's own `ofproto/trace`, and what that says compared with the model."""

from __future__ import annotations

from app.bridges.bridge import Bridge
from app.core import datapath_trace
from app.core.explained import Checked
from app.core.pipeline import LOCAL
from app.core.question import Leg
from app.core.session import State
from app.ovs.control import ControlTrouble
from app.service import Unavailable

SECONDS = 5.0  # a question, at most
MOST_BYTES = 4 << 20  # of an answer
Step = tuple[int, int]  # the revision that a switch has, and how much was sent to it so far


def ask(bridge: Bridge, leg: Leg, before: Step | None) -> Checked:
    """What a switch says of a leg, which the model followed when the switch was in step `before`. Waits; `Unavailable`
    if it cannot be asked."""
    asked = datapath_trace.ask(dict(leg.packet), leg.section)
    name = bridge_name(bridge)
    try:
        text = bridge.side.ask("ofproto/trace", name, *asked.arguments, seconds=SECONDS, most_bytes=MOST_BYTES)
        there = bridge.side.ask("dpif/show", seconds=SECONDS, most_bytes=MOST_BYTES)
    except ControlTrouble as error:
        reason = "control_socket_unreachable" if bridge.side.has_control else "no_control_socket"
        raise Unavailable(reason, str(error)) from error
    told = datapath_trace.parse(text)
    found = tuple(datapath_trace.differences(asked, told, datapath_trace.datapath_ports(there, name)))
    settled = before is not None and before == step(bridge)
    tables = tuple(met[0] for section in told for met in section.path)
    agrees = (not found) if settled or not found else None
    sizes = len(asked.sections), datapath_trace.count(leg.section)
    return Checked(bridge.dpid, agrees, found, tables, asked.flow, asked.states, *sizes, text)


def step(bridge: Bridge) -> Step | None:
    """Which of all its states a switch is in, if it has all that is wanted and nothing is under way."""
    session = bridge.session
    is_settled = session.state is State.SYNCED and session.applied_revision == session.wanted_revision
    return (session.applied_revision, bridge.flow_mods) if is_settled else None


def bridge_name(bridge: Bridge) -> str:
    """As the database has it; without one, that of the bridge's own port."""
    local = bridge.program.ports.get(LOCAL)
    return bridge.side.bridge_name or (local.name if local else "")
