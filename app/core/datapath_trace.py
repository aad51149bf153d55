"""The simulator's packet put to Open vSwitch's own `ofproto/trace` (ovs-vswitchd(8)), and what that says read back.

`ofproto/trace` asks no conntrack: `--ct-next` tells it the state, but a label, a mark or an original tuple only the
packet that it begins with can bring along. So they are given there, beside a ct_state without `trk`, which no flow of
ours looks at before conntrack. That says all of the usual case; where two passes saw what one packet cannot carry, the
comparison ends before the second of them.
"""

from __future__ import annotations

import re
import socket
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from app.core.packets import FiveTuple, Packet
from app.core.pipeline import LABEL, LABEL_BITS, CtState, Role, Table
from app.core.sections import Section, Seen
from app.core.simulator import LATER

# ofproto/trace wants what a field needs before the field. A later fragment shows nothing behind its IP header.
OUTER = ("in_port", "vlan_vid", "eth_src", "eth_dst", "eth_type")
NETWORK = ("arp_op", "arp_spa", "arp_tpa", "arp_sha", "arp_tha", "ipv4_src", "ipv4_dst", "ipv6_src", "ipv6_dst",
           "ip_proto", "nw_ttl", "ip_frag")  # fmt: skip
BEHIND = ("tcp_src", "tcp_dst", "udp_src", "udp_dst", "sctp_src", "sctp_dst", "icmpv4_type", "icmpv4_code",
          "icmpv6_type", "icmpv6_code")  # fmt: skip
DISCOVERY = ("ipv6_nd_target", "ipv6_nd_sll", "ipv6_nd_tll")  # which Open vSwitch reads if the code is 0
NAMES = {
    "vlan_vid": "vlan_tci", "eth_src": "dl_src", "eth_dst": "dl_dst", "eth_type": "dl_type", "ipv4_src": "nw_src",
    "ipv4_dst": "nw_dst", "ip_proto": "nw_proto", "ip_frag": "nw_frag", "icmpv4_type": "icmp_type",
    "icmpv4_code": "icmp_code", "ipv6_nd_target": "nd_target", "ipv6_nd_sll": "nd_sll", "ipv6_nd_tll": "nd_tll",
}  # fmt: skip
FRAGMENTS = {1: "first", 3: "later"}
MACS = ("eth_src", "eth_dst", "arp_sha", "arp_tha", "ipv6_nd_sll", "ipv6_nd_tll")
STATES = {
    CtState.NEW: "new", CtState.ESTABLISHED: "est", CtState.RELATED: "rel", CtState.REPLY: "rpl",
    CtState.INVALID: "inv", CtState.TRACKED: "trk",
}  # fmt: skip
JUDGED = (Table.SOURCE, Table.TARGET)

_RESUMED = re.compile(r"^=+\nrecirc\(", re.MULTILINE)
_MET = re.compile(r"^ *(\d+)\. (?:.*, )?priority (\d+)(?:, cookie (0x[0-9a-f]+))?$", re.MULTILINE)
_ACTIONS = re.compile(r"^Datapath actions: (.*)$", re.MULTILINE)
_OPEN_OR_CLOSE = re.compile(r"[(),]")
_BRIDGE = re.compile(r"^  (\S+):$")
_PORT = re.compile(r"^    (.+) (\d+)/(\d+|none): \(")


@dataclass(frozen=True, slots=True)
class Asked:
    """What to ask: a flow in ovs-ofctl's words, the states that conntrack says, and the sections that an answer can be
    compared with, in its order. `all` if these are all sections."""

    flow: str
    states: tuple[str, ...]
    sections: tuple[Section, ...]
    all: bool

    @property
    def arguments(self) -> tuple[str, ...]:
        """Of `ofproto/trace`, behind the name of the bridge."""
        return (self.flow, *(word for state in self.states for word in ("--ct-next", state)))


@dataclass(frozen=True, slots=True)
class Told:
    """One section as the switch tells it: (table, priority, cookie) of the flows, and the datapath's ports."""

    path: tuple[tuple[int, int, int], ...]
    outputs: tuple[int, ...]


def ask(packet: Packet, first: Section) -> Asked:
    """How to ask about a packet that the simulator has followed in these sections."""
    sections = list(_in_order(first))
    passes = [section.seen for section in sections if section.seen is not None]
    carried = _carried(passes)
    # Of several passes that one section begins, the first takes along what conntrack is to say.
    bare = [id(later) for section in sections for later in section.then[1:]] if carried else []
    said = tuple(takewhile(lambda each: id(each) not in bare and _can_say(each, carried), sections))
    states = tuple(state_in_words(section.seen.state) for section in said if section.seen)
    return Asked(",".join(_fields(packet, carried)), states, said, len(said) == len(sections))


def parse(text: str) -> tuple[Told, ...]:
    """The answer of `ofproto/trace`, by sections."""
    found = []
    for part in _RESUMED.split(text):
        path = tuple((int(t), int(p), int(cookie or "0", 16)) for t, p, cookie in _MET.findall(part))
        actions = _ACTIONS.search(part)
        found.append(Told(path, tuple(_outputs(actions[1])) if actions else ()))
    return tuple(found)


def differences(asked: Asked, told: Sequence[Told], ofports: Mapping[int, int]) -> Iterator[str]:
    """Where the switch goes another way than the simulator. `ofports` by the datapath's port numbers; ports that the
    datapath does not have are not compared."""
    if len(told) < len(asked.sections):
        yield f"conntrack gives the packet back {len(told) - 1} times, not {len(asked.sections) - 1} times"
    for section, there in zip(asked.sections, told, strict=False):
        here = [(flow.table, flow.priority, flow.cookie) for flow in section.path or ()]
        for mine, its in zip(here, there.path, strict=False):
            if mine != its:
                yield f"the model meets {_slot(mine)}, the switch {_slot(its)}"
                break
        else:
            if len(here) != len(there.path):
                more = "the switch" if len(there.path) > len(here) else "the model"
                longer = max(here, list(there.path), key=len)
                yield f"only {more} goes on to {_slot(longer[min(len(here), len(there.path))])}"
        mine_out = sorted({port for port in section.outputs if port in ofports.values()})
        its_out = sorted({ofports.get(port, -1) for port in there.outputs})
        if mine_out != its_out:
            yield f"the model puts it out at {mine_out}, the switch at {its_out}"


def datapath_ports(text: str, bridge: str) -> dict[int, int]:
    """What `dpif/show` says: ofport by the datapath's number, of one bridge."""
    found: dict[int, int] = {}
    here = False
    for line in text.splitlines():
        if title := _BRIDGE.match(line):
            here = title[1] == bridge
        elif here and (port := _PORT.match(line)) and port[3] != "none":
            ofport = int(port[2])
            found[int(port[3])] = ofport if ofport < 0xFF00 else ofport | 0xFFFF0000
    return found


def count(first: Section) -> int:
    """How many sections there are."""
    return sum(1 for _ in _in_order(first))


def state_in_words(state: int) -> str:
    return ",".join(name for bit, name in STATES.items() if state & bit)


# -- within


def _in_order(first: Section) -> Iterator[Section]:
    """As `ofproto/trace` takes them up: what was put off first comes first."""
    queue = deque([first])
    while queue:
        section = queue.popleft()
        yield section
        queue.extend(section.then)


def _half(seen: Seen) -> int:
    """Where the label says what the party that the table asks about was admitted under."""
    is_reply = bool(seen.state & CtState.REPLY)
    role = Role.RESPONDER if is_reply == (seen.table == Table.SOURCE) else Role.INITIATOR
    return (1 << LABEL_BITS) - 1 << LABEL[role].epoch


def _carried(passes: Sequence[Seen]) -> tuple[int, int, FiveTuple] | None:
    """The label, mark and original tuple that a packet has to begin with: the sender's half of the label as the first
    zone has it, the receiver's as the second has it."""
    judged = [seen for seen in passes if seen.table in JUDGED]
    if not judged:
        return None
    label = judged[0].label
    for seen in judged[1:2]:
        label = label & ~_half(seen) | seen.label & _half(seen)
    return label, judged[0].mark, judged[0].original


def _can_say(section: Section, carried: tuple[int, int, FiveTuple] | None) -> bool:
    """Whether a packet that brings these along means the same here as what conntrack said."""
    seen = section.seen
    if section.path is None:
        return False
    if carried is None or seen is None or seen.table not in JUDGED:
        return True
    label, mark, original = carried
    asks = any(action[0] == "resubmit_ct" for flow in section.path for action in flow.actions)
    return (seen.label ^ label) & _half(seen) == 0 and seen.mark == mark and (seen.original == original or not asks)


def _fields(packet: Packet, carried: tuple[int, int, FiveTuple] | None) -> Iterator[str]:
    behind = () if packet.get("ip_frag") == LATER else BEHIND if packet.get("icmpv6_code") else (*BEHIND, *DISCOVERY)
    for name in (*OUTER, *NETWORK, *behind):
        if name in packet and not (name in ("ip_frag", "vlan_vid") and not packet[name]):
            yield f"{NAMES.get(name, name)}={_value(name, packet[name])}"
    if carried is None:
        return
    label, mark, original = carried
    family, prefix = original.family, "ct_nw" if original.family == 4 else "ct_ipv6"
    yield f"ct_state={STATES[CtState.NEW]},ct_label={label:#x},ct_mark={mark}"
    for end, value in (("src", original.source), ("dst", original.target)):
        yield f"{prefix}_{end}={_address(family, value)}"
    yield f"ct_nw_proto={original.protocol},ct_tp_src={original.first},ct_tp_dst={original.second}"


def _value(name: str, value: int) -> str:
    if name in MACS:
        return value.to_bytes(6, "big").hex(":")
    if name.startswith("ipv6_"):
        return _address(6, value)
    if name.startswith("ipv4_") or name in ("arp_spa", "arp_tpa"):
        return _address(4, value)
    return FRAGMENTS[value] if name == "ip_frag" else f"{value:#x}" if name in ("eth_type", "vlan_vid") else str(value)


def _address(family: int, value: int) -> str:
    kind, size = (socket.AF_INET6, 16) if family == 6 else (socket.AF_INET, 4)
    return socket.inet_ntop(kind, value.to_bytes(size, "big"))


def _outputs(actions: str) -> Iterator[int]:
    """The bare numbers among datapath actions, also within `clone(...)`."""
    around: list[str] = []
    word = ""
    for character in actions + ",":
        if not _OPEN_OR_CLOSE.match(character):
            word += character
            continue
        if word.isdecimal() and all(name == "clone" for name in around):
            yield int(word)
        if character == "(":
            around.append(word)
        elif character == ")" and around:
            around.pop()
        word = ""


def _slot(met: tuple[int, int, int]) -> str:
    table, priority, cookie = met
    name = Table(table).name if table in Table._value2member_map_ else f"table {table}"
    return f"{name} priority {priority} cookie {cookie:#x}"
