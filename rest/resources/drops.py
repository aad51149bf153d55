"""/v1/drops: what guards and policies have dropped, by reason, in the last two hours."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from app.core.parsing import Invalid, parse_datapath_id, parse_name, parse_port_id
from app.core.problems import NotFound
from app.core.zones import seconds_of
from app.service import Dropped
from rest import query as queries
from rest.exchange import Answer, Call
from rest.problems import invalid_query

FILTERS = ("tenant", "port", "reason", "switch", "since", "step")
MINUTE, WHOLE = 60, 7200
TOP = 20
AGO = re.compile(r"([0-9]{1,5})([smh])", re.ASCII)
UNITS = {"s": 1, "m": 60, "h": 3600}


def get(call: Call) -> Answer:
    """Packets that were dropped, by reason and step of time, and the ports with most of them."""
    now = time.time()
    since = max(queries.value(call.query, "since", lambda text: _moment(text, now)) or 0.0, now - WHOLE)
    step, keep, observed = _step(call), _filter(call), call.firewall.observed
    series, ports = Counter[tuple[int, str]](), Counter[tuple[str, str | None, str]]()
    for begin, each, packets in call.paced(observed.drops.between(since, keep)):
        series[begin // step * step, each.reason] += packets
        ports[each.tenant, each.port, each.reason] += packets
    totals: Counter[str] = Counter()
    for (_, reason), packets in series.items():
        totals[reason] += packets
    items = [
        {"time": _rfc3339(begin), "reason": reason, "packets": packets}
        for (begin, reason), packets in sorted(series.items())
    ]
    top = [
        {"tenant": tenant, "port": port, "reason": reason, "packets": packets}
        for (tenant, port, reason), packets in ports.most_common(TOP)
    ]
    about: dict[str, Any] = {"since": _rfc3339(since), "until": _rfc3339(now), "step": step}
    return Answer(
        200,
        {"items": items, **about, "totals": dict(sorted(totals.items())), "ports": top, "looked_at": observed.drops_at},
    )


def _filter(call: Call) -> Callable[[Dropped], bool]:
    """AND between the names of the query, OR between the values of one; and never what is another tenant's."""
    tenants = queries.values(call.query, "tenant", parse_name)
    for tenant in tenants:
        if not call.caller.sees(tenant) or not call.firewall.inventory.find("tenant", tenant):
            raise NotFound("tenant", tenant)
    ports = queries.values(call.query, "port", parse_port_id)
    reasons = queries.values(call.query, "reason", _word)
    switches = queries.values(call.query, "switch", lambda text: switch_id(call, text))
    caller = call.caller

    def keep(dropped: Dropped) -> bool:
        return (
            caller.sees(dropped.tenant)
            and (not tenants or dropped.tenant in tenants)
            and (not ports or dropped.port in ports)
            and (not reasons or dropped.reason in reasons)
            and (not switches or dropped.switch in switches)
        )

    return keep


def switch_id(call: Call, text: str) -> str:
    """A switch by name or datapath id; `Invalid` for what can be neither."""
    known = call.firewall.inventory.switch_id(text)
    return known if known != text else parse_datapath_id(text)


def _word(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9_]{1,32}", text):
        raise Invalid("malformed", "reason is a word of a port's status.drops", "ipv4")
    return text


def _step(call: Call) -> int:
    step = queries.number(call.query, "step", MINUTE, WHOLE) or MINUTE
    if step % MINUTE:
        raise invalid_query([queries.wrong("step", "step is a whole number of minutes, in seconds", "300")])
    return step


def _moment(text: str, now: float) -> float:
    """A time, RFC 3339 in UTC, or how long ago: 30m."""
    ago = AGO.fullmatch(text)
    if ago:
        return now - int(ago[1]) * UNITS[ago[2]]
    try:
        return seconds_of(text)
    except (ValueError, OverflowError):
        raise Invalid("malformed", "since is a time in UTC (RFC 3339), or how long ago", "30m") from None


def _rfc3339(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
