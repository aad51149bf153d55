"""The policy compiler: rules become the fewest flows of table POLICY that say the same.

Overlapping rules give their union. The priority of a flow is an injective function of which bits it matches, so two
flows of one priority and family never overlap, and which rule a packet is attributed to (the most specific) is defined.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

from app.core import verdicts
from app.core.addresses import ETHERTYPE, Network, network
from app.core.flow import Flow, Wanted, flow, resubmit, resubmit_ct, set_field
from app.core.guards.dhcp import CLIENTS, SERVERS, messages
from app.core.mirror import mirrored
from app.core.pipeline import IN_SET, WHOLE, CtState, Priority, Reg, Table, Verdict, Way
from app.core.values import EgressMode, Policy, Ports, Rule

Fields = tuple[tuple[str, int | tuple[int, int]], ...]
Match = tuple[Way, Fields]
FAMILY = {"IPv4": 4, "IPv6": 6}
PORT_FIELDS = {6: ("tcp_src", "tcp_dst"), 17: ("udp_src", "udp_dst"), 132: ("sctp_src", "sctp_dst")}
ICMP_FIELDS = {4: ("icmpv4_type", "icmpv4_code"), 6: ("icmpv6_type", "icmpv6_code")}
REMOTE = {Way.EGRESS: "dst", Way.INGRESS: "src"}
PORT_BITS = 16
STATELESS = Way.SENDS & ~Way.EGRESS
ALL_PORTS = (0, (1 << PORT_BITS) - 1)
# What one packet may be sent to by one flow: TCP and SCTP have no multicast.
CONNECTED = frozenset((6, 132))
MOST_SETS = 1000  # of one policy that are asked, the oldest; a flow-mod ends at 64 KiB
UNTRACKED: Wanted = {"ct_state": (0, CtState.TRACKED)}
WITH_TUPLE: tuple[Wanted, ...] = tuple(
    {"ct_state": (CtState.TRACKED | state, CtState.TRACKED | state)}
    for state in (CtState.NEW, CtState.ESTABLISHED, CtState.RELATED)
)


def flows(policy: Policy) -> Iterator[Flow]:
    """What the rules of a policy put on a switch, whatever its epoch and whichever ports carry it."""
    if any(not rule.stateful for _, rule in _effective(policy.rules, policy.egress)):
        yield from verdicts.stateless_flows(policy.number)
    if policy.egress == "any":
        yield _allow(policy.number, 0, Way.EGRESS, (), 1)
    admitted: dict[Match, tuple[int, int]] = {}
    sets = sets_of(policy)
    for rule_id, rule in _effective(policy.rules, policy.egress):
        for way, fields, priority in _matches(rule, sets):
            key = way, fields
            # The same match from several rules is one flow, attributed to the oldest of them.
            admitted[key] = min(admitted.get(key, (rule_id, priority)), (rule_id, priority))
    for (way, fields), (rule_id, priority) in admitted.items():
        yield _allow(policy.number, rule_id, way, fields, priority)
    yield from _set_flows(policy)
    if policy.dhcp_server:
        yield flow(Table.SERVERS, Priority.EXEMPT, **{Reg.CALL: policy.number})


def fixed_flows() -> Iterator[Flow]:
    """A DHCP server's messages are sent by none but DHCP servers, and what they answer is heard by none but them: so no
    answer is ever part of a connection that something else has opened."""
    for way, match in product((Way.EGRESS, Way.SENDS), messages(SERVERS, CLIENTS)):
        refused = set_field(Reg.VERDICT, Verdict.SERVER)
        yield flow(Table.SERVERS, Priority.DENY, refused, **match, **{Reg.DIRECTION: int(way)})
    for way, match in product((Way.INGRESS, Way.HEARS), messages(CLIENTS, SERVERS)):
        denied = set_field(Reg.VERDICT, Verdict.NONE)
        yield flow(Table.SERVERS, Priority.DENY, denied, **match, **{Reg.DIRECTION: int(way)})


def member_flows(number: int, end: Way, member: Network) -> Iterator[Flow]:
    """One network of the address set `number`, asked about the remote end of what goes in the way `end`."""
    field = f"ipv{member.family}_{REMOTE[end]}"
    match: Wanted = {Reg.SET: number, Reg.DIRECTION: (int(end), int(end)), "eth_type": ETHERTYPE[member.family]}
    found = set_field(Reg.SET, IN_SET | number)
    yield flow(Table.MEMBER, Priority.OWN, found, **{field: member.masked}, **match)


def sets_of(policy: Policy) -> dict[object, int]:
    """The numbers of the address sets that the rules name."""
    return dict(policy.sets)


def set_uses(policy: Policy) -> set[tuple[int, Way]]:
    """Which address sets the policy asks about, each with the end that is the remote one."""
    numbers = sets_of(policy)
    return {
        (numbers[rule.remote], way.end)
        for _, rule in _effective(policy.rules, policy.egress)
        if rule.remote
        for way, _ in _directions(rule)
    }


def admits_multicast(policy: Policy) -> bool:
    """Whether a rule may admit what is sent to many."""
    return any(
        rule.protocol not in CONNECTED and any(way is Way.INGRESS for way, _ in _directions(rule))
        for _, rule in _effective(policy.rules, policy.egress)
    )


def is_tighter(old: Iterable[Rule], new: Iterable[Rule], egress: EgressMode) -> bool:
    """Whether something that the old rules may have allowed is no longer there. Unsure means yes: then connections are
    judged again, which costs a packet's detour and never a connection that is still allowed."""
    new = list(new)
    there = set(new)
    gone = [rule for rule in old if rule not in there]  # whoever adds a rule need not have all of them looked at
    return bool(gone) and not _meaning(gone, egress) <= _meaning(new, egress)


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


def _meaning(rules: Iterable[Rule], egress: EgressMode) -> set[tuple[object, ...]]:
    return {
        (way, fields, rule.remote)
        for _, rule in _effective(((0, rule) for rule in rules), egress)
        for way, fields, _ in _matches(rule, {rule.remote: 1})
    }


def _effective(rules: Iterable[tuple[int, Rule]], egress: EgressMode) -> Iterator[tuple[int, Rule]]:
    return (pair for pair in rules if pair[1].direction == "ingress" or egress == "rules")


def _allow(policy: int, rule_id: int, way: Way, fields: Fields, priority: int) -> Flow:
    match = {Reg.CALL: policy, Reg.DIRECTION: int(way), **dict(fields)}
    return flow(Table.POLICY, priority, set_field(Reg.VERDICT, Verdict.ALLOWED), set_field(Reg.RULE, rule_id), **match)


def _set_flows(policy: Policy) -> Iterator[Flow]:
    """Ask about each of the address sets, and the rules that name it again.

    A call shows the original 5-tuple to the flow that it finds and to nobody whom that calls, and who calls so must
    match a state in which there is one: hence a flow for each of those.
    """
    uses = sorted(set_uses(policy))
    ways = {way for _, rule in _effective(policy.rules, policy.egress) if rule.remote for way, _ in _directions(rule)}
    for way in sorted(ways):
        match: Wanted = {Reg.CALL: policy.number, Reg.DIRECTION: int(way)}
        numbers = [number for number, end in uses if end is way.end][:MOST_SETS]
        tracked = () if way & STATELESS else WITH_TUPLE
        for call, state in ((resubmit, UNTRACKED if tracked else {}), *((resubmit_ct, state) for state in tracked)):
            calls = [
                action
                for number in numbers
                for action in (set_field(Reg.SET, number), call(Table.MEMBER), call(Table.POLICY))
            ]
            yield flow(Table.SETS, Priority.OWN, *calls, set_field(Reg.SET, 0), **match, **state)


def _directions(rule: Rule) -> Iterator[tuple[Way, Rule]]:
    """The ways that a rule opens, each with the rule as it reads there. One that is not stateful also passes what
    answers it; both without conntrack, and with it what conntrack alone can tell: fragments."""
    forward, back = (Way.EGRESS, Way.INGRESS) if rule.direction == "egress" else (Way.INGRESS, Way.EGRESS)
    yield forward, rule
    if not rule.stateful:
        yield Way(forward | STATELESS), rule
        answer = mirrored(rule)
        if answer is not None:
            yield back, answer
            yield Way(back | STATELESS), answer


def _matches(rule: Rule, sets: dict[object, int]) -> Iterator[tuple[Way, Fields, int]]:
    """The matches of one rule, each with its way and its priority."""
    for way, read in _directions(rule):
        for fields, priority, from_zero in fields_of(read, way, sets):
            # A fragment that does not show its ports or type, as of 0: a first one may be too short for them.
            whole: Fields = (("ip_frag", WHOLE),) if way & STATELESS or from_zero else ()
            yield way, (*fields, *whole), priority


def fields_of(rule: Rule, way: Way, sets: dict[object, int]) -> Iterator[tuple[Fields, int, bool]]:
    """Matches, their priorities, and whether a fragment without its ports would match them by mistake."""
    family = FAMILY[rule.ethertype]
    fields: list[tuple[str, int | tuple[int, int]]] = [("eth_type", ETHERTYPE[family])]
    where = 0
    if rule.remote is not None:
        fields.append((Reg.SET, IN_SET | sets[rule.remote]))
        where = _IN_A_SET
    elif rule.remote_cidr is not None:
        remote = network(rule.remote_cidr)
        where = remote.length
        if where:
            fields.append((f"ipv{family}_{REMOTE[way.end]}", remote.masked))
    detail = ("ip_proto", *ICMP_FIELDS[family])
    asked = [
        (n, v) for n, v in zip(detail, (rule.protocol, rule.icmp_type, rule.icmp_code), strict=True) if v is not None
    ]
    for source, target in product(_port_masks(rule.source_ports), _port_masks(rule.ports)):
        names = PORT_FIELDS.get(rule.protocol or 0, ("", ""))
        ports = [(name, masked) for name, masked in zip(names, (source, target), strict=True) if masked[1]]
        from_zero = rule.icmp_type == 0 or any(not value for _, (value, _) in ports)
        priority = _specificity(where, source[1].bit_count(), target[1].bit_count(), len(asked))
        yield (*fields, *asked, *ports), priority, from_zero


def _port_masks(ports: Ports | None) -> list[tuple[int, int]]:
    """Port 0 stands alone, since it is also what a fragment without ports shows."""
    low, high = ports or ALL_PORTS
    if low or (low, high) == ALL_PORTS:
        return port_masks(low, high)
    return [*port_masks(0, 0), *port_masks(1, high)]


_IN_A_SET = 129  # beyond the longest prefix
_DETAILS = 3 + (PORT_BITS + 1) ** 2


def _specificity(where: int, source_bits: int, target_bits: int, depth: int) -> int:
    """Injective in the address bits (0..128, or in a set), port bits (0..16 each) and protocol fields (0..3) matched;
    at least 2. Ports are matched with no more than the protocol."""
    bits = source_bits * (PORT_BITS + 1) + target_bits
    return 2 + where * _DETAILS + (bits + 3 if bits else depth)
