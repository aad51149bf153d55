"""Who meets which meter: nobody but the first packets of connections that were just allowed."""

from __future__ import annotations

from app.core.inventory import Inventory
from app.core.limits import Rate
from app.core.packets import FiveTuple
from app.core.simulator import Simulator
from tests.model.frames import Frame
from tests.model.reference_bridge import Bridge
from tests.model.small_world import DEFAULT_RATE

HALF = {0: 0xFFFFFFFF, 1: 0xFFFFFFFF << 32}  # of ct_label: what was said to who opens, to who accepts
Met = set[tuple[int, bool]]  # ofport, and whether it opens
Unsaid = dict[int, set[FiveTuple]]


def meters(inventory: Inventory, bridge: Bridge) -> dict[int, Rate]:
    """Two for each interface with a port that has a rate; who shares one has the smallest."""
    found: dict[int, Rate] = {}
    for (ofport, _), port in bridge.seats.items():
        limits = inventory.limits(port.tenant)
        per_second = DEFAULT_RATE.per_second if limits.new_per_second is None else limits.new_per_second
        burst = DEFAULT_RATE.burst if limits.burst is None else limits.burst
        if port.enabled and per_second:
            rate = Rate(per_second, burst or per_second)
            for number in (_number(ofport, True), _number(ofport, False)):
                found[number] = min(rate, found.get(number, rate))
    return found


def unsaid(simulator: Simulator) -> Unsaid:
    """For each role, the connections to which nobody has said anything in that role, and that met no meter unsaid."""
    known = simulator.connections.values()
    return {role: {c.original for c in known if not (c.label & half or c.mark)} for role, half in HALF.items()}


def check_met(wanted: dict[int, Rate], expected: Met, met: list[int], before: Unsaid, frame: Frame) -> None:
    """`expected` is what the model says: of a receiver among several, each may have been forestalled by another. A
    conntrack that hesitates calls new what is known, and somebody may not have been asked about that yet: `before`."""
    allowed = {_number(*who) for who in expected} & wanted.keys()
    assert {_number(*who) for who in expected if who[1]} & wanted.keys() <= set(met)
    receivers = [who for who in expected if not who[1]]
    if len(receivers) == 1:
        assert allowed <= set(met)
    for number in set(met) - allowed:
        assert number in wanted
        assert frame.connection, f"meter {number}"
        assert FiveTuple(*frame.connection) in before[number % 2], f"meter {number}"


def _number(ofport: int, opens: bool) -> int:
    return 2 * (ofport & 0xFFFF) + (not opens)
