"""Neighbour discovery and MLD messages as frames, honest and forged (RFC 4861, RFC 2710, RFC 3810).

Their marker is a nonce option (RFC 3971), or trailing bytes in MLD: the messages stay well-formed.
"""

from __future__ import annotations

import os
from ipaddress import IPv6Address
from typing import Any

from topology.frames import Frame, group_mac, ip
from topology.labs import Host

ELSEWHERE = "fd00::99"
ALL_NODES, ALL_ROUTERS, MLD_ROUTERS = "ff02::1", "ff02::2", "ff02::16"


def solicited_node(address: str) -> str:
    """The group that listens for questions about the address (RFC 4291)."""
    return str(IPv6Address(b"\xff\x02" + bytes(9) + b"\x01\xff" + IPv6Address(address).packed[13:]))


def solicitation(
    sender: Host, asked: str, *, source: str | None = None, mac: str | None = None, lladdr: str | None = "own",
    hop_limit: int = 255, code: int = 0, to: str | None = None, to_mac: str | None = None, name: str = "NS",
) -> Frame:  # fmt: skip
    """Who has `asked`? `source` "::" makes it DAD, which has no link-layer option (`lladdr` None)."""
    from scapy.layers.inet6 import ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr

    body: Any = ICMPv6ND_NS(tgt=asked, code=code)
    if claimed := sender.mac if lladdr == "own" else lladdr:
        body /= ICMPv6NDOptSrcLLAddr(lladdr=claimed)
    target = to or solicited_node(asked)
    return _message(name, sender, mac, source or sender.ip(6), target, to_mac, body, hop_limit)


def detection(sender: Host, address: str, **more: Any) -> Frame:
    """Does anybody have the address already? (RFC 4862)"""
    return solicitation(sender, address, source="::", **{"lladdr": None, "name": "DAD"} | more)


def advertisement(
    sender: Host, target: str, *, to: Host | None = None, source: str | None = None, mac: str | None = None,
    lladdr: str | None = "own", hop_limit: int = 255, code: int = 0, name: str = "NA",
) -> Frame:  # fmt: skip
    """`target` is here; to one host, or unsolicited to everybody."""
    from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6NDOptDstLLAddr

    body: Any = ICMPv6ND_NA(tgt=target, R=0, S=1 if to else 0, O=1, code=code)
    if claimed := sender.mac if lladdr == "own" else lladdr:
        body /= ICMPv6NDOptDstLLAddr(lladdr=claimed)
    ends = (source or sender.ip(6), to.ip(6) if to else ALL_NODES, to.mac if to else None)
    return _message(name, sender, mac, *ends, body, hop_limit)


def router_solicitation(sender: Host, *, source: str | None = None, hop_limit: int = 255, code: int = 0) -> Frame:
    from scapy.layers.inet6 import ICMPv6ND_RS

    ends = (source or sender.link_local, ALL_ROUTERS, None)
    return _message("RS", sender, None, *ends, ICMPv6ND_RS(code=code), hop_limit)


def router_advertisement(
    sender: Host, *, to: Host | None = None, hop_limit: int = 255, code: int = 0, source: str | None = None
) -> Frame:
    from scapy.layers.inet6 import ICMPv6ND_RA, ICMPv6NDOptSrcLLAddr

    body = ICMPv6ND_RA(code=code, routerlifetime=0) / ICMPv6NDOptSrcLLAddr(lladdr=sender.mac)
    ends = (source or sender.link_local, to.link_local if to else ALL_NODES, to.mac if to else None)
    return _message("RA", sender, None, *ends, body, hop_limit)


def redirect(sender: Host, to: Host, *, hop_limit: int = 255) -> Frame:
    """For somewhere else there is a better first hop: the sender."""
    from scapy.layers.inet6 import ICMPv6ND_Redirect

    body = ICMPv6ND_Redirect(tgt=sender.link_local, dst=ELSEWHERE)
    return _message("redirect", sender, None, sender.link_local, to.link_local, to.mac, body, hop_limit)


def _message(
    name: str, sender: Host, mac: str | None, source: str, target: str, to_mac: str | None, body: Any, hop_limit: int
) -> Frame:
    """With the nonce option as marker behind the message's own options."""
    from scapy.packet import Raw

    nonce = b"ow" + os.urandom(20)
    packet = ip(6, source, target, hlim=hop_limit) / body / Raw(b"\x0e\x03" + nonce)
    return _framed(name, mac or sender.mac, to_mac or group_mac(target), packet, nonce)


def report(sender: Host, *, version: int = 2, source: str | None = None) -> Frame:
    """The sender listens to a group: MLDv1 (131) or MLDv2 (143)."""
    from scapy.layers.inet6 import ICMPv6MLDMultAddrRec, ICMPv6MLReport, ICMPv6MLReport2

    group = solicited_node(sender.link_local)
    if version == 1:
        return _mld("MLDv1 report", sender, source, group, ICMPv6MLReport(mladdr=group))
    body = ICMPv6MLReport2(records_number=1, records=[ICMPv6MLDMultAddrRec(rtype=4, dst=group)])
    return _mld("MLDv2 report", sender, source, MLD_ROUTERS, body)


def done(sender: Host, *, source: str | None = None) -> Frame:
    """The sender listens no more (132)."""
    from scapy.layers.inet6 import ICMPv6MLDone

    return _mld("MLD done", sender, source, ALL_ROUTERS, ICMPv6MLDone(mladdr=solicited_node(sender.link_local)))


def query(sender: Host, *, source: str | None = None) -> Frame:
    """Who listens? (130): what the multicast router asks."""
    from scapy.layers.inet6 import ICMPv6MLQuery2

    return _mld("MLD query", sender, source, ALL_NODES, ICMPv6MLQuery2())


def _mld(name: str, sender: Host, source: str | None, target: str, body: Any) -> Frame:
    from scapy.layers.inet6 import IPv6ExtHdrHopByHop, RouterAlert
    from scapy.packet import Raw

    marker = b"ow" + os.urandom(16)
    options = IPv6ExtHdrHopByHop(options=[RouterAlert()])
    packet = ip(6, source or sender.link_local, target, hlim=1) / options / body / Raw(marker)
    return _framed(name, sender.mac, group_mac(target), packet, marker)


def _framed(name: str, src: str, dst: str, packet: Any, marker: bytes) -> Frame:
    from scapy.layers.l2 import Ether

    return Frame(name, bytes(Ether(src=src, dst=dst) / packet), marker)
