"""The numbers that follow from a change: zones, policies and their epochs, rule ids, address sets.

They are handed out by counters that only go up, so that a number never means two things on a switch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from app.core import guardrails, policy
from app.core.indexes import Id, Indexes, policy_id
from app.core.values import AddressGroup, Group, Guardrail, PolicyKey, Port, Remote, Rule, Tenant, Value
from app.core.zones import next_zone, seconds_of

FUTURE_RELEASES = 8  # that one change puts right


class Numbers:
    """Writes the ledger of an inventory, by its `set`, whenever one of its values has changed."""

    def __init__(
        self,
        tables: Mapping[str, Mapping[Id, Any]],
        indexes: Indexes,
        set: Callable[[str, Id, Any], None],
        zone_rest: float,
    ) -> None:
        self._tables, self._indexes, self._set, self._zone_rest = tables, indexes, set, zone_rest

    def follow(self, old: Value | None, new: Value | None, now: str) -> None:
        """`new` stands where `old` stood."""
        match new or old:
            case Tenant():
                self._follow_tenant(old, new, now)  # type: ignore[arg-type]
            case Group():
                self._follow_group(old, new)  # type: ignore[arg-type]
            case AddressGroup():
                self._follow_address_group(old, new)  # type: ignore[arg-type]
            case Port():
                self._follow_port(old, new, now)  # type: ignore[arg-type]
            case Guardrail():
                self._follow_guardrail(old, new)  # type: ignore[arg-type]

    def _follow_tenant(self, old: Tenant | None, new: Tenant | None, now: str) -> None:
        if new:
            self._want_zone(new.name, 0, now)
        elif old:
            for id in list(self._indexes.zones.get(old.name, ())):
                self._release_zone(id, now)

    def _follow_group(self, old: Group | None, new: Group | None) -> None:
        tenant, name = (new or old).id  # type: ignore[union-attr]
        old_rules, new_rules = (group.rules if group else () for group in (old, new))
        for key in {rule.key for rule in old_rules} - {rule.key for rule in new_rules}:
            self._set("rule_id", (tenant, name, key), None)
        for rule in new_rules:
            self._want_number("rule_id", (tenant, name, rule.key))
            if rule.remote:
                self._want_number("set", (tenant, *rule.remote))
        if old and new:
            self._change_rules(old, new)
        if not new:
            self._forget_set(tenant, Remote("group", name))

    def _follow_address_group(self, old: AddressGroup | None, new: AddressGroup | None) -> None:
        tenant, name = (new or old).id  # type: ignore[union-attr]
        if not new:
            self._forget_set(tenant, Remote("address_group", name))
        elif old and not set(old.cidrs) <= set(new.cidrs):
            self._shrink(tenant, (Remote("address_group", name),))

    def _follow_port(self, old: Port | None, new: Port | None, now: str) -> None:
        if new:
            self._want_zone(new.tenant, new.vlan, now)
            self._want_policy(PolicyKey.of(new))
        if not old:
            return
        if not self._indexes.carriers.get(PolicyKey.of(old)):
            self._set("policy", policy_id(PolicyKey.of(old)), None)
        # A tenant keeps the zone of untagged ports.
        if old.vlan and not self._indexes.residents.get((old.tenant, old.vlan)):
            self._release_zone((old.tenant, str(old.vlan)), now)
        left = [
            group
            for group in old.groups
            if new is None or group not in new.groups or not old.member_addresses <= new.member_addresses
        ]
        self._shrink(old.tenant, [Remote("group", group) for group in left])

    def _follow_guardrail(self, old: Guardrail | None, new: Guardrail | None) -> None:
        (id,) = {guardrail.id for guardrail in (old, new) if guardrail}
        if new:
            self._want_number("guardrail_id", id, "rule_id")
        else:
            self._set("guardrail_id", id, None)
        losing: list[PolicyKey] = []
        for tenant in self._concerned(old, new):
            was, now = (each if each and each.concerns(tenant) else None for each in (old, new))
            losing += self._losing(tenant, was, now)
        self._tighten(losing)

    # -- what becomes of policies

    def _concerned(self, old: Guardrail | None, new: Guardrail | None) -> list[str]:
        """The tenants with policies that a guardrail concerns, or did."""
        named = [guardrail.tenants for guardrail in (old, new) if guardrail]
        if None in named:
            return list(self._indexes.of_tenant)
        return sorted({tenant for tenants in named for tenant in tenants or () if tenant in self._indexes.of_tenant})

    def _losing(self, tenant: str, old: Guardrail | None, new: Guardrail | None) -> list[PolicyKey]:
        """The policies of a tenant under which something that was allowed may be denied now."""
        policies = self._indexes.of_tenant[tenant]
        if guardrails.takes_away(old, new):
            return list(policies)
        if new is None or not guardrails.denies_more(old, new):
            return []
        if self._is_allowed_later(tenant, new):
            return list(policies)
        denied, leaves = new.rule, new.direction == "egress"
        groups = {
            id
            for id in self._indexes.owned.get(("group", tenant), ())
            if any(guardrails.overlap(denied, rule) for rule in self._rules(*id))
        }
        return [
            key
            for key in policies
            if (leaves and key.egress == "any") or any((tenant, group) in groups for group in key.groups)
        ]

    def _is_allowed_later(self, tenant: str, guardrail: Guardrail) -> bool:
        """Whether a guardrail that is asked after this one allows some of it."""
        names = (*self._indexes.guardrails.get(None, ()), *self._indexes.guardrails.get(tenant, ()))
        others = (self._tables["guardrail"][name].value for name in names)
        later = (each for each in others if each.action == "allow" and each.priority > guardrail.priority)
        return any(guardrails.overlap(guardrail.rule, other.rule) for other in later)

    def _change_rules(self, old: Group, new: Group) -> None:
        """Give every policy that the change makes tighter a new epoch, and make the others known as changed."""
        for key in list(self._indexes.policies.get(new.id, ())):
            others = [rule for name in key.groups if name != new.name for rule in self._rules(key.tenant, name)]
            self._renew(key, policy.is_tighter([*others, *old.rules], [*others, *new.rules], key.egress))

    def _shrink(self, tenant: str, remotes: Iterable[Remote]) -> None:
        """Something went from address sets: every policy that names one of them is tighter."""
        groups = {id for remote in remotes for id in self._indexes.naming.get((tenant, remote), ())}
        for key in {key: None for id in sorted(groups) for key in self._indexes.policies.get(id, ())}:
            self._renew(key, is_tighter=True)

    def _renew(self, key: PolicyKey, is_tighter: bool) -> None:
        number, epoch = self._tables["policy"][policy_id(key)]
        self._set("policy", policy_id(key), (number, self._next("epoch") if is_tighter else epoch))

    def _tighten(self, keys: Iterable[PolicyKey]) -> None:
        """As many policies as that get new epochs, and the counter goes up once."""
        policies, last = self._tables["policy"], self._counter("epoch")
        ids = [policy_id(key) for key in keys]
        for epoch, id in enumerate(ids, last + 1):
            self._set("policy", id, (policies[id][0], epoch))
        if ids:
            self._set("counter", ("epoch",), last + len(ids))

    def _rules(self, tenant: str, group: str) -> tuple[Rule, ...]:
        return self._tables["group"][tenant, group].value.rules  # type: ignore[no-any-return]

    # -- handing out

    def _want_policy(self, key: PolicyKey) -> None:
        if policy_id(key) not in self._tables["policy"]:
            self._set("policy", policy_id(key), (self._next("policy"), self._next("epoch")))

    def _want_zone(self, tenant: str, vlan: int, now: str) -> None:
        if (tenant, str(vlan)) in self._tables["zone"]:
            return
        moment, resting, last = seconds_of(now), self._indexes.resting, self._counter("zone")
        zone = next_zone(last, self._indexes.used_zones, resting, self._zone_rest, moment)
        if zone > last:
            self._set("counter", ("zone",), zone)
        if zone in resting.since:
            self._set("resting", (str(zone),), None)
        # The clock was set back: they rest from now on, not from a time that may never come.
        for early in resting.in_future(moment, FUTURE_RELEASES):
            self._set("resting", (str(early),), now)
        self._set("zone", (tenant, str(vlan)), zone)

    def _release_zone(self, id: Id, now: str) -> None:
        zone = self._tables["zone"][id]
        self._set("zone", id, None)
        self._set("resting", (str(zone),), now)

    def _want_number(self, kind: str, id: Id, counter: str | None = None) -> None:
        if id not in self._tables[kind]:
            self._set(kind, id, self._next(counter or kind))

    def _forget_set(self, tenant: str, remote: Remote) -> None:
        if (tenant, *remote) in self._tables["set"]:
            self._set("set", (tenant, *remote), None)

    def _counter(self, name: str) -> int:
        return self._tables["counter"].get((name,), 0)  # type: ignore[no-any-return]

    def _next(self, name: str) -> int:
        number = self._counter(name) + 1
        self._set("counter", (name,), number)
        return number
