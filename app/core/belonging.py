"""Whose a connection is: the tenant's ports, the rules that admitted it, and whether they still would be asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from app.core.addresses import Network, network
from app.core.connections import Connection
from app.core.indexes import Id
from app.core.inventory import Inventory
from app.core.pipeline import Role
from app.core.values import PolicyKey, Port

EpochState = Literal["current", "old", "none"]
EPOCHS: tuple[EpochState, ...] = ("current", "old", "none")
DEFAULT, GONE = "default", "gone"  # no rule can be called so: theirs are group/key


class Party(NamedTuple):
    """One end of a connection, as the tenant may know it.

    `port` is its port's id, None for others' and for addresses that nobody is known to have. `rule` is group/key of
    the rule that admitted it, or guardrail:name of the guardrail; "default" if it was the egress default, "gone" for
    one that was removed, None for none.
    `epoch`: "current" while the policy that admitted the connection is the present one, "old" when its next packet is
    judged again, "none" when every packet is; None if the end is not the tenant's.
    """

    port: str | None = None
    rule: str | None = None
    rule_id: int = 0
    epoch: EpochState | None = None


class Belonging:
    """Joins connections with what a tenant has. Reads the inventory whenever it is asked; belongs to one answer."""

    def __init__(self, inventory: Inventory, tenant: str) -> None:
        self._inventory, self._tenant = inventory, tenant
        self._rules = {
            inventory.rule_id(tenant, stored.value.id[1], rule.key): f"{stored.value.id[1]}/{rule.key}"
            for stored in inventory.list("group", tenant)
            for rule in stored.value.rules  # type: ignore[union-attr]
        }
        self._rules |= {number: each.reference for number, each in inventory.guardrails(tenant)}
        self._pairs: dict[int, list[tuple[Network, Id]]] | None = None
        self._epochs: set[int] = set()

    def party(self, connection: Connection, vlan: int, role: Role) -> Party:
        """The party in a role of a connection in the tenant's zone of the segment `vlan`."""
        half, ports = connection.half(role), self._owner(vlan, connection.address(role))
        if not half.epoch:
            return Party(ports[0].name, epoch="none") if ports else Party()
        ports = ports or self._sharers(vlan, connection.address(role))
        fitting = [port for port in ports if self._epoch(port) == half.epoch]
        is_current = bool(fitting) or (not ports and half.epoch in self._current())
        port = next(iter((*fitting, *ports)), None)
        rule = self._rules.get(half.rule, GONE) if half.rule else DEFAULT
        return Party(port.name if port else None, rule, half.rule, "current" if is_current else "old")

    def parties(self, connection: Connection, vlan: int) -> tuple[Party, Party]:
        """Initiator and responder."""
        return self.party(connection, vlan, Role.INITIATOR), self.party(connection, vlan, Role.RESPONDER)

    def _owner(self, vlan: int, address: str) -> list[Port]:
        id = self._inventory.holder(vlan, address=address)
        return [self._inventory.port(id)] if id and id[0] == self._tenant else []

    def _sharers(self, vlan: int, address: str) -> list[Port]:
        """The tenant's ports that may use the address as a pair's."""
        wanted = network(address)
        ids = [id for pair, id in self._survey().get(vlan, ()) if pair.covers(wanted)]
        return [port for id in ids if (port := self._port(id))]

    def _port(self, id: Id) -> Port | None:
        stored = self._inventory.find("port", *id)
        return stored.value if stored else None  # type: ignore[return-value]

    def _epoch(self, port: Port) -> int:
        return self._inventory.epoch(PolicyKey.of(port))

    def _current(self) -> set[int]:
        self._survey()
        return self._epochs

    def _survey(self) -> dict[int, list[tuple[Network, Id]]]:
        """Pairs by segment, made when the first address is asked for that no port has for its own."""
        if self._pairs is None:
            self._pairs = {}
            for port in self._ports():
                self._epochs.add(self._epoch(port))
                for pair in port.allowed_address_pairs:
                    self._pairs.setdefault(port.vlan, []).append((network(pair.address), port.id))
        return self._pairs

    def _ports(self) -> Iterator[Port]:
        for stored in self._inventory.list("port", self._tenant):
            assert isinstance(stored.value, Port)
            yield stored.value
