"""/v1/audit: who changed what, by which request, with what stood there before and stands there now."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from app.clock import utc_now
from app.core.parsing import Invalid, parse_name
from app.core.tokens import OF_TENANT
from app.service import Entry, Page, Search
from rest import query as queries
from rest.exchange import Answer, Asking, Call
from rest.paging import LIMIT, LIMIT_MAX
from rest.views.pretty import Verbatim

FILTERS = ("since", "actor", "tenant", "path", "order")
ORDERS = ("oldest", "newest")
AGO = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
AGO_MAX = 100 * 366 * 86400  # seconds; nothing is as old
TIME_ZONE = re.compile(r"(Z|[+-]\d\d:\d\d)$")
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def list_all(call: Call) -> Asking:
    """Entries behind the id `after`, the oldest first, or the newest with ``order=newest``. A tenant's caller sees what
    concerns its tenant, since there is one of that name.
    """
    search = _search(call)
    return Asking(lambda: call.firewall.entries(search), lambda page: _answer(call, search, page))


def _search(call: Call) -> Search:
    query = call.query
    search = Search(
        after=queries.value(query, "after", _id),
        since=queries.value(query, "since", _since),
        actors=frozenset(query.get("actor", ())),
        tenants=queries.values(query, "tenant", parse_name),
        path=queries.value(query, "path", _path),
        newest_first=queries.choice(query, "order", ORDERS) == "newest",
        limit=queries.number(query, "limit", 1, LIMIT_MAX) or LIMIT,
    )
    own = call.caller.tenant
    if own is None:
        return search
    born = call.firewall.inventory.get("tenant", own).created_at
    # An entry of none of the tenants that are asked for is nobody's: names of other tenants find nothing.
    tenants = frozenset({own}) if not search.tenants or own in search.tenants else frozenset({""})
    return replace(search, tenants=tenants, within=own, since=max(born, search.since or born))


def _answer(call: Call, search: Search, page: Page) -> Answer:
    items = [_view(entry, call.caller.tenant) for entry in page.entries]
    following = _next(call, page.entries[-1].id) if page.more else None
    headers = {"Link": f'<{following}>; rel="next"'} if following else {}
    last = page.entries[-1].id if following else page.newest
    return Answer(200, {"items": items, "next": following, "last": last}, headers)


def _view(entry: Entry, tenant: str | None) -> dict[str, Any]:
    """A tenant's caller is not told where others were."""
    is_told = tenant is None or entry.role in OF_TENANT
    return {
        "id": entry.id,
        "time": entry.time,
        "actor": entry.actor,
        "role": entry.role,
        "how": entry.how,
        "remote": entry.remote if is_told else None,
        "request_id": entry.request_id,
        "method": entry.method,
        "path": entry.path,
        "status": entry.status,
        "revision": entry.revision,
        "changes": Verbatim(entry.changes) if isinstance(entry.changes, str) else list(entry.changes),
    }


def _id(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,16}", text):
        raise Invalid("malformed", "after is the id of an entry", "0")
    return int(text)


def _since(text: str) -> str:
    """A time, or how long ago: ``1h``. In the form in which entries have theirs."""
    if ago := AGO.fullmatch(text):
        return utc_now(-min(int(ago[1]) * UNITS[ago[2]], AGO_MAX))
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or "T" not in text or not TIME_ZONE.search(text):
        raise Invalid("malformed", "since is a time in RFC 3339, or how long ago", "1h")
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _path(text: str) -> str:
    """With or without the version; what is below it is meant too."""
    path = text.removeprefix("/v1")
    if not path.startswith("/"):
        raise Invalid("malformed", "path begins with a slash", "/tenants/acme")
    return path


def _next(call: Call, last: int) -> str:
    pairs = [(name, text) for name, texts in call.query.items() if name not in ("after",) for text in texts]
    return quote(call.path) + "?" + urlencode([*pairs, ("after", last)])
