"""What a datapath must be able to do for the pipeline to mean what it says, each as one exemplary flow.

The exemplars are shown to a switch and never installed (`app.openflow.probing`). Open vSwitch compares each with what
its datapath can do and refuses what it cannot; one thing it does not compare, `ct_clear`, its database alone tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.core.flow import (
    Flow,
    ct,
    ct_clear,
    ct_commit,
    flow,
    goto,
    move,
    output_field,
    pop_vlan,
    push_vlan,
    resubmit,
    resubmit_ct,
    set_field,
)
from app.core.guards.nd import GENUINE, Icmp6, icmp6
from app.core.pipeline import LABEL_BITS, TAGGED, EtherType, Priority, Reg, Table
from app.core.verdicts import NEW, TRACKED

EVERY_BIT = (1 << 128) - 1
IPV6_ORIGINAL = "ct_ipv6_src"  # not one of FIELDS: no flow of ours matches it, `resubmit(,T,ct)` relies on it


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that the pipeline needs. `since` are the versions that brought it."""

    name: str
    since: str
    flow: Flow
    capability: str | None = None  # its key in OVSDB's Datapath.capabilities (ovs-vswitchd.conf.db(5))

    def __str__(self) -> str:
        return f"{self.name} ({self.since})"


def _ipv6_original() -> Flow:
    match = flow(0, 0, eth_type=EtherType.IPV6, ct_state=NEW).match
    return Flow(Table.POLICY, Priority.LAST, (*match, (IPV6_ORIGINAL, 1, EVERY_BIT)), ())


_CONNTRACK = "Open vSwitch 2.5, Linux 4.3"
_ORIGINAL = "Open vSwitch 2.8, Linux 4.11"

# The order in which they are told: who lacks the first lacks others, too.
NEEDS = (
    Need("ct_state", _CONNTRACK, flow(Table.SOURCE, Priority.DENY, ct_state=TRACKED), "ct_state"),
    Need(
        "conntrack zones",
        _CONNTRACK,
        flow(Table.TRACK_SOURCE, Priority.LAST, ct(Reg.SRC_ZONE, Table.SOURCE), eth_type=EtherType.IPV4),
        "ct_zone",
    ),
    Need("ct_zone", _CONNTRACK, flow(Table.SOURCE, Priority.LAST, ct_state=TRACKED, ct_zone=1), "ct_zone"),
    Need("ct_label", _CONNTRACK, flow(Table.SOURCE, Priority.OWN, ct_state=TRACKED, ct_label=(1, 1)), "ct_label"),
    Need("ct_mark", _CONNTRACK, flow(Table.SOURCE, Priority.OWN, ct_state=TRACKED, ct_mark=(1, 1)), "ct_mark"),
    Need(
        "commits with a ct_mark",
        _CONNTRACK,
        flow(
            Table.COMMIT,
            Priority.OWN,
            ct_commit(Reg.DST_ZONE, set_field("ct_mark", 1)),
            eth_type=EtherType.IPV4,
            ct_state=TRACKED,
        ),
        "ct_mark",
    ),
    Need(
        "commits with a ct_label",
        _CONNTRACK,
        flow(
            Table.COMMIT,
            Priority.OWN,
            ct_commit(Reg.SRC_ZONE, set_field("ct_label", 1), move(Reg.SRC_EPOCH, "ct_label", LABEL_BITS)),
            eth_type=EtherType.IPV6,
            ct_state=TRACKED,
        ),
        "ct_label",
    ),
    Need(
        "ct_clear",
        "Open vSwitch 2.7, Linux 4.15",
        flow(Table.GUARD, Priority.REENTER, ct_clear(), resubmit(Table.GUARD), ct_state=TRACKED),
        "ct_clear",
    ),
    Need(
        "the original tuple of IPv4 connections",
        _ORIGINAL,
        flow(Table.JUDGE_SOURCE, Priority.OWN, resubmit_ct(Table.POLICY), eth_type=EtherType.IPV4, ct_state=NEW),
        "ct_orig_tuple",
    ),
    Need("the original tuple of IPv6 connections", _ORIGINAL, _ipv6_original(), "ct_orig_tuple6"),
    Need(
        "sixteen registers and metadata",
        "Open vSwitch 2.6",
        flow(
            Table.POLICY,
            Priority.OWN,
            *(set_field(f"reg{number}", 1) for number in range(16)),
            set_field(Reg.SET, 1),
            move(Reg.SRC_POLICY, Reg.CALL, LABEL_BITS),
            goto(Table.SETS),
            metadata=(1, 1),
            **{f"reg{number}": 1 for number in range(16)},
        ),
    ),
    Need(
        "neighbour discovery's fields",
        "Open vSwitch 1.10",
        flow(
            Table.ND,
            Priority.OWN,
            **icmp6(Icmp6.SOLICITATION),
            **GENUINE,
            ipv6_nd_target=1,
            ipv6_nd_sll=1,
        ),
    ),
    Need(
        "neighbour advertisements' fields",
        "Open vSwitch 1.10",
        flow(
            Table.ND,
            Priority.OWN,
            **icmp6(Icmp6.ADVERTISEMENT),
            icmpv6_code=0,
            ipv6_nd_target=1,
            ipv6_nd_tll=1,
        ),
    ),
    Need(
        "ARP's fields",
        "Open vSwitch 1.10",
        flow(
            Table.RESOLVE,
            Priority.OWN,
            eth_type=EtherType.ARP,
            arp_op=1,
            arp_spa=1,
            arp_tpa=1,
            arp_sha=1,
            arp_tha=1,
        ),
    ),
    Need(
        "VLAN tags and output to a register",
        "Open vSwitch 2.0",
        flow(Table.LEAVE, Priority.OWN, pop_vlan(), push_vlan(), output_field(Reg.DST_PORT), vlan_vid=TAGGED),
    ),
)


def denied(capabilities: Mapping[str, str]) -> list[Need]:
    """The needs that a datapath does not meet by OVSDB's account of it; what the account leaves out counts as met."""
    lacking = [need for need in NEEDS if need.capability and capabilities.get(need.capability) == "false"]
    return list({need.capability: need for need in lacking}.values())


def refusal(lacking: list[Need]) -> str:
    """What to tell about a switch that lacks something."""
    return f"the datapath lacks {', '.join(map(str, lacking))}; nothing is installed on it"
