"""DHCP messages as frames: what clients ask and what servers answer, in both families (RFC 2131, RFC 8415)."""

from __future__ import annotations

from topology.frames import BROADCAST, Frame, ethernet, group_mac, ip
from topology.labs import Family, Host

SERVERS6 = "ff02::1:2"


def asks(client: Host, family: Family = 4, *, mac: str | None = None, chaddr: str | None = None) -> Frame:
    """A client without an address asks everybody. `mac` is the frame's source, `chaddr` what the message claims."""
    if family == 6:
        return _six(
            "DHCPv6 solicit", mac or client.mac, group_mac(SERVERS6), client.link_local, SERVERS6, (546, 547), 1
        )
    from scapy.layers.dhcp import BOOTP, DHCP
    from scapy.layers.inet import UDP

    hardware = bytes.fromhex((chaddr or client.mac).replace(":", ""))
    ask = BOOTP(chaddr=hardware) / DHCP(options=[("message-type", "discover"), "end"])
    body = ip(4, "0.0.0.0", "255.255.255.255") / UDP(sport=68, dport=67) / ask
    return ethernet("DHCP discover", mac or client.mac, BROADCAST, body)


def answers(server: Host, to: Host | None, family: Family = 4, *, client: Host | None = None) -> Frame:
    """A server's answer: to one host, or to everybody. DHCPv6 answers are for one, by its link-local address."""
    if family == 6:
        target = to.link_local if to else "ff02::1"
        ends = (server.mac, to.mac if to else group_mac(target), server.link_local, target)
        return _six("DHCPv6 reply", *ends, (547, 546), 7)
    from scapy.layers.dhcp import BOOTP, DHCP
    from scapy.layers.inet import UDP

    offered = (to or client or server).address
    answer = BOOTP(op=2, yiaddr=offered) / DHCP(options=[("message-type", "offer"), "end"])
    body = ip(4, server.address, to.address if to else "255.255.255.255") / UDP(sport=67, dport=68) / answer
    return ethernet("DHCP offer", server.mac, to.mac if to else BROADCAST, body)


def _six(name: str, src: str, dst: str, source: str, target: str, ports: tuple[int, int], kind: int) -> Frame:
    from scapy.layers.inet import UDP
    from scapy.packet import Raw

    message = Raw(bytes((kind, 1, 2, 3)))  # message type and transaction id
    return ethernet(name, src, dst, ip(6, source, target) / UDP(sport=ports[0], dport=ports[1]) / message)
