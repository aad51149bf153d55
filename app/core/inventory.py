"""Everything that is wanted, with the numbers that give it its identity on the switches.

The inventory is one set of tables in memory, changed only through `put` and `delete`. Each change is checked as a whole
and journaled, so that the shell can make it durable, or take it back if it cannot. Zones, policies, epochs and rule ids
are handed out here, by counters that only go up.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from app.core import claims
from app.core.indexes import OWNED, Id, Indexes, policy_id
from app.core.numbers import Numbers
from app.core.problems import InUse, NotFound
from app.core.values import AddressGroup, Group, Policy, PolicyKey, Port, Remote, Stored, Switch, Tenant, Value

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
# The kinds of numbers that are handed out: conntrack zones, policies with their epochs, rule ids, address sets, and the
# counters.
LEDGER = ("zone", "policy", "rule_id", "set", "counter")


@dataclass(frozen=True, slots=True)
class Write:
    """One row of the journal: what stood under (`kind`, `id`) before and stands there now; None is nothing."""

    kind: str
    id: Id
    before: Any
    after: Any


class Inventory:
    """The wanted state. Not thread safe: one writer at a time, readers between its steps."""

    def __init__(self) -> None:
        self.revision = 0
        self.journal: list[Write] = []
        self._tables: dict[str, dict[Id, Any]] = {kind: {} for kind in (*KINDS.values(), *LEDGER)}
        self._indexes = Indexes()
        self._numbers = Numbers(self._tables, self._indexes, self._set)

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

    def bound_to(self, dpid: str, interface: str, ofport: int) -> Bound:
        """The ports bound to a switch port: by tag, 0 without one, those that claim it. The first has it."""
        switch = self._tables["switch"].get((dpid,))
        names = [dpid] + ([switch.value.name] if switch and switch.value.name else [])
        found: Bound = {}
        for plug in (interface, ofport):
            for name in names:
                for tag, id in self._indexes.bindings.get((name, plug), {}).items():
                    found.setdefault(tag, []).append(id)
        return found

    # -- writing

    def put(self, value: Value, now: str) -> Stored:
        """Create or replace. The same value again changes nothing and keeps its revision."""
        kind = KINDS[type(value)]
        self._check(value)
        old = self.find(kind, *value.id)
        if old is not None and old.value == value:
            return old
        self.revision += 1
        stored = Stored(value, self.revision, old.created_at if old else now, now)
        self._set(kind, value.id, stored)
        self._numbers.follow(old.value if old else None, value)
        return stored

    def delete(self, kind: str, *id: str) -> Stored:
        """Remove a value that nothing refers to; `InUse` lists what does."""
        old = self.get(kind, *id)
        referrers = self._referrers(kind, id)
        if referrers:
            raise InUse(kind, id[-1], referrers)
        self.revision += 1
        self._set(kind, id, None)
        self._numbers.follow(old.value, None)
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
        if isinstance(value, Group):
            claims.check_group(value, self._exists)
        if isinstance(value, Port):
            claims.check_port(value, self._indexes, self._exists)
        if isinstance(value, Switch):
            claims.check_switch(value, self._indexes)

    def _exists(self, kind: str, id: Id) -> bool:
        return id in self._tables[kind]

    def _referrers(self, kind: str, id: Id) -> tuple[str, ...]:
        found: Ids = []
        if kind == "tenant":
            found += [(each, *i) for each in OWNED for i in self._indexes.owned.get((each, id[0]), ())]
        if kind == "group":
            found += [("port", *port) for port in self._indexes.members.get(id, ())]
        if kind in ("group", "address_group"):
            naming = self.groups_naming(id[0], Remote(kind, id[1]))  # type: ignore[arg-type]
            found += [("group", *group) for group in naming if group != id or kind != "group"]
        return tuple("/".join(each) for each in found)

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
