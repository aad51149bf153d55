"""What a change did, told as the API speaks of things: paths, with the document before and after."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from app.core.inventory import KINDS, Write
from app.core.values import Assertions, Group, Quota, Tenant
from rest.resources import address_groups, groups, guardrails, ports, switches, tenants, tokens
from rest.views.assertions import document

Document = dict[str, Any]
Parts = dict[str, Document]  # by path


def told(writes: Sequence[Write]) -> list[Document]:
    """Each thing that differs once, by its first write: ``op`` (add, change, delete), ``path``, ``before``,
    ``after``. What was changed and changed back is not told. A pure function of values, for any thread.
    """
    first: dict[tuple[str, tuple[str, ...]], Any] = {}
    last: dict[tuple[str, tuple[str, ...]], Any] = {}
    for write in writes:
        if write.kind in NAMED:
            first.setdefault((write.kind, write.id), write.before)
            last[write.kind, write.id] = write.after
    return [change for key in first for change in _changes(key[0], first[key], last[key])]


def worth_telling(writes: Sequence[Write]) -> tuple[Write, ...]:
    """Those of them that change what the API shows."""
    return tuple([write for write in writes if write.kind in NAMED])


def _changes(kind: str, before: Any, after: Any) -> Iterator[Document]:
    old, new = (PARTS[kind](stored.value) if stored else {} for stored in (before, after))
    for path in (*old, *(path for path in new if path not in old)):
        was, now = old.get(path), new.get(path)
        if was != now:
            yield {"op": "add" if was is None else "delete" if now is None else "change", "path": path} | {
                "before": was,
                "after": now,
            }


def _tenant(tenant: Tenant) -> Parts:
    path = f"/tenants/{tenant.name}"
    parts = {path: tenants.document(tenant)}
    if tenant.quota != Quota():
        parts[path + "/quota"] = asdict(tenant.quota)
    return parts


def _group(group: Group) -> Parts:
    """A group, and its rules one by one: who adds the thousandth rule has not changed the others."""
    path = f"/tenants/{group.tenant}/groups/{group.name}"
    own = {name: value for name, value in groups.document(group).items() if name != "rules"}
    return {path: own} | {f"{path}/rules/{rule.key}": groups.rule_document(rule) for rule in group.rules}


def _owned(place: str, document: Callable[[Any], Document]) -> Callable[[Any], Parts]:
    return lambda value: {f"/tenants/{value.id[0]}/{place}/{value.id[1]}": document(value)}


def _named(place: str, document: Callable[[Any], Document]) -> Callable[[Any], Parts]:
    return lambda value: {f"/{place}/{value.id[0]}": document(value)}


def _assertions(assertions: Assertions) -> Parts:
    return {f"/tenants/{assertions.tenant}/assertions": {"items": [document(item) for item in assertions.items]}}


# By kind, the documents of a value by their paths. No secret may be in one: they are kept, and shown.
PARTS: dict[str, Callable[[Any], Parts]] = {
    "tenant": _tenant,
    "group": _group,
    "address_group": _owned("address-groups", address_groups.document),
    "port": _owned("ports", ports.document),
    "switch": _named("switches", switches.document),
    "guardrail": _named("guardrails", guardrails.document),
    "token": _named("tokens", tokens.document),
    "assertions": _assertions,
}
NAMED = frozenset(PARTS) & frozenset(KINDS.values())
