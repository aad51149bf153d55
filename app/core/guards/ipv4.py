"""IPv4 leaves a port only under the port's own MAC and address."""

from collections.abc import Iterator

from app.core.flow import Flow, flow, goto
from app.core.pipeline import EtherType, Priority, Table
from app.core.plugged import Plugged


def flows(port: Plugged) -> Iterator[Flow]:
    for address in port.ipv4:
        yield flow(
            Table.GUARD, Priority.OWN, *port.as_source(), goto(Table.DEST),
            in_port=port.ofport, eth_src=port.mac, eth_type=EtherType.IPV4, ipv4_src=address,
        )  # fmt: skip
