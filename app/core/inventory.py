"""Everything that is wanted, with the numbers that give it its identity on the switches.

The inventory is one set of tables in memory, changed only through `put` and `delete`. Each change is checked as a whole
and journaled, so that the shell can make it durable, or take it back if it cannot. Zones, policies, epochs and rule ids
are handed out here, by counters that only go up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from app.core import policy
from app.core.problems import BindingConflict, InUse, NotFound, Problem, UnknownReference
from app.core.values import Group, Policy, PolicyKey, Port, Stored, Switch, Tenant, Value
from app.core.zones import next_zone

Id = tuple[str, ...]
KINDS: dict[type, str] = {Tenant: "tenant", Group: "group", Port: "port", Switch: "switch"}
# Named here because the class has a method called `list`.
Values = list[Stored]
Ids = list[Id]
Journal = list["Write"]
# The kinds of numbers that are handed out: conntrack zones, policies with their epochs, rule ids, and the counters.
LEDGER = ("zone", "policy", "rule_id", "counter")


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
        self._by_tenant: dict[tuple[str, str], dict[Id, None]] = defaultdict(dict)
        self._by_mac: dict[tuple[int, str], Id] = {}
        self._by_address: dict[tuple[int, str], Id] = {}
        self._by_binding: dict[tuple[str, str | int], Id] = {}
        self._by_group: dict[Id, dict[Id, None]] = defaultdict(dict)
        self._by_policy: dict[PolicyKey, dict[Id, None]] = defaultdict(dict)
        self._switch_names: dict[str, str] = {}
        self._used_zones: dict[int, Id] = {}

    # -- reading

    def get(self, kind: str, *id: str) -> Stored:
        """The stored value. `NotFound` names the outermost thing that is missing."""
        if kind in ("group", "port") and (id[0],) not in self._tables["tenant"]:
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
        ids = table if tenant is None else self._by_tenant[kind, tenant]
        return [table[id] for id in sorted(ids)]

    def port(self, id: Id) -> Port:
        return self._tables["port"][id].value  # type: ignore[no-any-return]

    def ports_of_group(self, tenant: str, group: str) -> Ids:
        return list(self._by_group[tenant, group])

    def ports_of_policy(self, key: PolicyKey) -> Ids:
        return list(self._by_policy.get(key, ()))

    def zone(self, tenant: str, vlan: int = 0) -> int:
        """The conntrack zone of a tenant in a segment."""
        return self._tables["zone"][tenant, str(vlan)]  # type: ignore[no-any-return]

    def policy(self, key: PolicyKey) -> Policy:
        """A policy with its rules, each under its id; the same rule of several groups is there once."""
        number, epoch = self._tables["policy"][_policy_id(key)]
        rules = [
            (self._tables["rule_id"][key.tenant, group, rule.key], rule)
            for group in key.groups
            for rule in self._tables["group"][key.tenant, group].value.rules
        ]
        return Policy(number, epoch, tuple(rules), key.egress)

    def policy_number(self, key: PolicyKey) -> int:
        return self._tables["policy"][_policy_id(key)][0]  # type: ignore[no-any-return]

    def uplinks(self, dpid: str) -> tuple[str, ...] | None:
        """The interface names and globs that are set for a switch; None: the setting holds."""
        switch = self.find("switch", dpid)
        return switch.value.uplinks if switch and isinstance(switch.value, Switch) else None

    def holder(self, vlan: int, mac: str | None = None, address: str | None = None) -> Id | None:
        """The port that owns a MAC, or an address, in a segment."""
        return self._by_mac.get((vlan, mac)) if mac else self._by_address.get((vlan, address or ""))

    def rule_of(self, rule_id: int) -> Id | None:
        """(tenant, group, key) of a rule id that is in use. O(rules): for explanations, not for packets."""
        return next((id for id, number in self._tables["rule_id"].items() if number == rule_id), None)

    def rule_id(self, tenant: str, group: str, key: str) -> int:
        return self._tables["rule_id"][tenant, group, key]  # type: ignore[no-any-return]

    def switch_id(self, reference: str) -> str:
        """The datapath id that a binding's `switch` means: a switch's name, or a datapath id itself."""
        return self._switch_names.get(reference, reference)

    def bound_to(self, dpid: str, interface: str, ofport: int) -> tuple[Id | None, Id | None]:
        """The port bound to a switch port, and a second one that claims the same by its number."""
        switch = self._tables["switch"].get((dpid,))
        names = [dpid] + ([switch.value.name] if switch and switch.value.name else [])
        claims = [self._by_binding.get((name, plug)) for plug in (interface, ofport) for name in names]
        found = [id for id in claims if id is not None]
        return (found[0] if found else None, found[1] if len(found) > 1 else None)

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
        self._follow(old.value if old else None, value)
        return stored

    def delete(self, kind: str, *id: str) -> Stored:
        """Remove a value that nothing refers to; `InUse` lists what does."""
        old = self.get(kind, *id)
        referrers = self._referrers(kind, id)
        if referrers:
            raise InUse(kind, id[-1], referrers)
        self.revision += 1
        self._set(kind, id, None)
        self._follow(old.value, None)
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
        if isinstance(value, Group | Port):
            self.get("tenant", value.tenant)
        if isinstance(value, Port):
            self._check_port(value)
        if isinstance(value, Switch) and value.name is not None:
            holder = self._switch_names.get(value.name, value.dpid)
            if holder != value.dpid:
                raise BindingConflict(f"the name {value.name} is another switch's", holder)

    def _check_port(self, port: Port) -> None:
        unknown = [
            UnknownReference(f"#/groups/{n}", "unknown_group", f"tenant {port.tenant} has no group {group}")
            for n, group in enumerate(port.groups)
            if (port.tenant, group) not in self._tables["group"]
        ]
        if unknown:
            raise Problem(unknown)
        claims = [(self._by_mac.get((port.vlan, port.mac)), f"MAC address {port.mac}")]
        claims += [(self._by_address.get((port.vlan, a)), f"address {a}") for a in port.addresses]
        if port.binding:
            plug = port.binding.interface or port.binding.ofport
            claims.append((self._by_binding.get(_plug(port)), f"{plug} on switch {port.binding.switch}"))
        for holder, what in claims:
            if holder not in (None, port.id):
                raise BindingConflict(f"{what} belongs to another port", "/".join(holder or ()))

    def _referrers(self, kind: str, id: Id) -> tuple[str, ...]:
        if kind == "group":
            return tuple("/".join(("port", *port)) for port in self._by_group.get(id, ()))
        if kind == "tenant":
            owned = ((k, i) for k in ("group", "port") for i in self._by_tenant.get((k, id[0]), ()))
            return tuple("/".join((k, *i)) for k, i in owned)
        return ()

    # -- numbers that follow from a change

    def _follow(self, old: Value | None, new: Value | None) -> None:
        if isinstance(old, Group) or isinstance(new, Group):
            self._follow_group(old, new)  # type: ignore[arg-type]
        if isinstance(old, Port) or isinstance(new, Port):
            self._follow_port(old, new)  # type: ignore[arg-type]
        if isinstance(old, Tenant) and new is None:
            for id in [id for id in self._tables["zone"] if id[0] == old.name]:
                self._set("zone", id, None)
        if isinstance(new, Tenant):
            self._want_zone(new.name, 0)

    def _want_zone(self, tenant: str, vlan: int) -> None:
        if (tenant, str(vlan)) not in self._tables["zone"]:
            zone = next_zone(self._counter("zone"), self._used_zones)
            self._set("counter", ("zone",), zone)
            self._set("zone", (tenant, str(vlan)), zone)

    def _follow_group(self, old: Group | None, new: Group | None) -> None:
        group = old or new
        assert group is not None
        keep = {rule.key for rule in new.rules} if new else set()
        for rule in old.rules if old else ():
            if rule.key not in keep:
                self._set("rule_id", (*group.id, rule.key), None)
        for rule in new.rules if new else ():
            if (*group.id, rule.key) not in self._tables["rule_id"]:
                self._set("rule_id", (*group.id, rule.key), self._next("rule_id"))
        if old and new:
            self._tighten(old, new)

    def _tighten(self, old: Group, new: Group) -> None:
        """Give every policy that the change makes tighter a new epoch, and make the others known as changed."""
        for key in {PolicyKey.of(self.port(id)) for id in self._by_group.get(new.id, ())}:
            number, epoch = self._tables["policy"][_policy_id(key)]
            others = [r for g in key.groups if g != new.name for r in self._tables["group"][key.tenant, g].value.rules]
            if policy.is_tighter([*others, *old.rules], [*others, *new.rules], key.egress):
                epoch = self._next("epoch")
            self._set("policy", _policy_id(key), (number, epoch))

    def _follow_port(self, old: Port | None, new: Port | None) -> None:
        if new:
            self._want_zone(new.tenant, new.vlan)
            key = PolicyKey.of(new)
            if _policy_id(key) not in self._tables["policy"]:
                self._set("policy", _policy_id(key), (self._next("policy"), self._next("epoch")))
        if old and not self._by_policy.get(PolicyKey.of(old)):
            self._set("policy", _policy_id(PolicyKey.of(old)), None)

    def _counter(self, name: str) -> int:
        return self._tables["counter"].get((name,), 0)  # type: ignore[no-any-return]

    def _next(self, name: str) -> int:
        number = self._counter(name) + 1
        self._set("counter", (name,), number)
        return number

    # -- tables and their indexes

    def _set(self, kind: str, id: Id, content: Any) -> None:
        self.journal.append(Write(kind, id, self._tables[kind].get(id), content))
        self._place(kind, id, content)

    def _place(self, kind: str, id: Id, content: Any) -> None:
        old = self._tables[kind].pop(id, None)
        index = self._INDEXES.get(kind)
        if index and old is not None:
            index(self, id, old, False)
        if content is not None:
            self._tables[kind][id] = content
            if index:
                index(self, id, content, True)

    def _index_owned(self, id: Id, stored: Stored, present: bool) -> None:
        value = stored.value
        assert isinstance(value, Group | Port)
        _mark(self._by_tenant[KINDS[type(value)], value.tenant], id, None, present)
        if isinstance(value, Port):
            self._index_port(value, present)

    def _index_port(self, port: Port, present: bool) -> None:
        _mark(self._by_mac, (port.vlan, port.mac), port.id, present)
        for address in port.addresses:
            _mark(self._by_address, (port.vlan, address), port.id, present)
        for group in port.groups:
            _mark(self._by_group[port.tenant, group], port.id, None, present)
        _mark(self._by_policy[PolicyKey.of(port)], port.id, None, present)
        if port.binding:
            _mark(self._by_binding, _plug(port), port.id, present)

    def _index_switch(self, id: Id, stored: Stored, present: bool) -> None:
        assert isinstance(stored.value, Switch)
        if stored.value.name:
            _mark(self._switch_names, stored.value.name, stored.value.dpid, present)

    def _index_zone(self, id: Id, zone: int, present: bool) -> None:
        _mark(self._used_zones, zone, id, present)

    _INDEXES: dict[str, Callable[[Inventory, Id, Any, bool], None]] = {
        "group": _index_owned,
        "port": _index_owned,
        "switch": _index_switch,
        "zone": _index_zone,
    }


def _mark(index: dict[Any, Any], key: Any, value: Any, present: bool) -> None:
    if present:
        index[key] = value
    else:
        index.pop(key, None)


def _plug(port: Port) -> tuple[str, str | int]:
    assert port.binding is not None
    return port.binding.switch, port.binding.interface or port.binding.ofport or 0


def _policy_id(key: PolicyKey) -> Id:
    return (key.tenant, key.egress, *key.groups)
