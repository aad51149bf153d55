"""With which codes an operation may refuse, by status. What all of a kind share follows from the route."""

from __future__ import annotations

from collections.abc import Iterable

from rest.openapi.described import Described
from rest.problem_help import HELP
from rest.routes import Route

ALL = ("invalid_query", "invalid_path", "invalid_length", "length_required", "not_acceptable", "internal", "overloaded")
OF_CALLERS = ("unauthorized", "token_expired", "forbidden")
OF_BODIES = (
    "invalid_json", "incomplete_body", "request_timeout", "too_large", "unsupported_media_type", "invalid_body",
)  # fmt: skip
OF_WRITES = ("rate_limited", "store_unavailable")
OF_CHANGES = ("refused", "invalid_body")
OF_KEYS = ("idempotency_in_progress", "idempotency_key_reused", "not_possible_here")
IF_MATCH = ("etag_mismatch", "precondition_required")
# Queries that name something that has to be there.
NAMING = {"tenant", "switch", "port", "src", "dst", "from", "to"}
# One code, two circumstances: elsewhere it is about `If-None-Match`.
SAME_KEY = {"rule_exists": ("already_exists", 409)}


def codes_of(route: Route, described: Described) -> dict[int, list[str]]:
    """Codes by status, both in order."""
    found: dict[int, set[str]] = {}
    for code in _codes(route, described):
        name, status = SAME_KEY[code] if code in SAME_KEY else (code, HELP[code].statuses[0])
        found.setdefault(status, set()).add(name)
    return {status: sorted(codes) for status, codes in sorted(found.items())}


def _codes(route: Route, described: Described) -> Iterable[str]:
    yield from ALL
    yield from described.codes
    if route.needs != "none":
        yield from OF_CALLERS
    if route.needs == "none" and "<" in route.path:
        yield "unauthorized"  # a path that leads nowhere is told to those only who may come in
    if "<" in route.path or NAMING & set(route.query):
        yield "not_found"
    if "after" in route.query:
        yield "invalid_cursor"
    if described.body is not None:
        yield from OF_BODIES
    if not route.reads:
        yield "forbidden"  # a browser that another site made ask
        yield "invalid_idempotency_key"
        if route.needs != "none":
            yield from OF_WRITES
    if "dry_run" in route.query:
        yield from OF_CHANGES
    if route.keyed:
        yield from OF_KEYS
    if "If-Match" in described.headers:
        yield from IF_MATCH
    if "If-None-Match" in described.headers and not route.reads:
        yield "already_exists"
