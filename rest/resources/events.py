"""/v1/events: what happened to the switches lately. Kept in memory: the last thousand, none from before a restart."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, urlencode

from app.core.parsing import Invalid, parse_datapath_id
from app.service import EVENT_TYPES, Happened
from rest import query as queries
from rest.exchange import Answer, Call
from rest.paging import LIMIT, LIMIT_MAX

FILTERS = ("type", "switch")


def list_all(call: Call) -> Answer:
    """The events behind the id `after`, the oldest first. `missed`: others behind it are kept no more."""
    types = queries.choices(call.query, "type", EVENT_TYPES)
    switches = queries.values(call.query, "switch", lambda text: _dpid(call, text))
    limit = queries.number(call.query, "limit", 1, LIMIT_MAX) or LIMIT
    after = queries.value(call.query, "after", _id)
    events, missed = call.firewall.events.since(after)
    found = [event for event in events if _is_asked(event, types, switches)]
    shown = found[:limit]
    following = _next(call, shown[-1].id) if len(found) > limit else None
    headers = {"Link": f'<{following}>; rel="next"'} if following else {}
    # Where to go on when there is no more yet: behind what was looked at, whether it was shown or not.
    last = shown[-1].id if following else max([after or 0, *(event.id for event in events[-1:])])
    body = {"items": [_view(event) for event in shown], "next": following, "last": last, "missed": missed}
    return Answer(200, body, headers)


def _is_asked(event: Happened, types: frozenset[str], switches: frozenset[str]) -> bool:
    return (not types or event.type in types) and (not switches or event.data.get("switch") in switches)


def _view(event: Happened) -> dict[str, Any]:
    return {"id": event.id, "time": event.time, "type": event.type, "data": dict(event.data)}


def _id(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,16}", text):
        raise Invalid("malformed", "after is the id of an event", "0")
    return int(text)


def _dpid(call: Call, text: str) -> str:
    """A switch by name or datapath id; one that is not known has no events."""
    known = call.firewall.inventory.switch_id(text)
    return known if known != text else parse_datapath_id(text)


def _next(call: Call, last: int) -> str:
    pairs = [(name, text) for name, texts in call.query.items() if name != "after" for text in texts]
    return quote(call.path) + "?" + urlencode([*pairs, ("after", last)])
