"""Open vSwitch's connection table, read from the lines of `ovs-appctl dpctl/dump-conntrack -s` (ct-dpif.h).

A line tells of one connection: its first packet's tuple, the answer's, the zone, seconds left, our label, the state.
One that says anything else than expected is not guessed at: `parse` gives None and whoever reads counts it.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Iterator
from heapq import merge
from typing import NamedTuple

from app.core.parsing import PROTOCOLS
from app.core.pipeline import LABEL, LABEL_BITS, Role

OTHER_PROTOCOLS = {"igmp": 2, "dccp": 33, "udplite": 136}
NUMBERS = {**PROTOCOLS, **OTHER_PROTOCOLS}
TCP_STATES = (
    "CLOSED", "LISTEN", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "CLOSE_WAIT", "FIN_WAIT_1", "CLOSING", "LAST_ACK",
    "FIN_WAIT_2", "TIME_WAIT",
)  # fmt: skip
SCTP_STATES = (
    "COOKIE_WAIT", "COOKIE_ECHOED", "SHUTDOWN_SENT", "SHUTDOWN_RECD", "SHUTDOWN_ACK_SENT", "HEARTBEAT_SENT",
    "HEARTBEAT_ACKED",
)  # fmt: skip
STATES = (*TCP_STATES, *SCTP_STATES)
RUN = 200  # connections that are read, and put in order, before others get their turn

# Counters and times stand there on the kernel datapath only.
_LINE = re.compile(
    r"([a-z][a-z0-9]*|[0-9]{1,3}),orig=\(src=([0-9a-f.:]+),dst=([0-9a-f.:]+),"
    r"(?:sport=([0-9]{1,5}),dport=([0-9]{1,5})|id=([0-9]{1,5}),type=([0-9]{1,3}),code=([0-9]{1,3}))"
    r"(?:,packets=[0-9]+,bytes=[0-9]+)?\),reply=\([^()]*\)((?:,[a-z]+=(?:\([^()]*\)|[^,()]*))*)",
    re.ASCII,
)
_PART = re.compile(r",([a-z]+)=(\([^()]*\)|[^,()]*)", re.ASCII)
_STATE = re.compile(r"\(state=([A-Z0-9_]+)[,)]", re.ASCII)
_KNOWN_PARTS = frozenset(("zone", "timeout", "mark", "labels", "protoinfo", "start", "stop", "helper", "id", "status"))


class Icmp(NamedTuple):
    """What ICMP and ICMPv6 have instead of ports."""

    type: int
    code: int
    id: int


class Half(NamedTuple):
    """What a label says of one party: the epoch of the policy that admitted it and the id of the rule; 0 is none."""

    epoch: int
    rule: int


class Connection(NamedTuple):
    """One connection as its first packet had it. `key` is unique in a switch and gives the order of lists.

    Ports are 0 where the protocol has none, or where the conntrack does not look at them. `timeout` are the seconds
    until it is forgotten, None if that was not told; `state` is empty where a protocol has none.
    """

    key: str
    zone: int
    protocol: int
    source: str
    destination: str
    sport: int
    dport: int
    icmp: Icmp | None
    label: int
    state: str
    timeout: int | None

    def half(self, role: Role) -> Half:
        """What the label says of the party in this role."""
        places, mask = LABEL[role], (1 << LABEL_BITS) - 1
        return Half(self.label >> places.epoch & mask, self.label >> places.rule & mask)

    def address(self, role: Role) -> str:
        return self.source if role is Role.INITIATOR else self.destination


def parse(line: str) -> Connection | None:
    """A line of the dump; None if it cannot be read."""
    found = _LINE.fullmatch(line)
    if not found:
        return None
    name, source, destination, sport, dport, id, type, code, tail = found.groups()
    protocol = int(name) if name.isdigit() else NUMBERS.get(name)
    ends = _packed(source), _packed(destination)
    parts = dict(_PART.findall(tail))
    numbers = [int(text) for text in (sport, dport, id, type, code) if text is not None]
    if protocol is None or protocol > 255 or max(numbers) > 0xFFFF or not parts.keys() <= _KNOWN_PARTS:
        return None
    if ends[0] is None or ends[1] is None or len(ends[0]) != len(ends[1]):
        return None
    icmp = Icmp(int(type), int(code), int(id)) if type is not None else None
    if icmp and max(icmp.type, icmp.code) > 0xFF:
        return None
    state = _STATE.match(parts.get("protoinfo", ""))
    try:
        zone, label = int(parts.get("zone", "0")), int(parts.get("labels", "0"), 0)
        timeout = int(parts["timeout"]) if "timeout" in parts else None
    except ValueError:
        return None
    if not 0 <= zone <= 0xFFFF or not 0 <= label < 1 << 128 or ("protoinfo" in parts and not state):
        return None
    tail_of_key = "".join(f".{number:05}" for number in numbers)
    return Connection(
        f"{zone:05}.{protocol:03}.{len(ends[0]):02}{ends[0].hex()}.{ends[1].hex()}{tail_of_key}",
        zone, protocol, source, destination, int(sport or 0), int(dport or 0), icmp, label,
        state[1] if state else "", timeout,
    )  # fmt: skip


def _packed(address: str) -> bytes | None:
    try:
        return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    except OSError:
        return None


class Read(NamedTuple):
    """A run of connections in order, and how many lines of those that were looked at could not be read."""

    connections: tuple[Connection, ...]
    unreadable: int


def read(lines: Iterable[str], zone: int, run: int = RUN) -> Iterator[Read]:
    """The connections of a zone, in runs; each of them is in the order of the keys. Others' are unreadable too.

    Between two runs the caller may let others have their turn: a hundred thousand lines take a second.
    """
    found: list[Connection] = []
    unreadable = 0
    for number, line in enumerate(lines, 1):
        connection = parse(line)
        if connection is not None and connection.zone == zone:
            found.append(connection)
        else:
            unreadable += 1
        if number % run == 0:
            yield Read(tuple(sorted(found)), unreadable)
            found, unreadable = [], 0
    if found or unreadable:
        yield Read(tuple(sorted(found)), unreadable)


class Listing(NamedTuple):
    """The connections of one zone of one switch, in runs that are each in order. `left_out` were not looked at."""

    runs: tuple[tuple[Connection, ...], ...] = ()
    unreadable: int = 0
    left_out: int = 0

    def in_order(self) -> Iterator[Connection]:
        return merge(*self.runs)
