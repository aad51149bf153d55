"""Where frames go: to the local port that owns the address, or outside by the uplinks. No learning, no NORMAL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.core.addresses import Network
from app.core.flow import Flow, Wanted, flow, goto, move, output, output_field, pop_vlan, push_vlan, resubmit, set_field
from app.core.guards.arp import REQUEST
from app.core.guards.nd import Icmp6, icmp6
from app.core.pipeline import (
    BROADCAST,
    IN_PORT,
    LOCAL,
    MULTICAST,
    TAG,
    TAGGED,
    VLAN_BITS,
    EtherType,
    Priority,
    Reg,
    Table,
)
from app.core.plugged import Plugged, Seat, seat_number

REPLY = 2
# An announcement goes outside first, with the tag that belongs there; then the copies for ports are made.
TO_EVERYBODY = (resubmit(Table.OUTPUT), goto(Table.FLOOD))
OUTSIDE: Wanted = {Reg.DST_PORT: 0}
FROM_UPLINK: Wanted = {Reg.SRC_ZONE: 0}


@dataclass(frozen=True, slots=True)
class Outside:
    """The ways out of a bridge: uplink ofports without LOCAL, and LOCAL's MAC if LOCAL is trusted."""

    uplinks: tuple[int, ...] = ()
    local_mac: int | None = None


def port_flows(port: Plugged) -> Iterator[Flow]:
    """What others' frames need to find a port. What is for a port that is off stays here."""
    segment = {Reg.SEGMENT: port.segment}
    yield flow(Table.UPLINK, Priority.DENY, eth_src=port.mac, **segment)
    then = (*port.as_target(), goto(Table.TRACK)) if port.enabled else ()
    yield flow(Table.DEST, Priority.OWN, *then, eth_dst=port.mac, **segment)
    if not port.enabled:
        return
    for network in port.own:
        deliver = set_field(Reg.DST_PORT, port.number), goto(Table.OUTPUT)
        yield flow(Table.RESOLVE, Priority.OWN, *deliver, **_question(network), **segment)
    if port.tag:
        yield from _tagged_flows(port)


def _tagged_flows(port: Plugged) -> Iterator[Flow]:
    """How a sub-port is reached, also by its parent and its siblings, and how it reaches its parent. Nobody hears
    himself: he would take his own question whether an address is free for somebody's answer."""
    tag = push_vlan(), set_field("vlan_vid", TAG | port.tag)
    this, parent = {Reg.DST_PORT: port.number}, {Reg.DST_PORT: seat_number((port.ofport, 0))}
    yield flow(Table.OUTPUT, Priority.OWN, *tag, output(port.ofport), **this)
    yield flow(Table.OUTPUT, Priority.INFRASTRUCTURE, *tag, output(IN_PORT), in_port=port.ofport, **this)
    for mac, _ in port.senders():
        yield flow(Table.OUTPUT, Priority.EXEMPT, in_port=port.ofport, eth_src=mac, **this)
    # In another segment the parent itself may have this MAC.
    child = {"in_port": port.ofport, "eth_src": port.mac, Reg.SEGMENT: port.segment}
    yield flow(Table.OUTPUT, Priority.INFRASTRUCTURE, output(IN_PORT), **child, **parent)


def shared_flows(segment: int, network: Network, seats: Sequence[Seat]) -> Iterator[Flow]:
    """Questions for an address that ports have by their pairs go to all of them and outside: who has it now answers."""
    numbers = map(seat_number, seats)
    deliver = [each for seat in numbers for each in (set_field(Reg.DST_PORT, seat), resubmit(Table.OUTPUT))]
    priority = Priority.SHARED + network.length
    match: Wanted = {**_question(network), Reg.SEGMENT: segment}
    yield flow(Table.RESOLVE, priority, resubmit(Table.OUTPUT), *deliver, **match)


def virtual_mac_flows(segment: int, mac: int, holders: Sequence[Plugged]) -> Iterator[Flow]:
    """Frames to a MAC that ports have by their pairs go to all of them, each by its own policy, and outside."""
    deliver = [each for port in holders for each in (*port.as_target(), resubmit(Table.TRACK))]
    yield flow(Table.DEST, Priority.OWN, resubmit(Table.TRACK), *deliver, eth_dst=mac, **{Reg.SEGMENT: segment})


def _question(network: Network) -> Wanted:
    """The match of who asks for an address in a network: an ARP request, or a neighbour solicitation."""
    if network.family == 4:
        return {"eth_type": EtherType.ARP, "arp_op": REQUEST, "arp_tpa": network.masked}
    return {**icmp6(Icmp6.SOLICITATION), "icmpv6_code": 0, "ipv6_nd_target": network.masked}


def outside_flows(outside: Outside) -> Iterator[Flow]:
    """What frames need to come in by an uplink and to leave by one."""
    local = (output(LOCAL),) if outside.local_mac is not None else ()
    uplinks = tuple(output(port) for port in outside.uplinks)
    for port in (*outside.uplinks, *((LOCAL,) if local else ())):
        yield flow(Table.GUARD, Priority.OTHERWISE, goto(Table.UPLINK), in_port=port)
        segment = move("vlan_vid", Reg.SEGMENT, VLAN_BITS)
        yield flow(Table.GUARD, Priority.CLASS, segment, goto(Table.UPLINK), in_port=port, vlan_vid=TAGGED)
    if local:
        yield flow(Table.LEAVE, Priority.OWN, *local, eth_dst=outside.local_mac or 0)
    # Frames between uplinks are copied to each: NORMAL would learn where to, but floods ports that appear unguarded.
    yield flow(Table.LEAVE, Priority.INFRASTRUCTURE, *uplinks, *local, eth_dst=MULTICAST)
    yield flow(Table.LEAVE, Priority.CLASS, *uplinks, *local, **FROM_UPLINK)
    yield flow(Table.LEAVE, Priority.OTHERWISE, *(uplinks or local))


def fixed_flows() -> Iterator[Flow]:
    """What is the same on every bridge."""
    yield from _announce_flows()
    yield from _resolve_flows()
    yield flow(Table.DEST, Priority.CLASS, goto(Table.MULTICAST), eth_dst=MULTICAST)
    yield flow(Table.DEST, Priority.LAST, goto(Table.TRACK))
    yield from _output_flows()


def _announce_flows() -> Iterator[Flow]:
    """OpenFlow cannot compare two fields; it can find a bit in which they differ."""
    request = {"eth_type": EtherType.ARP, "arp_op": REQUEST}
    for bit in range(32):
        mask = 1 << bit
        for sender, target in ((mask, 0), (0, mask)):
            yield flow(
                Table.ANNOUNCE, Priority.OWN, goto(Table.RESOLVE),
                arp_spa=(sender, mask), arp_tpa=(target, mask), **request,
            )  # fmt: skip
    yield flow(Table.ANNOUNCE, Priority.CLASS, *TO_EVERYBODY, **request)
    yield flow(Table.ANNOUNCE, Priority.CLASS, *TO_EVERYBODY, eth_dst=MULTICAST, **icmp6(Icmp6.ADVERTISEMENT))
    yield flow(Table.ANNOUNCE, Priority.LAST, goto(Table.RESOLVE))


def _resolve_flows() -> Iterator[Flow]:
    arp = {"eth_type": EtherType.ARP}
    yield flow(Table.RESOLVE, Priority.OTHERWISE, goto(Table.OUTPUT), arp_op=REQUEST, **arp)
    yield flow(Table.RESOLVE, Priority.OTHERWISE, goto(Table.OUTPUT), **icmp6(Icmp6.SOLICITATION))
    yield flow(Table.RESOLVE, Priority.INFRASTRUCTURE, *TO_EVERYBODY, arp_op=REPLY, eth_dst=BROADCAST, **arp)
    yield flow(Table.RESOLVE, Priority.LAST, goto(Table.DEST))


def _output_flows() -> Iterator[Flow]:
    # Between uplinks a frame stays as it is; to a port it goes without the tag, and from one it leaves with it.
    yield flow(Table.OUTPUT, Priority.EXEMPT, goto(Table.LEAVE), **FROM_UPLINK, **OUTSIDE)
    yield flow(Table.OUTPUT, Priority.DENY, pop_vlan(), resubmit(Table.OUTPUT), vlan_vid=TAGGED)
    yield flow(Table.OUTPUT, Priority.INFRASTRUCTURE, goto(Table.LEAVE), **OUTSIDE, **{Reg.SEGMENT: 0})
    tag = push_vlan(), move(Reg.SEGMENT, "vlan_vid", VLAN_BITS)
    yield flow(Table.OUTPUT, Priority.CLASS, *tag, goto(Table.LEAVE), **OUTSIDE)
    yield flow(Table.OUTPUT, Priority.LAST, output_field(Reg.DST_PORT))
    for table in (Table.FLOOD, Table.ADMIT):
        yield flow(table, Priority.DENY, pop_vlan(), resubmit(table), vlan_vid=TAGGED)
