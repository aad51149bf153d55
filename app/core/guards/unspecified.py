"""From `::` a VM asks whether somebody has the address that it is about to use (RFC 4862), and reports to MLD."""

from __future__ import annotations

from collections.abc import Iterator

from app.core.flow import FULL, Flow, Wanted, flow, goto
from app.core.guards.dropped import drop
from app.core.guards.nd import GENUINE, REPORTS, Icmp6, icmp6
from app.core.pipeline import WHOLE, EtherType, Priority, Reason, Reg, Table
from app.core.plugged import Plugged


def flows(port: Plugged) -> Iterator[Flow]:
    for mac, networks in port.senders():
        own: Wanted = {"in_port": port.ofport, "eth_src": mac, Reg.SEGMENT: port.segment}
        unspecified: Wanted = {"eth_type": EtherType.IPV6, "ipv6_src": (0, FULL["ipv6_src"])}
        yield flow(Table.ADDRESS, Priority.INFRASTRUCTURE, goto(Table.UNSPECIFIED), **unspecified, **own)
        for network in networks:
            if network.family == 6 and not network.is_everything:
                then, priority = (
                    (Table.OUTPUT, Priority.OWN) if network in port.own else (Table.RESOLVE, Priority.SHARED)
                )
                probe: Wanted = {
                    **icmp6(Icmp6.SOLICITATION),
                    **GENUINE,
                    "ipv6_nd_target": network.masked,
                    "ipv6_nd_sll": 0,
                }
                yield flow(Table.UNSPECIFIED, priority, goto(then), **probe, **own)


def fixed_flows() -> Iterator[Flow]:
    for kind in REPORTS:
        yield flow(Table.UNSPECIFIED, Priority.CLASS, goto(Table.OUTPUT), ip_frag=WHOLE, **icmp6(kind))
    yield flow(Table.UNSPECIFIED, Priority.LAST, *drop(Reason.IPV6))
