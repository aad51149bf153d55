"""The pipeline, declared once: tables in packet order, registers, label bits, priorities.

Table numbers, `docs/pipeline.md`, trace output and status all derive from this file; nothing else knows a number. What
the tables are for stands in `purposes`.
ingress and egress are always seen from the VM's port: ingress is what it receives.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Table(IntEnum):
    """Every table, in the order in which a packet meets them. Those from FLOOD to SERVERS are called and return."""

    GUARD = 0
    ADDRESS = 1
    UNSPECIFIED = 2
    FOREIGN = 3
    CONTROL = 4
    ND = 5
    ND_OPTION = 6
    UPLINK = 7
    ARRIVE = 8
    NEIGHBOUR = 9
    ANNOUNCE = 10
    RESOLVE = 15
    DEST = 20
    TRACK = 25
    TRACK_SOURCE = 26
    SOURCE = 30
    JUDGE_SOURCE = 31
    ACCEPT_SOURCE = 32
    ZONE = 35
    TRACK_TARGET = 36
    TARGET = 40
    JUDGE_TARGET = 41
    ACCEPT_TARGET = 42
    COMMIT = 43
    COMMIT_NOW = 44
    LIMIT_SOURCE = 45
    LIMIT_TARGET = 46
    GATED = 47
    MULTICAST = 48
    MULTICAST_OUT = 49
    OUTPUT = 50
    LEAVE = 51
    FLOOD = 55
    FLOOD_CHUNK = 56
    ADMIT = 57
    ADMIT_LIST = 58
    ADMIT_PORTS = 59
    POLICY = 60
    SETS = 61
    MEMBER = 62
    GUARDRAILS = 63
    SERVERS = 64
    DROPPED = 70


class Reg:
    """What each register holds. Registers begin as 0 and survive conntrack. Plain strings: flows hold many of them."""

    SRC_ZONE = "reg0"  # conntrack zone of the sending VM; 0: from an uplink
    SRC_POLICY = "reg1"
    SRC_EPOCH = "reg2"  # set only when the sender is judged
    SRC_RULE = "reg3"
    DST_PORT = "reg4"  # seat of the receiving VM: ofport in the lower half, tag in the upper; 0: outside
    DST_ZONE = "reg5"  # zone of the receiving VM; 0 from ZONE on when it is the sender's zone too
    DST_POLICY = "reg6"
    DST_EPOCH = "reg7"
    DST_RULE = "reg8"
    CALL = "reg9"  # argument of a table: the policy for POLICY, the chunk for FLOOD_CHUNK, the reason for DROPPED
    DIRECTION = "reg10"  # argument of POLICY
    VERDICT = "reg11"  # answer of POLICY: see Verdict
    RULE = "reg12"  # answer of POLICY: id of the rule that decides, 0 the default; argument of the ADMITs: the chunk
    SEGMENT = "reg13"  # VLAN id; 0 untagged
    SRC_ROLE = "reg14"  # role in which the sender was newly judged; 0: it was not
    DST_ROLE = "reg15"  # the same for the receiver
    SET = "metadata"  # argument of MEMBER and POLICY: number of an address set, IN_SET if the remote end is in it


class Way(IntEnum):
    """Argument DIRECTION of POLICY. One bit says which end is the remote one, another asks for stateless rules."""

    EGRESS = 1
    INGRESS = 2
    SENDS = 5  # what the policy lets out without conntrack
    HEARS = 6  # what it lets in without conntrack

    @property
    def end(self) -> Way:
        """EGRESS if the remote end is the destination, INGRESS if it is the source."""
        return Way(self & 3)


class Verdict(IntEnum):
    """Answer of POLICY."""

    NONE = 0
    ALLOWED = 1
    SERVER = 2  # refused: only a DHCP server may send this


class Reason(IntEnum):
    """Why a frame of a port was dropped. Their lower-case names are what the port's status shows."""

    MAC = 1
    ETHERTYPE = 2
    ARP = 3
    IPV4 = 4
    IPV6 = 5
    ND = 6
    MLD = 7
    DHCP = 8
    EGRESS = 9  # neither its rules nor a guardrail let it out
    INGRESS = 10  # or in, of what was for this port alone


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
    """Priorities by what they mean. In POLICY a priority is the specificity of the match (see `policy`), in GUARDRAILS
    it follows from the guardrail's (see `overrides`)."""

    REENTER = 1000  # already tracked: before anything else
    EXEMPT = 950  # what the refusals do not apply to
    DENY = 900  # explicit refusals, tags that have to go
    INFRASTRUCTURE = 800  # DHCP, announcements
    OWN = 700  # exactly this port's, owner's or role's
    SHARED = 550  # several ports'; plus the length of the network, at most 128
    CLASS = 500  # a kind of packet
    OTHERWISE = 100  # what is left of a port, a policy or a table
    LAST = 1


class EtherType(IntEnum):
    IPV4 = 0x0800
    ARP = 0x0806
    RARP = 0x8035
    IPV6 = 0x86DD


class CtState(IntEnum):
    """Bits of ct_state."""

    NEW = 0x01
    ESTABLISHED = 0x02
    RELATED = 0x04
    REPLY = 0x08
    INVALID = 0x10
    TRACKED = 0x20


BROADCAST = 0xFFFFFFFFFFFF
IP_TYPES = (EtherType.IPV4, EtherType.IPV6)
MULTICAST = (0x010000000000, 0x010000000000)
TAGGED = (0x1000, 0x1000)  # of vlan_vid: the frame carries a VLAN tag, whichever
UNTAGGED = 0  # of vlan_vid
TAG = 0x1000  # of vlan_vid: the frame carries the tag in the other 12 bits
VLAN_BITS = 12
WHOLE = (0, 3)  # of ip_frag: not a fragment
FRAGMENT = (1, 1)  # of ip_frag: any fragment
LATER = (3, 3)  # of ip_frag: any other fragment
IN_SET = 1 << 32  # of SET
METERED = 1  # ct_mark of a connection that was committed without a label: it has met the port's meter
GATE_BIT = 15  # of a zone number: the zone in which fragments wait for their first; it holds no connections
OFPORT_BITS = 16  # Open vSwitch has no more; its reserved ports end in the same as in OpenFlow 1.0
LOCAL = 0xFFFFFFFE  # OFPP_LOCAL
IN_PORT = 0xFFFFFFF8  # OFPP_IN_PORT
