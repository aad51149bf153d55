"""The packet that a question describes, and the connection that it supposes."""

from __future__ import annotations

from app.core.ends import End
from app.core.pipeline import LABEL, CtState, Role
from app.core.plugged import ipv4_number
from app.core.question import Question
from app.core.simulator import Connection, Packet, Simulator, TupleKey, fields_of, reverse, tuple_of

EPHEMERAL = 49152
NO_PROTOCOL = 255  # reserved by IANA: only rules for any protocol match it
ICMP, ECHO_REQUEST, UNREACHABLE = 1, 8, (3, 1)


def packet(question: Question, source: End, target: End, in_port: int) -> Packet:
    """The packet as it comes in by `in_port`."""
    mac = int(question.mac.replace(":", ""), 16) if question.mac else source.mac
    address = ipv4_number(question.address) if question.address else source.address
    five = _asked(question, address, target.address)
    if question.state == "related":
        five = (ICMP, address, target.address, *UNREACHABLE)
    return {"in_port": in_port, "eth_src": mac, "eth_dst": target.mac, "eth_type": 0x0800, **fields_of(five)}


def suppose(
    simulator: Simulator, question: Question, sent: Packet, ends: tuple[End, End], epochs: tuple[int, int]
) -> TupleKey | None:
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
        original = reverse(_asked(question, sent["ipv4_src"], sent["ipv4_dst"]))
    opener, answerer = reversed(epochs) if related else epochs
    label = opener << LABEL[Role.INITIATOR].epoch | answerer << LABEL[Role.RESPONDER].epoch
    for end in ends:
        if end.plugged:
            simulator.connections[end.plugged.zone, original] = Connection(original, label)
    return original if related else None


def _asked(question: Question, source: int, target: int) -> TupleKey:
    protocol = NO_PROTOCOL if question.protocol is None else question.protocol
    if protocol == ICMP:
        kind = ECHO_REQUEST if question.icmp_type is None else question.icmp_type
        return ICMP, source, target, kind, question.icmp_code or 0
    return protocol, source, target, question.source_port or EPHEMERAL, question.target_port or 0


def readable(packet: Packet) -> dict[str, str | int]:
    """A packet with its addresses as people write them."""
    shown: dict[str, str | int] = {name: value for name, value in packet.items() if name != "eth_type"}
    for name in ("eth_src", "eth_dst"):
        if name in packet:
            shown[name] = packet[name].to_bytes(6, "big").hex(":")
    for name in ("ipv4_src", "ipv4_dst"):
        if name in packet:
            shown[name] = ".".join(str(byte) for byte in packet[name].to_bytes(4, "big"))
    return shown
