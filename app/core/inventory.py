"""Everything that is wanted, with the numbers that give it its identity on the switches.

The inventory is one set of tables in memory, changed only through `put` and `delete`. Each change is checked as a whole
and journaled, so that the shell can make it durable, or take it back if it cannot. Zones, policies, epochs and rule ids
are handed out here, by counters that only go up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from app.core import claims, guardrails
from app.core import quota as quotas
from app.core.indexes import OWNED, Id, Indexes, copied, policy_id
from app.core.numbers import Numbers
from app.core.problems import InUse, NotFound
from app.core.tokens import Token
from app.core.values import (
    AddressGroup,
    Assertions,
    Group,
    Guardrail,
    Limits,
    Policy,
    PolicyKey,
    Port,
    Remote,
    Stored,
    Switch,
    Tenant,
    Value,
)
from app.core.zones import DAY

KINDS: dict[type, str] = {
    Tenant: "tenant",
    Group: "group",
    AddressGroup: "address_group",
    Port: "port",
    Switch: "switch",
    Guardrail: "guardrail",
    Token: "token",
    Assertions: "assertions",
}
# Named here because the class has a method called `list`.
Values = list[Stored]
Ids = list[Id]
Guardrails = list[tuple[int, Guardrail]]
Names = list[str]
Zones = list[tuple[int, int]]
Bound = dict[int, list[Id]]
Journal = list["Write"]
# What is handed out: conntrack zones, policies with their epochs, ids of rules and (from the same counter) of
# guardrails, address sets; the counters; and the time of release of each zone that rests.
LEDGER = ("zone", "policy", "rule_id", "guardrail_id", "set", "counter", "resting")
TURN = 200  # rows placed between two pauses: some milliseconds


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
        self._zone_rest = zone_rest
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

    def ids(self, kind: str, tenant: str | None = None) -> Ids:
        """The ids of all values of a kind, of one tenant if given, in no order."""
        return list(self._tables[kind] if tenant is None else self._indexes.owned.get((kind, tenant), ()))

    def port(self, id: Id) -> Port:
        return self._tables["port"][id].value  # type: ignore[no-any-return]

    def ports_of_group(self, tenant: str, group: str) -> Ids:
        return list(self._indexes.members.get((tenant, group), ()))

    def groups_naming(self, tenant: str, remote: Remote) -> Ids:
        """The groups with a rule that names an address set."""
        return list(self._indexes.naming.get((tenant, remote), ()))

    def used(self, tenant: str, resource: str) -> int:
        """How many a tenant has of what a quota limits. O(groups) for rules."""
        if resource == "rules":
            groups = self._indexes.owned.get(("group", tenant), ())
            return sum(len(self._tables["group"][id].value.rules) for id in groups)
        kind = next(kind for kind, counted in quotas.COUNTED.items() if counted == resource)
        return len(self._indexes.owned.get((kind, tenant), ()))

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

    def token(self, digest: str) -> Stored | None:
        """The token whose secret has this SHA-256."""
        name = self._indexes.digests.get(digest)
        return self.find("token", name) if name else None

    def token_of(self, certificate: str) -> Stored | None:
        """The token that a name in a client certificate stands for."""
        name = self._indexes.certificates.get(certificate)
        return self.find("token", name) if name else None

    def tokens_of(self, tenant: str) -> Values:
        return [self._tables["token"][id] for id in sorted(self._indexes.tokens.get(tenant, ()))]

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

    def guardrails(self, tenant: str) -> Guardrails:
        """(id, guardrail) of those that concern a tenant, as they are asked."""
        names = (*self._indexes.guardrails.get(None, ()), *self._indexes.guardrails.get(tenant, ()))
        found = guardrails.in_order(self._tables["guardrail"][name].value for name in names)
        return [(self.guardrail_id(each.name), each) for each in found]

    def guardrail_names(self, tenant: str | None) -> Names:
        """The guardrails that name a tenant; those of everybody, if it is None."""
        return [name for (name,) in self._indexes.guardrails.get(tenant, ())]

    def guardrail_id(self, name: str) -> int:
        return self._tables["guardrail_id"][name,]  # type: ignore[no-any-return]

    def guardrail_of(self, rule_id: int) -> Guardrail | None:
        """The guardrail that has a number of those that rules have. O(guardrails): for explanations."""
        name = next((id for id, number in self._tables["guardrail_id"].items() if number == rule_id), None)
        return self._tables["guardrail"][name].value if name else None

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
        old = self.find(kind, *value.id)
        self._check(value, old.value if old else None)
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
        if kind == "tenant" and self.find("assertions", *id):
            self._set("assertions", id, None)  # what it asserts about itself goes with it
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

    def redo(self, writes: Iterable[Write], revision: int) -> None:
        """Write what a change wrote that was made on a copy of just this inventory: no check is repeated."""
        for write in writes:
            self._set(write.kind, write.id, write.after)
        self.revision = revision

    def undo(self, mark: int = 0) -> None:
        """Take back what the journal holds beyond `mark`."""
        while len(self.journal) > mark:
            write = self.journal.pop()
            self.load(write.kind, write.id, write.before)

    def take_journal(self) -> Journal:
        """The journal so far; a new one begins."""
        journal, self.journal = self.journal, []
        return journal

    def load(self, kind: str, id: Id, content: Any) -> None:
        """Place a row that the store has."""
        place(self._tables, self._indexes, kind, id, content)

    def load_in_turns(self, writes: Iterable[Write], revision: int) -> Iterator[None]:
        """Place what the store has since a large change; whoever reads sees all of it or nothing. Pauses; nobody may
        write meanwhile. Rows are placed in a copy, which then takes the place: that costs more, and holds nobody up.
        """
        tables: dict[str, dict[Id, Any]] = {}
        for kind, table in self._tables.items():
            tables[kind] = yield from copied(table)
        indexes = yield from self._indexes.copied()
        for count, write in enumerate(writes, 1):
            place(tables, indexes, write.kind, write.id, write.after)
            if count % TURN == 0:
                yield
        self._tables, self._indexes, self.revision = tables, indexes, revision
        self._numbers = Numbers(tables, indexes, self._set, self._zone_rest)

    # -- checks

    def _check(self, value: Value, old: Value | None) -> None:
        if isinstance(value, Group | AddressGroup | Port):
            self.get("tenant", value.tenant)
            used = lambda resource: self.used(value.tenant, resource)  # noqa: E731 - of this tenant
            quotas.check(self._quota(value.tenant), KINDS[type(value)], old, value, used)
        if isinstance(value, Assertions):
            self.get("tenant", value.tenant)
        claims.check(value, self._indexes, self._exists)

    def _quota(self, tenant: str) -> quotas.Quota:
        return self._tables["tenant"][tenant,].value.quota  # type: ignore[no-any-return]

    def _exists(self, kind: str, id: Id) -> bool:
        return id in self._tables[kind]

    # -- tables

    def _set(self, kind: str, id: Id, content: Any) -> None:
        self.journal.append(Write(kind, id, self._tables[kind].get(id), content))
        self.load(kind, id, content)


def place(tables: dict[str, dict[Id, Any]], indexes: Indexes, kind: str, id: Id, content: Any) -> None:
    """Have a row in a table, or no more if the content is None, and in the indexes."""
    table = tables[kind]
    if kind == "policy" and content is not None and id in table:
        table[id] = content  # indexes know policies by their ids: one change may give thousands a new epoch
        return
    old = table.pop(id, None)
    if old is not None:
        indexes.mark(kind, id, old, False)
    if content is not None:
        table[id] = content
        indexes.mark(kind, id, content, True)
