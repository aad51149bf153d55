"""IP leaves a port only under an address that belongs to the MAC it is sent under; other ethertypes do not leave."""

from __future__ import annotations

from collections.abc import Iterator

from app.core.addresses import ETHERTYPE
from app.core.flow import Flow, Wanted, flow, goto
from app.core.guards.dropped import drop
from app.core.pipeline import EtherType, Priority, Reason, Reg, Table
from app.core.plugged import Plugged

# Where a packet goes on whose source address is the sender's.
ONWARD = {4: Table.DEST, 6: Table.CONTROL}
FOREIGN = {4: Table.DEST, 6: Table.FOREIGN}


def flows(port: Plugged) -> Iterator[Flow]:
    for mac, networks in port.senders():
        for network in networks:
            match: Wanted = {f"ipv{network.family}_src": network.masked, Reg.SEGMENT: port.segment}
            # What a router forwards comes from anybody, but it is still no neighbour of everybody.
            onward = FOREIGN if network.is_everything else ONWARD
            yield flow(
                Table.ADDRESS, Priority.CLASS if network.is_everything else Priority.OWN, goto(onward[network.family]),
                in_port=port.ofport, eth_src=mac, eth_type=ETHERTYPE[network.family], **match,
            )  # fmt: skip


def fixed_flows() -> Iterator[Flow]:
    for kind, reason in ((EtherType.IPV4, Reason.IPV4), (EtherType.IPV6, Reason.IPV6)):
        yield flow(Table.ADDRESS, Priority.OTHERWISE, *drop(reason), eth_type=kind)
    yield flow(Table.ADDRESS, Priority.SHARED, *drop(Reason.IPV4), eth_type=EtherType.IPV4, ipv4_src=0)
    yield flow(Table.ADDRESS, Priority.LAST, *drop(Reason.ETHERTYPE))


def listed_flows(ethertypes: tuple[int, ...]) -> Iterator[Flow]:
    """Ethertypes that the operator lists pass by MAC, both ways, without a policy: rules know nothing of them."""
    for kind in ethertypes:
        yield flow(Table.ADDRESS, Priority.OTHERWISE, goto(Table.DEST), eth_type=kind)
        yield flow(Table.ARRIVE, Priority.CLASS, goto(Table.DEST), eth_type=kind)
        yield flow(Table.TRACK, Priority.INFRASTRUCTURE, goto(Table.OUTPUT), eth_type=kind)
