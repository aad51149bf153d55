"""A switch in the pure core: runs compiled flows over a packet, with a connection table of its own.

It follows ovs-actions(7) for the actions that the pipeline uses. Conntrack is modelled as far as the pipeline can see
it: zones, the state bits, the label, the original 5-tuple; time-outs and TCP's state machine are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from app.core.flow import FULL, Action, Flow
from app.core.pipeline import CtState, Table

Packet = dict[str, int]
TupleKey = tuple[int, int, int, int, int]  # protocol, source, destination, source port, destination port
PORT_FIELDS = {
    6: ("tcp_src", "tcp_dst"),
    17: ("udp_src", "udp_dst"),
    132: ("sctp_src", "sctp_dst"),
    1: ("icmpv4_type", "icmpv4_code"),
}
METADATA = frozenset((*(f"reg{n}" for n in range(16)), "ct_state", "ct_zone", "ct_label", "in_port"))
ABSENT_IS_ZERO = METADATA | {"vlan_vid", "ip_frag"}
ICMP = 1
ICMP_ANSWERS = {8: 0, 13: 14, 15: 16}  # by the request's type; no other ICMP message begins a connection
ICMP_PARTNERS = ICMP_ANSWERS | {answer: request for request, answer in ICMP_ANSWERS.items()}


@dataclass(slots=True)
class Connection:
    """One entry of the connection table. `original` is the 5-tuple of its first packet."""

    original: TupleKey
    label: int = 0


@dataclass(slots=True)
class Outcome:
    """What became of a packet: where it came out, the flows it met in order, what was committed."""

    outputs: list[tuple[int, Packet]] = field(default_factory=list)
    path: list[Flow] = field(default_factory=list)
    commits: list[tuple[int, TupleKey]] = field(default_factory=list)

    @property
    def ports(self) -> set[int]:
        return {port for port, _ in self.outputs}


class Classifier:
    """Flows by table, found by the fields they match: one dictionary per table and mask."""

    def __init__(self, flows: Iterable[Flow]) -> None:
        self._tables: dict[int, dict[tuple[tuple[str, int], ...], dict[tuple[int, ...], list[Flow]]]] = {}
        for flow in flows:
            masks = tuple((name, mask) for name, _, mask in flow.match)
            values = tuple(value for _, value, _ in flow.match)
            self._tables.setdefault(flow.table, {}).setdefault(masks, {}).setdefault(values, []).append(flow)

    def lookup(self, table: int, packet: Mapping[str, int]) -> Flow | None:
        """The matching flow of highest priority. Fields that a packet lacks match nothing but a register's 0."""
        best: Flow | None = None
        for masks, by_values in self._tables.get(table, {}).items():
            values = tuple(-1 if (v := _value(packet, name)) is None else v & mask for name, mask in masks)
            for flow in by_values.get(values, ()):
                if best is None or flow.priority > best.priority:
                    best = flow
        return best


def _value(packet: Mapping[str, int], name: str) -> int | None:
    return packet.get(name, 0 if name in ABSENT_IS_ZERO else None)


@dataclass(slots=True)
class Simulator:
    """A switch with these flows. `connections` outlives the flows: put new ones in by replacing `classifier`."""

    classifier: Classifier
    connections: dict[tuple[int, TupleKey], Connection] = field(default_factory=dict)
    forced_state: int | None = None  # what conntrack says of every packet, for "what if it were established"
    inner: TupleKey | None = None

    def send(self, packet: Packet, inner: TupleKey | None = None) -> Outcome:
        """Run one packet from its `in_port` on. An ICMP error carries the packet that it is about: `inner`."""
        outcome, self.inner = Outcome(), inner
        self._run(Table.GUARD, dict(packet), outcome)
        return outcome

    def _run(self, table: int, packet: Packet, outcome: Outcome) -> None:
        next_table: int | None = table
        while next_table is not None:
            flow = self.classifier.lookup(next_table, packet)
            if flow is None:
                return
            outcome.path.append(flow)
            next_table = None
            for action in flow.actions:
                if action[0] == "goto":
                    next_table = action[1]
                else:
                    self._act(action, packet, outcome)

    def _act(self, action: Action, packet: Packet, outcome: Outcome) -> None:
        match action:
            case ("set", name, value):
                packet[name] = value
            case ("move", source, from_bit, target, to_bit, bits):
                _move(packet, packet, source, from_bit, target, to_bit, bits)
            case ("resubmit", table):
                self._run(table, packet, outcome)
            case ("resubmit_ct", table):
                self._resubmit_original(table, packet, outcome)
            case ("ct", zone, table, commit, inner):
                self._conntrack(packet.get(zone, 0), table, commit, inner, packet, outcome)
            case ("ct_clear",):
                packet["ct_state"] = packet["ct_label"] = 0
            case ("output", port):
                self._output(port, packet, outcome)
            case ("output_field", name):
                self._output(packet.get(name, 0), packet, outcome)
            case _:
                raise ValueError(f"no such action: {action}")

    @staticmethod
    def _output(port: int, packet: Packet, outcome: Outcome) -> None:
        if port != packet.get("in_port"):  # OpenFlow never sends a packet back where it came from
            outcome.outputs.append((port, {k: v for k, v in packet.items() if k not in METADATA}))

    def _resubmit_original(self, table: int, packet: Packet, outcome: Outcome) -> None:
        """Only the 5-tuple is exchanged, and put back afterwards; registers keep what the called table wrote."""
        original, _ = self._find(packet["ct_zone"], packet)
        swapped = {**without_tuple(packet), **fields_of(original or tuple_of(packet))}
        self._run(table, swapped, outcome)
        packet.update({name: value for name, value in swapped.items() if name in METADATA})

    def _conntrack(
        self, zone: int, table: int | None, commit: bool, inner: tuple[Action, ...], packet: Packet, outcome: Outcome
    ) -> None:
        state, connection = self._look(zone, packet)
        if self.forced_state is not None and not commit:
            state = self.forced_state
        tracked = dict(packet, ct_zone=zone, ct_state=state, ct_label=connection.label if connection else 0)
        if commit and not state & CtState.INVALID:
            connection = connection or self._begin(zone, tuple_of(packet), outcome)
            for action in inner:
                _, source, from_bit, target, to_bit, bits = action
                _move(packet, tracked, source, from_bit, target, to_bit, bits)
            connection.label = tracked["ct_label"]
        if table is not None:
            self._run(table, tracked, outcome)

    def _begin(self, zone: int, key: TupleKey, outcome: Outcome) -> Connection:
        connection = self.connections[zone, key] = Connection(key)
        outcome.commits.append((zone, key))
        return connection

    def _look(self, zone: int, packet: Packet) -> tuple[int, Connection | None]:
        key, reply = self._find(zone, packet)
        connection = self.connections.get((zone, key)) if key else None
        if connection is None:
            begins = self.inner is None and may_begin(tuple_of(packet))
            return CtState.TRACKED | (CtState.NEW if begins else CtState.INVALID), None
        kind = CtState.RELATED if self.inner else CtState.ESTABLISHED
        return CtState.TRACKED | kind | (CtState.REPLY if reply else 0), connection

    def _find(self, zone: int, packet: Packet) -> tuple[TupleKey | None, bool]:
        """The connection that a packet belongs to, and whether it goes in the answering direction."""
        key, is_error = (tuple_of(packet), False) if self.inner is None else (self.inner, True)
        if (zone, key) in self.connections:
            return key, is_error
        if (zone, reverse(key)) in self.connections:
            return reverse(key), not is_error
        return None, False


def _move(
    source_of: Packet, target_of: Packet, source: str, from_bit: int, target: str, to_bit: int, bits: int
) -> None:
    value = source_of.get(source, 0) >> from_bit & ((1 << bits) - 1)
    hole = FULL[target] ^ (((1 << bits) - 1) << to_bit)
    target_of[target] = target_of.get(target, 0) & hole | value << to_bit


def tuple_of(packet: Mapping[str, int]) -> TupleKey:
    """The 5-tuple of a packet; ICMP has its type and code where others have ports."""
    names = PORT_FIELDS.get(packet["ip_proto"])
    source_port, target_port = (packet.get(n, 0) for n in names) if names else (0, 0)
    return packet["ip_proto"], packet["ipv4_src"], packet["ipv4_dst"], source_port, target_port


def may_begin(key: TupleKey) -> bool:
    """Whether conntrack takes such a packet for a connection's first: of ICMP only requests are."""
    return key[0] != ICMP or key[3] in ICMP_ANSWERS


def fields_of(key: TupleKey) -> Packet:
    """A 5-tuple as packet fields."""
    protocol, source, target, source_port, target_port = key
    fields = {"ip_proto": protocol, "ipv4_src": source, "ipv4_dst": target}
    names = PORT_FIELDS.get(protocol)
    return fields | (dict(zip(names, (source_port, target_port), strict=True)) if names else {})


def without_tuple(packet: Packet) -> Packet:
    names = {"ip_proto", "ipv4_src", "ipv4_dst", *(n for pair in PORT_FIELDS.values() for n in pair)}
    return {name: value for name, value in packet.items() if name not in names}


def reverse(key: TupleKey) -> TupleKey:
    """The 5-tuple of an answer."""
    protocol, source, target, source_port, target_port = key
    if protocol == 1:
        return protocol, target, source, ICMP_PARTNERS.get(source_port, source_port), target_port
    return protocol, target, source, target_port, source_port
