"""Rules that would have allowed a packet but for one thing: what a person who wonders should look at."""

from __future__ import annotations

from collections.abc import Iterator

from app.core.inventory import Id, Inventory
from app.core.parsing import protocol_name
from app.core.plugged import ipv4_number
from app.core.policy import PORT_FIELDS
from app.core.question import NearMiss
from app.core.simulator import Packet
from app.core.values import Direction, Group, Rule

MOST = 10


def near_misses(inventory: Inventory, port: Id, way: Direction, packet: Packet) -> tuple[NearMiss, ...]:
    """Rules of the tenant, in the packet's direction, that differ from it in exactly one thing."""
    carried = inventory.port(port).groups
    found = []
    for stored in inventory.list("group", port[0]):
        group = stored.value
        assert isinstance(group, Group)
        for rule in group.rules:
            reasons = [] if group.name in carried else [f"the port is not in group {group.name}"]
            reasons += _differences(rule, way, packet)
            if len(reasons) == 1:
                found.append(NearMiss(f"{group.name}/{rule.key}", "/".join(port), reasons[0]))
    return tuple(found[:MOST])


def _differences(rule: Rule, way: Direction, packet: Packet) -> Iterator[str]:
    if rule.direction != way:
        yield f"the rule is for {rule.direction}"
    protocol = packet["ip_proto"]
    if rule.protocol not in (None, protocol):
        yield f"the protocol is {protocol_name(protocol)}, the rule is for {protocol_name(rule.protocol)}"
    elif rule.ports is not None:
        port = packet.get(PORT_FIELDS[protocol], 0)
        low, high = rule.ports
        if not low <= port <= high:
            yield f"the port is {port}, the rule is for {low if low == high else f'{low}-{high}'}"
    elif rule.icmp_type is not None and not _same_icmp(rule, packet):
        yield f"the ICMP type and code are {packet.get('icmpv4_type')}/{packet.get('icmpv4_code')}"
    if rule.remote_cidr is not None:
        remote = packet["ipv4_src" if way == "ingress" else "ipv4_dst"]
        network, _, length = rule.remote_cidr.partition("/")
        if (remote ^ ipv4_number(network)) >> (32 - int(length)):
            yield f"the other end is not in {rule.remote_cidr}"


def _same_icmp(rule: Rule, packet: Packet) -> bool:
    return packet.get("icmpv4_type") == rule.icmp_type and rule.icmp_code in (None, packet.get("icmpv4_code"))
