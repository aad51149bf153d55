"""The address sets that the policies of one switch name: a fragment per set, remote end and member."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from app.core import policy
from app.core.addresses import network
from app.core.fragments import Fragments, Key
from app.core.indexes import Id
from app.core.inventory import Inventory, Write
from app.core.pipeline import Way
from app.core.values import Policy, Port, Remote

Use = tuple[int, Way]  # a set's number, and which end of a connection is the remote one
Named = tuple[str, Remote]  # (tenant, what a rule names)


class Members:
    """Sets are there as long as a policy of the switch asks about them."""

    def __init__(self, inventory: Inventory, fragments: Fragments) -> None:
        self._inventory, self._fragments = inventory, fragments
        self._uses: Counter[Use] = Counter()
        self._of_policy: dict[int, set[Use]] = {}
        self._numbers: dict[Named, int] = {}  # of the sets that are named now
        self._placed: dict[Use, set[Id]] = {}  # members that are there

    def asked_by(self, policy_number: int) -> set[Use]:
        return self._of_policy.get(policy_number, set())

    def keys(self, number: int) -> list[Key]:
        """The fragments of a set."""
        uses = ((number, way) for way in (Way.EGRESS, Way.INGRESS))
        return [_key(use, id) for use in uses for id in self._placed.get(use, ())]

    def follow_policy(self, tenant: str, number: int, content: Policy | None) -> None:
        """A policy came, changed or went."""
        old = self._of_policy.pop(number, set())
        new = policy.set_uses(content) if content else set()
        if new:
            self._of_policy[number] = new
        named = {number: (tenant, remote) for remote, number in (content.sets if content else ())}
        for use in new - old:
            self._uses[use] += 1
            if self._uses[use] == 1:
                self._numbers[named[use[0]]] = use[0]
                self._place_set(use, self._inventory.set_members(*named[use[0]]))
        for use in old - new:
            self._uses[use] -= 1
            if not self._uses[use]:
                del self._uses[use]
                self._place_set(use, {})

    def follow_writes(self, writes: Iterable[Write]) -> None:
        """Members may have come, changed or gone."""
        for write in writes:
            if write.kind == "address_group":
                self._refresh((write.id[0], Remote("address_group", write.id[1])), write.id)
            elif write.kind == "port":
                ports = [s.value for s in (write.before, write.after) if s and isinstance(s.value, Port)]
                for group in {group: None for port in ports for group in port.groups}:
                    self._refresh((write.id[0], Remote("group", group)), write.id)

    def _refresh(self, named: Named, id: Id) -> None:
        number = self._numbers.get(named)
        for use in ((number, Way.EGRESS), (number, Way.INGRESS)) if number is not None else ():
            if self._uses[use]:
                self._place_member(use, id, self._inventory.set_members(*named, only=id).get(id, frozenset()))

    def _place_set(self, use: Use, members: Mapping[Id, frozenset[str]]) -> None:
        """All members of a set that begins, or ceases, to be asked about."""
        for id in self._placed.get(use, set()) | members.keys():
            self._place_member(use, id, members.get(id, frozenset()))
        number = use[0]
        if not members and not any(self._uses[number, way] for way in (Way.EGRESS, Way.INGRESS)):
            self._numbers = {named: each for named, each in self._numbers.items() if each != number}

    def _place_member(self, use: Use, id: Id, addresses: frozenset[str]) -> None:
        networks = [network(address) for address in sorted(addresses)]
        flows = (flow for each in networks for flow in policy.member_flows(*use, each))
        self._fragments.place(_key(use, id), flows)
        placed = self._placed.setdefault(use, set())
        (placed.add if networks else placed.discard)(id)
        if not placed:
            del self._placed[use]


def _key(use: Use, id: Id) -> Key:
    number, way = use
    return "member", number, int(way), *id
