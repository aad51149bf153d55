"""ARP speaks only for the port's own pair of addresses (RFC 826), or probes for its own address (RFC 5227)."""

from collections.abc import Iterator

from app.core.flow import Flow, flow, goto
from app.core.pipeline import EtherType, Priority, Table
from app.core.plugged import Plugged

REQUEST = 1


def flows(port: Plugged) -> Iterator[Flow]:
    own = {"in_port": port.ofport, "eth_src": port.mac, "eth_type": EtherType.ARP, "arp_sha": port.mac}
    for address in port.ipv4:
        yield flow(Table.GUARD, Priority.OWN, *port.as_source(), goto(Table.GRATUITOUS), arp_spa=address, **own)
        # A probe asks whether anybody else has the address: locally nobody can, so it goes straight outside.
        yield flow(
            Table.GUARD, Priority.OWN, *port.as_source(), goto(Table.OUTPUT),
            arp_op=REQUEST, arp_spa=0, arp_tpa=address, **own,
        )  # fmt: skip
