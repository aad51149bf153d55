"""Which changes the operator is refused: what is another's, what is not there, what is still in use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from app.core.values import AddressGroup, Group, Guardrail, Port, Rule, Switch, Tenant, Value
from tests.model.addresses import Net, mac_number, net, own_nets


@dataclass(frozen=True)
class Claims:
    """All values that are there."""

    values: tuple[Value, ...]

    def forbid_put(self, value: Value) -> bool:
        match value:
            case Port():
                names = [Group(value.tenant, name).id for name in value.groups]
                others = (port for port in self._of(Port) if port.id != value.id)
                return not self._all(Group, names) or any(rivals(value, other) for other in others)
            case Group():
                return not self._names_what_is_there(value)
            case AddressGroup():
                return not self._all(Tenant, [(value.tenant,)])
            case Switch():
                others = (switch for switch in self._of(Switch) if switch.dpid != value.dpid)
                return value.name is not None and any(other.name == value.name for other in others)
            case Guardrail():
                rails = (each for each in self._of(Guardrail) if each.name != value.name)
                there = self._all(Tenant, [(tenant,) for tenant in value.tenants or ()])
                return not there or any(each.priority == value.priority for each in rails)
        return False

    def forbid_delete(self, value: Value) -> bool:
        match value:
            case Tenant():
                named = any(value.name in (each.tenants or ()) for each in self._of(Guardrail))
                return named or any(
                    other.tenant == value.name for kind in (Port, Group, AddressGroup) for other in self._of(kind)
                )
            case Group():
                carried = any((port.tenant, name) == value.id for port in self._of(Port) for name in port.groups)
                return carried or any(
                    (group.tenant, rule.remote_group) == value.id
                    for group, rule in self._rules()
                    if group.id != value.id
                )
            case AddressGroup():
                return any((group.tenant, rule.remote_address_group) == value.id for group, rule in self._rules())
        return False

    def _of(self, kind: type) -> Iterator:  # type: ignore[type-arg]
        return (value for value in self.values if isinstance(value, kind))

    def _rules(self) -> Iterator[tuple[Group, Rule]]:
        return ((group, rule) for group in self._of(Group) for rule in group.rules)

    def _all(self, kind: type, ids: Iterable[tuple[str, ...]]) -> bool:
        """Whether all of these are there, and their tenants."""
        there = {value.id for value in self._of(kind)} | {value.id for value in self._of(Tenant)}
        return all(id in there for id in ids)

    def _names_what_is_there(self, group: Group) -> bool:
        remotes = [(group.tenant, r.remote_group) for r in group.rules if r.remote_group not in (None, group.name)]
        sets = [(group.tenant, r.remote_address_group) for r in group.rules if r.remote_address_group]
        tenant = self._all(Tenant, [(group.tenant,)])
        return tenant and self._all(Group, remotes) and self._all(AddressGroup, sets)  # type: ignore[arg-type]


def rivals(one: Port, other: Port) -> bool:
    """Whether two ports cannot both be."""
    if one.binding is not None and one.binding == other.binding:
        return True
    if one.vlan != other.vlan:
        return False
    if one.mac == other.mac or own_nets(one) & own_nets(other):
        return True
    return _takes(one, other) or _takes(other, one)


def _takes(one: Port, other: Port) -> bool:
    """Whether the pairs of `one` name what may be `other`'s alone."""
    macs = {mac_number(pair.mac) for pair in one.allowed_address_pairs if pair.mac}
    theirs = {mac_number(pair.mac) for pair in other.allowed_address_pairs if pair.mac}
    if mac_number(other.mac) in macs:
        return True
    if one.tenant == other.tenant:
        return False
    nets, others = (
        {n for n in (net(p.address) for p in port.allowed_address_pairs) if n.length} for port in (one, other)
    )
    foreign = {*others, *own_nets(other)}
    return bool(macs & theirs) or any(_contains(a, b) or _contains(b, a) for a in nets for b in foreign)


def _contains(network: Net, part: Net) -> bool:
    return network.length <= part.length and network.has(part.family, part.value)
