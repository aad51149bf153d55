"""A VM that has no address yet may ask a DHCP server for one (RFC 2131): broadcast, from 0.0.0.0.

That it does not answer as a server is told where its policy is asked (`policy.fixed_flows`): a connection's packets are
looked at for this only when it begins.
"""

from __future__ import annotations

from collections.abc import Iterator

from app.core.flow import Flow, Wanted, flow, goto, set_field
from app.core.pipeline import BROADCAST, WHOLE, EtherType, Priority, Reg, Table, Verdict
from app.core.plugged import Plugged

UDP = 17
CLIENT, SERVER = 68, 67
CLIENT6, SERVER6 = 546, 547
LIMITED_BROADCAST = 0xFFFFFFFF
ALL_DHCP_SERVERS = 0xFF02 << 112 | 0x1_0002  # ff02::1:2, where RFC 8415 has clients send


def flows(port: Plugged) -> Iterator[Flow]:
    for mac, _ in port.senders():
        yield flow(
            Table.ADDRESS, Priority.INFRASTRUCTURE, set_field(Reg.VERDICT, Verdict.ALLOWED), goto(Table.MULTICAST_OUT),
            in_port=port.ofport, eth_src=mac, eth_dst=BROADCAST, eth_type=EtherType.IPV4,
            ipv4_src=0, ipv4_dst=LIMITED_BROADCAST, ip_proto=UDP, udp_src=CLIENT, udp_dst=SERVER, ip_frag=WHOLE,
            **{Reg.SEGMENT: port.segment},
        )  # fmt: skip


def messages(source: tuple[int, int], target: tuple[int, int]) -> Iterator[Wanted]:
    """The matches of UDP from the IPv4 and IPv6 ports of `source` to those of `target`."""
    for kind, sender, receiver in zip((EtherType.IPV4, EtherType.IPV6), source, target, strict=True):
        yield {"eth_type": kind, "ip_proto": UDP, "udp_src": sender, "udp_dst": receiver}


SERVERS, CLIENTS = (SERVER, SERVER6), (CLIENT, CLIENT6)
