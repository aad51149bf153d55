"""ARP speaks only for the port's own pairs of addresses (RFC 826), or probes for an own address (RFC 5227)."""

from __future__ import annotations

from collections.abc import Iterator

from app.core.flow import Flow, flow, goto
from app.core.guards.dropped import drop
from app.core.pipeline import EtherType, Priority, Reason, Reg, Table
from app.core.plugged import Plugged

REQUEST = 1


def flows(port: Plugged) -> Iterator[Flow]:
    segment = {Reg.SEGMENT: port.segment}
    for mac, networks in port.senders():
        own = {"in_port": port.ofport, "eth_src": mac, "arp_sha": mac, **segment}
        # QEMU announces so that a machine has moved here (RFC 903's frame); switches outside learn from it.
        yield flow(Table.ADDRESS, Priority.OWN, goto(Table.OUTPUT), eth_type=EtherType.RARP, **own)
        for network in networks:
            if network.family != 4 or network.is_everything:
                continue
            arp = {"eth_type": EtherType.ARP, **own}
            yield flow(Table.ADDRESS, Priority.OWN, goto(Table.ANNOUNCE), arp_spa=network.masked, **arp)
            # A probe asks whether anybody else has the address. Of an own one locally nobody can.
            then, priority = (Table.OUTPUT, Priority.OWN) if network in port.own else (Table.RESOLVE, Priority.SHARED)
            yield flow(Table.ADDRESS, priority, goto(then), arp_op=REQUEST, arp_spa=0, arp_tpa=network.masked, **arp)


def fixed_flows() -> Iterator[Flow]:
    for kind in (EtherType.ARP, EtherType.RARP):
        yield flow(Table.ADDRESS, Priority.OTHERWISE, *drop(Reason.ARP), eth_type=kind)
