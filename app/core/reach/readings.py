"""What the policies of one tenant say, read as traffic: once for a state of the inventory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from app.core.addresses import Network, network
from app.core.inventory import Inventory
from app.core.mirror import mirrored
from app.core.policy import FAMILY
from app.core.reach.atoms import Atoms, Names
from app.core.reach.traffic import (
    ALL_OF,
    EVERYTHING,
    FAMILIES,
    NOTHING,
    SAID_BY_SERVERS,
    SAID_TO_SERVERS,
    Traffic,
    union_of,
)
from app.core.values import Direction, Group, PolicyKey, Remote, Rule

SERVERS_ONLY: dict[Direction, Traffic] = {"egress": SAID_BY_SERVERS, "ingress": SAID_TO_SERVERS}
# What a rule names at the other end: a network, or a set of the tenant's.
Term = str | Remote


class Opening(NamedTuple):
    """One way that a rule opens: what passes, and the name that the other end has to have; None: whoever it is."""

    direction: Direction
    traffic: Traffic
    name: int | None


class Barrier(NamedTuple):
    """A guardrail, in its turn."""

    allows: bool
    opening: Opening


class Dictionary:
    """Numbers for what rules name. Two readings that share one can be compared."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, Term], int] = {}

    def number(self, tenant: str, term: Term) -> int:
        # A network is the same for everybody.
        owner = tenant if isinstance(term, Remote) else ""
        return self._numbers.setdefault((owner, term), len(self._numbers))


class Reading:
    """The groups of a tenant, or those that are given, and the operator's guardrails. `only` leaves out the rules that
    say nothing of that traffic; about other traffic the reading is then silent.

    To be asked while the inventory stays as it is.
    """

    def __init__(
        self,
        inventory: Inventory,
        tenant: str,
        groups: Iterable[str] | None = None,
        only: Traffic = EVERYTHING,
        dictionary: Dictionary | None = None,
    ) -> None:
        self.inventory, self.tenant = inventory, tenant
        self._only, self._dictionary = only, dictionary or Dictionary()
        self._terms: dict[int, Term] = {}
        values = [stored.value for stored in inventory.list("group", tenant)] if groups is None else [
            inventory.get("group", tenant, name).value for name in sorted(set(groups))
        ]  # fmt: skip
        self._openings = {group.name: self._read(group) for group in values if isinstance(group, Group)}
        self._barriers = tuple(self._guardrails())
        self._policies: dict[tuple[PolicyKey, Direction], tuple[Opening, ...]] = {}
        self._said: dict[tuple[PolicyKey, Direction, int, Names], Traffic] = {}
        self._needed: dict[tuple[PolicyKey, Direction], Names] = {}
        named = [(member, number) for number, term in self._terms.items() for member in self._members(term)]
        self.atoms = {family: Atoms(family, named) for family in FAMILIES}

    def networks(self, direction: Direction) -> set[Network]:
        """The networks outside that rules and guardrails of a direction name, by themselves or in address groups."""
        openings = [o for group in self._openings.values() for own in group for o in own]
        openings += [barrier.opening for barrier in self._barriers]
        numbers = {o.name for o in openings if o.name is not None and o.direction == direction}
        terms = [self._terms[number] for number in sorted(numbers)]
        return {n for term in terms if not _is_group(term) for n in self._members(term)}

    def members(self) -> set[Network]:
        """Addresses and networks of ports that rules name by their groups."""
        return {n for term in self._terms.values() if _is_group(term) for n in self._members(term)}

    def openings(self, key: PolicyKey, direction: Direction) -> tuple[Opening, ...]:
        """What the groups of a policy open in a direction; two policies with the same open the same."""
        known = self._policies.get((key, direction))
        if known is None:
            known = tuple(dict.fromkeys(o for o in self._effective(key) if o.direction == direction))
            self._policies[key, direction] = known
        return known

    @property
    def barriers(self) -> tuple[Barrier, ...]:
        return self._barriers

    def says(self, key: PolicyKey, direction: Direction, family: int, names: Names) -> Traffic:
        """What a policy lets out to, or in from, an address that is in just the networks and sets of these names."""
        needed = self._needed.get((key, direction))
        if needed is None:
            asked = (*self.openings(key, direction), *(barrier.opening for barrier in self._barriers))
            needed = self._needed[key, direction] = frozenset(o.name for o in asked if o.name is not None)
        question = key, direction, family, names & needed
        answer = self._said.get(question)
        if answer is None:
            answer = self._said[question] = self._answer(*question)
        return answer

    def deciding(self, key: PolicyKey, direction: Direction, traffic: Traffic, names: Names) -> Iterator[str]:
        """What lets some of this traffic pass, for an address with these names: ``guardrail:NAME``, ``group/key`` of
        rules, ``default_egress``. Rules that stand behind others are told, too."""

        def is_meant(opening: Opening) -> bool:
            named = opening.name is None or opening.name in names
            return named and opening.direction == direction and bool(opening.traffic & traffic)

        for _, rail in self.inventory.guardrails(self.tenant):
            if rail.action == "allow" and any(map(is_meant, self._opened(rail.rule))):
                yield rail.reference
        if direction == "egress" and key.egress == "any":
            yield "default_egress"
            return
        for name in key.groups:
            group = self.inventory.get("group", self.tenant, name).value
            for rule in group.rules if isinstance(group, Group) else ():
                if (rule.direction == "ingress" or key.egress == "rules") and any(map(is_meant, self._opened(rule))):
                    yield f"{name}/{rule.key}"

    def _answer(self, key: PolicyKey, direction: Direction, family: int, names: Names) -> Traffic:
        if direction == "egress" and key.egress == "any":
            opened = ALL_OF[family] & self._only
        else:
            found = (o.traffic for o in self.openings(key, direction) if o.name is None or o.name in names)
            opened = union_of(found).only(family)
        undecided, passed = ALL_OF[family] & self._only, NOTHING
        for allows, (way, traffic, name) in self._barriers:
            if way != direction or (name is not None and name not in names):
                continue
            if allows:
                passed = passed | (undecided & traffic)
            undecided = undecided - traffic
        passed = passed | (opened & undecided)
        return passed if key.dhcp_server else passed - SERVERS_ONLY[direction]

    def _effective(self, key: PolicyKey) -> Iterator[Opening]:
        for name in key.groups:
            received, sent = self._openings[name]
            yield from received
            if key.egress == "rules":
                yield from sent

    # -- reading rules

    def _read(self, group: Group) -> tuple[tuple[Opening, ...], tuple[Opening, ...]]:
        """What the ingress rules open, and what the egress rules do; either also lets pass what answers, if no
        connection is kept."""
        ways: dict[Direction, list[Opening]] = {"ingress": [], "egress": []}
        for rule in group.rules:
            ways[rule.direction] += self._opened(rule)
        return tuple(ways["ingress"]), tuple(ways["egress"])

    def _opened(self, rule: Rule) -> Iterator[Opening]:
        for read in (rule, None if rule.stateful else mirrored(rule)):
            traffic = traffic_of(read) & self._only if read else NOTHING
            if read and traffic:
                yield Opening(read.direction, traffic, self._name(rule))

    def _guardrails(self) -> Iterator[Barrier]:
        for _, rail in self.inventory.guardrails(self.tenant):
            for opening in self._opened(rail.rule):
                yield Barrier(rail.action == "allow", opening)

    def _name(self, rule: Rule) -> int | None:
        term = rule.remote or rule.remote_cidr
        if term is None or (isinstance(term, str) and term.endswith("/0")):
            return None  # the family is the traffic's own
        number = self._dictionary.number(self.tenant, term)
        self._terms[number] = term
        return number

    def _members(self, term: Term) -> set[Network]:
        if not isinstance(term, Remote):
            return {network(term)}
        return {network(text) for texts in self.inventory.set_members(self.tenant, term).values() for text in texts}


def traffic_of(rule: Rule) -> Traffic:
    """What a rule is about, wherever it comes from or goes to."""
    first = (rule.icmp_type, rule.icmp_type) if rule.icmp_type is not None else rule.source_ports
    second = (rule.icmp_code, rule.icmp_code) if rule.icmp_code is not None else rule.ports
    return Traffic.of(FAMILY[rule.ethertype], rule.protocol, first, second)


def _is_group(term: Term) -> bool:
    return isinstance(term, Remote) and term.kind == "group"
