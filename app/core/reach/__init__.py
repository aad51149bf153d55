"""Who may open what connection to whom: exact arithmetic over rules and addresses, no packet, no switch.

A connection opens if the sender's policy lets its first packet out to one of the receiver's addresses and the
receiver's policy lets it in from one of the sender's: rules of both kinds, address sets, networks, families, stateless
rules and their answers, the operator's guardrails. Ports that are not enabled open and accept nothing. Where ports are
plugged in does not matter; ports of two segments meet by way of a router outside, and not under link-local addresses.
What DHCP and neighbour discovery need is no connection and does not count.
"""

from __future__ import annotations

from app.core.inventory import Inventory
from app.core.reach.changes import ReachChange, changes
from app.core.reach.ends import kinds_of, reading_for
from app.core.reach.kinds import between
from app.core.reach.matrix import By, Matrix, matrix
from app.core.reach.traffic import EVERYTHING, NOTHING, Traffic
from app.core.reach.words import Cell, cell
from app.core.who import ANY, End

__all__ = [
    "ANY",
    "EVERYTHING",
    "NOTHING",
    "By",
    "Cell",
    "End",
    "Matrix",
    "ReachChange",
    "Traffic",
    "allowed",
    "cell",
    "changes",
    "matrix",
]


def allowed(inventory: Inventory, source: End, target: End) -> Traffic:
    """What some port or address of `source` may open to some of `target`; nothing if either has none.

    O(ports of both ends, and members of the sets that their rules name). `NotFound` if an end names a port or a group
    that does not exist.
    """
    sending, receiving = reading_for(inventory, source), reading_for(inventory, target)
    sources, targets = kinds_of(inventory, source, receiving), kinds_of(inventory, target, sending)
    whole = NOTHING
    for one, ports in sources.items():
        for other, others in targets.items():
            if len(ports | others) > 1:
                whole = whole | between(sending, one, receiving, other)
    return whole
