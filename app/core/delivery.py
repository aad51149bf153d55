"""Where frames go: to the local port that owns the address, or outside by the uplinks. No learning, no NORMAL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.core.flow import Flow, flow, goto, output, output_field, resubmit, set_field
from app.core.guards.arp import REQUEST
from app.core.guards.dhcp import CLIENT, LIMITED_BROADCAST, SERVER, UDP
from app.core.pipeline import BROADCAST, LOCAL, MULTICAST, TAGGED, EtherType, Priority, Reg, Table
from app.core.plugged import Plugged

REPLY = 2
CHUNK = 128  # ports in one flow of FLOOD_CHUNK: an announcement's copy list stays small when one port changes


@dataclass(frozen=True, slots=True)
class Outside:
    """The ways out of a bridge: uplink ofports without LOCAL, and LOCAL's MAC if LOCAL is trusted."""

    uplinks: tuple[int, ...] = ()
    local_mac: int | None = None


def port_flows(port: Plugged) -> Iterator[Flow]:
    """What others' frames need to find a port."""
    segment = {Reg.SEGMENT: port.segment}
    yield flow(Table.UPLINK, Priority.DENY, eth_src=port.mac, **segment)
    yield flow(Table.DEST, Priority.OWN, *port.as_target(), goto(Table.TRACK), eth_dst=port.mac, **segment)
    for address in port.ipv4:
        yield flow(
            Table.RESOLVE, Priority.OWN, set_field(Reg.DST_PORT, port.ofport), goto(Table.OUTPUT),
            eth_type=EtherType.ARP, arp_op=REQUEST, arp_tpa=address, **segment,
        )  # fmt: skip


def outside_flows(outside: Outside) -> Iterator[Flow]:
    """What frames need to come in by an uplink and to leave by one."""
    local = (output(LOCAL),) if outside.local_mac is not None else ()
    uplinks = tuple(output(port) for port in outside.uplinks)
    for port in (*outside.uplinks, *((LOCAL,) if local else ())):
        yield flow(Table.GUARD, Priority.OTHERWISE, goto(Table.UPLINK), in_port=port)
        yield flow(Table.GUARD, Priority.EXEMPT, goto(Table.OUTPUT), in_port=port, vlan_vid=TAGGED)
    away = {Reg.DST_PORT: 0}
    if local:
        mac = outside.local_mac or 0
        yield flow(Table.OUTPUT, Priority.OWN, *local, eth_dst=mac, **away)
    # Frames between uplinks are copied to each: NORMAL would learn where to, but floods ports that appear unguarded.
    yield flow(Table.OUTPUT, Priority.INFRASTRUCTURE, *uplinks, *local, eth_dst=MULTICAST, **away)
    yield flow(Table.OUTPUT, Priority.CLASS, *uplinks, *local, **{Reg.SRC_ZONE: 0}, **away)
    yield flow(Table.OUTPUT, Priority.OTHERWISE, *(uplinks or local), **away)


def flood_flows(segment: int, chunks: Sequence[int]) -> Iterator[Flow]:
    """The copy list of a segment: its chunks."""
    calls = [action for chunk in chunks for action in (set_field(Reg.CALL, chunk), resubmit(Table.FLOOD_CHUNK))]
    if calls:
        yield flow(Table.FLOOD, Priority.OWN, *calls, **{Reg.SEGMENT: segment})


def chunk_flows(segment: int, chunk: int, ofports: Sequence[int]) -> Iterator[Flow]:
    """The ports of one chunk of a segment's copy list."""
    if ofports:
        outputs = tuple(output(port) for port in sorted(ofports))
        yield flow(Table.FLOOD_CHUNK, Priority.OWN, *outputs, **{Reg.SEGMENT: segment, Reg.CALL: chunk})


def fixed_flows() -> Iterator[Flow]:
    """What is the same on every bridge."""
    # eth_type means what is behind a tag, so nothing else would tell a tagged frame from an untagged one.
    yield flow(Table.GUARD, Priority.DENY, vlan_vid=TAGGED)
    yield from _uplink_flows()
    yield from _gratuitous_flows()
    yield from _resolve_flows()
    yield flow(Table.DEST, Priority.LAST, goto(Table.TRACK))
    yield flow(Table.OUTPUT, Priority.LAST, output_field(Reg.DST_PORT))


def _uplink_flows() -> Iterator[Flow]:
    dhcp = {"eth_type": EtherType.IPV4, "ip_proto": UDP, "udp_src": SERVER, "udp_dst": CLIENT}
    yield flow(Table.UPLINK, Priority.CLASS, goto(Table.GRATUITOUS), eth_type=EtherType.ARP)
    yield flow(
        Table.UPLINK, Priority.INFRASTRUCTURE, resubmit(Table.FLOOD), goto(Table.OUTPUT),
        eth_dst=BROADCAST, ipv4_dst=LIMITED_BROADCAST, **dhcp,
    )  # fmt: skip
    yield flow(Table.UPLINK, Priority.LAST, goto(Table.DEST))


def _gratuitous_flows() -> Iterator[Flow]:
    """OpenFlow cannot compare two fields; it can find a bit in which they differ."""
    request = {"eth_type": EtherType.ARP, "arp_op": REQUEST}
    for bit in range(32):
        mask = 1 << bit
        for sender, target in ((mask, 0), (0, mask)):
            yield flow(
                Table.GRATUITOUS, Priority.OWN, goto(Table.RESOLVE),
                arp_spa=(sender, mask), arp_tpa=(target, mask), **request,
            )  # fmt: skip
    yield flow(
        Table.GRATUITOUS, Priority.CLASS, resubmit(Table.FLOOD), goto(Table.OUTPUT), **{Reg.SRC_ZONE: 0}, **request
    )
    yield flow(Table.GRATUITOUS, Priority.OTHERWISE, goto(Table.OUTPUT), **request)
    yield flow(Table.GRATUITOUS, Priority.LAST, goto(Table.RESOLVE), eth_type=EtherType.ARP)


def _resolve_flows() -> Iterator[Flow]:
    yield flow(Table.RESOLVE, Priority.OTHERWISE, goto(Table.OUTPUT), eth_type=EtherType.ARP, arp_op=REQUEST)
    yield flow(
        Table.RESOLVE, Priority.INFRASTRUCTURE, resubmit(Table.FLOOD), goto(Table.OUTPUT),
        eth_type=EtherType.ARP, arp_op=REPLY, eth_dst=BROADCAST, **{Reg.SRC_ZONE: 0},
    )  # fmt: skip
    yield flow(Table.RESOLVE, Priority.LAST, goto(Table.DEST), eth_type=EtherType.ARP)
