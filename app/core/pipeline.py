"""The pipeline, declared once: tables in packet order, registers, label bits, priorities.

Table numbers, `docs/pipeline.md`, trace output and status all derive from this file; nothing else knows a number.
ingress and egress are always seen from the VM's port: ingress is what it receives.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Table(IntEnum):
    """Every table, in the order in which a packet meets them. POLICY and the FLOODs are called and return."""

    GUARD = 0
    UPLINK = 5
    GRATUITOUS = 10
    RESOLVE = 15
    DEST = 20
    TRACK = 25
    SOURCE = 30
    JUDGE_SOURCE = 31
    ACCEPT_SOURCE = 32
    ZONE = 35
    TARGET = 40
    JUDGE_TARGET = 41
    ACCEPT_TARGET = 42
    COMMIT = 45
    OUTPUT = 50
    FLOOD = 55
    FLOOD_CHUNK = 56
    POLICY = 60


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a table is for, which flows it holds and what happens to a packet that none of them matches."""

    question: str
    flows: tuple[str, ...]
    miss: str = "drop"


PURPOSE: dict[Table, Purpose] = {
    Table.GUARD: Purpose(
        "Is the sender using its own addresses?",
        (
            "a packet that arrives already tracked: forget that and begin again",
            "per port and IPv4 address: source MAC and source address are the port's own; sets SRC_ZONE, SRC_POLICY",
            "per port and IPv4 address: ARP whose sender hardware and protocol address are the port's own",
            "per port and IPv4 address: ARP probe (sender 0.0.0.0) for the port's own address; leaves by the uplink",
            "per port: broadcast DHCP client message from 0.0.0.0; leaves by the uplink",
            "per port: anything else is spoofed; dropped and counted",
            "a VLAN-tagged frame that no uplink brought: dropped, whatever else it says",
            "per uplink: a VLAN-tagged frame is forwarded between uplinks only; another goes to UPLINK",
        ),
        "drop: the switch port is neither an uplink nor bound to a registered port",
    ),
    Table.UPLINK: Purpose(
        "Does a frame from outside pretend to be one of our VMs?",
        (
            "per port: source MAC of a local VM, dropped",
            "ARP: go to GRATUITOUS",
            "broadcast DHCP server message: copied to the segment's ports",
            "anything else: go to DEST",
        ),
    ),
    Table.GRATUITOUS: Purpose(
        "Does an ARP request announce its sender (sender and target address equal)?",
        (
            "per bit of an address, two flows: sender and target differ in this bit; go to RESOLVE",
            "equal, from a VM: leaves by the uplink",
            "equal, from an uplink: copied to the segment's ports",
            "not a request: go to RESOLVE",
        ),
    ),
    Table.RESOLVE: Purpose(
        "Who owns the address that an ARP request asks for?",
        (
            "per port and IPv4 address: deliver the request to the owner, to nobody else",
            "request for an address that no local port owns: outside",
            "reply that an uplink broadcasts: copied to the segment's ports",
            "any other ARP: go to DEST, which delivers by MAC",
        ),
    ),
    Table.DEST: Purpose(
        "Whose MAC is the destination?",
        ("per port: (segment, destination MAC) sets DST_PORT, DST_ZONE, DST_POLICY", "anything else: outside"),
    ),
    Table.TRACK: Purpose(
        "Which conntrack zone sees the packet first?",
        (
            "ARP: delivered without conntrack",
            "from an uplink to outside: plain forwarding between uplinks",
            "IPv4 from an uplink to a VM: the receiver's zone, on in TARGET",
            "IPv4 from a VM: the sender's zone, on in SOURCE",
        ),
    ),
    Table.SOURCE: Purpose(
        "Does the sender's policy let it say this?",
        (
            "invalid: dropped",
            "per policy and role: a known connection whose label carries the policy's current epoch: go to ZONE",
            "per policy: anything else; sets SRC_EPOCH, go to JUDGE_SOURCE",
        ),
    ),
    Table.JUDGE_SOURCE: Purpose(
        "Ask POLICY about the sender, on the connection's original 5-tuple",
        (
            "first packet: as egress",
            "known connection, the sender opened it: as egress",
            "known connection, the sender answers: as ingress",
        ),
    ),
    Table.ACCEPT_SOURCE: Purpose("What did POLICY say of the sender?", ("allowed: keep the rule, go to ZONE",)),
    Table.ZONE: Purpose(
        "Does the receiver live in another zone?",
        (
            "outside: go to COMMIT",
            "per zone: sender and receiver share it: go to TARGET, no second conntrack pass",
            "another zone: conntrack there, on in TARGET",
        ),
    ),
    Table.TARGET: Purpose(
        "Does the receiver's policy let it hear this?",
        (
            "invalid: dropped",
            "per policy and role: a known connection whose label carries the policy's current epoch: go to COMMIT",
            "per policy: anything else; sets DST_EPOCH, go to JUDGE_TARGET",
        ),
    ),
    Table.JUDGE_TARGET: Purpose(
        "Ask POLICY about the receiver, on the connection's original 5-tuple",
        (
            "DHCP server message from an uplink: delivered, it is infrastructure",
            "first packet: as ingress",
            "known connection, the sender opened it: as ingress",
            "known connection, the sender answers: as egress",
        ),
    ),
    Table.ACCEPT_TARGET: Purpose("What did POLICY say of the receiver?", ("allowed: keep the rule, go to COMMIT",)),
    Table.COMMIT: Purpose(
        "Which zones learn of the verdict?",
        (
            "nothing was newly judged: go to OUTPUT",
            "per combination of roles: commit with the judged halves of the label, go to OUTPUT",
        ),
    ),
    Table.OUTPUT: Purpose(
        "Where does it leave?",
        (
            "outside, to the MAC of LOCAL: LOCAL",
            "outside, from an uplink or to a multicast address: every uplink and LOCAL",
            "outside, otherwise: every uplink (LOCAL only where there is no other)",
            "outside without any uplink: dropped",
            "a local port: that port",
        ),
    ),
    Table.FLOOD: Purpose(
        "Copy an announcement to every port of the segment",
        ("per segment: call FLOOD_CHUNK for each chunk of its ports",),
        "return",
    ),
    Table.FLOOD_CHUNK: Purpose(
        "The ports of one chunk", ("per segment and chunk: output to each of its ports",), "return"
    ),
    Table.POLICY: Purpose(
        "Does a policy allow this 5-tuple?",
        (
            "per policy, direction and match of its rules: VERDICT = allowed, RULE = the rule's id",
            "per policy with egress any: VERDICT = allowed, RULE = 0",
        ),
        "return without a verdict, which denies",
    ),
}


class Reg:
    """What each register holds. Registers begin as 0 and survive conntrack. Plain strings: flows hold many of them."""

    SRC_ZONE = "reg0"  # conntrack zone of the sending VM; 0: from an uplink
    SRC_POLICY = "reg1"
    SRC_EPOCH = "reg2"  # set only when the sender is judged
    SRC_RULE = "reg3"
    DST_PORT = "reg4"  # ofport of the receiving VM; 0: outside
    DST_ZONE = "reg5"  # zone of the receiving VM; 0 from ZONE on when it is the sender's zone too
    DST_POLICY = "reg6"
    DST_EPOCH = "reg7"
    DST_RULE = "reg8"
    CALL = "reg9"  # argument of a called table: the policy for POLICY, the chunk for FLOOD_CHUNK
    DIRECTION = "reg10"  # argument of POLICY
    VERDICT = "reg11"  # answer of POLICY: 1 allowed
    RULE = "reg12"  # answer of POLICY: id of the rule that allows; 0 the default
    SEGMENT = "reg13"  # VLAN id; 0 untagged
    SRC_ROLE = "reg14"  # role in which the sender was newly judged; 0: it was not
    DST_ROLE = "reg15"  # the same for the receiver


class Way(IntEnum):
    """Argument DIRECTION of POLICY."""

    EGRESS = 1
    INGRESS = 2


class Role(IntEnum):
    """A party's role in a connection: who sent its first packet, and who received it."""

    INITIATOR = 1
    RESPONDER = 2


@dataclass(frozen=True, slots=True)
class LabelHalf:
    """Where ct_label keeps what one role's policy said: offset of its epoch and of the admitting rule's id."""

    epoch: int
    rule: int


LABEL = {Role.INITIATOR: LabelHalf(epoch=0, rule=64), Role.RESPONDER: LabelHalf(epoch=32, rule=96)}
LABEL_BITS = 32  # of each epoch and of each rule id


class Priority(IntEnum):
    """Priorities by what they mean; in POLICY a priority is the specificity of the match (see `policy`)."""

    REENTER = 1000  # already tracked: before anything else
    EXEMPT = 950  # what the refusals do not apply to
    DENY = 900  # explicit refusals
    INFRASTRUCTURE = 800  # DHCP, announcements
    OWN = 700  # exactly this port's, owner's or role's
    CLASS = 500  # a kind of packet
    OTHERWISE = 100  # what is left of a port, a policy or a table
    LAST = 1


class EtherType(IntEnum):
    IPV4 = 0x0800
    ARP = 0x0806


class CtState(IntEnum):
    """Bits of ct_state."""

    NEW = 0x01
    ESTABLISHED = 0x02
    RELATED = 0x04
    REPLY = 0x08
    INVALID = 0x10
    TRACKED = 0x20


BROADCAST = 0xFFFFFFFFFFFF
MULTICAST = (0x010000000000, 0x010000000000)
TAGGED = (0x1000, 0x1000)  # of vlan_vid: the frame carries a VLAN tag, whichever
LOCAL = 0xFFFFFFFE  # OFPP_LOCAL
