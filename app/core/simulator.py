"""A switch in the pure core: runs compiled flows over a packet, with a connection table of its own.

It follows ovs-actions(7) for the actions that the pipeline uses. Conntrack is modelled as far as the pipeline can see
it: zones and their limits, the state bits, mark and label, the original 5-tuple; time-outs and TCP's state machine are
not. Meters let everything pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field

from app.core.flow import Action, Flow
from app.core.packets import FiveTuple, Packet, fields_of, move_bits, tuple_of, without_tuple
from app.core.pipeline import IN_PORT, OFPORT_BITS, TAG, CtState, Table
from app.core.ports import OFPORT_MAX
from app.core.sections import Section, Seen

CONNTRACK = ("ct_state", "ct_zone", "ct_mark", "ct_label")
METADATA = frozenset((*(f"reg{n}" for n in range(16)), "metadata", *CONNTRACK, "in_port"))
ABSENT_IS_ZERO = METADATA | {"vlan_vid", "ip_frag"}
FIRST, LATER = 1, 3  # of ip_frag


@dataclass(slots=True)
class Connection:
    """One entry of the connection table. `original` is the 5-tuple of its first packet."""

    original: FiveTuple
    label: int = 0
    mark: int = 0


@dataclass(slots=True)
class Outcome:
    """What became of a packet: where it came out, the flows and meters it met in order, what was committed; and the
    same way in its sections, from the first."""

    outputs: list[tuple[int, Packet]] = field(default_factory=list)
    path: list[Flow] = field(default_factory=list)
    commits: list[tuple[int, FiveTuple]] = field(default_factory=list)
    meters: list[int] = field(default_factory=list)
    section: Section = field(default_factory=Section)  # that the packet is in; when it is over, the first

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
    connections: dict[tuple[int, FiveTuple], Connection] = field(default_factory=dict)
    forced_state: int | None = None  # what conntrack says of every packet, for "what if it were established"
    limits: dict[int, int] = field(default_factory=dict)  # zone -> entries that it has room for
    inner: FiveTuple | None = None
    _whole: FiveTuple | None = None  # of the datagram that a fragment is part of
    _met: set[tuple[int, int]] | None = None  # (zone, table) where the first fragment was, which the others wait for
    _waits: bool = False

    def send(self, packet: Packet, inner: FiveTuple | None = None, whole: FiveTuple | None = None) -> Outcome:
        """Run one packet from its `in_port` on. An ICMP error carries the packet that it is about: `inner`.

        `whole` is the 5-tuple of the datagram that a fragment is part of, all of whose fragments arrive. Without it a
        fragment that is not the first is one whose first never came.
        """
        self._met, self._waits = set(), packet.get("ip_frag") == LATER
        if self._waits and whole is not None:
            ahead = Simulator(self.classifier, deepcopy(self.connections), self.forced_state)
            ahead.send({**without_tuple(packet), **fields_of(whole), "ip_frag": FIRST}, inner, whole)
            self._met = ahead._met
        outcome, self.inner, self._whole = Outcome(), inner, whole
        self._run(Table.GUARD, dict(packet), outcome)
        return outcome

    def _run(self, table: int, packet: Packet, outcome: Outcome, shown: Packet | None = None) -> None:
        """Run a packet from a table on. The first flow is looked up for what is `shown` instead of it."""
        flow = self.classifier.lookup(table, shown or packet)
        while flow is not None:
            outcome.path.append(flow)
            assert outcome.section.path is not None
            outcome.section.path.append(flow)
            next_table: int | None = None
            for action in flow.actions:
                if action[0] == "goto":
                    next_table = action[1]
                else:
                    self._act(action, packet, outcome)
            flow = None if next_table is None else self.classifier.lookup(next_table, packet)

    def _act(self, action: Action, packet: Packet, outcome: Outcome) -> None:
        match action:
            case ("set", name, value):
                packet[name] = value
            case ("move", source, from_bit, target, to_bit, bits):
                move_bits(packet, packet, source, from_bit, target, to_bit, bits)
            case ("resubmit", table):
                self._run(table, packet, outcome)
            case ("resubmit_ct", table):
                self._resubmit_original(table, packet, outcome)
            case ("ct", zone, table, commit, inner):
                self._conntrack(packet.get(zone, 0), table, commit, inner, packet, outcome)
            case ("push_vlan",):
                packet["vlan_vid"] = TAG
            case ("pop_vlan",):
                packet["vlan_vid"] = 0
            case ("ct_clear",):
                packet["ct_state"] = packet["ct_mark"] = packet["ct_label"] = 0
            case ("meter", number):
                outcome.meters.append(number)
            case ("output", port):
                self._output(port, packet, outcome)
            case ("output_field", name):
                self._output(_ofport(packet.get(name, 0)), packet, outcome)
            case _:
                raise ValueError(f"no such action: {action}")

    @staticmethod
    def _output(port: int, packet: Packet, outcome: Outcome) -> None:
        if port == IN_PORT:
            port = packet["in_port"]
        elif port == packet.get("in_port"):
            return  # OpenFlow sends a packet back where it came from only if it is told so
        outcome.section.outputs.append(port)
        outcome.outputs.append((port, {k: v for k, v in packet.items() if k not in METADATA}))

    def _resubmit_original(self, table: int, packet: Packet, outcome: Outcome) -> None:
        """The original 5-tuple is shown to the flow that is found; its actions, and whom they call, see the packet."""
        original, _ = self._find(packet["ct_zone"], packet)
        shown = {**without_tuple(packet), **fields_of(original or self._tuple_of(packet))}
        self._run(table, packet, outcome, shown)

    def _tuple_of(self, packet: Packet) -> FiveTuple:
        """Conntrack knows a fragment by the datagram that it is part of."""
        return self._whole if self._whole and packet.get("ip_frag") else tuple_of(packet)

    def _is_held(self, zone: int, table: int) -> bool:
        """Fragments go on when all of a datagram are there. Notes where the first one has come."""
        assert self._met is not None
        if self._waits:
            return (zone, table) not in self._met
        self._met.add((zone, table))
        return False

    def _conntrack(
        self, zone: int, table: int | None, commit: bool, inner: tuple[Action, ...], packet: Packet, outcome: Outcome
    ) -> None:
        if table is not None and self._is_held(zone, table):
            outcome.section.then.append(Section(path=None))
            return
        state, connection = self._look(zone, packet)
        if self.forced_state is not None and not commit:
            state = self.forced_state
        known = connection or Connection(self._tuple_of(packet))
        tracked = dict(packet, ct_zone=zone, ct_state=state, ct_mark=known.mark, ct_label=known.label)
        if commit and not state & CtState.INVALID and (connection or self._begin(zone, known, outcome)):
            for action in inner:
                _write(action, packet, tracked)
            known.mark, known.label = tracked["ct_mark"], tracked["ct_label"]
        if table is not None:
            seen = Seen(zone, table, state, tracked["ct_label"], tracked["ct_mark"], known.original)
            around, outcome.section = outcome.section, Section(seen)
            around.then.append(outcome.section)
            self._run(table, tracked, outcome)
            outcome.section = around

    def _begin(self, zone: int, connection: Connection, outcome: Outcome) -> bool:
        """Make an entry. False if the zone has no room for it."""
        taken = sum(each == zone for each, _ in self.connections)
        if zone in self.limits and taken >= self.limits[zone]:
            return False
        self.connections[zone, connection.original] = connection
        outcome.commits.append((zone, connection.original))
        return True

    def _look(self, zone: int, packet: Packet) -> tuple[int, Connection | None]:
        key, reply = self._find(zone, packet)
        connection = self.connections.get((zone, key)) if key else None
        if connection is None:
            begins = self.inner is None and self._tuple_of(packet).may_begin
            return CtState.TRACKED | (CtState.NEW if begins else CtState.INVALID), None
        kind = CtState.RELATED if self.inner else CtState.ESTABLISHED
        return CtState.TRACKED | kind | (CtState.REPLY if reply else 0), connection

    def _find(self, zone: int, packet: Packet) -> tuple[FiveTuple | None, bool]:
        """The connection that a packet belongs to, and whether it goes in the answering direction."""
        key, is_error = (self._tuple_of(packet), False) if self.inner is None else (self.inner, True)
        if (zone, key) in self.connections:
            return key, is_error
        if (zone, key.answered()) in self.connections:
            return key.answered(), not is_error
        return None, False


def _write(action: Action, packet: Packet, tracked: Packet) -> None:
    """What a commit writes into the entry, from the packet."""
    if action[0] == "set":
        tracked[action[1]] = action[2]
    else:
        _, source, from_bit, target, to_bit, bits = action
        move_bits(packet, tracked, source, from_bit, target, to_bit, bits)


def _ofport(register: int) -> int:
    """The ofport that a register's lower half means: reserved ones are the last of 16 bits as of 32."""
    ofport = register & (1 << OFPORT_BITS) - 1
    return ofport if ofport < OFPORT_MAX & (1 << OFPORT_BITS) - 1 else ofport | OFPORT_MAX >> OFPORT_BITS << OFPORT_BITS
