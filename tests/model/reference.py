"""What the firewall means, told a second time: no flows, no tables, no registers, no labels, no epochs.

Only the operator's values and what is plugged where, a packet, and for every tenant the connections that it has seen.
It shares with the compiler nothing but `app.core.values` and the names of a packet's fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from app.core.values import Group, Port, Rule

Packet = Mapping[str, int]
Tuple = tuple[int, int, int, int, int]  # protocol, source, destination, source port or type, destination port or code
Known = dict[str, set[Tuple]]

IPV4, ARP = 0x0800, 0x0806
ICMP, TCP, UDP, SCTP = 1, 6, 17, 132
REQUEST, REPLY = 1, 2
EVERYBODY, LIMITED_BROADCAST = 0xFFFFFFFFFFFF, 0xFFFFFFFF
CLIENT, SERVER = 68, 67
LOCAL = 0xFFFFFFFE
ANSWER = {8: 0, 13: 14, 15: 16}  # ICMP requests; no other message begins anything


@dataclass(frozen=True)
class Bridge:
    """What is plugged into one switch, as the operator sees it. `local`: the MAC of LOCAL where that is trusted."""

    ports: Mapping[int, Port]
    groups: Mapping[tuple[str, ...], Group]
    uplinks: frozenset[int]
    local: int | None = None

    def owner(self, mac: int) -> int | None:
        return next((ofport for ofport, port in self.ports.items() if number_of_mac(port) == mac), None)

    def allows(self, ofport: int, direction: str, about: Tuple) -> bool:
        """Does the port's policy let it open (egress) or accept (ingress) this connection?"""
        port = self.ports[ofport]
        if direction == "egress" and port.egress == "any":
            return True
        remote = IPv4Address(about[2] if direction == "egress" else about[1])
        rules = (rule for name in port.groups for rule in self.groups[port.tenant, name].rules)
        return any(rule.direction == direction and admits(rule, remote, about) for rule in rules)

    def outside(self, packet: Packet) -> set[int]:
        """Where a frame goes that is not for a local port."""
        trusted = {LOCAL} if self.local is not None else set()
        if self.local == packet["eth_dst"]:
            return trusted
        if packet["in_port"] not in self.ports or packet["eth_dst"] >> 40 & 1:
            return set(self.uplinks) | trusted
        return set(self.uplinks) or trusted


@dataclass
class Reference:
    """The firewall. `known` holds, for each tenant, the first packets of the connections that it has seen."""

    known: Known = field(default_factory=dict)

    def deliver(self, bridge: Bridge, packet: Packet, inner: Tuple | None = None) -> set[int]:
        """Who receives the packet. An ICMP error is about the packet `inner`."""
        sender = bridge.ports.get(packet["in_port"])
        if sender is None:
            receivers = self._from_outside(bridge, packet, inner)
        elif packet.get("vlan_vid") or packet["eth_src"] != number_of_mac(sender):
            receivers = set()
        elif packet["eth_type"] == ARP:
            receivers = _arp_from(sender, bridge, packet)
        elif packet["eth_type"] == IPV4:
            receivers = self._ipv4_from(sender, bridge, packet, inner)
        else:
            receivers = set()
        return receivers - {packet["in_port"]}

    def _ipv4_from(self, sender: Port, bridge: Bridge, packet: Packet, inner: Tuple | None) -> set[int]:
        if packet["ipv4_src"] in numbers(sender):
            return self._judge(bridge, packet, inner)
        source = packet["ipv4_src"] == 0 and packet.get("udp_src") == CLIENT
        target = packet["ipv4_dst"] == LIMITED_BROADCAST and packet.get("udp_dst") == SERVER
        return bridge.outside(packet) if source and target and packet["eth_dst"] == EVERYBODY else set()

    def _from_outside(self, bridge: Bridge, packet: Packet, inner: Tuple | None) -> set[int]:
        from_local = packet["in_port"] == LOCAL and bridge.local is not None
        if not from_local and packet["in_port"] not in bridge.uplinks:
            return set()
        if packet.get("vlan_vid"):
            return bridge.outside(packet)
        if bridge.owner(packet["eth_src"]) is not None:
            return set()
        if packet["eth_type"] == ARP:
            return _deliver_arp(bridge, packet)
        if packet["eth_type"] == IPV4 and packet["eth_dst"] == EVERYBODY and packet["ipv4_dst"] == LIMITED_BROADCAST:
            return set(bridge.ports if _from_dhcp_server(packet) else ()) | bridge.outside(packet)
        if bridge.owner(packet["eth_dst"]) is None:
            return bridge.outside(packet)
        return self._judge(bridge, packet, inner) if packet["eth_type"] == IPV4 else set()

    def _judge(self, bridge: Bridge, packet: Packet, inner: Tuple | None) -> set[int]:
        """Every local party must be allowed what the connection was to it when it began; then all of them know it."""
        target = bridge.owner(packet["eth_dst"])
        receivers = bridge.outside(packet) if target is None else {target}
        first = tuple_of(packet)
        learn = []
        for ofport, sends in ((packet["in_port"], True), (target, False)):
            if ofport not in bridge.ports:
                continue
            mine = self.known.setdefault(bridge.ports[ofport].tenant, set())
            original, answers = _recall(mine, first, inner)
            if original is None and (inner is not None or not _may_begin(first)):
                return set()
            if original is None and packet["in_port"] not in bridge.ports and _from_dhcp_server(packet):
                return receivers  # infrastructure: nobody learns of it
            if not bridge.allows(ofport, "egress" if sends != answers else "ingress", original or first):
                return set()
            learn += [] if original else [mine]
        for mine in learn:
            mine.add(first)
        return receivers


def _recall(mine: set[Tuple], first: Tuple, inner: Tuple | None) -> tuple[Tuple | None, bool]:
    """The first packet of the connection that this one belongs to, and whether this one answers it."""
    asked = inner or first
    for original in mine:
        if asked in (original, answer(original)):
            # An error goes against the packet that it is about.
            return original, (asked == original) == (inner is not None)
    return None, False


def _arp_from(sender: Port, bridge: Bridge, packet: Packet) -> set[int]:
    own = numbers(sender)
    if packet["arp_sha"] != number_of_mac(sender):
        return set()
    if packet["arp_op"] == REQUEST and packet["arp_spa"] == 0 and packet["arp_tpa"] in own:
        return bridge.outside(packet)
    return _deliver_arp(bridge, packet) if packet["arp_spa"] in own else set()


def _deliver_arp(bridge: Bridge, packet: Packet) -> set[int]:
    outside = packet["in_port"] not in bridge.ports
    announces = packet["arp_op"] == REQUEST and packet["arp_spa"] == packet["arp_tpa"]
    if announces or (packet["arp_op"] == REPLY and packet["eth_dst"] == EVERYBODY):
        return bridge.outside(packet) | set(bridge.ports if outside else ())
    if packet["arp_op"] == REQUEST:
        target = next((o for o, port in bridge.ports.items() if packet["arp_tpa"] in numbers(port)), None)
    else:
        target = bridge.owner(packet["eth_dst"])
    return bridge.outside(packet) if target is None else {target}


def admits(rule: Rule, remote: IPv4Address, about: Tuple) -> bool:
    protocol, _, _, first, second = about
    return (
        rule.protocol in (None, protocol)
        and (rule.ports is None or rule.ports[0] <= second <= rule.ports[1])
        and rule.icmp_type in (None, first)
        and rule.icmp_code in (None, second)
        and (rule.remote_cidr is None or remote in IPv4Network(rule.remote_cidr))
    )


def _from_dhcp_server(packet: Packet) -> bool:
    return (packet["ip_proto"], packet.get("udp_src"), packet.get("udp_dst")) == (UDP, SERVER, CLIENT)


def _may_begin(first: Tuple) -> bool:
    return first[0] != ICMP or first[3] in ANSWER


def answer(original: Tuple) -> Tuple:
    protocol, source, target, a, b = original
    return (protocol, target, source, *((ANSWER[a], b) if protocol == ICMP else (b, a)))


def tuple_of(packet: Packet) -> Tuple:
    prefix = {TCP: "tcp", UDP: "udp", SCTP: "sctp"}.get(packet["ip_proto"])
    names = (f"{prefix}_src", f"{prefix}_dst") if prefix else ("icmpv4_type", "icmpv4_code")
    a, b = (packet.get(name, 0) for name in names)
    return packet["ip_proto"], packet["ipv4_src"], packet["ipv4_dst"], a, b


def number_of_mac(port: Port) -> int:
    return int(port.mac.replace(":", ""), 16)


def numbers(port: Port) -> set[int]:
    return {int(IPv4Address(address)) for address in port.addresses}
