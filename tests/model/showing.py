"""Frames as a person reads them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from app.core.pipeline import Table
from app.core.simulator import Outcome
from tests.model.frames import Five, Frame

MACS = ("eth_src", "eth_dst", "arp_sha", "arp_tha", "ipv6_nd_sll", "ipv6_nd_tll")


def show(frame: Frame) -> str:
    fields = " ".join(f"{name}={_value(name, number)}" for name, number in frame.fields.items())
    asides = (("about", frame.inner), ("part of", frame.whole))
    return fields + "".join(f" {word} {_five(five)}" for word, five in asides if five)


def show_path(outcome: Outcome) -> str:
    """The tables that a packet came through, with the priorities of the flows it met."""
    return " ".join(f"{Table(flow.table).name}:{flow.priority}" for flow in outcome.path)


def _value(name: str, number: int) -> object:
    if name in ("ipv4_src", "ipv4_dst", "arp_spa", "arp_tpa"):
        return IPv4Address(number)
    if name in ("ipv6_src", "ipv6_dst", "ipv6_nd_target"):
        return IPv6Address(number)
    if name in ("eth_type", "vlan_vid"):
        return hex(number)
    return f"{number:012x}" if name in MACS else number


def _five(five: Five) -> str:
    kind = IPv4Address if five.family == 4 else IPv6Address
    return f"{five.protocol} {kind(five.source)}>{kind(five.target)} {five.first}>{five.second}"
