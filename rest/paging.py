"""Lists in pages: by key, forward, with a cursor that survives what is added or removed meanwhile."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from app.core.parsing import parse_name
from app.core.values import Stored
from rest import query as queries
from rest.exchange import Answer, Call
from rest.problems import Failure, Fault

T = TypeVar("T")
LIMIT = 100
LIMIT_MAX = 1000


def page(
    call: Call,
    rows: Iterable[tuple[str, T]],
    view: Callable[[T], dict[str, Any]],
    keep: Callable[[T], bool] = lambda thing: True,
    limit: int = LIMIT,
) -> Answer:
    """One page of `rows`, which come in the order of their keys. `keep` is the filter."""
    revision = call.firewall.inventory.revision
    limit = queries.number(call.query, "limit", 1, LIMIT_MAX) or limit
    after = _cursor(queries.one(call.query, "after"))
    items: list[dict[str, Any]] = []
    last, more = "", False
    for key, thing in call.paced(rows):
        if (after is not None and key <= after) or not keep(thing):
            continue
        if len(items) == limit:
            more = True
            break
        items.append(view(thing))
        last = key
    following = _next(call, last) if more else None
    headers = {"Link": f'<{following}>; rel="next"'} if following else {}
    return Answer(200, {"items": items, "next": following, "revision": revision}, headers)


def labels_as_asked(labels: Iterable[tuple[str, str]]) -> set[str]:
    """What ``?label=`` may say to mean these labels: ``env``, ``env=prod``."""
    return {part for key, text in labels for part in (key, f"{key}={text}")}


def page_of_tenant(call: Call, kind: str, view: Callable[[Stored], dict[str, Any]]) -> Answer:
    """One page of what the path's tenant has of a kind; `?name=` picks some."""
    inventory, tenant = call.firewall.inventory, call.params["tenant"]
    names = queries.values(call.query, "name", parse_name)
    inventory.get("tenant", tenant)
    rows = [(stored.value.id[1], stored) for stored in inventory.list(kind, tenant)]
    return page(call, rows, view, lambda stored: not names or stored.value.id[1] in names)


def _next(call: Call, last: str) -> str:
    pairs = [(name, text) for name, texts in call.query.items() if name != "after" for text in texts]
    token = base64.urlsafe_b64encode(last.encode()).decode().rstrip("=")
    return quote(call.path) + "?" + urlencode([*pairs, ("after", token)])


def _cursor(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        key = raw.decode("ascii")
        if not key.isprintable() or not key:
            raise ValueError
    except (binascii.Error, ValueError):
        fault = Fault("?after", "invalid_cursor", "take the cursor from `next` as it is")
        raise Failure(400, "invalid_cursor", "the cursor is damaged", errors=[fault]) from None
    return key
