"""The two ends of a traced packet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.core.addresses import Network, network
from app.core.indexes import Id
from app.core.inventory import Inventory
from app.core.parsing import parse_address
from app.core.plugged import Plugged
from app.core.program import Program
from app.core.question import Question

# Stands for whoever is outside: locally administered, so never a port's by accident.
OUTSIDE_MAC = 0x02_00_5E_00_00_01


@dataclass(frozen=True, slots=True)
class End:
    """One end of the question: a registered port, perhaps plugged in somewhere, or an address outside."""

    name: str
    addresses: tuple[Network, ...]  # in the order of the operator's
    id: Id | None = None
    segment: int | None = None  # None: that of the other end
    dpid: str | None = None
    plugged: Plugged | None = None

    @property
    def mac(self) -> int:
        return self.plugged.mac if self.plugged else OUTSIDE_MAC

    def address(self, family: int) -> int:
        """Its first address of a family; 0 if it has none."""
        return next((address.value for address in self.addresses if address.family == family), 0)


def find_ends(inventory: Inventory, programs: Mapping[str, Program], question: Question) -> tuple[End, End]:
    """The ends that a question names: sender and receiver. `NotFound` if one is a port that does not exist."""
    names = question.source, question.target
    known = {name: _port(inventory, question, name) for name in names}
    segments = {inventory.port(id).vlan for id in known.values() if id}
    segment = question.vlan if question.vlan is not None else min(segments, default=0)
    for name in names:
        if known[name] is None:
            known[name] = inventory.holder(segment, address=parse_address(name[3:]))
    source, target = (_end(inventory, programs, name, known[name], segment) for name in names)
    return source, target


def family_of(question: Question, source: End, target: End) -> int:
    """The family of the packet: that of an address that the question gives, else one that both ends have."""
    if question.address is not None:
        return network(question.address).family
    both = {a.family for a in source.addresses} & {a.family for a in target.addresses}
    wanted = {1: 4, 58: 6}.get(question.protocol or 0)
    return wanted or (6 if both == {6} else 4)


def _port(inventory: Inventory, question: Question, name: str) -> Id | None:
    """The port that a name means, unless it is an address."""
    if name.startswith("ip:"):
        return None
    id = tuple(name.split("/", 1)) if "/" in name else (question.tenant, name)
    inventory.get("port", *id)
    return id


def _end(inventory: Inventory, programs: Mapping[str, Program], name: str, id: Id | None, segment: int) -> End:
    if id is None:
        return End(name, (network(parse_address(name[3:])),), segment=segment)
    port = inventory.port(id)
    asked = [parse_address(name[3:])] if name.startswith("ip:") else port.own_addresses
    addresses = tuple(network(address) for address in asked)
    for dpid, program in programs.items():
        seat = program.seat(id)
        if seat is not None:
            return End("/".join(id), addresses, id, port.vlan, dpid, program.plugged(seat))
    return End("/".join(id), addresses, id, port.vlan)


def seats_of(program: Program, *ids: Id | None) -> Iterator[Plugged]:
    """Where these ports sit on one switch, if they do."""
    for id in dict.fromkeys(ids):
        seat = program.seat(id) if id is not None else None
        plugged = program.plugged(seat) if seat is not None else None
        if plugged is not None:
            yield plugged
