"""What goes wrong, as RFC 9457 problem documents. Every refusal becomes an answer here and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from app.core.parsing import Invalid
from app.core.problems import (
    AssertionsBroken,
    BindingConflict,
    Exhausted,
    InUse,
    NotFound,
    PriorityConflict,
    Problem,
    QuotaExceeded,
    Refused,
)
from app.errors import AsideTooLong, TooManyFlows
from app.service import NotConnected, StoreUnavailable, Unreachable
from rest.views.assertions import broken_documents

# RFC 9110 renamed two phrases that Python 3.11 still has under their old names.
TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}
ERRORS_SHOWN = 100
REFERRERS_SHOWN = 20
RETRY = {"Retry-After": "1"}


class Fault(NamedTuple):
    """One wrong place: `pointer` is a JSON pointer into the body, ``?name`` of the query or ``{name}`` of the path."""

    pointer: str
    code: str
    detail: str
    hint: str | None = None

    def document(self) -> dict[str, str]:
        return {name: text for name, text in self._asdict().items() if text is not None}


class Failure(Exception):
    """A request that is refused. `code` is the stable machine word; `members` extend the problem document."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Iterable[Fault] = (),
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.members = members

    def document(self, instance: str, request_id: str) -> dict[str, Any]:
        """The body of the answer."""
        shown = [fault.document() for fault in self.errors]
        return {
            "type": f"/problems/{self.code}",
            "title": TITLES.get(self.status) or HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "instance": instance,
            "request_id": request_id,
            **self.members,
            **({"errors": shown} if shown else {}),
        }


def invalid_body(errors: Iterable[Fault], total: int | None = None) -> Failure:
    """`errors` are those to show of `total`, which are all of them if that is not said."""
    faults = list(errors)
    total = len(faults) if total is None else total
    count = "1 problem" if total == 1 else f"{total} problems"
    return Failure(422, "invalid_body", f"{count} in the body; nothing was changed", errors=faults)


def invalid_query(errors: Iterable[Fault]) -> Failure:
    faults = list(errors)
    return Failure(400, "invalid_query", "; ".join(fault.detail for fault in faults[:3]), errors=faults)


def _exhausted(error: Exhausted) -> Failure:
    """507, as for a disk: nothing is wrong with the request, and it may succeed when there is room again."""
    wait = None if error.next_free is None else math.ceil(error.next_free)
    headers = {} if wait is None else {"Retry-After": str(wait)}
    counts = {"in_use": error.in_use, "resting": error.resting, "next_free_seconds": wait}
    return Failure(507, "zones_exhausted", str(error), headers=headers, **counts)


def failure_of(error: Exception) -> Failure | None:
    """The answer to what the core or the shell refuses; None for what is a bug."""
    match error:
        case Failure():
            return error
        case NotFound(kind=kind, id=id):
            return Failure(404, "not_found", str(error), kind=kind, id=id)
        case InUse():
            shown = error.referrers[:REFERRERS_SHOWN]
            return Failure(409, "in_use", str(error), referrers=shown, count=len(error.referrers))
        case BindingConflict():
            return Failure(409, "binding_conflict", str(error), conflicts_with=error.conflicts_with)
        case QuotaExceeded():
            counts = {"resource": error.resource, "limit": error.limit, "used": error.used}
            return Failure(409, "quota_exceeded", str(error), **counts, requested=error.requested)
        case PriorityConflict():
            return Failure(409, "priority_conflict", str(error), conflicts_with=error.conflicts_with)
        case AssertionsBroken(broken=broken):
            assertions = broken_documents(broken, REFERRERS_SHOWN)
            return Failure(422, "assertion_failed", str(error), assertions=assertions, count=len(broken))
        case Exhausted():
            return _exhausted(error)
        case Problem(errors=errors):
            return invalid_body(Fault(e.pointer, e.code, e.detail, e.hint) for e in errors)
        case Invalid():
            return invalid_body([Fault("#", error.code, error.detail, error.hint)])
        case StoreUnavailable():
            return Failure(503, "store_unavailable", "the change could not be made durable", headers=RETRY)
        case NotConnected():
            return Failure(409, "switch_not_connected", str(error))
        case Unreachable():
            return Failure(503, "switch_unreachable", str(error), headers=RETRY)
        case TooManyFlows(switches=switches):
            return Failure(409, "too_many_flows", str(error), switches=switches)
        case AsideTooLong():
            return Failure(503, "overloaded", "it could not be computed in time", headers=RETRY)
        case Refused():
            return Failure(409, "refused", str(error))
    return None
