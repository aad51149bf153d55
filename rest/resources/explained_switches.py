"""What a switch holds: its flows table by table, and where that differs from what is wanted."""

from __future__ import annotations

from typing import Any

from app.core.explained import Count, Differences
from app.core.parsing import Invalid
from app.core.pipeline import Table
from app.core.words import table_name
from app.service import Unavailable
from rest import query as queries
from rest.exchange import Answer, Asking, Call
from rest.paging import LIMIT, LIMIT_MAX, page
from rest.resources.conntrack import switch_name
from rest.resources.explained_ports import unreachable
from rest.resources.switches import datapath_id
from rest.views import flows as flow_views

LAST_TABLE = 254


def flows(call: Call) -> Asking:
    """The flows of one table (`?table=POLICY`) with their counters; without it, how many each table has."""
    dpid, table = datapath_id(call), queries.value(call.query, "table", _table)
    return Asking(lambda: _flows(call, dpid, table), lambda found: _told(call, dpid, table, found))


def _flows(call: Call, dpid: str, table: int | None) -> list[Count] | dict[int, tuple[int, int]]:
    try:
        if table is None:
            return call.firewall.explaining.table_sizes(dpid)
        return call.firewall.explaining.switch_flows(dpid, table)
    except Unavailable as error:
        raise unreachable(call, dpid, error) from None


def _told(call: Call, dpid: str, table: int | None, found: list[Count] | dict[int, tuple[int, int]]) -> Answer:
    where = {"switch": switch_name(call, dpid)}
    if isinstance(found, dict):
        items = [
            {"table": table_name(number), "table_id": number, "flows": flows, "packets": packets}
            for number, (flows, packets) in sorted(found.items())
        ]
        body = {**where, "tables": items, "flows": sum(flows for flows, _ in found.values())}
        if call.media == "text/plain":
            lines = [f"{each['table_id']:>3} {each['table']:<16} {each['flows']:>8} flows" for each in items]
            return Answer(200, "".join(f"{line}\n" for line in lines))
        return Answer(200, {**body, "revision": call.firewall.inventory.revision})
    rows = sorted((flow_views.key(each.table, each.priority, each.cookie), each) for each in found)
    if call.media == "text/plain":
        return Answer(200, "".join(f"{flow_views.line(each)}\n" for _, each in call.paced(rows)))
    answer = page(call, rows, flow_views.counted)
    assert isinstance(answer.body, dict)
    return Answer(200, {**answer.body, **where, "flows": len(found)}, answer.headers)


def drift(call: Call) -> Asking:
    """Where a switch differs from what is wanted, compared now. Nothing is mended; `:reconcile` does that."""
    dpid = datapath_id(call)
    limit = queries.number(call.query, "limit", 1, LIMIT_MAX) or LIMIT

    def ask() -> Differences:
        try:
            return call.firewall.explaining.drift(dpid)
        except Unavailable as error:
            raise unreachable(call, dpid, error) from None

    return Asking(ask, lambda found: _drift_told(call, dpid, found, limit))


def _drift_told(call: Call, dpid: str, found: Differences, limit: int) -> Answer:
    items: list[dict[str, Any]] = [
        {
            "kind": each.kind,
            "wanted": each.wanted and flow_views.content(each.wanted),
            "held": each.held and flow_views.counted(each.held),
        }
        for each in found.first[:limit]
    ]
    counts = {"missing": found.missing, "extra": found.extra, "altered": found.altered}
    about = {"switch": switch_name(call, dpid), "settled": found.settled, "in_step": not sum(counts.values())}
    return Answer(200, {**about, **counts, "items": items, "revision": call.firewall.inventory.revision})


def _table(text: str) -> int:
    if text in Table.__members__:
        return int(Table[text])
    if text.isdecimal() and len(text) <= 3 and int(text) <= LAST_TABLE:
        return int(text)
    raise Invalid("unknown_table", f"{text[:32]!r} is no table", "POLICY")
