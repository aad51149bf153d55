"""ARP in IPv4, neighbour discovery in IPv6: the same questions in either family."""

from __future__ import annotations

from topology import frames, nd
from topology.frames import Frame
from topology.labs import Family, Host


def question(family: Family, sender: Host, asked: str) -> Frame:
    """Who has `asked`?"""
    return frames.arp(sender, asked) if family == 4 else nd.solicitation(sender, asked)


def probe(family: Family, sender: Host, address: str) -> Frame:
    """Does anybody have the address already? (RFC 5227, RFC 4862)"""
    return frames.arp(sender, address, spa="0.0.0.0") if family == 4 else nd.detection(sender, address)


def answer(family: Family, sender: Host, to: Host) -> Frame:
    """The sender's address is at the sender's MAC."""
    if family == 4:
        return frames.arp(sender, to.address, reply_to=to)
    return nd.advertisement(sender, sender.ip(6), to=to)


def announcement(family: Family, sender: Host) -> Frame:
    """The same to everybody, unasked: gratuitous ARP, unsolicited advertisement."""
    return frames.arp(sender, sender.address) if family == 4 else nd.advertisement(sender, sender.ip(6))
