"""Which connections of a tenant are meant."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from app.core.addresses import Network, network
from app.core.belonging import Belonging, Party
from app.core.connections import Connection

Nets = Collection[Network]


@dataclass(frozen=True, slots=True)
class Filter:
    """AND between the members, OR between the values of one; an empty member asks nothing.

    `ports`, `rules` and `epochs` are those of either end. `sources` and `destinations` are the first packet's.
    """

    vlans: frozenset[int] = frozenset()
    ports: frozenset[str] = frozenset()
    protocols: frozenset[int] = frozenset()
    sources: frozenset[Network] = frozenset()
    destinations: frozenset[Network] = frozenset()
    sports: frozenset[int] = frozenset()
    dports: frozenset[int] = frozenset()
    states: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()
    epochs: frozenset[str] = frozenset()

    @property
    def is_of_zones(self) -> bool:
        """Whether it means all connections of each zone that it means."""
        return self == Filter(vlans=self.vlans)

    def wants(self, vlan: int) -> bool:
        """Whether it means connections of a segment."""
        return not self.vlans or vlan in self.vlans

    def keeps(self, connection: Connection, vlan: int, belonging: Belonging) -> bool:
        """Whether it means a connection of the tenant's zone in segment `vlan`. The cheap questions come first."""
        if not (
            self.wants(vlan)
            and (not self.protocols or connection.protocol in self.protocols)
            and (not self.states or connection.state in self.states)
            and (not self.sports or connection.sport in self.sports)
            and (not self.dports or connection.dport in self.dports)
            and _within(connection.source, self.sources)
            and _within(connection.destination, self.destinations)
        ):
            return False
        if not (self.ports or self.rules or self.epochs):
            return True
        return self._names(belonging.parties(connection, vlan))

    def _names(self, parties: tuple[Party, ...]) -> bool:
        asked = (
            (self.ports, {party.port for party in parties}),
            (self.rules, {party.rule for party in parties}),
            (self.epochs, {party.epoch for party in parties}),
        )
        return all(not wanted or not wanted.isdisjoint(has) for wanted, has in asked)


def _within(address: str, networks: Nets) -> bool:
    return not networks or any(each.covers(network(address)) for each in networks)
