"""What tells addresses apart: networks cut the address space into pieces, and all of a piece is in the same ones."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from app.core.addresses import WIDTH, Network

Names = frozenset[int]
NOWHERE: Names = frozenset()


class Atoms:
    """Networks of one family, each under a name, which several may share."""

    def __init__(self, family: int, named: Iterable[tuple[Network, int]]) -> None:
        self.family = family
        by_network: dict[Network, set[int]] = {}
        for network, name in named:
            if network.family == family:
                by_network.setdefault(network, set()).add(name)
        self.networks = sorted(by_network, key=lambda network: (network.value, network.length))
        self._starts, self._names = self._cut(by_network)

    def of(self, network: Network) -> frozenset[Names]:
        """For every piece of a network, the names of the networks that the piece is in."""
        last = network.value + (1 << WIDTH[self.family] - network.length) - 1
        return frozenset(self._names[bisect_right(self._starts, network.value) - 1 : bisect_right(self._starts, last)])

    def at(self, address: int) -> Names:
        """The names of the networks that an address is in."""
        return self._names[bisect_right(self._starts, address) - 1]

    def _cut(self, by_network: dict[Network, set[int]]) -> tuple[list[int], list[Names]]:
        """Where the pieces begin and what each is in. Networks lie in one another or apart: a stack holds those that
        an address is in."""
        starts, names = [0], [NOWHERE]
        known: dict[Names, Names] = {NOWHERE: NOWHERE}
        inside: list[tuple[int, Names]] = []  # the first address after the network, and all names there

        def begin(start: int) -> None:
            now = inside[-1][1] if inside else NOWHERE
            if starts[-1] == start:
                names[-1] = now
            elif names[-1] is not now:
                starts.append(start)
                names.append(now)

        for network in self.networks:
            while inside and inside[-1][0] <= network.value:
                begin(inside.pop()[0])
            all_names = frozenset(by_network[network]) | (inside[-1][1] if inside else NOWHERE)
            after = network.value + (1 << WIDTH[self.family] - network.length)
            inside.append((after, known.setdefault(all_names, all_names)))
            begin(network.value)
        while inside:
            begin(inside.pop()[0])
        if starts[-1] == 1 << WIDTH[self.family]:
            starts.pop()
            names.pop()
        return starts, names
