"""What a switch does about a port, and from which rules: its flows, its effective rules, and their use."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from app.core.explained import Installed, PortUse, RuleUse
from app.core.inventory import Inventory
from app.core.port_parts import Part
from app.core.values import Group, Port, Rule
from app.service import PortStatus, Unavailable
from rest import query as queries
from rest.exchange import Answer, Asking, Call, Pending
from rest.paging import page
from rest.problems import RETRY, Failure
from rest.resources.conntrack import switch_name
from rest.resources.groups import rule_document
from rest.views import flows as flow_views

FLOWS = ("part",)
MOST_EXPANDED = 50
DEFAULT = "default_egress"
Row = tuple[str, dict[str, Any]]


def flows(call: Call) -> Asking:
    """The flows that decide about a port, each with the rule that it comes from and the switch's counters."""
    port, status = _port(call)
    parts = queries.choices(call.query, "part", get_args(Part))
    return Asking(lambda: _flows(call, port, status), lambda found: _flows_told(call, status, found, parts))


def _flows(call: Call, port: Port, status: PortStatus) -> list[Installed]:
    if status.dpid is None:
        return []
    try:
        return call.firewall.explaining.port_flows(port, status.dpid)
    except Unavailable as error:
        raise unreachable(call, status.dpid, error) from None


def _flows_told(call: Call, status: PortStatus, found: list[Installed], parts: frozenset[str]) -> Answer:
    rows = sorted((flow_views.key(each.flow.table, each.flow.priority, each.flow.cookie), each) for each in found)
    if call.media == "text/plain":
        return Answer(200, "".join(f"{_line(each)}\n" for _, each in rows if not parts or each.part in parts))
    answer = page(call, rows, flow_views.installed, lambda each: not parts or each.part in parts)
    assert isinstance(answer.body, dict)
    where = {"switch": status.dpid and switch_name(call, status.dpid), "ofport": status.ofport}
    missing = sum(each.count is None for each in found)
    return Answer(200, {**answer.body, **where, "flows": len(found), "not_installed": missing}, answer.headers)


def _line(each: Installed) -> str:
    about = each.rule or each.part
    return flow_views.line(each.count, about) if each.count else flow_views.wanted_line(each.flow, about)


def effective_rules(call: Call) -> Asking:
    """All rules and guardrails that apply to a port, in the order in which they decide, with their origin and use."""
    port, status = _port(call)
    return Asking(lambda: _use(call, port, status), lambda told: _rules_told(call, port, status, *told))


def _use(call: Call, port: Port, status: PortStatus) -> tuple[PortUse | None, Unavailable | None]:
    if status.dpid is None:
        return None, None
    try:
        return call.firewall.explaining.port_use(port, status.dpid), None
    except Unavailable as error:
        return None, error


def _rules_told(call: Call, port: Port, status: PortStatus, use: PortUse | None, error: Unavailable | None) -> Answer:
    """Counters are of all ports on the switch that carry the same policy: `shared_by` of them."""
    rows = list(_rows(call.firewall.inventory, port, use))
    answer = page(call, [(f"{n:06}", row) for n, row in enumerate(rows)], lambda row: row)
    assert isinstance(answer.body, dict)
    about: dict[str, Any] = {
        "switch": status.dpid and switch_name(call, status.dpid),
        "shared_by": use.carriers if use else None,
        "last_used_unknown": use.unknown if use else None,
        "unavailable": error and {"reason": error.reason, "detail": str(error)},
    }
    return Answer(200, {**answer.body, **about}, answer.headers)


def _rows(inventory: Inventory, port: Port, use: PortUse | None) -> Iterator[dict[str, Any]]:
    now = datetime.now(UTC)
    for _, guardrail in inventory.guardrails(port.tenant):
        origin = {"guardrail": guardrail.name, "priority": guardrail.priority}
        said = {"rule": guardrail.reference, "origin": origin, "action": guardrail.action}
        matched = {name: text for name, text in rule_document(guardrail.rule).items() if name != "key"}
        yield {**said, **matched, "effective": True, **_used(use, guardrail.reference, now)}
    for name in port.groups:
        group = inventory.get("group", port.tenant, name).value
        assert isinstance(group, Group)
        for rule in group.rules:
            yield _rule(inventory, port, name, rule) | _used(use, f"{name}/{rule.key}", now)
    if port.egress == "any":
        yield {
            "rule": None, "origin": {"default": DEFAULT}, "action": "allow", "direction": "egress", "effective": True,
            **_used(use, None, now),
        }  # fmt: skip


def _rule(inventory: Inventory, port: Port, group: str, rule: Rule) -> dict[str, Any]:
    idle = rule.direction == "egress" and port.egress == "any"
    why = {"because": "the port's egress is any, so no egress rule is asked"} if idle else {}
    said = {"rule": f"{group}/{rule.key}", "origin": {"group": group}, "action": "allow"}
    matched = {name: text for name, text in rule_document(rule).items() if name != "key"}
    return {**said, **matched, **_expanded(inventory, port.tenant, rule), "effective": not idle, **why}


def _expanded(inventory: Inventory, tenant: str, rule: Rule) -> dict[str, Any]:
    """Whom a rule means that names a group or an address group."""
    if rule.remote is None:
        return {}
    family = ":" if rule.ethertype == "IPv6" else "."
    members = inventory.set_members(tenant, rule.remote).values()
    found = sorted({each for some in members for each in some if family in each})
    return {"remote_networks": found[:MOST_EXPANDED], "remote_networks_count": len(found)}


def _used(use: PortUse | None, name: str | None, now: datetime) -> dict[str, Any]:
    if use is None:
        return {"flows": None, "hits": None, "counted_since": None, "last_used": None}
    mine = use.rules.get(name, RuleUse())
    since, last = (None if s is None else _ago(now, s) for s in (mine.seconds, mine.idle))
    return {"flows": mine.flows, "hits": mine.packets, "counted_since": since, "last_used": last}


def _ago(now: datetime, seconds: int) -> str:
    return (now - timedelta(seconds=seconds)).isoformat(timespec="seconds").replace("+00:00", "Z")


def resync(call: Call) -> Pending:
    """Have the switch take all flows of a port anew, in one atomic step. 202 until it has confirmed them."""
    port, status = _port(call)
    if status.dpid is None or status.ofport is None:
        raise Failure(409, "port_not_plugged", status.message or "the port is on no switch", reason=status.reason)
    dpid = status.dpid
    call.act(202)
    return Pending(lambda seconds: _resynced(call, port, dpid, seconds), 0.0)


def _resynced(call: Call, port: Port, dpid: str, seconds: float) -> Answer:
    try:
        count, confirmed = call.firewall.explaining.resync(port, dpid, seconds)
    except Unavailable as error:
        raise unreachable(call, dpid, error) from None
    body = {"port": port.name, "switch": switch_name(call, dpid), "flows": count, "confirmed": confirmed}
    headers = {} if confirmed else {**RETRY, "Location": f"/v1/tenants/{port.tenant}/ports/{port.name}"}
    return Answer(200 if confirmed else 202, body, headers)


def unreachable(call: Call, dpid: str, error: Unavailable) -> Failure:
    """503: only the switch could tell."""
    detail = f"switch {switch_name(call, dpid)}: {error}"
    return Failure(503, "switch_unreachable", detail, headers=RETRY, reason=error.reason)


def _port(call: Call) -> tuple[Port, PortStatus]:
    port = call.firewall.inventory.get("port", call.params["tenant"], call.params["port"]).value
    assert isinstance(port, Port)
    return port, call.firewall.port_status(port)
