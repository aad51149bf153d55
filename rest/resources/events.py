"""/v1/events: what happened lately, in pages or as a stream. Kept in memory: the last thousands, none from before a
restart."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

from app.core.parsing import Invalid, parse_datapath_id, parse_name, parse_port_id
from app.core.problems import NotFound
from app.service import EVENT_TYPES, Happened, TooMany
from rest import query as queries
from rest.exchange import Answer, Call, Stream
from rest.paging import LIMIT, LIMIT_MAX
from rest.problems import RETRY, Failure
from rest.streaming import EVENT_STREAM, PING, EventStream

FILTERS = ("type", "switch", "tenant", "port")
Wants = Callable[[Happened], bool]


def list_all(call: Call) -> Answer | Stream:
    """What happened behind the id `after`, the oldest first; or, as `text/event-stream`, from now on."""
    wants = _wants(call)
    after = queries.value(call.query, "after", _id)
    return _stream(call, wants, after) if call.media == EVENT_STREAM else _page(call, wants, after)


def _page(call: Call, wants: Wants, after: int | None) -> Answer:
    limit = queries.number(call.query, "limit", 1, LIMIT_MAX) or LIMIT
    events = call.firewall.events
    if after is not None and events.is_gone(after):
        detail = "events behind that id are kept no more, or nobody gave it; begin without `after`"
        raise Failure(410, "cursor_expired", detail, oldest=events.oldest)
    last = events.last
    found = [event for event in events.since(after) if wants(event)]
    shown = found[:limit]
    following = _next(call, shown[-1].id) if len(found) > limit else None
    headers = {"Link": f'<{following}>; rel="next"'} if following else {}
    # Where to go on when there is no more yet: behind what was looked at, whether it was shown or not.
    body = {"items": [_view(event) for event in shown], "next": following, "last": shown[-1].id if following else last}
    return Answer(200, body, headers)


def _stream(call: Call, wants: Wants, after: int | None) -> Stream:
    """Behind `Last-Event-ID`, which a browser sends when it comes back, else behind `after`, else from now on."""
    events, given = call.firewall.events, call.headers.get("Last-Event-ID")
    if given:
        after = int(given) if re.fullmatch(r"[0-9]{1,16}", given, re.ASCII) else -1  # nobody gave that: start over
    try:
        following = events.follow(call.caller.name, after, wants)
    except TooMany as error:
        raise Failure(503, "overloaded", str(error), headers={**RETRY, "Retry-After": "5"}) from None
    is_reset = after is not None and events.is_gone(after)
    stream = EventStream(following, is_reset, call.goes_on, call.pause, PING)
    return Stream(stream, EVENT_STREAM, {"X-Accel-Buffering": "no"})  # which keeps nginx from gathering them


def _wants(call: Call) -> Wants:
    """AND between the names of the query, OR between the values of one; and never what is another tenant's."""
    types = queries.choices(call.query, "type", EVENT_TYPES)
    asked = {
        "switch": queries.values(call.query, "switch", lambda text: _dpid(call, text)),
        "tenant": queries.values(call.query, "tenant", parse_name),
        "port": queries.values(call.query, "port", parse_port_id),
    }
    for tenant in asked["tenant"]:
        if not call.caller.sees(tenant):
            raise NotFound("tenant", tenant)
    asked = {name: wanted for name, wanted in asked.items() if wanted}
    caller = call.caller

    def wants(event: Happened) -> bool:
        data = event.data
        return (
            (not types or event.type in types)
            and all(data.get(name) in wanted for name, wanted in asked.items())
            and caller.sees(data.get("tenant"))
        )

    return wants


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
