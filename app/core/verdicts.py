"""Conntrack and the verdicts: which zone sees a packet, when a connection is judged again, what is committed.

A known connection passes while the half of its ct_label that belongs to a party's role carries the current epoch of
that party's policy. When a policy becomes tighter it gets a new epoch, so every packet of its connections, in either
direction, is judged again on the connection's original 5-tuple: what is still allowed is committed anew, the rest is
dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from app.core.flow import Action, Flow, ct, ct_clear, ct_commit, flow, goto, move, resubmit, resubmit_ct, set_field
from app.core.guards.dhcp import CLIENT, SERVER, UDP
from app.core.pipeline import LABEL, LABEL_BITS, CtState, EtherType, Priority, Reg, Role, Table, Way

TRACKED_FROM = CtState.TRACKED | CtState.NEW | CtState.INVALID | CtState.REPLY
KNOWN = {
    Role.INITIATOR: (CtState.TRACKED, TRACKED_FROM),
    Role.RESPONDER: (CtState.TRACKED | CtState.REPLY, TRACKED_FROM),
}
NEW = (CtState.TRACKED | CtState.NEW, CtState.TRACKED | CtState.NEW)
# For a call with the original tuple the match must say that there is one: +est or +rel, or +rpl.
OPENER_AGAIN = (
    (CtState.TRACKED | CtState.ESTABLISHED, TRACKED_FROM | CtState.ESTABLISHED),
    (CtState.TRACKED | CtState.RELATED, TRACKED_FROM | CtState.ESTABLISHED | CtState.RELATED),
)
INVALID = (CtState.TRACKED | CtState.INVALID, CtState.TRACKED | CtState.INVALID)
IPV4 = {"eth_type": EtherType.IPV4}
# A role's packets are judged by what the connection was to that party when it began.
JUDGED_AS = {Role.INITIATOR: Way.EGRESS, Role.RESPONDER: Way.INGRESS}
OTHER = {Role.INITIATOR: Role.RESPONDER, Role.RESPONDER: Role.INITIATOR}


def policy_flows(number: int, epoch: int) -> Iterator[Flow]:
    """Let pass what carries the policy's epoch; have the rest judged. Only these flows know the epoch."""
    for role in Role:
        offset = LABEL[role].epoch
        label = (epoch << offset, ((1 << LABEL_BITS) - 1) << offset)
        # What the party sends as initiator goes in the connection's direction, what it receives as such comes in reply.
        for table, register, state, then in (
            (Table.SOURCE, Reg.SRC_POLICY, KNOWN[role], Table.ZONE),
            (Table.TARGET, Reg.DST_POLICY, KNOWN[OTHER[role]], Table.COMMIT),
        ):
            match = {register: number, **IPV4}
            yield flow(table, Priority.OWN, goto(then), ct_state=state, ct_label=label, **match)
    for table, party, epoch_register, judge in (
        (Table.SOURCE, Reg.SRC_POLICY, Reg.SRC_EPOCH, Table.JUDGE_SOURCE),
        (Table.TARGET, Reg.DST_POLICY, Reg.DST_EPOCH, Table.JUDGE_TARGET),
    ):
        yield flow(table, Priority.OTHERWISE, set_field(epoch_register, epoch), goto(judge), **IPV4, **{party: number})


def zone_flows(zone: int) -> Iterator[Flow]:
    """Two ports of one zone need one conntrack pass. DST_ZONE is cleared: there is no second zone to commit to."""
    match = {Reg.SRC_ZONE: zone, Reg.DST_ZONE: zone}
    yield flow(Table.ZONE, Priority.CLASS, set_field(Reg.DST_ZONE, 0), goto(Table.TARGET), **match)


def fixed_flows() -> Iterator[Flow]:
    """What is the same for every tenant."""
    tracked = (CtState.TRACKED, CtState.TRACKED)
    yield flow(Table.GUARD, Priority.REENTER, ct_clear(), resubmit(Table.GUARD), ct_state=tracked)
    yield from _track_flows()
    yield from _judge_flows()
    yield from _zone_flows()
    yield from _commit_flows()


def _track_flows() -> Iterator[Flow]:
    from_uplink, to_outside = {Reg.SRC_ZONE: 0}, {Reg.DST_PORT: 0}
    yield flow(Table.TRACK, Priority.INFRASTRUCTURE, goto(Table.OUTPUT), eth_type=EtherType.ARP)
    yield flow(Table.TRACK, Priority.OWN, goto(Table.OUTPUT), **from_uplink, **to_outside)
    yield flow(Table.TRACK, Priority.CLASS, ct(Reg.DST_ZONE, Table.TARGET), **IPV4, **from_uplink)
    yield flow(Table.TRACK, Priority.OTHERWISE, ct(Reg.SRC_ZONE, Table.SOURCE), **IPV4)
    for table in (Table.SOURCE, Table.TARGET):
        yield flow(table, Priority.DENY, ct_state=INVALID, **IPV4)


def _judge_flows() -> Iterator[Flow]:
    source = (Table.JUDGE_SOURCE, Table.ACCEPT_SOURCE, Reg.SRC_POLICY, Reg.SRC_ROLE)
    target = (Table.JUDGE_TARGET, Table.ACCEPT_TARGET, Reg.DST_POLICY, Reg.DST_ROLE)
    for (judge, accept, policy, role_register), sends in ((source, True), (target, False)):
        for opener, state, call in (
            (True, NEW, resubmit(Table.POLICY)),
            *((True, known, resubmit_ct(Table.POLICY)) for known in OPENER_AGAIN),
            (False, KNOWN[Role.RESPONDER], resubmit_ct(Table.POLICY)),
        ):
            role = Role.INITIATOR if opener == sends else Role.RESPONDER
            yield flow(
                judge, Priority.CLASS,
                move(policy, Reg.CALL, 32), set_field(Reg.DIRECTION, JUDGED_AS[role]), set_field(role_register, role),
                set_field(Reg.VERDICT, 0), call, goto(accept),
                ct_state=state, **IPV4,
            )  # fmt: skip
    dhcp = {"ip_proto": UDP, "udp_src": SERVER, "udp_dst": CLIENT, Reg.SRC_ZONE: 0}
    yield flow(Table.JUDGE_TARGET, Priority.INFRASTRUCTURE, goto(Table.OUTPUT), ct_state=NEW, **dhcp, **IPV4)
    allowed = {Reg.VERDICT: 1}
    yield flow(Table.ACCEPT_SOURCE, Priority.OWN, move(Reg.RULE, Reg.SRC_RULE, 32), goto(Table.ZONE), **allowed)
    yield flow(Table.ACCEPT_TARGET, Priority.OWN, move(Reg.RULE, Reg.DST_RULE, 32), goto(Table.COMMIT), **allowed)


def _zone_flows() -> Iterator[Flow]:
    yield flow(Table.ZONE, Priority.OWN, goto(Table.COMMIT), **{Reg.DST_PORT: 0})
    yield flow(Table.ZONE, Priority.OTHERWISE, ct(Reg.DST_ZONE, Table.TARGET), **IPV4)


def _commit_flows() -> Iterator[Flow]:
    yield flow(Table.COMMIT, Priority.OWN, goto(Table.OUTPUT), **{Reg.SRC_ROLE: 0, Reg.DST_ROLE: 0})
    roles = (0, *Role)
    for source, target, one_zone in product(roles, roles, (True, False)):
        if (not source and not target) or (one_zone and source == target):
            continue
        match = {Reg.SRC_ROLE: int(source), Reg.DST_ROLE: int(target)}
        match |= {Reg.DST_ZONE: 0} if one_zone else {}
        priority = Priority.CLASS if one_zone else Priority.OTHERWISE
        commits = _commits(source, target, one_zone)
        yield flow(Table.COMMIT, priority, *commits, goto(Table.OUTPUT), **IPV4, **match)


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
