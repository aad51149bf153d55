"""A switch's flows as `Flow` values again, after what Open vSwitch makes of them: the inverse of `templates`.

Whatever none of our flows can say, a field, an action, a timeout, makes the flow None; so no flow of ours is mistaken
for another. Byte layouts: OpenFlow 1.3 and 1.4, 7.2 and 7.3.5.2 (both write flows alike), Open vSwitch's ofp-actions.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from struct import Struct
from struct import error as StructError  # noqa: N812 - it is a class

from os_ken.ofproto import nicira_ext

from app.core.audit import Held
from app.core.flow import FIELDS, FULL, Action, Flow, Match
from app.openflow.actions import ETHERTYPE_8021Q, NXAST_RESUBMIT_TABLE_CT, OFPORT_BITS, SAME_IN_PORT, VERSIONS
from app.openflow.replies import Malformed

GOTO_TABLE, APPLY_ACTIONS, METER = 1, 4, 6  # instructions
OUTPUT, PUSH_VLAN, POP_VLAN, SET_FIELD, EXPERIMENTER = 0, 17, 18, 25, 0xFFFF  # actions
NICIRA = 0x2320
REG_MOVE, RESUBMIT_TABLE, OUTPUT_REG, CT, CT_CLEAR = 6, 14, 15, 35, 43
MASKED = 0x100  # of an OXM header
# What Open vSwitch makes of masks: of ip_frag it has two bits, and both are no mask; of ct_state it has eight.
BITS = {"ip_frag": 0b11}
CT_STATES = 0xFF
KEPT = 1 << 14  # lists of actions that are remembered

# length, table; priority, idle and hard timeout, flags, importance (1.3: pad); cookie
_FLOW = Struct("!HB9xHHHHH2xQ16x")
_MATCH = Struct("!HH")
_HEAD = Struct("!HH")  # of an instruction, and of an action
_WORD = Struct("!I")
_ETHERTYPE = Struct("!H")
_VENDOR = Struct("!HHIH")
_MOVE = Struct("!10xHHHII")
_RESUBMIT = Struct("!10xHB3x")
_OUTPUT_REG = Struct("!10xHIH6x")
_CT = Struct("!10xHIHB3xH")

_LOW_16 = nicira_ext.ofs_nbits(0, OFPORT_BITS - 1)


class Strange(Exception):
    """Nothing that a flow of ours says."""


class Decoder:
    """How one OpenFlow version (4: 1.3, 5: 1.4) writes flows. Raises KeyError for any other."""

    def __init__(self, version: int) -> None:
        ofproto, _ = VERSIONS[version]
        self._names: dict[int, str] = {}  # by OXM header without mask
        self._fields: dict[int, tuple[str, int, int, bool]] = {}  # by header: name, bytes, all ones, masked
        self._bodies: dict[bytes, tuple[Action, ...] | None] = {}
        for name in FIELDS:
            buffer = bytearray()
            ofproto.oxm_serialize_header(ofproto.oxm_from_user_header(name), buffer, 0)
            header = int.from_bytes(buffer, "big")
            width = header & 0xFF
            self._names[header] = name
            self._fields[header] = name, width, BITS.get(name, FULL[name]), False
            self._fields[header + MASKED + width] = name, width, FULL[name], True

    def flows(self, entries: memoryview) -> Iterator[Held]:
        """The entries of an OFPMP_FLOW reply. Raises Malformed."""
        data, offset, end = bytes(entries), 0, len(entries)
        while offset < end:
            try:
                length, table, priority, *more, cookie = _FLOW.unpack_from(data, offset)
                fields = _MATCH.unpack_from(data, offset + _FLOW.size)[1]
            except StructError as error:
                raise Malformed(f"{end - offset} bytes cannot be a flow") from error
            start = offset + _FLOW.size
            body = start + fields + -fields % 8
            if fields < _MATCH.size or not start < body <= offset + length <= end:
                raise Malformed(f"a flow of {length} bytes where {end - offset} are left")
            flow = None
            if not any(more):
                match, actions = self._match(data, start + _MATCH.size, start + fields), None
                if match is not None:
                    actions = self._body(data[body : offset + length])
                if match is not None and actions is not None:
                    flow = Flow(table, priority, match, actions)
            yield Held(cookie, table, priority, flow)
            offset += length

    def _match(self, data: bytes, offset: int, end: int) -> Match | None:
        found = []
        while offset < end:
            field = self._fields.get(int.from_bytes(data[offset : offset + 4], "big"))
            if field is None:
                return None
            name, width, mask, masked = field
            offset += 4
            value = int.from_bytes(data[offset : offset + width], "big")
            offset += width
            if masked:
                mask = int.from_bytes(data[offset : offset + width], "big")
                offset += width
                if name == "ct_state" and mask == CT_STATES:
                    mask = FULL[name]
            found.append((name, value, mask))
        if offset != end:
            return None
        found.sort()
        return tuple(found)

    def _body(self, data: bytes) -> tuple[Action, ...] | None:
        """The actions that instructions say; None if ours never say so."""
        if data in self._bodies:
            return self._bodies[data]
        try:
            actions: tuple[Action, ...] | None = tuple(self._instructions(data))
        except (Strange, StructError):
            actions = None
        if len(self._bodies) >= KEPT:
            self._bodies.clear()
        self._bodies[data] = actions
        return actions

    def _instructions(self, data: bytes) -> Iterator[Action]:
        """A meter comes first and a goto last; so does Open vSwitch order them, whatever it was sent."""
        said = dict(_parts(data))
        if said.keys() - {METER, APPLY_ACTIONS, GOTO_TABLE}:
            raise Strange
        if METER in said:
            yield "meter", _WORD.unpack_from(said[METER], 4)[0]
        if APPLY_ACTIONS in said:
            yield from map(self._action, _parts(said[APPLY_ACTIONS][8:]))
        if GOTO_TABLE in said:
            yield "goto", said[GOTO_TABLE][4]

    def _action(self, part: tuple[int, bytes]) -> Action:
        match part:
            case (kind, data) if kind == SET_FIELD:
                return self._set(data)
            case (kind, data) if kind == OUTPUT:
                return "output", _WORD.unpack_from(data, 4)[0]
            case (kind, data) if kind == PUSH_VLAN and _ETHERTYPE.unpack_from(data, 4)[0] == ETHERTYPE_8021Q:
                return ("push_vlan",)
            case (kind, _) if kind == POP_VLAN:
                return ("pop_vlan",)
            case (kind, data) if kind == EXPERIMENTER:
                return self._nicira(data)
        raise Strange

    def _set(self, data: bytes) -> Action:
        name, width, _, masked = self._fields.get(_WORD.unpack_from(data, 4)[0]) or _strange()
        if masked or len(data) < 8 + width:
            raise Strange
        return "set", name, int.from_bytes(data[8 : 8 + width], "big")

    def _nicira(self, data: bytes) -> Action:
        _, _, vendor, subtype = _VENDOR.unpack_from(data)
        if vendor != NICIRA:
            raise Strange
        if subtype == REG_MOVE:
            bits, source_offset, target_offset, source, target = _MOVE.unpack_from(data)
            return "move", self._name(source), source_offset, self._name(target), target_offset, bits
        if subtype in (RESUBMIT_TABLE, NXAST_RESUBMIT_TABLE_CT):
            in_port, table = _RESUBMIT.unpack_from(data)
            return self._sure(
                in_port == SAME_IN_PORT, ("resubmit" if subtype == RESUBMIT_TABLE else "resubmit_ct", table)
            )
        if subtype == OUTPUT_REG:
            part, source, _ = _OUTPUT_REG.unpack_from(data)
            return self._sure(part == _LOW_16, ("output_field", self._name(source)))
        if subtype == CT:
            return self._ct(data)
        return self._sure(subtype == CT_CLEAR, ("ct_clear",))

    def _ct(self, data: bytes) -> Action:
        flags, zone, part, table, alg = _CT.unpack_from(data)
        commit = flags == nicira_ext.NX_CT_F_COMMIT
        inner = tuple(map(self._action, _parts(data[_CT.size :])))
        to = None if table == nicira_ext.NX_CT_RECIRC_NONE else table
        sure = (commit or not flags) and part == _LOW_16 and not alg
        return self._sure(sure, ("ct", self._name(zone), to, commit, inner))

    def _name(self, header: int) -> str:
        return self._names.get(header) or _strange()

    @staticmethod
    def _sure(sure: bool, action: Action) -> Action:
        if not sure:
            raise Strange
        return action


def _strange() -> tuple[str, int, int, bool]:
    raise Strange


def _parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Instructions or actions, each with its kind."""
    offset = 0
    while offset < len(data):
        kind, length = _HEAD.unpack_from(data, offset)
        if length < _HEAD.size + 4 or offset + length > len(data):
            raise Strange
        yield kind, data[offset : offset + length]
        offset += length


@lru_cache
def decoder(version: int) -> Decoder:
    """The decoder of an OpenFlow version, made once. Raises KeyError for a version we do not speak."""
    return Decoder(version)
