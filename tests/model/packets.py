"""Packets as dictionaries of field names, built from what they say."""

from __future__ import annotations

from ipaddress import ip_address

from tests.model.frames import ARP, ICMPV6, IPV4, IPV6, LAYER_4, NA, ND, NS, RARP, Five

Packet = dict[str, int]


def mac(text: str) -> int:
    return int(text.replace(":", ""), 16)


def address(text: str) -> int:
    return int(ip_address(text))


def ip(in_port: int, eth_src: int, eth_dst: int, about: Five, **more: int) -> Packet:
    """An IP packet of either family."""
    family, protocol, source, target, a, b = about
    packet = {
        "in_port": in_port, "eth_src": eth_src, "eth_dst": eth_dst, "eth_type": IPV4 if family == 4 else IPV6,
        "ip_proto": protocol, f"ipv{family}_src": source, f"ipv{family}_dst": target, "nw_ttl": 64,
    }  # fmt: skip
    if protocol == ICMPV6 and a in (NS, NA):
        packet |= {"ipv6_nd_target": 0, "ipv6_nd_sll" if a == NS else "ipv6_nd_tll": 0}
    if protocol == ICMPV6 and a in ND:
        packet["nw_ttl"] = 255
    return packet | dict(zip(LAYER_4.get(protocol, ()), (a, b), strict=False)) | more


def icmp6(in_port: int, eth_src: int, eth_dst: int, source: int, target: int, kind: int, **more: int) -> Packet:
    return ip(in_port, eth_src, eth_dst, Five(6, ICMPV6, source, target, kind, 0), **more)


def arp(in_port: int, eth_src: int, eth_dst: int, op: int, sha: int, spa: int, tpa: int, kind: int = ARP) -> Packet:
    return {
        "in_port": in_port, "eth_src": eth_src, "eth_dst": eth_dst, "eth_type": kind,
        "arp_op": op, "arp_sha": sha, "arp_spa": spa, "arp_tpa": tpa, "arp_tha": eth_src if kind == RARP else 0,
    }  # fmt: skip


def group_mac(target: int) -> int:
    """The Ethernet address of an IPv6 multicast address (RFC 2464)."""
    return 0x3333_0000_0000 | target & 0xFFFFFFFF


def solicited(target: int) -> int:
    """The solicited-node multicast address (RFC 4291)."""
    return 0xFF02_0000_0000_0000_0000_0001_FF00_0000 | target & 0xFFFFFF
