"""Rules that would have allowed a packet but for one thing: what a person who wonders should look at."""

from __future__ import annotations

from collections.abc import Iterator

from app.core.addresses import network
from app.core.distances import from_network, from_networks, from_ports
from app.core.indexes import Id
from app.core.inventory import Inventory
from app.core.packets import Packet, tuple_of
from app.core.parsing import protocol_name
from app.core.policy import FAMILY
from app.core.question import NearMiss
from app.core.values import Direction, Group, Rule

MOST = 10


def near_misses(
    inventory: Inventory, port: Id, way: Direction, packet: Packet, guardrail: str | None = None
) -> tuple[NearMiss, ...]:
    """Rules of the tenant, and guardrails that allow, that differ from the packet in exactly one thing. That may be the
    `guardrail` that denies it first."""
    carried = inventory.port(port).groups
    found = _near_guardrails(inventory, port, way, packet, guardrail)
    first = [f"{guardrail} denies it first"] if guardrail else []
    for stored in inventory.list("group", port[0]):
        group = stored.value
        assert isinstance(group, Group)
        for rule in group.rules:
            reasons = first + ([] if group.name in carried else [f"the port is not in group {group.name}"])
            reasons += _differences(inventory, port[0], rule, way, packet)
            if len(reasons) == 1:
                found.append(NearMiss(f"{group.name}/{rule.key}", "/".join(port), reasons[0]))
    return tuple(found[:MOST])


def _near_guardrails(
    inventory: Inventory, port: Id, way: Direction, packet: Packet, decided: str | None
) -> list[NearMiss]:
    found, denied = [], False
    for _, guardrail in inventory.guardrails(port[0]):
        denied |= guardrail.reference == decided
        if guardrail.action == "allow":
            reasons = [f"{decided} denies it first"] if denied else []
            reasons += _differences(inventory, port[0], guardrail.rule, way, packet)
            if len(reasons) == 1:
                found.append(NearMiss(guardrail.reference, "/".join(port), reasons[0]))
    return found


def _differences(inventory: Inventory, tenant: str, rule: Rule, way: Direction, packet: Packet) -> Iterator[str]:
    if rule.direction != way:
        yield f"the rule is for {rule.direction}"
    asked = tuple_of(packet)
    if FAMILY[rule.ethertype] != asked.family:
        yield f"the rule is for {rule.ethertype}"
        return
    if rule.protocol not in (None, asked.protocol):
        yield f"the protocol is {protocol_name(asked.protocol)}, the rule is for {protocol_name(rule.protocol)}"
        return
    for what, ports, port in (("port", rule.ports, asked.second), ("source port", rule.source_ports, asked.first)):
        if ports is not None and not ports[0] <= port <= ports[1]:
            yield f"the {what} is {port}, the rule is for {from_ports(port, *ports)}"
    if rule.icmp_type is not None and (rule.icmp_type != asked.first or rule.icmp_code not in (None, asked.second)):
        code = "" if rule.icmp_code is None else f"/{rule.icmp_code}"
        yield f"the ICMP type and code are {asked.first}/{asked.second}, the rule is for {rule.icmp_type}{code}"
    yield from _elsewhere(inventory, tenant, rule, asked.source if way == "ingress" else asked.target)


def _elsewhere(inventory: Inventory, tenant: str, rule: Rule, remote: int) -> Iterator[str]:
    """Whether the other end is not where the rule wants it."""
    if rule.remote_cidr is not None and not _contains(rule.remote_cidr, rule, remote):
        yield f"the other end, {from_network(FAMILY[rule.ethertype], remote, network(rule.remote_cidr))}"
    if rule.remote is not None:
        members = inventory.set_members(tenant, rule.remote).values()
        if not any(_contains(member, rule, remote) for each in members for member in each):
            name = f"{rule.remote.kind.replace('_', ' ')} {rule.remote.name}"
            networks = (network(member) for each in members for member in each)
            yield f"the other end, {from_networks(FAMILY[rule.ethertype], remote, networks, name)}"


def _contains(member: str, rule: Rule, remote: int) -> bool:
    wanted = network(member)
    value, mask = wanted.masked
    return wanted.family == FAMILY[rule.ethertype] and remote & mask == value
