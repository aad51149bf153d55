"""``?fields=id,status.state``: only some members of a resource, or of each one in a list."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from rest import query as queries
from rest.exchange import Answer
from rest.problems import invalid_query
from rest.query import Query
from rest.schemas.resources import AddressGroupBody, GroupBody, PortBody, SwitchBody, TenantBody
from rest.schemas.rules import RuleItem
from rest.validation import fields_of

FIELD = re.compile(r"[a-z][a-z0-9_]{0,63}(\.[A-Za-z0-9_-]{1,63}){0,3}")
ANSWERS_ONLY = ("realized", "lagging")  # of a write
STORED = ("tenant", "group", "revision", "created_at", "updated_at")

# What there is under a path, also of what no resource in the answer has just now; elsewhere the answer itself tells.
_T = "/v1/tenants/<tenant>"
_BODIES = {
    "/v1/tenants": TenantBody,
    _T: TenantBody,
    f"{_T}/ports": PortBody,
    f"{_T}/ports/<port>": PortBody,
    f"{_T}/groups": GroupBody,
    f"{_T}/groups/<group>": GroupBody,
    f"{_T}/address-groups": AddressGroupBody,
    f"{_T}/address-groups/<group>": AddressGroupBody,
    "/v1/switches": SwitchBody,
    "/v1/switches/<switch>": SwitchBody,
}
KNOWN: dict[str, tuple[str, ...]] = {path: fields_of(body, ANSWERS_ONLY) for path, body in _BODIES.items()} | {
    f"{_T}/groups/<group>/rules": fields_of(RuleItem),
    f"{_T}/groups/<group>/rules/<rule>": (*fields_of(RuleItem), *STORED),
}


def wanted(query: Query, path: str) -> tuple[str, ...] | None:
    """The members that a query asks for, by the template of its path; None: all. `Failure` 400 for what cannot be."""
    if "fields" not in query:
        return None
    fields = [field for text in query["fields"] for field in text.split(",")]
    if wrong := [field for field in fields if not FIELD.fullmatch(field)]:
        detail = f"fields are names with commas between them, and {wrong[0][:64]!r} is none"
        raise invalid_query([queries.wrong("fields", detail, "name,revision")])
    if path in KNOWN:
        _check(fields, KNOWN[path])
    return tuple(dict.fromkeys(fields))


def selected(answer: Answer, fields: Sequence[str], path: str) -> Answer:
    """The answer with these members only; what a list says of itself stays."""
    if not isinstance(answer.body, dict) or answer.status != 200:
        return answer
    items = answer.body.get("items")
    things = items if isinstance(items, list) else [answer.body]
    if path not in KNOWN and things:
        _check(fields, {name for thing in things for name in thing})
    picked = [_picked(thing, fields) for thing in things]
    return replace(answer, body=answer.body | {"items": picked} if isinstance(items, list) else picked[0])


def _check(fields: Iterable[str], known: Iterable[str]) -> None:
    names = sorted(known)
    unknown = [field for field in fields if field.split(".")[0] not in names]
    if unknown:
        raise invalid_query([_fault(field, names) for field in unknown])


def _fault(field: str, names: Sequence[str]) -> Any:
    near = get_close_matches(field.split(".")[0], names, 1)
    detail = f"there is no field {field}, only {', '.join(names)}"
    return queries.wrong("fields", detail, near[0] if near else None, "unknown_field")


def _picked(thing: Any, fields: Iterable[str]) -> Any:
    """A member that a thing lacks is left out, as it would be without `fields`."""
    if not isinstance(thing, dict):
        return thing
    found: dict[str, Any] = {}
    for field in fields:
        _copy(thing, field.split("."), found)
    return found


def _copy(thing: dict[str, Any], steps: Sequence[str], into: dict[str, Any]) -> None:
    name = steps[0]
    if name not in thing:
        return
    inner = thing[name]
    if len(steps) == 1 or not isinstance(inner, dict):
        into[name] = inner
    else:
        below = into.get(name)
        if below is not inner:  # else all of it was asked for already
            _copy(inner, steps[1:], into.setdefault(name, {}))
