"""What is looked up in the inventory, kept beside its tables: every row that is placed or removed is marked here."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import islice
from typing import Any

from app.core.addresses import WIDTH, Network, network
from app.core.tokens import Token
from app.core.values import Group, Guardrail, PolicyKey, Port, Remote, Stored, Switch
from app.core.zones import Resting

Id = tuple[str, ...]
Ids = dict[Id, None]  # an ordered set
Plug = tuple[str | None, str | int]  # a switch and an interface or an ofport, or None and an interface id
# What a tenant owns, and what its tenant must be there for.
OWNED = ("group", "address_group", "port")
Claimed = tuple[int, int, Id]  # value and length of a network, and the port that has it
SLICE = 1000  # entries copied in one go: a millisecond or two


class Indexes:
    """Answers by what a value says. Segments are VLAN ids. What nobody has any more leaves nothing behind."""

    def __init__(self) -> None:
        self.owned: dict[tuple[str, str], Ids] = {}  # (kind, tenant)
        self.macs: dict[tuple[int, str], Id] = {}  # (segment, a port's own MAC)
        self.addresses: dict[tuple[int, str], Id] = {}  # (segment, a port's own address)
        self.virtual_macs: dict[tuple[int, str], Ids] = {}  # (segment, MAC of an address pair)
        self.pairs: dict[tuple[int, Network], Ids] = {}  # (segment, network of an address pair, not of everything)
        self.bindings: dict[Plug, dict[int, Id]] = {}  # plug -> tag or 0
        self.members: dict[Id, Ids] = {}  # group -> ports
        self.carriers: dict[PolicyKey, Ids] = {}  # policy -> ports
        self.policies: dict[Id, dict[PolicyKey, None]] = {}  # group -> policies
        self.of_tenant: dict[str, dict[PolicyKey, None]] = {}  # tenant -> policies
        self.guardrails: dict[str | None, Ids] = {}  # tenant that they name, None for those of everybody
        self.priorities: dict[int, Id] = {}  # of guardrails
        self.naming: dict[tuple[str, Remote], Ids] = {}  # what rules name -> their groups
        self.residents: dict[tuple[str, int], Ids] = {}  # (tenant, segment) -> ports
        self.switch_names: dict[str, str] = {}
        self.digests: dict[str, str] = {}  # of a secret -> token
        self.certificates: dict[str, str] = {}  # a name in them -> token
        self.tokens: dict[str, Ids] = {}  # tenant -> tokens
        self.used_zones: dict[int, Id] = {}
        self.zones: dict[str, Ids] = {}  # tenant -> rows of its zones
        self.resting = Resting()
        self._claimed: dict[tuple[int, int], list[Claimed]] = {}  # (segment, family) -> in order
        self._markers: dict[str, Callable[[Id, Any, bool], None]] = {
            "group": self._mark_group,
            "port": self._mark_port,
            "switch": self._mark_switch,
            "guardrail": self._mark_guardrail,
            "token": self._mark_token,
            "zone": self._mark_zone,
            "resting": self._mark_resting,
            "policy": self._mark_policy,
        }

    def copied(self) -> Generator[None, None, Indexes]:
        """The same once more. Pauses; nothing may be marked meanwhile."""
        twin = Indexes()
        for name, index in vars(self).items():
            if isinstance(index, Resting):
                twin.resting = index.copied()
            elif name != "_markers":  # they are bound to the twin
                setattr(twin, name, (yield from copied(index)))
        return twin

    def mark(self, kind: str, id: Id, content: Any, present: bool) -> None:
        """A row came, or went."""
        if kind in OWNED:
            mark_in(self.owned, (kind, id[0]), id, None, present)
        marker = self._markers.get(kind)
        if marker:
            marker(id, content, present)

    def covering(self, segment: int, wanted: Network) -> Iterator[Id]:
        """The ports that have a pair with a network, not of everything, that contains the wanted one."""
        width = WIDTH[wanted.family]
        for length in range(1, wanted.length + 1):
            value = wanted.value >> width - length << width - length
            yield from self.pairs.get((segment, Network(wanted.family, value, length)), ())

    def covered(self, segment: int, wanted: Network) -> Iterator[Id]:
        """The ports that have an own address, or the network of a pair, within the wanted one."""
        claimed = self._claimed.get((segment, wanted.family), [])
        first = wanted.value
        last = first + (1 << WIDTH[wanted.family] - wanted.length)
        for n in range(bisect_left(claimed, (first, 0, ())), bisect_left(claimed, (last, 0, ()))):
            _, length, id = claimed[n]
            if length >= wanted.length:
                yield id

    def bound_to(self, plugs: Iterable[Plug]) -> dict[int, list[Id]]:
        """By tag, 0 without one, the ports that are bound to any of what names a switch port, in that order."""
        found: dict[int, list[Id]] = {}
        for plug in plugs:
            for tag, id in self.bindings.get(plug, {}).items():
                found.setdefault(tag, []).append(id)
        return found

    def _mark_group(self, id: Id, stored: Stored, present: bool) -> None:
        assert isinstance(stored.value, Group)
        for remote in {rule.remote for rule in stored.value.rules if rule.remote}:
            mark_in(self.naming, (id[0], remote), id, None, present)

    def _mark_port(self, id: Id, stored: Stored, present: bool) -> None:
        port = stored.value
        assert isinstance(port, Port)
        mark(self.macs, (port.vlan, port.mac), id, present)
        for address in port.own_addresses:
            mark(self.addresses, (port.vlan, address), id, present)
            self._mark_claimed(port.vlan, network(address), id, present)
        for group in port.groups:
            mark_in(self.members, (port.tenant, group), id, None, present)
        mark_in(self.carriers, PolicyKey.of(port), id, None, present)
        mark_in(self.residents, (port.tenant, port.vlan), id, None, present)
        if port.binding:
            mark_in(self.bindings, plug_of(port), port.binding.tag or 0, id, present)
        for pair in port.allowed_address_pairs:
            if pair.mac:
                mark_in(self.virtual_macs, (port.vlan, pair.mac), id, None, present)
        for wanted in {network(pair.address) for pair in port.allowed_address_pairs if not pair.is_everything}:
            mark_in(self.pairs, (port.vlan, wanted), id, None, present)
            self._mark_claimed(port.vlan, wanted, id, present)

    def _mark_claimed(self, segment: int, wanted: Network, id: Id, present: bool) -> None:
        claimed = self._claimed.setdefault((segment, wanted.family), [])
        entry = wanted.value, wanted.length, id
        if present:
            insort(claimed, entry)
        else:
            del claimed[bisect_left(claimed, entry)]
        if not claimed:
            del self._claimed[segment, wanted.family]

    def _mark_policy(self, id: Id, numbers: Any, present: bool) -> None:
        key = policy_key(id)
        mark_in(self.of_tenant, key.tenant, key, None, present)
        for group in key.groups:
            mark_in(self.policies, (key.tenant, group), key, None, present)

    def _mark_guardrail(self, id: Id, stored: Stored, present: bool) -> None:
        guardrail = stored.value
        assert isinstance(guardrail, Guardrail)
        mark(self.priorities, guardrail.priority, id, present)
        for tenant in (None,) if guardrail.tenants is None else guardrail.tenants:
            mark_in(self.guardrails, tenant, id, None, present)

    def _mark_zone(self, id: Id, zone: int, present: bool) -> None:
        mark(self.used_zones, zone, id, present)
        mark_in(self.zones, id[0], id, None, present)

    def _mark_resting(self, id: Id, moment: str, present: bool) -> None:
        self.resting.mark(int(id[0]), moment, present)

    def _mark_switch(self, id: Id, stored: Stored, present: bool) -> None:
        assert isinstance(stored.value, Switch)
        if stored.value.name:
            mark(self.switch_names, stored.value.name, stored.value.dpid, present)

    def _mark_token(self, id: Id, stored: Stored, present: bool) -> None:
        token = stored.value
        assert isinstance(token, Token)
        if token.digest:
            mark(self.digests, token.digest, token.name, present)
        if token.certificate:
            mark(self.certificates, token.certificate, token.name, present)
        if token.tenant:
            mark_in(self.tokens, token.tenant, id, None, present)


def copied(index: dict[Any, Any]) -> Generator[None, None, dict[Any, Any]]:
    """The dictionary and the collections in it once more; what is in those is shared. Pauses."""
    twin: dict[Any, Any] = {}
    entries = iter(index.items())
    while some := tuple(islice(entries, SLICE)):
        twin.update((key, one.copy() if isinstance(one, dict | list) else one) for key, one in some)
        yield
    return twin


def mark(index: dict[Any, Any], key: Any, value: Any, present: bool) -> None:
    if present:
        index[key] = value
    else:
        index.pop(key, None)


def mark_in(index: dict[Any, dict[Any, Any]], key: Any, item: Any, value: Any, present: bool) -> None:
    """The same in the dictionary under a key, which is there as long as it holds something."""
    inner = index.setdefault(key, {})
    mark(inner, item, value, present)
    if not inner:
        del index[key]


def plug_of(port: Port) -> Plug:
    """What a binding names, and on which switch; an interface id is of any."""
    assert port.binding is not None
    return port.binding.switch, port.binding.plug


SERVES_DHCP = "+dhcp"


def policy_id(key: PolicyKey) -> Id:
    """A policy's place in the ledger."""
    return (key.tenant, key.egress + SERVES_DHCP * key.dhcp_server, *key.groups)


def policy_key(id: Id) -> PolicyKey:
    tenant, mode, *groups = id
    egress = mode.removesuffix(SERVES_DHCP)
    return PolicyKey(tenant, tuple(groups), egress, mode.endswith(SERVES_DHCP))  # type: ignore[arg-type]
