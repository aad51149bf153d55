"""Flow values as flow-mod bytes, fast: os-ken writes each kind of piece once, arithmetic fills in the values.

Read as one big-endian number, the bytes of a match or of an action are *linear* in the values they carry: a constant
plus each value times the weight of its place. Field headers and actions come from os-ken, which serialises an action
for 0 and for 1 and so gives away constant and weight; every later flow of a shape costs one multiplication per field.
os-ken's own objects cost 100 to 150 us per flow; this costs 2 to 4, and stays byte for byte what the objects give.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from operator import gt, mul
from struct import Struct
from typing import NamedTuple, TypeVar

from app.core.flow import FIELDS, Action, Flow, Match
from app.openflow.actions import VERSIONS, as_object, user_value

K = TypeVar("K")
V = TypeVar("V")

FLOW_MOD = 14
ADD, DELETE = 0, 3
ALL_TABLES = 0xFF
NO_BUFFER = ANY = EXACT32 = 0xFFFFFFFF
EXACT64 = (1 << 64) - 1
OXM = 1  # ofp_match.type
NEED_ETH_TYPE = frozenset(("ip_frag", "nw_ttl"))  # Nicira's fields with low numbers that the packet's kind must precede

# header; cookie, mask, table, command, idle, hard, priority, buffer, out_port, out_group, flags, importance (1.3: pad)
_HEAD = Struct("!BBHIQQBBHHHIIIHH")
_MATCH_HEAD = Struct("!HH")
_APPLY = Struct("!HH4x")
_GOTO = Struct("!HHB3x")
_METER = Struct("!HHI")
_CACHED = 4096  # shapes, and lists of actions, kept per version; far more than policies use, and an end to growth


class _Place(NamedTuple):
    """Bytes that are linear in one value: ``base + value * weight``, for values up to `limit`."""

    base: int
    weight: int
    size: int
    limit: int

    def fill(self, value: int) -> bytes:
        if not 0 <= value <= self.limit:
            raise ValueError(f"{value:#x} does not fit {self.limit.bit_length()} bits")
        return (self.base + value * self.weight).to_bytes(self.size, "big")


class _Shape(NamedTuple):
    """A match with holes: fields and masks are in `base`; one weight per value, in the order of the flow's match."""

    base: int
    weights: tuple[int, ...]
    size: int


class Templates:
    """How one OpenFlow version (4: 1.3, 5: 1.4) writes flows. Raises KeyError for any other."""

    def __init__(self, version: int) -> None:
        self.version = version
        self._ofproto, _ = VERSIONS[version]
        self._shapes: dict[tuple[tuple[str, ...], tuple[int, ...]], _Shape] = {}
        self._bodies: dict[tuple[Action, ...], bytes] = {}
        self._actions: dict[Action, bytes] = {}
        self._sets: dict[str, _Place] = {}
        self._output = self._place(lambda port: ("output", port), EXACT32)

    def add(self, xid: int, cookie: int, flow: Flow) -> bytes:
        """The flow-mod that adds `flow`. Raises ValueError or struct.error when a number does not fit its place."""
        table, priority, match, actions = flow
        fields = self.match(match)
        body = self._bodies.get(actions)
        if body is None:
            body = self._learn_body(actions)
        length = _HEAD.size + len(fields) + len(body)
        head = _HEAD.pack(
            self.version, FLOW_MOD, length, xid, cookie, 0, table, ADD, 0, 0, priority, NO_BUFFER, ANY, ANY, 0, 0
        )  # fmt: skip
        return b"".join((head, fields, body))

    def match(self, match: Match) -> bytes:
        """An ofp_match, with its padding. Raises ValueError."""
        names, values, masks = zip(*match, strict=False) if match else ((), (), ())
        shape = self._shapes.get((names, masks)) or self._learn_shape(names, masks)
        if any(map(gt, values, masks)):
            raise ValueError(f"a value exceeds its mask in {match}")  # it would spill over its neighbours
        return int(sum(map(mul, values, shape.weights), shape.base)).to_bytes(shape.size, "big")

    def delete(self, xid: int, cookie: int) -> bytes:
        """The flow-mod that deletes every flow with exactly this cookie, in any table. OVS finds those by an index."""
        everything = self.match(())
        head = _HEAD.pack(
            self.version, FLOW_MOD, _HEAD.size + len(everything), xid, cookie, EXACT64, ALL_TABLES, DELETE, 0, 0, 0,
            NO_BUFFER, ANY, ANY, 0, 0,
        )  # fmt: skip
        return head + everything

    # -- learning -----------------------------------------------------------------------------------------------------

    def _learn_shape(self, names: tuple[str, ...], masks: tuple[int, ...]) -> _Shape:
        """Lay the fields out in the order of their OXM numbers, as os-ken does: prerequisites come first that way."""
        headers = {name: self._header(name) for name in names}
        used = _MATCH_HEAD.size
        base, weights = 0, dict.fromkeys(names, 0)
        parts = zip(names, masks, strict=True)
        for name, mask in sorted(parts, key=lambda part: (part[0] in NEED_ETH_TYPE, headers[part[0]])):
            header, width = headers[name], headers[name] & 0xFF
            masked = mask != (1 << FIELDS[name]) - 1
            header += 0x100 + width if masked else 0  # hasmask, and twice the length
            base = base << 32 + 8 * width | header << 8 * width
            weights = {each: weight << 32 + 8 * width for each, weight in weights.items()} | {name: 1}
            if masked:
                base = base << 8 * width | mask
                weights = {each: weight << 8 * width for each, weight in weights.items()}
            used += 4 + (header & 0xFF)
        padding = -used % 8
        base |= int.from_bytes(_MATCH_HEAD.pack(OXM, used), "big") << 8 * (used - _MATCH_HEAD.size)
        shape = _Shape(base << 8 * padding, tuple(weights[name] << 8 * padding for name in names), used + padding)
        return _keep(self._shapes, (names, masks), shape)

    def _header(self, name: str) -> int:
        buffer = bytearray()
        self._ofproto.oxm_serialize_header(self._ofproto.oxm_from_user_header(name), buffer, 0)
        return int.from_bytes(buffer, "big")

    def _learn_body(self, actions: tuple[Action, ...]) -> bytes:
        """The instructions: meet the meter that a first `meter` names, apply the actions, then go to the table that a
        last `goto` names."""
        if actions and actions[0][0] == "meter":  # each port has its own: only what follows is worth keeping
            meter = _METER.pack(self._ofproto.OFPIT_METER, _METER.size, actions[0][1])
            if actions[1:2] and actions[1][0] == "meter":
                raise ValueError(f"two meters in {actions}")
            return meter + (self._bodies.get(actions[1:]) or self._learn_body(actions[1:]))
        jump = b""
        applied = actions
        if actions and actions[-1][0] == "goto":
            jump = _GOTO.pack(self._ofproto.OFPIT_GOTO_TABLE, _GOTO.size, actions[-1][1])
            applied = actions[:-1]
        written = b"".join(map(self._action, applied))
        if written:
            apply = _APPLY.pack(self._ofproto.OFPIT_APPLY_ACTIONS, _APPLY.size + len(written))
            written = apply + written
        return _keep(self._bodies, actions, written + jump)

    def _action(self, action: Action) -> bytes:
        kind = action[0]
        if kind == "set":
            return (self._sets.get(action[1]) or self._learn_set(action[1])).fill(action[2])
        if kind == "output":
            return self._output.fill(action[1])
        written = self._actions.get(action)
        if written is None:
            written = _keep(self._actions, action, self._serialise(action))
        return written

    def _learn_set(self, name: str) -> _Place:
        user_value(self._ofproto, name, 0)  # raises KeyError for a field os-ken does not know
        place = self._place(lambda value: ("set", name, value), (1 << FIELDS[name]) - 1)
        return _keep(self._sets, name, place)

    def _place(self, action: Callable[[int], Action], limit: int) -> _Place:
        zero, one = (self._serialise(action(value)) for value in (0, 1))
        base = int.from_bytes(zero, "big")
        return _Place(base, int.from_bytes(one, "big") - base, len(zero), limit)

    def _serialise(self, action: Action) -> bytes:
        buffer = bytearray()
        as_object(self.version, action).serialize(buffer, 0)
        return bytes(buffer)


def _keep(cache: dict[K, V], key: K, value: V) -> V:
    if len(cache) >= _CACHED:
        cache.clear()
    cache[key] = value
    return value


@lru_cache
def templates(version: int) -> Templates:
    """The templates of an OpenFlow version, made once. Raises KeyError for a version we do not speak."""
    return Templates(version)
