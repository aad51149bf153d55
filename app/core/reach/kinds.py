"""Ends that the rules do not tell apart are of one kind, and kinds are asked about instead of ports."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Literal

from app.core.addresses import WIDTH, Network, network
from app.core.parsing import link_local
from app.core.reach.atoms import Names
from app.core.reach.readings import Reading
from app.core.reach.traffic import ALL_OF, FAMILIES, NOTHING, Traffic, union_of
from app.core.values import AddressPair, Direction, PolicyKey, Port

Faces = frozenset[Names]  # as what the other end's rules see it; several if it has several addresses
EVERY_ADDRESS = (Network(4, 0, 0), Network(6, 0, 0))
How = Literal["some", "all"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A policy, None outside, and how the addresses look to the rules of the other end. `far` is the same for who is
    in another segment: without the link-local addresses. `families` are those of its configured addresses."""

    key: PolicyKey | None
    faces: tuple[Faces, Faces]  # IPv4, IPv6
    far: tuple[Faces, Faces]
    segment: int | None
    families: frozenset[int]

    def seen(self, family: int, other: Kind) -> Faces:
        near = self.segment is None or other.segment is None or self.segment == other.segment
        return (self.faces if near else self.far)[family == 6]


def kind_of_port(port: Port, other: Reading) -> Kind:
    """A port as the rules that `other` has read see it."""
    near, far, families = _networks(port.mac, port.addresses, port.allowed_address_pairs)
    return Kind(PolicyKey.of(port), _faces(near, other), _faces(far, other), port.vlan, families)


@lru_cache(1 << 14)
def _networks(
    mac: str, addresses: tuple[str, ...], pairs: tuple[AddressPair, ...]
) -> tuple[tuple[Network, ...], tuple[Network, ...], frozenset[int]]:
    """All that a port may be met under, what of it in another segment, and the families that somebody gave it."""
    said = tuple(network(text) for text in (*addresses, *(pair.address for pair in pairs)))
    near = tuple(dict.fromkeys((*said, network(link_local(mac)))))
    return near, tuple(n for n in said if not _is_link_local(n)), frozenset(n.family for n in said)


def kind_of_networks(networks: Iterable[Network], other: Reading) -> Kind:
    """Whoever is outside with an address in one of these."""
    networks = list(networks)
    faces = _faces(networks, other)
    return Kind(None, faces, faces, None, frozenset(n.family for n in networks))


def between(sending: Reading, source: Kind, receiving: Reading, target: Kind, how: How = "some") -> Traffic:
    """What the source may open to the target. With "all", of networks: what each of their addresses may; a port may use
    the one of its addresses that may most."""
    whole = NOTHING
    for family in FAMILIES:
        sent = judged(sending, source, "egress", family, target, how)
        if sent:
            whole = whole | (sent & judged(receiving, target, "ingress", family, source, how))
    return whole


def judged(reading: Reading, kind: Kind, direction: Direction, family: int, other: Kind, how: How) -> Traffic:
    """What a kind lets out to the other one, or in from there."""
    faces = other.seen(family, kind)
    if not faces or not kind.seen(family, other):
        return NOTHING
    if kind.key is None:
        return ALL_OF[family]
    answers = (reading.says(kind.key, direction, family, names) for names in faces)
    return reduce(_and, answers) if how == "all" and other.key is None else union_of(answers)


def _and(one: Traffic, other: Traffic) -> Traffic:
    return one & other


def _faces(networks: Iterable[Network], other: Reading) -> tuple[Faces, Faces]:
    found: dict[int, set[Names]] = {family: set() for family in FAMILIES}
    for n in networks:
        found[n.family].update(other.atoms[n.family].of(n))
    return frozenset(found[4]), frozenset(found[6])


def _is_link_local(n: Network) -> bool:
    return n.family == 6 and n.value >> 118 == 0x3FA and n.length >= 10


def written(n: Network) -> str:
    """A network as text, with its length."""
    kind = socket.AF_INET6 if n.family == 6 else socket.AF_INET
    return f"{socket.inet_ntop(kind, n.value.to_bytes(WIDTH[n.family] // 8, 'big'))}/{n.length}"


class Answers:
    """What kinds of one tenant may open to one another, each pair worked out once."""

    def __init__(self, reading: Reading, how: How = "some", asked: Traffic | None = None) -> None:
        self._reading, self._how, self._asked = reading, how, asked
        self._numbers: dict[Kind, int] = {}
        self.kinds: list[Kind] = []
        self._answers: dict[tuple[int, int], Traffic] = {}

    def number(self, kind: Kind) -> int:
        """A short name for a kind."""
        number = self._numbers.setdefault(kind, len(self.kinds))
        if number == len(self.kinds):
            self.kinds.append(kind)
        return number

    def __call__(self, source: int, target: int) -> Traffic:
        answer = self._answers.get((source, target))
        if answer is None:
            answer = between(self._reading, self.kinds[source], self._reading, self.kinds[target], self._how)
            answer = answer if self._asked is None else answer & self._asked
            self._answers[source, target] = answer
        return answer
