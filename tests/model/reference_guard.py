"""What a port may send at all, whatever its policy; the name of the guard that refuses it is what is counted."""

from __future__ import annotations

from app.core.values import Port
from tests.model.addresses import identities, may_use
from tests.model.frames import (
    ARP,
    EVERYBODY,
    IPV4,
    IPV6,
    LIMITED_BROADCAST,
    MLD_QUERY,
    MLD_REPORTS,
    NA,
    ND,
    NS,
    RARP,
    REQUEST,
    RS,
    WHOLE,
    Frame,
)

LINK_LOCAL = 0xFE80 >> 6  # the first ten bits
MULTICAST = 0xFF  # the first eight


def refusal(port: Port, frame: Frame, listed: frozenset[int]) -> str | None:
    """Which guard drops the frame; None if all let it pass."""
    kind = frame["eth_type"]
    if port.spoof_guard == "off":
        return None if kind in (ARP, IPV4, IPV6) or kind in listed else "ethertype"
    if frame["eth_src"] not in identities(port):
        return "mac"
    if kind in (ARP, RARP):
        return None if _arp(port, frame) else "arp"
    if kind == IPV4:
        return None if _ipv4(port, frame) else "ipv4"
    if kind == IPV6:
        return _ipv6(port, frame)
    return None if kind in listed else "ethertype"


def _uses(port: Port, frame: Frame, family: int, number: int) -> bool:
    return may_use(port, frame["eth_src"], family, number, in_earnest=True)


def _arp(port: Port, frame: Frame) -> bool:
    if frame["arp_sha"] != frame["eth_src"]:
        return False
    if frame["eth_type"] == RARP or _uses(port, frame, 4, frame["arp_spa"]):
        return True
    return frame["arp_op"] == REQUEST and frame["arp_spa"] == 0 and _uses(port, frame, 4, frame["arp_tpa"])


def _ipv4(port: Port, frame: Frame) -> bool:
    return may_use(port, frame["eth_src"], 4, frame.source) if frame.source else asks_for_an_address(frame)


def asks_for_an_address(frame: Frame) -> bool:
    """A DHCP client that has no address yet (RFC 2131)."""
    ends = (frame["eth_dst"], frame.source, frame.target)
    return frame.family == 4 and frame.is_dhcp("client") and ends == (EVERYBODY, 0, LIMITED_BROADCAST)


def _ipv6(port: Port, frame: Frame) -> str | None:
    kind = frame.icmp6
    if frame.source == 0:
        reports = kind in MLD_REPORTS and frame.fragment == WHOLE
        return None if reports or detects_duplicates(port, frame) else "ipv6"
    if not may_use(port, frame["eth_src"], 6, frame.source):
        return "ipv6"
    if kind in ND:
        return None if _nd(port, frame) else "nd"
    if kind == MLD_QUERY:
        return "mld"
    if kind in MLD_REPORTS:
        own = frame.source >> 118 == LINK_LOCAL and _uses(port, frame, 6, frame.source)
        return None if own and frame.fragment == WHOLE else "mld"
    return None


def detects_duplicates(port: Port, frame: Frame) -> bool:
    """It asks whether anybody else has an address that it may use (RFC 4862)."""
    asks = frame.icmp6 == NS and frame.source == 0 and frame.well_formed and frame["ipv6_nd_sll"] == 0
    return asks and _uses(port, frame, 6, frame["ipv6_nd_target"])


def _nd(port: Port, frame: Frame) -> bool:
    # Who may send from everywhere is a router for others, but a neighbour only as itself.
    if not frame.well_formed or not _uses(port, frame, 6, frame.source):
        return False
    if frame.icmp6 == NS:
        # Two options hide the target, and each other.
        return frame["ipv6_nd_sll"] in (0, frame["eth_src"]) and frame["ipv6_nd_target"] != 0
    if frame.icmp6 == NA:
        return frame["ipv6_nd_tll"] in (0, frame["eth_src"]) and _uses(port, frame, 6, frame["ipv6_nd_target"])
    return frame.icmp6 == RS and frame.target >> 120 == MULTICAST  # what is for one, routers would forward
