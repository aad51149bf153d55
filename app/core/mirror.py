"""What answers the packets that a stateless rule admits."""

from __future__ import annotations

from dataclasses import replace

from app.core.parsing import ICMP, ICMPV6
from app.core.values import Direction, Rule

# By protocol, which type answers which (RFC 792, 4443). Only these requests begin a connection.
ANSWERS = {ICMP: {8: 0, 13: 14, 15: 16}, ICMPV6: {128: 129}}
PARTNERS = {icmp: ask | {answer: request for request, answer in ask.items()} for icmp, ask in ANSWERS.items()}


def mirrored(rule: Rule) -> Rule | None:
    """The rule for the answers, in the other direction; None if there are none. The remote end stays the remote end."""
    back: Direction = "egress" if rule.direction == "ingress" else "ingress"
    answer = replace(rule, direction=back, ports=rule.source_ports, source_ports=rule.ports)
    if rule.icmp_type is None:
        return answer
    partner = PARTNERS[rule.protocol or 0].get(rule.icmp_type)
    return None if partner is None else replace(answer, icmp_type=partner)
