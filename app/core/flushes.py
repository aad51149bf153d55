"""What a switch is told to forget: whole zones, or the connections of a zone that a tuple describes.

Open vSwitch understands a flush without a zone as one of zone 0 or of everything, so none can be said here: a `Zone` is
never 0, and an order without a zone does not exist.

A flush by tuple that meets an ICMPv6 connection ends ovs-vswitchd before 2.17.10, 3.0.7, 3.1.5, 3.2.3 and 3.3.1 ("Do
not use icmp reverse helper for icmpv6"), and one that meets an IPv4 packet of protocol 58, which a VM can send, may end
later ones. So a `Tuple` always has a protocol and it is never 58: such connections go with their zone, or in time.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from app.core.addresses import WIDTH, Network
from app.core.connections import NUMBERS, Connection, Icmp
from app.core.filters import Filter
from app.core.parsing import ICMP, ICMPV6, PORT_PROTOCOLS, Invalid, family_of
from app.core.values import Port

# Those that have ports in conntrack's eyes: TCP, UDP, SCTP, DCCP, UDP-Lite.
WITH_PORTS = PORT_PROTOCOLS | {NUMBERS["dccp"], NUMBERS["udplite"]}
# Without a list of connections nobody knows which protocols there are.
USUAL = (6, 17, 132)
# Types that conntrack can turn round (RFC 792: echo, timestamp, information); with others Open vSwitch gives up.
ICMP_TYPES = frozenset((0, 8, 13, 14, 15, 16))
MOST_TUPLES = 64  # each is a walk through the whole table in vswitchd's main thread


@dataclass(frozen=True, slots=True)
class Zone:
    """A conntrack zone of ours. 0 is everybody's."""

    number: int

    def __post_init__(self) -> None:
        if not 0 < self.number <= 0xFFFF:
            raise Invalid("out_of_range", f"zone {self.number} is not in 1..65535")


@dataclass(frozen=True, slots=True)
class Tuple:
    """Describes connections by their first packet; None is any. With ICMP all is said: nothing less is understood."""

    protocol: int
    source: str | None = None
    destination: str | None = None
    sport: int | None = None
    dport: int | None = None
    icmp: Icmp | None = None

    def __post_init__(self) -> None:
        ends = [end for end in (self.source, self.destination) if end is not None]
        if not 0 < self.protocol <= 0xFF or self.protocol == ICMPV6:
            raise Invalid("unflushable", f"connections of protocol {self.protocol} are not flushed one by one")
        if len({family_of(end) for end in ends}) > 1:
            raise Invalid("family_mismatch", "the ends are of two families")
        if any(port is not None and not 0 < port <= 0xFFFF for port in (self.sport, self.dport)):
            raise Invalid("unflushable", "port 0 would mean any port")
        if self.protocol not in WITH_PORTS and (self.sport or self.dport):
            raise Invalid("unflushable", f"protocol {self.protocol} has no ports")
        is_whole = len(ends) == 2 and self.icmp is not None and self.icmp.type in ICMP_TYPES
        if (self.protocol == ICMP) != (self.icmp is not None) or (self.icmp and not is_whole):
            raise Invalid("unflushable", "ICMP needs both addresses, a type with an answer, a code and an id")


def exact(connection: Connection) -> Tuple | None:
    """The tuple that means this connection of its zone and no other; None if there is none.

    The userspace conntrack does not look at ports but those of TCP and UDP: of others there is one for two addresses.
    """
    sport, dport = connection.sport or None, connection.dport or None
    if bool(sport) != bool(dport) or (connection.protocol in (6, 17) and not sport):
        return None
    try:
        return Tuple(connection.protocol, connection.source, connection.destination, sport, dport, connection.icmp)
    except Invalid:
        return None


def tuples(asked: Filter, ports: Iterable[Port]) -> list[Tuple] | None:
    """What a filter means, in tuples; `ports` are those that it names. None if only a list of connections can tell.

    Without a protocol it means TCP, UDP and SCTP.
    """
    if asked.states or asked.rules or asked.epochs or asked.is_of_zones:
        return None
    if not all(map(_is_address, (*asked.sources, *asked.destinations))):
        return None
    if asked.protocols & {ICMP, ICMPV6}:
        return None
    ends = list(_ends(asked, ports))
    protocols = sorted(asked.protocols) or list(USUAL)
    if (asked.sports | asked.dports) and not WITH_PORTS.issuperset(protocols):
        return None
    anything: list[None] = [None]
    numbers = list(product(sorted(asked.sports) or anything, sorted(asked.dports) or anything))
    if len(ends) * len(protocols) * len(numbers) > MOST_TUPLES or None in ends:
        return None
    try:
        return [
            Tuple(protocol, source, destination, sport, dport)
            for protocol, (source, destination), (sport, dport) in product(protocols, filter(None, ends), numbers)
        ]
    except Invalid:
        return None


def in_words(which: Tuple) -> str | None:
    """A whole tuple as `ovs-appctl dpctl/flush-conntrack` takes it; None if something is left open."""
    if which.source is None or which.destination is None:
        return None
    if which.protocol in WITH_PORTS and not (which.sport and which.dport):
        return None
    prefix = "ct_ipv6" if ":" in which.source else "ct_nw"
    # The protocol stands before what only ICMP has.
    said = f"{prefix}_src={which.source},{prefix}_dst={which.destination},ct_nw_proto={which.protocol}"
    if which.icmp:
        return f"{said},icmp_type={which.icmp.type},icmp_code={which.icmp.code},icmp_id={which.icmp.id}"
    return f"{said},ct_tp_src={which.sport},ct_tp_dst={which.dport}" if which.sport else said


Ends = tuple[str | None, str | None]


def _ends(asked: Filter, ports: Iterable[Port]) -> Iterator[Ends | None]:
    """Pairs of source and destination. A port is the source, or the destination; None if it has no end of addresses."""
    sources: list[str | None] = [_text(each) for each in sorted(asked.sources)]
    destinations: list[str | None] = [_text(each) for each in sorted(asked.destinations)]
    sources, destinations = sources or [None], destinations or [None]
    if not asked.ports:
        yield from _pairs(sources, destinations)
        return
    for port in ports:
        if port.spoof_guard == "off" or any("/" in pair.address for pair in port.allowed_address_pairs):
            yield None
        own = [*port.own_addresses, *(pair.address for pair in port.allowed_address_pairs)]
        yield from _pairs([end for end in own if sources == [None] or end in sources], destinations)
        yield from _pairs(sources, [end for end in own if destinations == [None] or end in destinations])


def _pairs(sources: Iterable[str | None], destinations: Iterable[str | None]) -> Iterator[Ends]:
    for source, destination in product(sources, destinations):
        if not source or not destination or family_of(source) == family_of(destination):
            yield source, destination


def _is_address(each: Network) -> bool:
    return each.length == WIDTH[each.family]


def _text(each: Network) -> str:
    family = {4: socket.AF_INET, 6: socket.AF_INET6}[each.family]
    return socket.inet_ntop(family, each.value.to_bytes(WIDTH[each.family] // 8, "big"))
