"""/v1/batch: many writes as one. All of them are done, or none is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from app.core.inventory import Inventory
from rest import query as queries
from rest.access import permits
from rest.decode import decode
from rest.exchange import Answer, Call, Written
from rest.execution import Inside, inside, rendered
from rest.problems import ERRORS_SHOWN, Failure, Fault, failure_of, invalid_body
from rest.schemas.writing import BATCH, BatchBody, Operation
from rest.views.pretty import verbatim

CONDITIONAL = ("PUT", "PATCH", "DELETE")
LIGHT = 10  # operations that the hub can do at once
# A thousand ports with every member; what so many values cost is paid beside the hub.
COMMAS_MAX = 50_000
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# Their answers hold secrets, or they are many writes themselves.
ALONE = ("/v1/tokens", "/v1/batch", "/v1/config")


# The route table's own function: the table is made after this.
Find = Callable[[str, str], tuple[Any, dict[str, str]]]


def run(call: Call, find: Find) -> Written:
    """Up to a thousand writes in order, each seeing what those before it did; the results in the same order."""
    document = decode(call.body, COMMAS_MAX)
    call.pause()
    body = BATCH.read(document)
    call.pause()
    is_light = len(body.operations) <= LIGHT or isinstance(call.firewall, Inside)

    def change(inventory: Inventory, now: str) -> tuple[Any, int]:
        results = _done(call, find, body, inventory, now)
        return results if is_light else verbatim(results), inventory.revision

    results, revision = call.write(change) if is_light else call.write_heavy(change)
    return Written(revision, lambda: Answer(200, {"results": results, "revision": revision}))


def _done(call: Call, find: Find, body: BatchBody, inventory: Inventory, now: str) -> list[dict[str, Any]]:
    """The results of all operations; `Failure` tells what is wrong with as many as can be told."""
    results: list[dict[str, Any]] = []
    refused = _Refused()
    for n, operation in enumerate(body.operations):
        try:
            with inventory.attempt():
                handler, own = _operation(call, find, operation)
                results.append(_result(rendered(handler(inside(own, inventory, now)))))
        except Exception as error:
            failure = failure_of(error)
            if failure is None:
                raise
            refused.add(n, failure)
    if refused.first is not None:
        raise refused.failure(len(body.operations))
    return results


def _operation(call: Call, find: Find, operation: Operation) -> tuple[Callable[[Call], Any], Call]:
    """The handler of an operation, and the call that it gets."""
    path, _, text = operation.path.partition("?")
    if CONTROL.search(operation.path):
        raise _misplaced("path", "the path has a control character")
    route, params = find(operation.method, path)
    permits.check(call.caller, route.needs, route.reads, params)
    if "dry_run" not in route.query or route.own_dry_run or route.path.startswith(ALONE):
        raise _misplaced("path", "this cannot be part of a batch")
    if operation.body is None and route.body and operation.method != "DELETE":
        raise _misplaced("body", "this field is needed", "missing_field")
    known = tuple(name for name in route.query if name not in ("wait", "dry_run"))
    own = replace(
        call,
        path=path,
        params=params,
        query=queries.parse(text, known),
        headers=_headers(operation),
        body=b"" if operation.body is None else json.dumps(operation.body).encode(),
        body_type="application/json",
        origin=replace(call.origin, method=operation.method, path=path),
        needs_condition=_needs_condition(call, operation),
    )
    return route.handler, own


def _needs_condition(call: Call, operation: Operation) -> bool:
    return bool(call.gate and call.gate.access.require_if_match) and operation.method in CONDITIONAL


def _headers(operation: Operation) -> Mapping[str, str]:
    said = {"If-Match": operation.if_match, "If-None-Match": operation.if_none_match}
    return {name: text for name, text in said.items() if text is not None}


def _misplaced(place: str, detail: str, code: str = "not_possible_here") -> Failure:
    return invalid_body([Fault(f"#/../{place}", code, detail)])


def _result(answer: Answer) -> dict[str, Any]:
    """An answer as one of many: its status, its headers that say something, its body."""
    said = {name.lower(): answer.headers[name] for name in ("ETag", "Location") if name in answer.headers}
    return {"status": answer.status, **said, "body": answer.body}


@dataclass(slots=True)
class _Refused:
    """What is wrong with a batch. The first refusal decides what it is; wrong bodies are told of all operations."""

    first: Failure | None = None
    operation: int = 0
    errors: list[Fault] = field(default_factory=list)

    def add(self, n: int, failure: Failure) -> None:
        if self.first is None:
            self.first, self.operation = failure, n
            self.errors = _faults(n, failure)
        elif self.first.code == failure.code == "invalid_body":
            # What is unknown may be so because an operation before was refused.
            self.errors += [fault for fault in _faults(n, failure) if not _is_consequence(fault)]

    def failure(self, operations: int) -> Failure:
        assert self.first is not None
        first, shown = self.first, self.errors[:ERRORS_SHOWN]
        if first.code == "invalid_body":
            refused = invalid_body(shown, len(self.errors))
            return Failure(422, "invalid_body", refused.detail, errors=shown, operation=self.operation)
        detail = f"operation {self.operation} of {operations}: {first.detail}; nothing was changed"
        members = first.members | {"operation": self.operation}
        return Failure(first.status, first.code, detail, errors=shown, **members)


def _faults(n: int, failure: Failure) -> list[Fault]:
    at = f"#/operations/{n}"
    if not failure.errors:
        return [Fault(at, failure.code, failure.detail)]
    return [fault._replace(pointer=_placed(at, fault.pointer)) for fault in failure.errors]


def _placed(at: str, pointer: str) -> str:
    """From a place in an operation's body, query or path to the place in the batch."""
    if pointer.startswith("#/../"):
        return f"{at}/{pointer[5:]}"
    return f"{at}/body{pointer[1:]}" if pointer.startswith("#") else f"{at}/path"


def _is_consequence(fault: Fault) -> bool:
    return fault.code in ("unknown_group", "unknown_address_group")
