"""Do the rows of a database make one inventory? What the inventory's own checks would never have let in, is
damage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from app.core.indexes import OWNED, Id, policy_id
from app.core.inventory import KINDS
from app.core.values import PolicyKey
from app.core.zones import LAST
from app.store.claims import Rows, claimed_twice, path


def contradictions(rows: Rows, revision: int) -> Iterator[str]:
    """Each contradiction in a sentence; none if an inventory could have come to these rows."""
    yield from _revisions(rows, revision)
    yield from _references(rows)
    yield from claimed_twice(rows)
    yield from _zones(rows)
    yield from _rule_ids(rows)
    yield from _sets(rows)
    yield from _policies(rows)
    yield from _guardrails(rows)
    yield from _tokens(rows)
    yield from _assertions(rows)


def _revisions(rows: Rows, revision: int) -> Iterator[str]:
    for kind in KINDS.values():
        for id, stored in rows[kind].items():
            if not 0 < stored.revision <= revision:
                yield f"{path(kind, id)} has revision {stored.revision}, the database is at {revision}"


def _references(rows: Rows) -> Iterator[str]:
    for kind in OWNED:
        for id, stored in rows[kind].items():
            if (stored.value.tenant,) not in rows["tenant"]:
                yield f"{path(kind, id)} belongs to tenant {stored.value.tenant}, which does not exist"
    for id, stored in rows["port"].items():
        for group in stored.value.groups:
            if (stored.value.tenant, group) not in rows["group"]:
                yield f"{path('port', id)} is in group {group}, which does not exist"
    for id, stored in rows["group"].items():
        for rule in stored.value.rules:
            if rule.remote and (stored.value.tenant, rule.remote.name) not in rows[rule.remote.kind]:
                what = f"{rule.remote.kind} {rule.remote.name}"
                yield f"rule {rule.key} of {path('group', id)} names {what}, which does not exist"


def _guardrails(rows: Rows) -> Iterator[str]:
    priorities: dict[int, Id] = {}
    for id, stored in rows["guardrail"].items():
        other = priorities.setdefault(stored.value.priority, id)
        if other != id:
            yield f"{path('guardrail', id)} and {path('guardrail', other)} have priority {stored.value.priority}"
        for tenant in stored.value.tenants or ():
            if (tenant,) not in rows["tenant"]:
                yield f"{path('guardrail', id)} names tenant {tenant}, which does not exist"


def _tokens(rows: Rows) -> Iterator[str]:
    holders: dict[str, Id] = {}
    for id, stored in rows["token"].items():
        token = stored.value
        if token.tenant is not None and (token.tenant,) not in rows["tenant"]:
            yield f"{path('token', id)} belongs to tenant {token.tenant}, which does not exist"
        for what, proof in (("secret", token.digest), ("certificate", token.certificate)):
            if proof and holders.setdefault(proof, id) != id:
                yield f"{path('token', id)} and {path('token', holders[proof])} have the same {what}"


def _assertions(rows: Rows) -> Iterator[str]:
    for id in rows["assertions"]:
        if (id[0],) not in rows["tenant"]:
            yield f"{path('assertions', id)} belongs to tenant {id[0]}, which does not exist"


def _zones(rows: Rows) -> Iterator[str]:
    wanted = {(name, "0") for (name,) in rows["tenant"]}
    wanted |= {(stored.value.tenant, str(stored.value.vlan)) for stored in rows["port"].values()}
    yield from (f"{path('zone', id)} is missing" for id in sorted(wanted - rows["zone"].keys()))
    for id in rows["zone"]:
        if (id[0],) not in rows["tenant"] or len(id) != 2:
            yield f"{path('zone', id)} belongs to no tenant"
    # The counter of version 2 went round, so zones above it are in order.
    yield from _numbers("zone", rows["zone"], LAST)
    if rows["zone"] and not 0 < rows["counter"].get(("zone",), 0) <= LAST:
        yield "the counter of zones is missing or out of range"
    yield from _resting(rows)


def _resting(rows: Rows) -> Iterator[str]:
    used = {str(zone): id for id, zone in rows["zone"].items()}
    for id in rows["resting"]:
        if len(id) != 1 or not (id[0].isascii() and id[0].isdigit() and str(int(id[0])) == id[0]):
            yield f"{path('resting', id)} is no zone"
        elif not 0 < int(id[0]) <= LAST:
            yield f"{path('resting', id)} is no zone: only 1..{LAST} are"
        elif id[0] in used:
            yield f"{path('resting', id)} rests, but {path('zone', used[id[0]])} has it"


def _rule_ids(rows: Rows) -> Iterator[str]:
    wanted = {(*id, rule.key) for id, stored in rows["group"].items() for rule in stored.value.rules}
    yield from _same("rule_id", wanted, rows["rule_id"])
    yield from _same("guardrail_id", set(rows["guardrail"]), rows["guardrail_id"])
    # Out of one counter, as flows know rules and guardrails by one kind of number; a rule's id has three parts.
    numbers = {**rows["rule_id"], **{("guardrail", *id): number for id, number in rows["guardrail_id"].items()}}
    yield from _numbers("rule_id", numbers, rows["counter"].get(("rule_id",), 0))


def _sets(rows: Rows) -> Iterator[str]:
    named = {
        (id[0], *rule.remote) for id, stored in rows["group"].items() for rule in stored.value.rules if rule.remote
    }
    yield from (f"{path('set', id)} is missing" for id in sorted(named - rows["set"].keys()))
    sets = {(id[0], kind, id[1]) for kind in ("group", "address_group") for id in rows[kind]}
    for id in sorted(rows["set"].keys() - sets):
        yield f"{path('set', id)} is the number of a set that does not exist"
    yield from _numbers("set", rows["set"], rows["counter"].get(("set",), 0))


def _policies(rows: Rows) -> Iterator[str]:
    keys = {PolicyKey.of(stored.value) for stored in rows["port"].values()}
    yield from _same("policy", {policy_id(key) for key in keys}, rows["policy"])
    counter = rows["counter"]
    yield from _numbers("policy", {id: pair[0] for id, pair in rows["policy"].items()}, counter.get(("policy",), 0))
    yield from _numbers("epoch", {id: pair[1] for id, pair in rows["policy"].items()}, counter.get(("epoch",), 0))


def _same(kind: str, wanted: set[Id], present: Mapping[Id, Any]) -> Iterator[str]:
    for id in sorted(wanted ^ present.keys()):
        yield f"{path(kind, id)} is {'missing' if id in wanted else 'there, but nothing uses it'}"


def _numbers(kind: str, numbers: Mapping[Id, int], last: int) -> Iterator[str]:
    """Handed out once each, from 1 to `last`."""
    holders: dict[int, Id] = {}
    for id, number in numbers.items():
        if not 0 < number <= last:
            yield f"{path(kind, id)} is {number}, but only 1..{last} were ever handed out"
        if holders.setdefault(number, id) != id:
            yield f"{path(kind, id)} and {path(kind, holders[number])} are both {number}"
