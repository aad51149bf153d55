"""The policy compiler: rules become the fewest flows of table POLICY that say the same.

Overlapping rules give their union. The priority of a flow is an injective function of which bits it matches, so two
flows of one priority never overlap, and which rule a packet is attributed to (the most specific) is defined.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from app.core import verdicts
from app.core.flow import Flow, flow, set_field
from app.core.pipeline import EtherType, Reg, Table, Way
from app.core.plugged import ipv4_number
from app.core.values import EgressMode, Policy, Rule

Fields = tuple[tuple[str, int | tuple[int, int]], ...]
PORT_FIELDS = {6: "tcp_dst", 17: "udp_dst", 132: "sctp_dst"}
WAYS = {"egress": Way.EGRESS, "ingress": Way.INGRESS}
REMOTE = {Way.EGRESS: "ipv4_dst", Way.INGRESS: "ipv4_src"}
PORT_BITS = 16
# In a fragment, Open vSwitch finds port 0 and ICMP type 0, so what matches a 0 must say that it means whole packets.
WHOLE: Fields = (("ip_frag", (0, 3)),)


def flows(policy: Policy) -> Iterator[Flow]:
    """Everything that a policy puts on a switch, independent of which ports carry it."""
    yield from verdicts.policy_flows(policy.number, policy.epoch)
    if policy.egress == "any":
        yield _allow(policy.number, 0, Way.EGRESS, (), 1)
    admitted: dict[tuple[Way, Fields], tuple[int, int]] = {}
    for rule_id, rule in _effective(policy.rules, policy.egress):
        for fields, priority in _matches(rule):
            key = WAYS[rule.direction], fields
            # The same match from several rules is one flow, attributed to the oldest of them.
            admitted[key] = min(admitted.get(key, (rule_id, priority)), (rule_id, priority))
    for (way, fields), (rule_id, priority) in admitted.items():
        yield _allow(policy.number, rule_id, way, fields, priority)


def is_tighter(old: Iterable[Rule], new: Iterable[Rule], egress: EgressMode) -> bool:
    """Whether something that the old rules may have allowed is no longer there. Unsure means yes: then connections are
    judged again, which costs a packet's detour and never a connection that is still allowed."""
    return not _meaning(old, egress) <= _meaning(new, egress)


def port_masks(low: int, high: int) -> list[tuple[int, int]]:
    """The fewest (value, prefix mask) pairs that match exactly the ports low..high; none overlaps another."""
    masks = []
    while low <= high:
        # The largest aligned block that begins at `low` and does not reach past `high`.
        size = (low & -low) or 1 << PORT_BITS
        while size > high - low + 1:
            size >>= 1
        masks.append((low, (1 << PORT_BITS) - size))
        low += size
    return masks


def _meaning(rules: Iterable[Rule], egress: EgressMode) -> set[tuple[str, Fields]]:
    effective = _effective(((0, rule) for rule in rules), egress)
    return {(rule.direction, fields) for _, rule in effective for fields, _ in _matches(rule)}


def _effective(rules: Iterable[tuple[int, Rule]], egress: EgressMode) -> Iterator[tuple[int, Rule]]:
    return (pair for pair in rules if pair[1].direction == "ingress" or egress == "rules")


def _allow(policy: int, rule_id: int, way: Way, fields: Fields, priority: int) -> Flow:
    match = {Reg.CALL: policy, Reg.DIRECTION: int(way), "eth_type": EtherType.IPV4, **dict(fields)}
    return flow(Table.POLICY, priority, set_field(Reg.VERDICT, 1), set_field(Reg.RULE, rule_id), **match)


def _matches(rule: Rule) -> Iterator[tuple[Fields, int]]:
    """The matches of one rule, each with its priority."""
    fields: list[tuple[str, int | tuple[int, int]]] = []
    prefix = 0
    if rule.remote_cidr is not None:
        address, _, length = rule.remote_cidr.partition("/")
        prefix = int(length)
        mask = (0xFFFFFFFF << (32 - prefix)) & 0xFFFFFFFF
        if prefix:
            fields.append((REMOTE[WAYS[rule.direction]], (ipv4_number(address), mask)))
    detail = [("ip_proto", rule.protocol), ("icmpv4_type", rule.icmp_type), ("icmpv4_code", rule.icmp_code)]
    depth = 0
    for name, value in detail:
        if value is not None:
            fields.append((name, value))
            depth += 1
    for value, mask in port_masks(*(rule.ports or (0, 65535))):
        port = ((PORT_FIELDS[rule.protocol or 0], (value, mask)),) if mask else ()
        whole = WHOLE if rule.icmp_type == 0 or (port and not value) else ()
        yield (*fields, *port, *whole), _specificity(prefix, mask.bit_count(), depth)


def _specificity(prefix: int, port_bits: int, depth: int) -> int:
    """Injective in the address bits (0..128), port bits (0..16) and protocol fields (0..3) matched; at least 2."""
    return 2 + ((prefix * (PORT_BITS + 1)) + port_bits) * 4 + depth
