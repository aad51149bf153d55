"""The packet that a question describes, and the connection that it supposes."""

from __future__ import annotations

import socket

from app.core.addresses import mac_number, network
from app.core.ends import End, family_of
from app.core.packets import FiveTuple, Packet, fields_of, tuple_of
from app.core.pipeline import LABEL, TAG, CtState, Role
from app.core.question import Question
from app.core.simulator import Connection, Simulator

EPHEMERAL = 49152
NO_PROTOCOL = 255  # reserved by IANA: only rules for any protocol match it
# ICMP of each family: protocol, echo request, and an error with its code.
ECHO = {4: (1, 8), 6: (58, 128)}
UNREACHABLE = {4: (3, 1), 6: (1, 0)}
SHOWN_TTL = 64


def packet(question: Question, source: End, target: End, in_port: int, tag: int) -> Packet:
    """The packet as it comes in by `in_port`, with a VLAN tag if `tag` is not 0."""
    family = family_of(question, source, target)
    mac = mac_number(question.mac) if question.mac else source.mac
    address = network(question.address).value if question.address else source.address(family)
    five = _asked(question, family, address, target.address(family))
    if question.state == "related":
        five = FiveTuple(family, ECHO[family][0], address, target.address(family), *UNREACHABLE[family])
    tagged = {"vlan_vid": TAG | tag} if tag else {}
    return {"in_port": in_port, "eth_src": mac, "eth_dst": target.mac, "nw_ttl": SHOWN_TTL, **tagged, **fields_of(five)}


def suppose(
    simulator: Simulator, question: Question, sent: Packet, ends: tuple[End, End], epochs: tuple[int, int]
) -> FiveTuple | None:
    """Put the connection that the question supposes into the table. Returns what an ICMP error is about.

    `ends` and the `epochs` of their policies are those of the sender and of the receiver.
    """
    if question.state == "invalid":
        simulator.forced_state = CtState.TRACKED | CtState.INVALID
    if question.state in ("new", "invalid"):
        return None
    related = question.state == "related"
    original = tuple_of(sent)
    if related:  # the connection that the receiver of the error has opened
        original = _asked(question, original.family, original.source, original.target).answered()
    elif question.is_reply:
        original = original.answered()
    opener, answerer = reversed(epochs) if related or question.is_reply else epochs
    label = opener << LABEL[Role.INITIATOR].epoch | answerer << LABEL[Role.RESPONDER].epoch
    if question.label is not None:
        label = question.label
    for end in ends:
        if end.plugged:
            simulator.connections[end.plugged.zone, original] = Connection(original, label)
    return original if related else None


def _asked(question: Question, family: int, source: int, target: int) -> FiveTuple:
    protocol = NO_PROTOCOL if question.protocol is None else question.protocol
    icmp, echo = ECHO[family]
    if protocol == icmp:
        kind = echo if question.icmp_type is None else question.icmp_type
        return FiveTuple(family, icmp, source, target, kind, question.icmp_code or 0)
    ports = EPHEMERAL if question.source_port is None else question.source_port, question.target_port or 0
    return FiveTuple(family, protocol, source, target, *ports)


def readable(packet: Packet) -> dict[str, str | int]:
    """A packet with its addresses as people write them."""
    hidden = ("eth_type", "nw_ttl")
    return {name: _readable(name, value) for name, value in packet.items() if name not in hidden}


def _readable(name: str, value: int) -> str | int:
    if name in ("eth_src", "eth_dst"):
        return value.to_bytes(6, "big").hex(":")
    if name in ("ipv4_src", "ipv4_dst"):
        return socket.inet_ntop(socket.AF_INET, value.to_bytes(4, "big"))
    if name in ("ipv6_src", "ipv6_dst"):
        return socket.inet_ntop(socket.AF_INET6, value.to_bytes(16, "big"))
    return value & ~TAG if name == "vlan_vid" else value
