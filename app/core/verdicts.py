"""Conntrack and the verdicts: which zone sees a packet, when a connection is judged again.

A known connection passes while the half of its ct_label that belongs to a party's role carries the current epoch of
that party's policy. When a policy becomes tighter it gets a new epoch, so every packet of its connections, in either
direction, is judged again on the connection's original 5-tuple: what is still allowed is committed anew, the rest is
dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.core.delivery import FROM_UPLINK, OUTSIDE
from app.core.flow import (
    Flow,
    Wanted,
    ct,
    ct_clear,
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
        yield flow(party.accept, Priority.LAST, *drop(Reason.EGRESS if party.sends else Reason.INGRESS))
    for dhcp in messages(SERVERS, CLIENTS):
        infrastructure: Wanted = {**dhcp, **FROM_UPLINK, "ct_state": NEW, "ip_frag": WHOLE}
        yield flow(Table.JUDGE_TARGET, Priority.OWN, goto(Table.OUTPUT), **infrastructure)
    yield flow(Table.ACCEPT_SOURCE, Priority.OWN, *drop(Reason.DHCP), **server)
