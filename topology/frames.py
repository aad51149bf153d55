"""Forged (and honest) frames as values. Each carries a unique marker by which a sniffer knows it again.

`sender` is the host whose interface it will leave by; `claimed` is what the frame lies about.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from topology.labs import Family, Host

BROADCAST = "ff:ff:ff:ff:ff:ff"
EVERYBODY: dict[Family, str] = {4: "255.255.255.255", 6: "ff02::1"}


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
        from scapy.layers.inet6 import IPv6
        from scapy.layers.l2 import Ether

        packet = Ether(raw)
        if TCP not in packet:
            return None
        segment = packet[TCP]
        if IPv6 in packet:
            header, length = packet[IPv6], packet[IPv6].plen - segment.dataofs * 4
        else:
            header = packet[IP]
            length = header.len - header.ihl * 4 - segment.dataofs * 4
        ends = (header.src, header.dst, segment.sport, segment.dport)
        return cls(*ends, segment.seq + length & 0xFFFFFFFF, segment.ack)


def udp(
    sender: Host, target: Host, *, family: Family = 4, mac: str | None = None, address: str | None = None,
    broadcast: bool = False, sport: int = 40000, dport: int = 4711, to: str | None = None, name: str = "",
) -> Frame:  # fmt: skip
    """A UDP datagram; `mac` and `address` replace the sender's own, `broadcast` or a group `to` the target's."""
    from scapy.layers.inet import UDP

    group = to or (EVERYBODY[family] if broadcast else None)
    body = ip(family, address or sender.ip(family), group or target.ip(family)) / UDP(sport=sport, dport=dport)
    return ethernet(
        name or f"honest UDP, IPv{family}", mac or sender.mac, group_mac(group) if group else target.mac, body
    )


def ip(family: Family, source: str, target: str, **more: Any) -> Any:
    """An IPv4 or IPv6 header for scapy to stack things on."""
    from scapy.layers.inet import IP
    from scapy.layers.inet6 import IPv6

    return (IP if family == 4 else IPv6)(src=source, dst=target, **more)


def group_mac(group: str) -> str:
    """Where Ethernet sends a multicast or broadcast address (RFC 1112, RFC 2464)."""
    address = ip_address(group)
    if group == "255.255.255.255":
        return BROADCAST
    low = address.packed[-4:] if address.version == 6 else bytes((0x5E, address.packed[1] & 0x7F)) + address.packed[2:]
    return (b"\x33\x33" if address.version == 6 else b"\x01\x00").hex(":") + ":" + low.hex(":")


def wrong_mac(sender: Host, target: Host, claimed: str = "02:00:00:00:66:66", family: Family = 4) -> Frame:
    """Own IP source, somebody else's source MAC."""
    return udp(sender, target, mac=claimed, family=family, name="wrong source MAC")


def wrong_address(sender: Host, target: Host, claimed: str) -> Frame:
    """Own MAC, somebody else's IP source, to the target."""
    return udp(sender, target, family=family_of(claimed), address=claimed, name="wrong IP source")


def wrong_address_broadcast(sender: Host, target: Host, claimed: str) -> Frame:
    """Own MAC, somebody else's IP source, to everybody (Ethernet and IP)."""
    family = family_of(claimed)
    return udp(sender, target, family=family, address=claimed, broadcast=True, name="wrong IP source, broadcast")


def family_of(address: str) -> Family:
    return 6 if ":" in address else 4


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
    return ethernet(name, mac or sender.mac, reply_to.mac if reply_to else BROADCAST, body)


def arp_wrong_spa(sender: Host, asked: str, claimed: str, reply_to: Host | None = None) -> Frame:
    """ARP that says somebody else's IPv4 address is at the sender's MAC: the classic cache poisoning."""
    return arp(sender, asked, spa=claimed, reply_to=reply_to, name="ARP with wrong spa")


def arp_wrong_sha(sender: Host, asked: str, claimed: str = "02:00:00:00:66:66", reply_to: Host | None = None) -> Frame:
    """ARP whose body names another MAC than its Ethernet header."""
    return arp(sender, asked, sha=claimed, reply_to=reply_to, name="ARP with wrong sha")


def rarp(sender: Host, *, sha: str | None = None, mac: str | None = None) -> Frame:
    """What QEMU sends to everybody for a guest that has migrated (RFC 903, "reverse request")."""
    from scapy.layers.l2 import ARP

    claimed = sha or sender.mac
    body = ARP(op=3, hwsrc=claimed, psrc="0.0.0.0", hwdst=claimed, pdst="0.0.0.0")
    return ethernet("RARP", mac or sender.mac, BROADCAST, body, ethertype=0x8035)


def unknown(sender: Host, target: Host, ethertype: int, mac: str | None = None) -> Frame:
    """Bytes of another protocol; `mac` replaces the target's."""
    from scapy.packet import Raw

    return ethernet(f"ethertype {ethertype:#06x}", sender.mac, mac or target.mac, Raw(b"?" * 46), ethertype=ethertype)


def tcp_segment(
    sender: Host, target: Host, sport: int, dport: int, *, seq: int, ack: int = 0, flags: str = "PA",
    address: str | None = None, mac: str | None = None, family: Family = 4,
) -> Frame:  # fmt: skip
    """One TCP segment with any numbers: out of nowhere, or into a connection that somebody else has."""
    from scapy.layers.inet import TCP

    segment = TCP(sport=sport, dport=dport, seq=seq, ack=ack, flags=flags)
    body = ip(family, address or sender.ip(family), target.ip(family)) / segment
    return ethernet("TCP segment out of nowhere", mac or sender.mac, target.mac, body)


def into_connection(sender: Host, target: Host, heard: Segment) -> Frame:
    """The segment that a live connection expects next, under its sender's address, from somebody else's MAC."""
    return tcp_segment(
        sender, target, heard.sport, heard.dport, seq=heard.next_seq, ack=heard.ack, address=heard.source,
        family=family_of(heard.source),
    )  # fmt: skip


def tagged(frame: Frame, vlan: int) -> Frame:
    """The same frame with an 802.1Q tag."""
    raw = frame.raw[:12] + b"\x81\x00" + vlan.to_bytes(2) + frame.raw[12:]
    return Frame(f"{frame.name}, VLAN {vlan}", raw, frame.marker)


def ethernet(name: str, src: str, dst: str, body: Any, ethertype: int | None = None) -> Frame:
    """Any scapy layers behind an Ethernet header, with a marker as payload."""
    from scapy.layers.l2 import Ether
    from scapy.packet import Raw

    marker = b"ow" + os.urandom(16)
    chosen = {} if ethertype is None else {"type": ethertype}
    return Frame(name, bytes(Ether(src=src, dst=dst, **chosen) / body / Raw(marker)), marker)
