"""A VM that has no address yet may ask a DHCP server outside for one (RFC 2131): broadcast, from 0.0.0.0."""

from collections.abc import Iterator

from app.core.flow import Flow, flow, goto
from app.core.pipeline import BROADCAST, EtherType, Priority, Table
from app.core.plugged import Plugged

UDP = 17
CLIENT, SERVER = 68, 67
LIMITED_BROADCAST = 0xFFFFFFFF


def flows(port: Plugged) -> Iterator[Flow]:
    yield flow(
        Table.GUARD, Priority.OWN, *port.as_source(), goto(Table.OUTPUT),
        in_port=port.ofport, eth_src=port.mac, eth_dst=BROADCAST, eth_type=EtherType.IPV4,
        ipv4_src=0, ipv4_dst=LIMITED_BROADCAST, ip_proto=UDP, udp_src=CLIENT, udp_dst=SERVER,
    )  # fmt: skip
