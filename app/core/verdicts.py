"""Conntrack and the verdicts: which zone sees a packet, when a connection is judged again, what is committed.

A known connection passes while the half of its ct_label that belongs to a party's role carries the current epoch of
that party's policy. When a policy becomes tighter it gets a new epoch, so every packet of its connections, in either
direction, is judged again on the connection's original 5-tuple: what is still allowed is committed anew, the rest is
dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from app.core.delivery import FROM_UPLINK, OUTSIDE
from app.core.flow import (
    Action,
    Flow,
    Wanted,
    ct,
    ct_clear,
    ct_commit,
    flow,
    goto,
    move,
    pop_vlan,
    resubmit,
    resubmit_ct,
    set_field,
)
from app.core.guards.dhcp import CLIENTS, SERVERS, messages
from app.core.guards.dropped import drop
from app.core.guards.nd import Icmp6, icmp6
from app.core.multicast import ask
from app.core.pipeline import (
    FRAGMENT,
    GATE_BIT,
    IP_TYPES,
    LABEL,
    LABEL_BITS,
    LATER,
    TAGGED,
    WHOLE,
    CtState,
    EtherType,
    Priority,
    Reason,
    Reg,
    Role,
    Table,
    Verdict,
    Way,
)

TRACKED_FROM = CtState.TRACKED | CtState.NEW | CtState.INVALID | CtState.REPLY
KNOWN = {
    Role.INITIATOR: (CtState.TRACKED, TRACKED_FROM),
    Role.RESPONDER: (CtState.TRACKED | CtState.REPLY, TRACKED_FROM),
}
TRACKED = (CtState.TRACKED, CtState.TRACKED)
NEW = (CtState.TRACKED | CtState.NEW, CtState.TRACKED | CtState.NEW)
# For a call with the original tuple the match must say that there is one: +new, +est or +rel, or +rpl.
OPENER = (
    NEW,
    (CtState.TRACKED | CtState.ESTABLISHED, TRACKED_FROM | CtState.ESTABLISHED),
    (CtState.TRACKED | CtState.RELATED, TRACKED_FROM | CtState.ESTABLISHED | CtState.RELATED),
)
# A label that is as it should be counts before any answer was seen, too: some conntracks call one-way UDP new for ever.
ADMITTED = {role: (state, mask & ~CtState.NEW) for role, (state, mask) in KNOWN.items()}
NO_SECOND_ZONE: Wanted = {Reg.DST_ZONE: 0}
INVALID = (CtState.TRACKED | CtState.INVALID, CtState.TRACKED | CtState.INVALID)
# A role's packets are judged by what the connection was to that party when it began.
JUDGED_AS = {Role.INITIATOR: Way.EGRESS, Role.RESPONDER: Way.INGRESS}
OTHER = {Role.INITIATOR: Role.RESPONDER, Role.RESPONDER: Role.INITIATOR}


@dataclass(frozen=True, slots=True)
class Party:
    """The sender or the receiver: the tables and registers of its verdict."""

    sends: bool
    judge: Table
    accept: Table
    then: Table
    policy: str
    role: str
    rule: str


SOURCE = Party(
    True, Table.JUDGE_SOURCE, Table.ACCEPT_SOURCE, Table.ZONE, Reg.SRC_POLICY, Reg.SRC_ROLE, Reg.SRC_RULE
)  # fmt: skip
TARGET = Party(
    False, Table.JUDGE_TARGET, Table.ACCEPT_TARGET, Table.COMMIT, Reg.DST_POLICY, Reg.DST_ROLE, Reg.DST_RULE
)  # fmt: skip


def policy_flows(number: int, epoch: int) -> Iterator[Flow]:
    """Let pass what carries the policy's epoch; have the rest judged. Only these flows know the epoch."""
    for role in Role:
        offset = LABEL[role].epoch
        label = (epoch << offset, ((1 << LABEL_BITS) - 1) << offset)
        # What the party sends as initiator goes in the connection's direction, what it receives as such comes in reply.
        for table, register, state, then in (
            (Table.SOURCE, Reg.SRC_POLICY, ADMITTED[role], Table.ZONE),
            (Table.TARGET, Reg.DST_POLICY, ADMITTED[OTHER[role]], Table.COMMIT),
        ):
            yield flow(table, Priority.OWN, goto(then), ct_state=state, ct_label=label, **{register: number})
    for table, party, epoch_register, judge in (
        (Table.SOURCE, Reg.SRC_POLICY, Reg.SRC_EPOCH, Table.JUDGE_SOURCE),
        (Table.TARGET, Reg.DST_POLICY, Reg.DST_EPOCH, Table.JUDGE_TARGET),
    ):
        yield flow(table, Priority.OTHERWISE, set_field(epoch_register, epoch), goto(judge), **{party: number})


def stateless_flows(number: int) -> Iterator[Flow]:
    """A policy with stateless rules is asked about them before conntrack; the ports of nobody else are looked at."""
    for table, party, way, then in (
        (Table.TRACK, Reg.SRC_POLICY, Way.SENDS, Table.TRACK_SOURCE),
        (Table.ZONE, Reg.DST_POLICY, Way.HEARS, Table.TRACK_TARGET),
    ):
        yield flow(table, Priority.OWN, *ask(party, way), goto(then), **{party: number})


def zone_flows(zone: int) -> Iterator[Flow]:
    """Two ports of one zone need one conntrack pass. DST_ZONE is cleared: there is no second zone to commit to."""
    match = {Reg.SRC_ZONE: zone, Reg.DST_ZONE: zone}
    then = set_field(Reg.DST_ZONE, 0), goto(Table.TARGET)
    yield flow(Table.TRACK_TARGET, Priority.CLASS, *then, ct_state=TRACKED, **match)


def fixed_flows() -> Iterator[Flow]:
    """What is the same for every tenant."""
    yield flow(Table.GUARD, Priority.REENTER, ct_clear(), resubmit(Table.GUARD), ct_state=TRACKED)
    yield from _track_flows()
    yield from _judge_flows()
    yield from _commit_flows()


def _track_flows() -> Iterator[Flow]:
    unjudged = set_field(Reg.VERDICT, Verdict.NONE)
    yield flow(Table.TRACK, Priority.EXEMPT, goto(Table.OUTPUT), **FROM_UPLINK, **OUTSIDE)
    yield flow(Table.TRACK, Priority.DENY, pop_vlan(), resubmit(Table.TRACK), vlan_vid=TAGGED)
    yield flow(Table.TRACK, Priority.INFRASTRUCTURE, goto(Table.OUTPUT), eth_type=EtherType.ARP)
    # Conntrack knows nothing of these; a guarded port's have been looked at, or dropped.
    for kind in (Icmp6.ADVERTISEMENT, Icmp6.ROUTER_ADVERTISEMENT, Icmp6.REDIRECT):
        yield flow(Table.TRACK, Priority.INFRASTRUCTURE, goto(Table.OUTPUT), ip_frag=WHOLE, **icmp6(kind))
    yield flow(Table.TRACK, Priority.CLASS, goto(Table.ZONE), **FROM_UPLINK)
    yield flow(Table.TRACK, Priority.LAST, unjudged, goto(Table.TRACK_SOURCE))
    yield flow(Table.ZONE, Priority.INFRASTRUCTURE, goto(Table.COMMIT), **OUTSIDE)
    yield flow(Table.ZONE, Priority.LAST, unjudged, goto(Table.TRACK_TARGET))
    allowed, server = ({Reg.VERDICT: int(verdict)} for verdict in (Verdict.ALLOWED, Verdict.SERVER))
    yield flow(Table.TRACK_SOURCE, Priority.OWN, goto(Table.ZONE), **allowed)
    yield flow(Table.TRACK_SOURCE, Priority.OWN, *drop(Reason.DHCP), **server)
    yield flow(Table.TRACK_TARGET, Priority.OWN, goto(Table.COMMIT), **allowed)
    for family in IP_TYPES:
        yield flow(Table.TRACK_SOURCE, Priority.OTHERWISE, ct(Reg.SRC_ZONE, Table.SOURCE), eth_type=family)
        yield flow(Table.TRACK_TARGET, Priority.OTHERWISE, ct(Reg.DST_ZONE, Table.TARGET), eth_type=family)
    for table in (Table.SOURCE, Table.TARGET):
        yield flow(table, Priority.DENY, ct_state=INVALID)


def _judge_flows() -> Iterator[Flow]:
    """Of a fragment that is not the first nobody knows the ports: it passes the verdicts, and is held at the gate."""
    allowed, server = ({Reg.VERDICT: int(verdict)} for verdict in (Verdict.ALLOWED, Verdict.SERVER))
    for party in (SOURCE, TARGET):
        for opener, state in (*((True, state) for state in OPENER), (False, KNOWN[Role.RESPONDER])):
            role = Role.INITIATOR if opener == party.sends else Role.RESPONDER
            as_party = set_field(party.role, role)
            yield flow(
                party.judge, Priority.CLASS, as_party, *ask(party.policy, JUDGED_AS[role], resubmit_ct),
                goto(party.accept), ct_state=state,
            )  # fmt: skip
            for family in IP_TYPES:
                later: Wanted = {"eth_type": family, "ip_frag": LATER}
                yield flow(party.judge, Priority.INFRASTRUCTURE, as_party, goto(party.then), ct_state=state, **later)
        yield flow(party.accept, Priority.OWN, move(Reg.RULE, party.rule, 32), goto(party.then), **allowed)
    for dhcp in messages(SERVERS, CLIENTS):
        infrastructure: Wanted = {**dhcp, **FROM_UPLINK, "ct_state": NEW, "ip_frag": WHOLE}
        yield flow(Table.JUDGE_TARGET, Priority.OWN, goto(Table.OUTPUT), **infrastructure)
    yield flow(Table.ACCEPT_SOURCE, Priority.OWN, *drop(Reason.DHCP), **server)


def _commit_flows() -> Iterator[Flow]:
    yield flow(Table.COMMIT, Priority.EXEMPT, goto(Table.OUTPUT), **{Reg.SRC_ROLE: 0, Reg.DST_ROLE: 0})
    yield from _gate_flows()
    yield flow(Table.COMMIT, Priority.LAST, goto(Table.COMMIT_NOW))
    roles = (0, *Role)
    for source, target, one_zone, family in product(roles, roles, (True, False), IP_TYPES):
        if (not source and not target) or (one_zone and source == target):
            continue
        match = {Reg.SRC_ROLE: int(source), Reg.DST_ROLE: int(target), "eth_type": family}
        match |= {Reg.DST_ZONE: 0} if one_zone else {}
        priority = Priority.CLASS if one_zone else Priority.OTHERWISE
        commits = _commits(source, target, one_zone)
        yield flow(Table.COMMIT_NOW, priority, *commits, goto(Table.OUTPUT), **match)


def _gate_flows() -> Iterator[Flow]:
    """Userspace conntrack holds fragments until all of a datagram are there, and gives them back as fragments. So those
    that were judged meet again in a zone of their own, which a first one enters only if it was allowed: if it was not,
    the others wait there for nothing. It has to be another zone: where fragments come that nobody has judged yet, a
    first one of those could be taken for the one they wait for. For the same reason nothing leaves after the commit,
    and the commit writes no label: until a whole packet was admitted, each is judged."""
    for family in IP_TYPES:
        fragment: Wanted = {"eth_type": family, "ip_frag": FRAGMENT}
        for zone, priority, match in (
            (Reg.SRC_ZONE, Priority.OWN, NO_SECOND_ZONE),
            (Reg.DST_ZONE, Priority.CLASS, {}),
        ):
            in_gate = set_field(Reg.VERDICT, 1), move(zone, Reg.CALL, 32), move(Reg.VERDICT, Reg.CALL, 1, 0, GATE_BIT)
            yield flow(Table.COMMIT, priority, *in_gate, ct(Reg.CALL, Table.GATED), **fragment, **match)
        source, target = ct_commit(Reg.SRC_ZONE), ct_commit(Reg.DST_ZONE)
        deliver = resubmit(Table.OUTPUT)
        yield flow(Table.GATED, Priority.INFRASTRUCTURE, deliver, source, eth_type=family, **NO_SECOND_ZONE)
        yield flow(Table.GATED, Priority.SHARED, deliver, target, eth_type=family, **FROM_UPLINK)
        yield flow(Table.GATED, Priority.CLASS, deliver, source, target, eth_type=family)


def _commits(source: int, target: int, one_zone: bool) -> list[Action]:
    said = _label(source, Reg.SRC_EPOCH, Reg.SRC_RULE)
    heard = _label(target, Reg.DST_EPOCH, Reg.DST_RULE)
    if one_zone:
        return [ct_commit(Reg.SRC_ZONE, *said, *heard)]
    commits = [ct_commit(Reg.SRC_ZONE, *said)] if source else []
    return commits + ([ct_commit(Reg.DST_ZONE, *heard)] if target else [])


def _label(role: int, epoch: str, rule: str) -> list[Action]:
    if not role:
        return []
    half = LABEL[Role(role)]
    return [
        move(epoch, "ct_label", LABEL_BITS, target_offset=half.epoch),
        move(rule, "ct_label", LABEL_BITS, target_offset=half.rule),
    ]
