"""A flow is a value: table, priority, match, actions; two flows are equal when their content is.

A match is a sorted tuple of ``(field, value, mask)`` with integers throughout; an action is a tuple whose first member
names it. Plain tuples because a bridge holds a hundred thousand of them: they hash, compare and print in C.
"""

from __future__ import annotations

import marshal
from functools import cache
from hashlib import blake2b
from typing import Any, NamedTuple

# Every field that a flow may match or set, with its width in bits. Names are those of OpenFlow's OXM fields.
FIELDS: dict[str, int] = {
    "in_port": 32, "vlan_vid": 13, "eth_dst": 48, "eth_src": 48, "eth_type": 16, "ip_proto": 8,
    "ipv4_src": 32, "ipv4_dst": 32, "ipv6_src": 128, "ipv6_dst": 128, "ip_frag": 8, "nw_ttl": 8,
    "tcp_src": 16, "tcp_dst": 16, "udp_src": 16, "udp_dst": 16, "sctp_src": 16, "sctp_dst": 16,
    "icmpv4_type": 8, "icmpv4_code": 8, "icmpv6_type": 8, "icmpv6_code": 8,
    "ipv6_nd_target": 128, "ipv6_nd_sll": 48, "ipv6_nd_tll": 48, "arp_op": 16,
    "arp_spa": 32, "arp_tpa": 32, "arp_sha": 48, "arp_tha": 48,
    "ct_state": 32, "ct_zone": 16, "ct_mark": 32, "ct_label": 128, "metadata": 64,
    **{f"reg{n}": 32 for n in range(16)},
}  # fmt: skip
FULL = {name: (1 << width) - 1 for name, width in FIELDS.items()}

Action = tuple[Any, ...]
Match = tuple[tuple[str, int, int], ...]
Wanted = dict[str, int | tuple[int, int]]  # what `flow` is told to match

# Cookies of this program begin with these 16 bits; the other 48 are the fingerprint of the flow's content.
OWNER = 0x0F5D
OWNER_SHIFT = 48


class Flow(NamedTuple):
    """One OpenFlow flow. `match` and `actions` are canonical, so equality and hash are by content."""

    table: int
    priority: int
    match: Match
    actions: tuple[Action, ...]

    @property
    def slot(self) -> tuple[int, int, Match]:
        """What a switch tells flows apart by: a second flow in the same slot replaces the first."""
        return self[:3]

    @property
    def cookie(self) -> int:
        """Owner tag and 48-bit fingerprint of the content: the flow's identity on the switch."""
        # Form 2 of marshal depends on the content alone and takes a fifth of the time of repr.
        digest = blake2b(marshal.dumps(tuple(self), 2), digest_size=6).digest()
        return OWNER << OWNER_SHIFT | int.from_bytes(digest, "big")


def flow(table: int, priority: int, *actions: Action, **match: int | tuple[int, int]) -> Flow:
    """A flow from readable parts: ``flow(Table.GUARD, Priority.OWN, goto(Table.DEST), in_port=3, eth_type=IPV4)``.

    A match value is an integer, or ``(value, mask)``; bits outside the mask are cleared, an empty mask is no match.
    """
    parts = []
    for name in sorted(match):
        wanted = match[name]
        part = _parts.get((name, wanted))
        if part is None:
            part = _remember(name, wanted)
        if part:
            parts.append(part)
    return Flow(int(table), int(priority), tuple(parts), actions)


# Most flows share most of what they match: each part is checked, and held in memory, once.
_parts: dict[tuple[str, int | tuple[int, int]], tuple[str, int, int] | tuple[()]] = {}
_PARTS_KEPT = 1 << 16


def _remember(name: str, wanted: int | tuple[int, int]) -> tuple[str, int, int] | tuple[()]:
    if len(_parts) >= _PARTS_KEPT:
        _parts.clear()
    part = _parts[name, wanted] = _part(name, wanted)
    return part


def _part(name: str, wanted: int | tuple[int, int]) -> tuple[str, int, int] | tuple[()]:
    """One field of a match; nothing if the mask is empty."""
    full = FULL[name]
    value, mask = wanted if isinstance(wanted, tuple) else (wanted, full)
    if not mask:
        return ()
    if not 0 <= value <= full or not 0 < mask <= full:
        raise ValueError(f"{name}={value:#x}/{mask:#x} does not fit {FIELDS[name]} bits")
    return name, value & mask, int(mask)


def set_field(name: str, value: int) -> Action:
    if not 0 <= value <= FULL[name]:
        raise ValueError(f"{name} cannot hold {value:#x}")
    return ("set", name, int(value))


def move(source: str, target: str, bits: int, source_offset: int = 0, target_offset: int = 0) -> Action:
    """Copy `bits` bits of one field into another, offsets counted from the least significant bit."""
    return ("move", source, source_offset, target, target_offset, bits)


@cache
def goto(table: int) -> Action:
    """Continue in a later table. Always a flow's last action."""
    return ("goto", int(table))


@cache
def resubmit(table: int) -> Action:
    """Call `table` and come back."""
    return ("resubmit", int(table))


@cache
def resubmit_ct(table: int) -> Action:
    """Call `table`, where the flow is found by the connection's original 5-tuple instead of the packet's; come back."""
    return ("resubmit_ct", int(table))


def ct(zone: str, table: int) -> Action:
    """Send the packet through conntrack in the zone that register `zone` holds, and go on in `table`."""
    return ("ct", zone, int(table), False, ())


def ct_commit(zone: str, *inner: Action, table: int | None = None) -> Action:
    """Commit the connection in the zone that register `zone` holds; `inner` actions write its label. Given a `table`,
    the packet goes on there, with the label that the connection has now: 0 if the zone had no room for it."""
    return ("ct", zone, None if table is None else int(table), True, inner)


def meter(number: int) -> Action:
    """Drop the packet if there were too many; an instruction, executed first. Always a flow's first action."""
    return ("meter", number)


def ct_clear() -> Action:
    return ("ct_clear",)


def push_vlan() -> Action:
    """Give the frame an 802.1Q tag (VLAN id 0), outside of any it has."""
    return ("push_vlan",)


def pop_vlan() -> Action:
    return ("pop_vlan",)


def output(port: int) -> Action:
    return ("output", port)


def output_field(name: str) -> Action:
    """Output to the port whose number is in the lower half of a register."""
    return ("output_field", name)


class Clash(ValueError):
    """Two different flows want one slot or one fingerprint."""
