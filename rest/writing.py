"""A write: preconditions and the change, checked together inside the firewall's own write."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.core.indexes import Id
from app.core.inventory import Inventory
from app.core.problems import Problem
from app.core.values import Stored, Value
from rest.exchange import Answer, Call, Written, etag, shown
from rest.problems import ERRORS_SHOWN, Failure, Fault, invalid_body
from rest.validation import Schema, merged

Clear = Callable[[Inventory, str], object]
TAG = re.compile(r'(?:W/)?"[^"]*"|[^\s,"]+')


@dataclass(frozen=True, slots=True)
class Condition:
    """What the client believes: ``If-Match``, ``If-None-Match``, and `revision` of the body (0: not there yet)."""

    match: str | None = None
    none_match: str | None = None
    revision: int | None = None
    is_required: bool = False  # if something stands there

    @classmethod
    def of(cls, call: Call, revision: int | None = None) -> Condition:
        return cls(call.headers.get("If-Match"), call.headers.get("If-None-Match"), revision, call.needs_condition)

    def check(self, current: int | None) -> None:
        """`current` is the revision that stands now, None if nothing does. `Failure` 412 if that is not so, 428 if the
        client has to say what it believes and does not.
        """
        tag = None if current is None else etag(current)
        if self.is_required and tag and (self.match, self.none_match, self.revision) == (None, None, None):
            detail = "say which state is to be changed: If-Match with the ETag of what was read"
            raise Failure(428, "precondition_required", detail, headers=_tag(current), current=current)
        if self.match is not None and not _names(self.match, tag):
            raise _mismatch(f"If-Match is {self.match[:80]}", current)
        if self.none_match is not None and _names(self.none_match, tag):
            raise Failure(412, "already_exists", "it exists already", headers=_tag(current), current=current)
        if self.revision is not None and self.revision != (current or 0):
            raise _mismatch(f"revision in the body is {self.revision}", current)


def _names(header: str, tag: str | None) -> bool:
    if tag is None:
        return False
    if header.strip() == "*":
        return True
    # A tag that lost its quotes in a shell still says what is meant.
    return any(given in (tag, tag.strip('"')) for given in TAG.findall(header))


def _tag(current: int | None) -> dict[str, str]:
    return {} if current is None else {"ETag": etag(current)}


def _mismatch(said: str, current: int | None) -> Failure:
    now = "it does not exist" if current is None else f"it is at {current}"
    return Failure(412, "etag_mismatch", f"{said}, but {now}", headers=_tag(current), current=current)


@dataclass(frozen=True, slots=True)
class Resource:
    """How a kind of the inventory is spoken of: `own` is the member that repeats the path's key."""

    kind: str
    own: str
    schema: Schema[Any]
    document: Callable[[Any], dict[str, Any]]
    view: Callable[[Call, Stored], dict[str, Any]]
    keep: Callable[[Any, Any], Any] = lambda old, new: new  # what of the old value no body says

    def read(self, document: Any, id: Id) -> Any:
        fixed = {self.own: id[-1]} | ({"tenant": id[0]} if len(id) > 1 else {})
        return self.schema.read(document, fixed)


def put(call: Call, resource: Resource, id: Id) -> Written:
    """Create or replace `id` by the body; the same body again changes nothing."""
    body = resource.read(call.document(), id)
    condition = Condition.of(call, body.revision)

    def change(inventory: Inventory, now: str) -> Change:
        before = present(inventory, resource.kind, id)
        condition.check(before.revision if before else None)
        value = body.value(id, before.value if before else None)
        return _placed(inventory, now, body, before, resource.keep(before.value, value) if before else value)

    return _written(call, resource, call.write(change, _status))


def patch(call: Call, resource: Resource, id: Id) -> Written:
    """RFC 7396: merge the body into what is there; a member that is null goes back to its default."""
    changes = call.document()

    def change(inventory: Inventory, now: str) -> Change:
        before = inventory.get(resource.kind, *id)
        body = resource.read(merged(resource.document(before.value), changes), id)
        Condition.of(call, body.revision).check(before.revision)
        return _placed(inventory, now, body, before, resource.keep(before.value, body.value(id)))

    return _written(call, resource, call.write(change))


def delete(
    call: Call, kind: str, id: Id, clear: Clear = lambda inventory, now: None, is_heavy: bool = False
) -> Written:
    """Remove `id` after `clear` has removed what may go with it, which `is_heavy` if that is much."""
    condition = Condition.of(call)

    def change(inventory: Inventory, now: str) -> int:
        condition.check(inventory.get(kind, *id).revision)
        clear(inventory, now)
        inventory.delete(kind, *id, now=now)
        return inventory.revision

    write = call.write_heavy if is_heavy else call.write
    return Written(write(change, lambda revision: 204), lambda: Answer(204))


class Change(NamedTuple):
    """What a write did: before and after, and the inventory's revision that contains it."""

    before: Stored | None
    after: Stored
    revision: int


def _placed(inventory: Inventory, now: str, body: Any, before: Stored | None, value: Value) -> Change:
    """Put `value`; what the core finds wrong is told in terms of the body."""
    try:
        return Change(before, inventory.put(value, now), inventory.revision)
    except Problem as problem:
        raise translated(problem, body.pointers(value)) from None


def translated(problem: Problem, pointers: Callable[[str], str]) -> Failure:
    """What the core finds wrong, each place as the client's body has it, in the body's order."""
    found = [Fault(pointers(error.pointer), error.code, error.detail, error.hint) for error in problem.errors]
    found.sort(key=lambda fault: [(int(s), "") if s.isdigit() else (-1, s) for s in fault.pointer.split("/")])
    return invalid_body(found[:ERRORS_SHOWN], len(found))


def _written(call: Call, resource: Resource, change: Change) -> Written:
    return Written(change.revision, lambda: shown(resource.view(call, change.after), _status(change), call.path))


def _status(change: Change) -> int:
    return 200 if change.before else 201


def present(inventory: Inventory, kind: str, id: Id) -> Stored | None:
    """What stands under `id`; a tenant that is missing is the client's mistake before any precondition."""
    if len(id) > 1:
        inventory.get("tenant", id[0])
    return inventory.find(kind, *id)
