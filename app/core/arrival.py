"""What comes from an uplink, or from a port whose spoof guard is off: what kind of frame it is, and what the network
says about itself (router advertisements, DHCP answers, MLD queries), which needs no rule."""

from __future__ import annotations

from collections.abc import Iterator

from app.core.delivery import FROM_UPLINK, TO_EVERYBODY
from app.core.flow import Flow, Wanted, flow, goto
from app.core.guards.dhcp import CLIENT, LIMITED_BROADCAST, SERVER, UDP
from app.core.guards.dropped import drop
from app.core.guards.nd import GENUINE, Icmp6, icmp6
from app.core.pipeline import BROADCAST, IP_TYPES, MULTICAST, WHOLE, EtherType, Priority, Reason, Table

ND_TYPES = (
    Icmp6.ROUTER_SOLICITATION,
    Icmp6.ROUTER_ADVERTISEMENT,
    Icmp6.SOLICITATION,
    Icmp6.ADVERTISEMENT,
    Icmp6.REDIRECT,
)


def fixed_flows() -> Iterator[Flow]:
    yield flow(Table.UPLINK, Priority.LAST, goto(Table.ARRIVE))
    yield flow(Table.ARRIVE, Priority.CLASS, goto(Table.ANNOUNCE), eth_type=EtherType.ARP)
    yield flow(
        Table.ARRIVE, Priority.INFRASTRUCTURE, *TO_EVERYBODY, eth_dst=BROADCAST, eth_type=EtherType.IPV4,
        ipv4_dst=LIMITED_BROADCAST, ip_proto=UDP, udp_src=SERVER, udp_dst=CLIENT, ip_frag=WHOLE, **FROM_UPLINK,
    )  # fmt: skip
    # Hop limits are asked for in a table of their own: here every IPv6 packet's would be looked at.
    for kind in (Icmp6.MLD_QUERY, *ND_TYPES):
        yield flow(Table.ARRIVE, Priority.CLASS, goto(Table.NEIGHBOUR), **icmp6(kind))
    yield flow(Table.ARRIVE, Priority.OTHERWISE, goto(Table.DEST), **FROM_UPLINK)
    for family in IP_TYPES:
        yield flow(Table.ARRIVE, Priority.OTHERWISE, goto(Table.DEST), eth_type=family)
    yield flow(Table.ARRIVE, Priority.LAST, *drop(Reason.ETHERTYPE))
    yield from _neighbour_flows()


def _neighbour_flows() -> Iterator[Flow]:
    neighbour = [icmp6(kind) for kind in (Icmp6.SOLICITATION, Icmp6.ADVERTISEMENT)]
    for match in neighbour:
        yield flow(Table.NEIGHBOUR, Priority.OWN, goto(Table.ANNOUNCE), **match, **GENUINE)
        # Without a spoof guard nothing is asked of what a VM says; nor does it say anything for the others.
        yield flow(Table.NEIGHBOUR, Priority.OTHERWISE, goto(Table.ANNOUNCE), ip_frag=WHOLE, **match)
    advertisement, query = icmp6(Icmp6.ROUTER_ADVERTISEMENT), icmp6(Icmp6.MLD_QUERY)
    to_all: tuple[Wanted, ...] = ({**advertisement, **GENUINE}, {**query, "icmpv6_code": 0, "ip_frag": WHOLE})
    for match in to_all:
        yield flow(Table.NEIGHBOUR, Priority.INFRASTRUCTURE, *TO_EVERYBODY, eth_dst=MULTICAST, **match, **FROM_UPLINK)
    for match in (advertisement, icmp6(Icmp6.REDIRECT)):
        yield flow(Table.NEIGHBOUR, Priority.OWN, goto(Table.DEST), **match, **GENUINE, **FROM_UPLINK)
    yield flow(Table.NEIGHBOUR, Priority.CLASS, goto(Table.OUTPUT), **FROM_UPLINK)
    yield flow(Table.NEIGHBOUR, Priority.LAST, goto(Table.DEST))
