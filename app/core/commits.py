"""What was judged is told to the zones, and what a zone has no room for is dropped.

Over a zone's limit a commit of Open vSwitch's userspace conntrack makes no entry and says nothing; the packet would go
on. So after each commit the packet is looked at again: no entry, no label, no way on. The Linux kernel's drops it by
itself. Nothing of this is paid by packets of connections that are known.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from app.core.delivery import FROM_UPLINK
from app.core.flow import Action, Flow, Wanted, ct, ct_commit, flow, goto, move, resubmit, set_field
from app.core.pipeline import (
    FRAGMENT,
    GATE_BIT,
    IP_TYPES,
    LABEL,
    LABEL_BITS,
    METERED,
    Priority,
    Reg,
    Role,
    Table,
)

NO_SECOND_ZONE: Wanted = {Reg.DST_ZONE: 0}
# Epochs begin with 1, so whoever was committed has one in a half of the label.
UNLABELLED: Wanted = {"ct_label": (0, (1 << 2 * LABEL_BITS) - 1)}
ZONES = {Table.LIMIT_SOURCE: Reg.SRC_ZONE, Table.LIMIT_TARGET: Reg.DST_ZONE}


def fixed_flows() -> Iterator[Flow]:
    """What is the same for every tenant."""
    yield flow(Table.COMMIT, Priority.EXEMPT, goto(Table.OUTPUT), **{Reg.SRC_ROLE: 0, Reg.DST_ROLE: 0})
    yield from _gate_flows()
    yield flow(Table.COMMIT, Priority.LAST, goto(Table.COMMIT_NOW))
    roles = (0, *Role)
    for family, source, target in product(IP_TYPES, roles, roles):
        judged: Wanted = {"eth_type": family, Reg.SRC_ROLE: int(source), Reg.DST_ROLE: int(target)}
        if source != target:
            commit = ct_commit(Reg.SRC_ZONE, *_said(source), *_heard(target), table=Table.LIMIT_SOURCE)
            yield flow(Table.COMMIT_NOW, Priority.CLASS, commit, **judged, **NO_SECOND_ZONE)
    for family, role in product(IP_TYPES, Role):
        said = ct_commit(Reg.SRC_ZONE, *_said(role), table=Table.LIMIT_SOURCE)
        heard = ct_commit(Reg.DST_ZONE, *_heard(role), table=Table.LIMIT_TARGET)
        yield flow(Table.COMMIT_NOW, Priority.OTHERWISE, said, eth_type=family, **{Reg.SRC_ROLE: int(role)})
        to_tell: Wanted = {"eth_type": family, Reg.DST_ROLE: int(role)}
        yield flow(Table.COMMIT_NOW, Priority.OTHERWISE, heard, **to_tell, **{Reg.SRC_ROLE: 0})
        yield flow(Table.LIMIT_SOURCE, Priority.OTHERWISE, heard, **to_tell)
    yield flow(Table.LIMIT_SOURCE, Priority.CLASS, goto(Table.OUTPUT), **NO_SECOND_ZONE)
    for table in ZONES:
        yield flow(table, Priority.LAST, goto(Table.OUTPUT))


def full_flows(zone: int) -> dict[str, Flow]:
    """Drop what the zone had no room for, and count it: when it was the sender's, and when it was the receiver's."""
    flows = (flow(table, Priority.DENY, **UNLABELLED, **{end: zone}) for table, end in ZONES.items())
    return dict(zip(("source", "target"), flows, strict=True))


def _gate_flows() -> Iterator[Flow]:
    """Userspace conntrack holds fragments until all of a datagram are there, and gives them back as fragments. So those
    that were judged meet again in a zone of their own, which a first one enters only if it was allowed: if it was not,
    the others wait there for nothing. It has to be another zone: where fragments come that nobody has judged yet, a
    first one of those could be taken for the one they wait for. For the same reason nothing leaves after the commit,
    and the commit writes no label: until a whole packet was admitted, each is judged. The mark says only that the
    port's meter has counted this connection."""
    for family in IP_TYPES:
        fragment: Wanted = {"eth_type": family, "ip_frag": FRAGMENT}
        for zone, priority, match in (
            (Reg.SRC_ZONE, Priority.OWN, NO_SECOND_ZONE),
            (Reg.DST_ZONE, Priority.CLASS, {}),
        ):
            in_gate = set_field(Reg.VERDICT, 1), move(zone, Reg.CALL, 32), move(Reg.VERDICT, Reg.CALL, 1, 0, GATE_BIT)
            yield flow(Table.COMMIT, priority, *in_gate, ct(Reg.CALL, Table.GATED), **fragment, **match)
        source, target = (ct_commit(zone, set_field("ct_mark", METERED)) for zone in ZONES.values())
        deliver = resubmit(Table.OUTPUT)
        yield flow(Table.GATED, Priority.INFRASTRUCTURE, deliver, source, eth_type=family, **NO_SECOND_ZONE)
        yield flow(Table.GATED, Priority.SHARED, deliver, target, eth_type=family, **FROM_UPLINK)
        yield flow(Table.GATED, Priority.CLASS, deliver, source, target, eth_type=family)


def _said(role: int) -> list[Action]:
    return _label(role, Reg.SRC_EPOCH, Reg.SRC_RULE)


def _heard(role: int) -> list[Action]:
    return _label(role, Reg.DST_EPOCH, Reg.DST_RULE)


def _label(role: int, epoch: str, rule: str) -> list[Action]:
    if not role:
        return []
    half = LABEL[Role(role)]
    return [
        move(epoch, "ct_label", LABEL_BITS, target_offset=half.epoch),
        move(rule, "ct_label", LABEL_BITS, target_offset=half.rule),
    ]
