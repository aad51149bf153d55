"""Everything that is wanted, with the numbers that give it its identity on the switches.

The inventory is one set of tables in memory, changed only through `put` and `delete`. Each change is checked as a whole
and journaled, so that the shell can make it durable, or take it back if it cannot. Zones, policies, epochs and rule ids
are handed out here, by counters that only go up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from app.core import claims
from app.core.indexes import OWNED, Id, Indexes, policy_id
from app.core.numbers import Numbers
from app.core.problems import InUse, NotFound
from app.core.values import AddressGroup, Group, Limits, Policy, PolicyKey, Port, Remote, Stored, Switch, Tenant, Value
from app.core.zones import DAY

KINDS: dict[type, str] = {
    Tenant: "tenant",
    Group: "group",
    AddressGroup: "address_group",
    Port: "port",
    Switch: "switch",
}
# Named here because the class has a method called `list`.
Values = list[Stored]
Ids = list[Id]
Zones = list[tuple[int, int]]
Bound = dict[int, list[Id]]
Journal = list["Write"]
# What is handed out: conntrack zones, policies with their epochs, rule ids, address sets; the counters; and the time of
# release of each zone that rests.
LEDGER = ("zone", "policy", "rule_id", "set", "counter", "resting")


@dataclass(frozen=True, slots=True)
class Write:
    """One row of the journal: what stood under (`kind`, `id`) before and stands there now; None is nothing."""

    kind: str
    id: Id
    before: Any
    after: Any


class Inventory:
    """The wanted state. Not thread safe: one writer at a time, readers between its steps. A zone that is released rests
    for `zone_rest` seconds at least."""

    def __init__(self, zone_rest: float = DAY) -> None:
        self.revision = 0
        self.journal: list[Write] = []
        self._tables: dict[str, dict[Id, Any]] = {kind: {} for kind in (*KINDS.values(), *LEDGER)}
        self._indexes = Indexes()
        self._numbers = Numbers(self._tables, self._indexes, self._set, zone_rest)

    # -- reading

    def get(self, kind: str, *id: str) -> Stored:
        """The stored value. `NotFound` names the outermost thing that is missing."""
        if kind in OWNED and (id[0],) not in self._tables["tenant"]:
            raise NotFound("tenant", id[0])
        found = self._tables[kind].get(id)
        if found is None:
            raise NotFound(kind, id[-1])
        return found  # type: ignore[no-any-return]

    def find(self, kind: str, *id: str) -> Stored | None:
        return self._tables[kind].get(id)

    def list(self, kind: str, tenant: str | None = None) -> Values:
        """All values of a kind, of one tenant if given, in the order of their ids."""
        table = self._tables[kind]
        ids = table if tenant is None else self._indexes.owned.get((kind, tenant), ())
        return [table[id] for id in sorted(ids)]

    def port(self, id: Id) -> Port:
        return self._tables["port"][id].value  # type: ignore[no-any-return]

    def ports_of_group(self, tenant: str, group: str) -> Ids:
        return list(self._indexes.members.get((tenant, group), ()))

    def groups_naming(self, tenant: str, remote: Remote) -> Ids:
        """The groups with a rule that names an address set."""
        return list(self._indexes.naming.get((tenant, remote), ()))

    def zone(self, tenant: str, vlan: int = 0) -> int:
        """The conntrack zone of a tenant in a segment."""
        return self._tables["zone"][tenant, str(vlan)]  # type: ignore[no-any-return]

    def zones(self, tenant: str) -> Zones:
        """(segment, zone) of each segment that the tenant is in, and of segment 0."""
        return sorted((int(id[1]), self._tables["zone"][id]) for id in self._indexes.zones.get(tenant, ()))

    def zone_owners(self) -> Mapping[int, Id]:
        """The tenant and segment of every zone that is in use."""
        return self._indexes.used_zones

    def resting_zones(self) -> dict[int, str]:
        """The zones that were released and that nobody got since, with the time of release; the longest ago first.

        Those that have rested enough are among them until they are handed out.
        """
        return {zone: self._tables["resting"][str(zone),] for zone in self._indexes.resting.all()}

    def policy(self, key: PolicyKey) -> Policy:
        """A policy with its rules, each under its id, and the numbers of the address sets that they name."""
        number, epoch = self._tables["policy"][policy_id(key)]
        rules = [
            (self._tables["rule_id"][key.tenant, group, rule.key], rule)
            for group in key.groups
            for rule in self._tables["group"][key.tenant, group].value.rules
        ]
        remotes = sorted({rule.remote for _, rule in rules if rule.remote})
        sets = tuple((remote, self.set_number(key.tenant, remote)) for remote in remotes)
        return Policy(number, epoch, tuple(rules), key.egress, key.dhcp_server, sets)

    def policy_number(self, key: PolicyKey) -> int:
        return self._tables["policy"][policy_id(key)][0]  # type: ignore[no-any-return]

    def epoch(self, key: PolicyKey) -> int:
        """The epoch of a policy that ports carry."""
        return self._tables["policy"][policy_id(key)][1]  # type: ignore[no-any-return]

    def set_number(self, tenant: str, remote: Remote) -> int:
        """The number of an address set that a rule names."""
        return self._tables["set"][tenant, *remote]  # type: ignore[no-any-return]

    def set_members(self, tenant: str, remote: Remote, only: Id | None = None) -> dict[Id, frozenset[str]]:
        """The addresses and networks of an address set, by the port or the address group that they come from; those of
        one of them, if `only` is given."""
        if remote.kind == "group":
            ports = self._indexes.members.get((tenant, remote.name), {})
            ids = ports if only is None else {only: None} if only in ports else {}
            return {id: self.port(id).member_addresses for id in ids}
        stored = self._tables["address_group"].get((tenant, remote.name))
        return {(tenant, remote.name): frozenset(stored.value.cidrs)} if stored else {}

    def limits(self, tenant: str) -> Limits:
        """What a tenant says of its limits; where it says nothing, the settings hold."""
        return self._tables["tenant"][tenant,].value.limits  # type: ignore[no-any-return]

    def uplinks(self, dpid: str) -> tuple[str, ...] | None:
        """The interface names and globs that are set for a switch; None: the setting holds."""
        switch = self.find("switch", dpid)
        return switch.value.uplinks if switch and isinstance(switch.value, Switch) else None

    def holder(self, vlan: int, mac: str | None = None, address: str | None = None) -> Id | None:
        """The port that owns a MAC, or an address, in a segment."""
        return self._indexes.macs.get((vlan, mac)) if mac else self._indexes.addresses.get((vlan, address or ""))

    def rule_of(self, rule_id: int) -> Id | None:
        """(tenant, group, key) of a rule id that is in use. O(rules): for explanations, not for packets."""
        return next((id for id, number in self._tables["rule_id"].items() if number == rule_id), None)

    def rule_id(self, tenant: str, group: str, key: str) -> int:
        return self._tables["rule_id"][tenant, group, key]  # type: ignore[no-any-return]

    def switch_id(self, reference: str) -> str:
        """The datapath id that a binding's `switch` means: a switch's name, or a datapath id itself."""
        return self._indexes.switch_names.get(reference, reference)

    def bound_to(self, dpid: str, interface: str, ofport: int, iface_id: str | None = None) -> Bound:
        """The ports bound to a switch port: by tag, 0 without one, those that claim it. The first has it."""
        switch = self._tables["switch"].get((dpid,))
        names = [dpid] + ([switch.value.name] if switch and switch.value.name else [])
        plugs = [(name, plug) for plug in (interface, ofport) for name in names]
        return self._indexes.bound_to([*plugs, (None, iface_id)] if iface_id else plugs)

    # -- writing

    def put(self, value: Value, now: str) -> Stored:
        """Create or replace; `now` is the time of day, RFC 3339 in UTC. The same value again changes nothing and keeps
        its revision."""
        kind = KINDS[type(value)]
        self._check(value)
        old = self.find(kind, *value.id)
        if old is not None and old.value == value:
            return old
        self.revision += 1
        stored = Stored(value, self.revision, old.created_at if old else now, now)
        self._set(kind, value.id, stored)
        self._numbers.follow(old.value if old else None, value, now)
        return stored

    def delete(self, kind: str, *id: str, now: str) -> Stored:
        """Remove a value that nothing refers to; `InUse` lists what does."""
        old = self.get(kind, *id)
        referrers = claims.referrers(kind, id, self._indexes)
        if referrers:
            raise InUse(kind, id[-1], referrers)
        self.revision += 1
        self._set(kind, id, None)
        self._numbers.follow(old.value, None, now)
        return old

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """What is done inside stays only if nothing is raised."""
        mark, revision = len(self.journal), self.revision
        try:
            yield
        except BaseException:
            self.undo(mark)
            self.revision = revision
            raise

    def undo(self, mark: int = 0) -> None:
        """Take back what the journal holds beyond `mark`."""
        while len(self.journal) > mark:
            write = self.journal.pop()
            self._place(write.kind, write.id, write.before)

    def take_journal(self) -> Journal:
        """The journal so far; a new one begins."""
        journal, self.journal = self.journal, []
        return journal

    def load(self, kind: str, id: Id, content: Any) -> None:
        """Place a row that the store gives back at start."""
        self._place(kind, id, content)

    # -- checks

    def _check(self, value: Value) -> None:
        if isinstance(value, Group | AddressGroup | Port):
            self.get("tenant", value.tenant)
        claims.check(value, self._indexes, self._exists)

    def _exists(self, kind: str, id: Id) -> bool:
        return id in self._tables[kind]

    # -- tables

    def _set(self, kind: str, id: Id, content: Any) -> None:
        self.journal.append(Write(kind, id, self._tables[kind].get(id), content))
        self._place(kind, id, content)

    def _place(self, kind: str, id: Id, content: Any) -> None:
        old = self._tables[kind].pop(id, None)
        if old is not None:
            self._indexes.mark(kind, id, old, False)
        if content is not None:
            self._tables[kind][id] = content
            self._indexes.mark(kind, id, content, True)
