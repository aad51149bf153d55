"""What the groups of a port allow it to open and to accept, and what they pass without asking who began."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from app.core.values import AddressGroup, Direction, Group, Guardrail, Port, Rule
from tests.model.addresses import Net, net
from tests.model.frames import ICMP, ICMPV6, SCTP, TCP, Five

FLIP: dict[Direction, Direction] = {"egress": "ingress", "ingress": "egress"}
PAIRS = ((ICMP, 8, 0), (ICMP, 13, 14), (ICMP, 15, 16), (ICMPV6, 128, 129))
ICMP_MIRROR = {(protocol, a): b for protocol, *pair in PAIRS for a, b in (pair, pair[::-1])}
FAMILY = {"IPv4": 4, "IPv6": 6}


def mirror(rule: Rule) -> Rule | None:
    """The rule for what answers: the same the other way round; None if nothing can be said to answer."""
    kind = rule.icmp_type
    if kind is not None:
        kind = ICMP_MIRROR.get((rule.protocol or 0, kind))
        if kind is None:
            return None
    ports, source_ports = rule.source_ports, rule.ports
    return replace(rule, direction=FLIP[rule.direction], ports=ports, source_ports=source_ports, icmp_type=kind)


def remote_of(about: Five, direction: str) -> int:
    return about.target if direction == "egress" else about.source


def fits(rule: Rule | Guardrail, about: Five) -> bool:
    """Whether a rule means such packets, wherever they come from or go to."""
    return (
        FAMILY[rule.ethertype] == about.family
        and rule.protocol in (None, about.protocol)
        and (rule.ports is None or rule.ports[0] <= about.second <= rule.ports[1])
        and (rule.source_ports is None or rule.source_ports[0] <= about.first <= rule.source_ports[1])
        and rule.icmp_type in (None, about.first)
        and rule.icmp_code in (None, about.second)
    )


@dataclass(frozen=True)
class Policies:
    """All that policies can depend on: groups, address groups, every port with what it brings into its groups, and what
    the operator says before any of them."""

    groups: Mapping[tuple[str, ...], Group]
    address_groups: Mapping[tuple[str, ...], AddressGroup]
    ports: tuple[Port, ...]
    guardrails: tuple[Guardrail, ...] = ()

    @cached_property
    def _members(self) -> dict[tuple[str, str], set[Net]]:
        members: dict[tuple[str, str], set[Net]] = {}
        for port in self.ports:
            pairs = [pair.address for pair in port.allowed_address_pairs]
            brought = {n for n in map(net, (*port.addresses, *pairs)) if n.length}
            for group in port.groups:
                members.setdefault((port.tenant, group), set()).update(brought)
        return members

    def allows(self, port: Port, direction: Direction, about: Five) -> bool:
        """May it open (egress) or accept (ingress) this connection?"""
        if self.forbids(port, direction, about):
            return False
        decider = self.decider(port.tenant, direction, about)
        if decider is not None:
            return decider.action == "allow"
        if direction == "egress" and port.egress == "any":
            return True
        return any(self.admits(port.tenant, rule, about) for rule in self._rules(port) if rule.direction == direction)

    def hears_many(self, port: Port, about: Five) -> bool:
        """Who only ever accepts connections (TCP, SCTP) is told nothing that many are told."""
        rules: list[Rule | Guardrail] = [rule for rule in self._rules(port) if rule.direction == "ingress"]
        rules += [
            guardrail
            for guardrail in self._concerning(port.tenant)
            if (guardrail.action, guardrail.direction) == ("allow", "ingress")
        ]
        return any(rule.protocol not in (TCP, SCTP) for rule in rules) and self.allows(port, "ingress", about)

    def decider(self, tenant: str, direction: Direction, about: Five) -> Guardrail | None:
        """The guardrail that decides on such packets of a tenant's ports, before their rules are asked."""
        for guardrail in self._concerning(tenant):
            if guardrail.direction != direction or not fits(guardrail, about):
                continue
            cidr = guardrail.remote_cidr
            if cidr is None or net(cidr).has(about.family, remote_of(about, direction)):
                return guardrail
        return None

    def _concerning(self, tenant: str) -> list[Guardrail]:
        mine = [each for each in self.guardrails if each.tenants is None or tenant in each.tenants]
        return sorted(mine, key=lambda guardrail: guardrail.priority)

    def forbids(self, port: Port, direction: Direction, about: Five) -> bool:
        """Only a DHCP server says what servers say, and hears what they are told."""
        return not port.dhcp_server and about.is_dhcp("server" if direction == "egress" else "client")

    def passes(self, port: Port, direction: Direction, about: Five) -> bool:
        """Does such a packet pass this way whoever began?"""
        if self.forbids(port, direction, about):
            return False
        decider = self.decider(port.tenant, direction, about)
        if decider is not None and decider.action == "deny":
            return False
        rules = (rule for rule in self._rules(port) if rule.direction == direction and not rule.stateful)
        return any(self.admits(port.tenant, rule, about) for rule in rules)

    def _rules(self, port: Port) -> Iterator[Rule]:
        """The rules that are looked at, and the mirrors of those without state."""
        for name in port.groups:
            yield from self._expanded[port.tenant, name, port.egress]

    @cached_property
    def _expanded(self) -> dict[tuple[str, ...], list[Rule]]:
        found = {}
        for (tenant, name), group in self.groups.items():
            for egress in ("any", "rules"):
                looked_at = [rule for rule in group.rules if rule.direction == "ingress" or egress == "rules"]
                found[tenant, name, egress] = [*looked_at, *mirrors(looked_at)]
        return found

    def admits(self, tenant: str, rule: Rule, about: Five) -> bool:
        return fits(rule, about) and self._knows(tenant, rule, about.family, remote_of(about, rule.direction))

    def _knows(self, tenant: str, rule: Rule, family: int, remote: int) -> bool:
        """Whether the rule's remote end is this address."""
        nets: Iterable[Net]
        if rule.remote_cidr is not None:
            nets = (net(rule.remote_cidr),)
        elif rule.remote_group is not None:
            nets = self._members.get((tenant, rule.remote_group), ())
        elif rule.remote_address_group is not None:
            nets = (net(cidr) for cidr in self.address_groups[tenant, rule.remote_address_group].cidrs)
        else:
            return True
        return any(n.has(family, remote) for n in nets)


def mirrors(rules: Iterable[Rule]) -> Iterator[Rule]:
    for rule in rules:
        if not rule.stateful and (reflected := mirror(rule)):
            yield reflected
