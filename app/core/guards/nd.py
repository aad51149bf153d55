"""Neighbour discovery (RFC 4861) and MLD (RFC 2710, 3810) speak for the sender alone, and a VM is no router.

What the fields say is asked in tables of their own, so that hop limit and options are looked at for these few messages
only. `icmpv6_code` is always there: without it some Open vSwitch forget the ND fields (CVE-2023-5366).
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

from app.core.addresses import LINK_LOCAL, MULTICAST6
from app.core.flow import Flow, Wanted, flow, goto
from app.core.guards.dropped import drop
from app.core.pipeline import WHOLE, EtherType, Priority, Reason, Reg, Table
from app.core.plugged import Plugged

ICMPV6 = 58


class Icmp6(IntEnum):
    """ICMPv6 types that are not connections."""

    MLD_QUERY = 130
    MLD_REPORT = 131
    MLD_DONE = 132
    ROUTER_SOLICITATION = 133
    ROUTER_ADVERTISEMENT = 134
    SOLICITATION = 135
    ADVERTISEMENT = 136
    REDIRECT = 137
    MLD2_REPORT = 143


REPORTS = (Icmp6.MLD_REPORT, Icmp6.MLD_DONE, Icmp6.MLD2_REPORT)
# A genuine message has come over no router, has code 0 and is never fragmented (RFC 6980).
GENUINE: Wanted = {"icmpv6_code": 0, "nw_ttl": 255, "ip_frag": WHOLE}


def icmp6(kind: Icmp6) -> Wanted:
    """The match of an ICMPv6 type."""
    return {"eth_type": EtherType.IPV6, "ip_proto": ICMPV6, "icmpv6_type": kind}


def flows(port: Plugged) -> Iterator[Flow]:
    advertisement, solicitation = icmp6(Icmp6.ADVERTISEMENT), icmp6(Icmp6.SOLICITATION)
    for mac, networks in port.senders():
        own: Wanted = {"in_port": port.ofport, "eth_src": mac, Reg.SEGMENT: port.segment}
        for network in networks:
            if network.family == 6 and not network.is_everything:
                target: Wanted = {"ipv6_nd_target": network.masked}
                yield flow(Table.ND, Priority.OWN, goto(Table.ND_OPTION), **advertisement, **GENUINE, **target, **own)
        option: Wanted = {"icmpv6_code": 0, **own}
        yield flow(Table.ND_OPTION, Priority.OWN, goto(Table.ANNOUNCE), ipv6_nd_sll=mac, **solicitation, **option)
        yield flow(Table.ND_OPTION, Priority.OWN, goto(Table.ANNOUNCE), ipv6_nd_tll=mac, **advertisement, **option)


def fixed_flows() -> Iterator[Flow]:
    solicitation, advertisement = icmp6(Icmp6.SOLICITATION), icmp6(Icmp6.ADVERTISEMENT)
    for kind in (Icmp6.ROUTER_SOLICITATION, Icmp6.SOLICITATION, Icmp6.ADVERTISEMENT):
        yield flow(Table.CONTROL, Priority.CLASS, goto(Table.ND), **icmp6(kind))
    for kind in (Icmp6.ROUTER_ADVERTISEMENT, Icmp6.REDIRECT):
        yield flow(Table.CONTROL, Priority.CLASS, *drop(Reason.ND), **icmp6(kind))
    for kind in REPORTS:
        yield flow(Table.CONTROL, Priority.CLASS, goto(Table.OUTPUT), ipv6_src=LINK_LOCAL, ip_frag=WHOLE, **icmp6(kind))
    for kind in (Icmp6.MLD_QUERY, *REPORTS):
        yield flow(Table.CONTROL, Priority.OTHERWISE, *drop(Reason.MLD), **icmp6(kind))
    for table in (Table.CONTROL, Table.FOREIGN):
        yield flow(table, Priority.LAST, goto(Table.DEST))
    for kind in Icmp6:
        reason = Reason.MLD if kind in (Icmp6.MLD_QUERY, *REPORTS) else Reason.ND
        yield flow(Table.FOREIGN, Priority.CLASS, *drop(reason), **icmp6(kind))
    to_all: Wanted = {**icmp6(Icmp6.ROUTER_SOLICITATION), **GENUINE, "ipv6_dst": MULTICAST6}
    yield flow(Table.ND, Priority.CLASS, goto(Table.OUTPUT), **to_all)
    yield flow(Table.ND, Priority.CLASS, goto(Table.ND_OPTION), **solicitation, **GENUINE)
    # A message with two options looks to Open vSwitch as if it had none, and no target.
    for message in (solicitation, advertisement):
        yield flow(Table.ND, Priority.DENY, *drop(Reason.ND), ipv6_nd_target=0, icmpv6_code=0, **message)
    yield flow(Table.ND, Priority.LAST, *drop(Reason.ND))
    yield flow(Table.ND_OPTION, Priority.OWN, goto(Table.ANNOUNCE), icmpv6_code=0, ipv6_nd_sll=0, **solicitation)
    yield flow(Table.ND_OPTION, Priority.OWN, goto(Table.ANNOUNCE), icmpv6_code=0, ipv6_nd_tll=0, **advertisement)
    yield flow(Table.ND_OPTION, Priority.LAST, *drop(Reason.ND))
