"""Do the rows of a database make one inventory? What the inventory's own checks would never have let in, is
damage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from app.core.inventory import KINDS, Id
from app.core.values import PolicyKey
from app.core.zones import LAST

Rows = Mapping[str, Mapping[Id, Any]]


def contradictions(rows: Rows, revision: int) -> Iterator[str]:
    """Each contradiction in a sentence; none if an inventory could have come to these rows."""
    yield from _revisions(rows, revision)
    yield from _references(rows)
    yield from _claimed_twice(rows)
    yield from _zones(rows)
    yield from _rule_ids(rows)
    yield from _policies(rows)


def _revisions(rows: Rows, revision: int) -> Iterator[str]:
    for kind in KINDS.values():
        for id, stored in rows[kind].items():
            if not 0 < stored.revision <= revision:
                yield f"{_path(kind, id)} has revision {stored.revision}, the database is at {revision}"


def _references(rows: Rows) -> Iterator[str]:
    for kind in ("group", "port"):
        for id, stored in rows[kind].items():
            if (stored.value.tenant,) not in rows["tenant"]:
                yield f"{_path(kind, id)} belongs to tenant {stored.value.tenant}, which does not exist"
    for id, stored in rows["port"].items():
        for group in stored.value.groups:
            if (stored.value.tenant, group) not in rows["group"]:
                yield f"{_path('port', id)} is in group {group}, which does not exist"


def _claimed_twice(rows: Rows) -> Iterator[str]:
    holders: dict[tuple[Any, ...], str] = {}
    for id, stored in rows["port"].items():
        port = stored.value
        claims = [(port.vlan, port.mac), *((port.vlan, address) for address in port.addresses)]
        if port.binding:
            claims.append((port.binding.switch, port.binding.interface or port.binding.ofport))
        for claim in claims:
            holder = holders.setdefault(claim, _path("port", id))
            if holder != _path("port", id):
                yield f"{_path('port', id)} and {holder} both have {claim[1]}"
    names: dict[str, Id] = {}
    for id, stored in rows["switch"].items():
        if stored.value.name is not None and names.setdefault(stored.value.name, id) != id:
            yield f"two switches have the name {stored.value.name}"


def _zones(rows: Rows) -> Iterator[str]:
    wanted = {(name, "0") for (name,) in rows["tenant"]}
    wanted |= {(stored.value.tenant, str(stored.value.vlan)) for stored in rows["port"].values()}
    yield from (f"{_path('zone', id)} is missing" for id in sorted(wanted - rows["zone"].keys()))
    for id in rows["zone"]:
        if (id[0],) not in rows["tenant"] or len(id) != 2:
            yield f"{_path('zone', id)} belongs to no tenant"
    # The counter goes round, so zones above it are in order.
    yield from _numbers("zone", rows["zone"], LAST)
    if rows["zone"] and not 0 < rows["counter"].get(("zone",), 0) <= LAST:
        yield "the counter of zones is missing or out of range"


def _rule_ids(rows: Rows) -> Iterator[str]:
    wanted = {(*id, rule.key) for id, stored in rows["group"].items() for rule in stored.value.rules}
    yield from _same("rule_id", wanted, rows["rule_id"])
    yield from _numbers("rule_id", rows["rule_id"], rows["counter"].get(("rule_id",), 0))


def _policies(rows: Rows) -> Iterator[str]:
    keys = {PolicyKey.of(stored.value) for stored in rows["port"].values()}
    yield from _same("policy", {(key.tenant, key.egress, *key.groups) for key in keys}, rows["policy"])
    counter = rows["counter"]
    yield from _numbers("policy", {id: pair[0] for id, pair in rows["policy"].items()}, counter.get(("policy",), 0))
    yield from _numbers("epoch", {id: pair[1] for id, pair in rows["policy"].items()}, counter.get(("epoch",), 0))


def _same(kind: str, wanted: set[Id], present: Mapping[Id, Any]) -> Iterator[str]:
    for id in sorted(wanted ^ present.keys()):
        yield f"{_path(kind, id)} is {'missing' if id in wanted else 'there, but nothing uses it'}"


def _numbers(kind: str, numbers: Mapping[Id, int], last: int) -> Iterator[str]:
    """Handed out once each, from 1 to `last`."""
    holders: dict[int, Id] = {}
    for id, number in numbers.items():
        if not 0 < number <= last:
            yield f"{_path(kind, id)} is {number}, but only 1..{last} were ever handed out"
        if holders.setdefault(number, id) != id:
            yield f"{_path(kind, id)} and {_path(kind, holders[number])} are both {number}"


def _path(kind: str, id: Id) -> str:
    return "/".join((kind, *id))
