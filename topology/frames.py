"""Forged (and honest) frames as values. Each carries a unique marker by which a sniffer knows it again.

`sender` is the host whose interface it will leave by; `claimed` is what the frame lies about.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from topology.labs import Host

BROADCAST = "ff:ff:ff:ff:ff:ff"


@dataclass(frozen=True, slots=True)
class Frame:
    """Bytes for the wire, what they pretend, and the marker that is somewhere in them."""

    name: str
    raw: bytes
    marker: bytes


@dataclass(frozen=True, slots=True)
class Segment:
    """What an eavesdropper knows of a TCP connection: one segment's ends and where it continues."""

    source: str
    target: str
    sport: int
    dport: int
    next_seq: int
    ack: int

    @classmethod
    def parse(cls, raw: bytes) -> Segment | None:
        """The TCP segment in an untagged Ethernet frame, None when there is none."""
        from scapy.layers.inet import IP, TCP
        from scapy.layers.l2 import Ether

        packet = Ether(raw)
        if TCP not in packet:
            return None
        ip, segment = packet[IP], packet[TCP]
        length = ip.len - ip.ihl * 4 - segment.dataofs * 4
        return cls(ip.src, ip.dst, segment.sport, segment.dport, segment.seq + length & 0xFFFFFFFF, segment.ack)


def udp(
    sender: Host, target: Host, *, mac: str | None = None, address: str | None = None,
    broadcast: bool = False, sport: int = 40000, dport: int = 4711, name: str = "honest UDP",
) -> Frame:  # fmt: skip
    """A UDP datagram; `mac` and `address` replace the sender's own, `broadcast` the target's."""
    from scapy.layers.inet import IP, UDP

    destination = "255.255.255.255" if broadcast else target.address
    body = IP(src=address or sender.address, dst=destination) / UDP(sport=sport, dport=dport)
    return _ethernet(name, mac or sender.mac, BROADCAST if broadcast else target.mac, body)


def wrong_mac(sender: Host, target: Host, claimed: str = "02:00:00:00:66:66") -> Frame:
    """Own IPv4 source, somebody else's source MAC."""
    return udp(sender, target, mac=claimed, name="wrong source MAC")


def wrong_address(sender: Host, target: Host, claimed: str) -> Frame:
    """Own MAC, somebody else's IPv4 source, to the target."""
    return udp(sender, target, address=claimed, name="wrong IPv4 source")


def wrong_address_broadcast(sender: Host, target: Host, claimed: str) -> Frame:
    """Own MAC, somebody else's IPv4 source, to everybody (Ethernet and IPv4 broadcast)."""
    return udp(sender, target, address=claimed, broadcast=True, name="wrong IPv4 source, broadcast")


def arp(
    sender: Host, asked: str, *, spa: str | None = None, sha: str | None = None, mac: str | None = None,
    reply_to: Host | None = None, name: str = "honest ARP",
) -> Frame:  # fmt: skip
    """Who has `asked`? With `reply_to`: an answer to that host. The marker is padding behind the body."""
    from scapy.layers.l2 import ARP

    body = ARP(
        op=2 if reply_to else 1, hwsrc=sha or sender.mac, psrc=spa or sender.address,
        hwdst=reply_to.mac if reply_to else "00:00:00:00:00:00", pdst=asked,
    )  # fmt: skip
    return _ethernet(name, mac or sender.mac, reply_to.mac if reply_to else BROADCAST, body)


def arp_wrong_spa(sender: Host, asked: str, claimed: str, reply_to: Host | None = None) -> Frame:
    """ARP that says somebody else's IPv4 address is at the sender's MAC: the classic cache poisoning."""
    return arp(sender, asked, spa=claimed, reply_to=reply_to, name="ARP with wrong spa")


def arp_wrong_sha(sender: Host, asked: str, claimed: str = "02:00:00:00:66:66", reply_to: Host | None = None) -> Frame:
    """ARP whose body names another MAC than its Ethernet header."""
    return arp(sender, asked, sha=claimed, reply_to=reply_to, name="ARP with wrong sha")


def tcp_segment(
    sender: Host, target: Host, sport: int, dport: int, *, seq: int, ack: int = 0, flags: str = "PA",
    address: str | None = None, mac: str | None = None,
) -> Frame:  # fmt: skip
    """One TCP segment with any numbers: out of nowhere, or into a connection that somebody else has."""
    from scapy.layers.inet import IP, TCP

    segment = TCP(sport=sport, dport=dport, seq=seq, ack=ack, flags=flags)
    body = IP(src=address or sender.address, dst=target.address) / segment
    return _ethernet("TCP segment out of nowhere", mac or sender.mac, target.mac, body)


def into_connection(sender: Host, target: Host, heard: Segment) -> Frame:
    """The segment that a live connection expects next, under its sender's address, from somebody else's MAC."""
    return tcp_segment(
        sender, target, heard.sport, heard.dport, seq=heard.next_seq, ack=heard.ack, address=heard.source
    )  # fmt: skip


def tagged(frame: Frame, vlan: int) -> Frame:
    """The same frame with an 802.1Q tag."""
    raw = frame.raw[:12] + b"\x81\x00" + vlan.to_bytes(2) + frame.raw[12:]
    return Frame(f"{frame.name}, VLAN {vlan}", raw, frame.marker)


def ethernet(name: str, src: str, dst: str, body: Any) -> Frame:
    """Any scapy layers behind an Ethernet header, with a marker as payload (IPv6, ND, RA, DHCP...)."""
    return _ethernet(name, src, dst, body)


def _ethernet(name: str, src: str, dst: str, body: Any) -> Frame:
    from scapy.layers.l2 import Ether
    from scapy.packet import Raw

    marker = b"ow" + os.urandom(16)
    return Frame(name, bytes(Ether(src=src, dst=dst) / body / Raw(marker)), marker)
