"""A frame leaves a port only under a MAC address of the port's own, and with the tag that is its own."""

from __future__ import annotations

from collections.abc import Iterator

from app.core.flow import Flow, Wanted, flow, goto, set_field
from app.core.guards.dropped import drop
from app.core.pipeline import TAGGED, Priority, Reason, Reg, Table
from app.core.plugged import Plugged


def flows(port: Plugged) -> Iterator[Flow]:
    place = {"in_port": port.ofport, "vlan_vid": port.vlan_vid}
    if port.guarded:
        for mac, _ in port.senders():
            yield flow(Table.GUARD, Priority.OWN, *port.as_source(), goto(Table.ADDRESS), eth_src=mac, **place)
    else:
        yield flow(Table.GUARD, Priority.OWN, *port.as_source(), goto(Table.ARRIVE), **place)
    segment = (set_field(Reg.SEGMENT, port.segment),) if port.segment else ()
    # A sub-port has a tag of its own to be told by; what else is tagged counts as its parent's.
    yield flow(Table.GUARD, Priority.CLASS, *segment, *drop(Reason.MAC), **place)
    if not port.tag:
        tagged: Wanted = {"in_port": port.ofport, "vlan_vid": TAGGED}
        yield flow(Table.GUARD, Priority.OTHERWISE, *segment, *drop(Reason.ETHERTYPE), **tagged)
