"""/v1/tenants/{tenant}/trace: would this packet pass, and which rule decides?"""

from __future__ import annotations

from typing import Any

from app.core.parsing import (
    PORT_PROTOCOLS,
    Invalid,
    family_of,
    parse_address,
    parse_mac,
    parse_name,
    parse_port_id,
    parse_protocol,
    protocol_name,
)
from app.core.problems import NotFound
from app.core.rules import ICMP_OF
from app.core.trace import Question, Trace
from app.core.values import VLAN_LAST
from app.service import Unavailable
from rest import query as queries
from rest.exchange import Answer, Asking, Call
from rest.problems import RETRY, Failure, Fault, invalid_query
from rest.query import wrong
from rest.resources.conntrack import switch_name
from rest.views import trace_entries
from rest.views import traces as trace_view

Told = tuple[Trace, int, dict[str, Any]]  # the revision it is of, and what switches say beside it
STATES = ("new", "established", "related", "invalid")
PARAMETERS = ("src", "dst", "proto", "sport", "dport", "icmp_type", "icmp_code", "ct_state", "mac", "ip", "vlan",
              "conntrack", "datapath")  # fmt: skip


def get(call: Call) -> Asking:
    """What would happen to a packet and to what answers it, which rule decides, and what the switches say of it."""
    question = _question(call)
    wants_entries = queries.one(call.query, "conntrack") is None or queries.flag(call.query, "conntrack")
    wants_check = queries.flag(call.query, "datapath")
    call.firewall.inventory.get("tenant", question.tenant)
    for end in (question.source, question.target):
        if not end.startswith("ip:") and "/" in end and not call.caller.sees(end.split("/")[0]):
            raise NotFound("tenant", end.split("/")[0])

    def ask() -> Told:
        trace = call.firewall.trace(question)
        revision = call.firewall.inventory.revision
        checked = _checked(call, trace) if wants_check else {"checked": False}  # before anything else can change
        entries = trace_entries.find(call, question, trace) if wants_entries and question.state == "new" else None
        return trace, revision, {"conntrack": entries, "datapath": checked}

    def answer(told: Told) -> Answer:
        trace, revision, beside = told
        shown = trace_view.view(trace, revision, call.caller) | beside
        return Answer(200, trace_view.text(shown) if call.media == "text/plain" else shown)

    return Asking(ask, answer)


def _checked(call: Call, trace: Trace) -> dict[str, Any]:
    """What the switches' own `ofproto/trace` says. 503 if one that the packet would cross cannot be asked."""
    try:
        found = call.firewall.explaining.check(trace, call.params["tenant"])
    except Unavailable as error:
        raise Failure(503, "switch_unreachable", f"{error}", headers=RETRY, reason=error.reason) from None
    return trace_view.checked(found, call.caller, lambda dpid: switch_name(call, dpid))


def _question(call: Call) -> Question:
    query = call.query
    faults = [wrong(name, f"{name} is needed", code="missing") for name in ("src", "dst") if name not in query]
    if faults:
        raise invalid_query(faults)
    question = Question(
        tenant=call.params["tenant"],
        source=queries.value(query, "src", parse_end) or "",
        target=queries.value(query, "dst", parse_end) or "",
        protocol=queries.value(query, "proto", _protocol),
        source_port=queries.number(query, "sport", 0, 65535),
        target_port=queries.number(query, "dport", 0, 65535),
        icmp_type=queries.number(query, "icmp_type", 0, 255),
        icmp_code=queries.number(query, "icmp_code", 0, 255),
        state=queries.choice(query, "ct_state", STATES) or "new",  # type: ignore[arg-type]
        mac=queries.value(query, "mac", parse_mac),
        address=queries.value(query, "ip", parse_address),
        vlan=queries.number(query, "vlan", 0, VLAN_LAST),
    )
    if faults := list(_contradictions(question)):
        raise invalid_query(faults)
    return question


def _contradictions(question: Question) -> list[Fault]:
    ports = {"sport": question.source_port, "dport": question.target_port}
    types = {"icmp_type": question.icmp_type, "icmp_code": question.icmp_code}
    name = protocol_name(question.protocol)
    faults = []
    if question.protocol not in PORT_PROTOCOLS:
        faults += [wrong(p, f"proto {name} has no ports", "proto=tcp") for p, n in ports.items() if n is not None]
    if question.protocol not in ICMP_OF.values():
        faults += [wrong(p, f"proto {name} has no {p}", "proto=icmp") for p, n in types.items() if n is not None]
    ends = {"src": question.source, "dst": question.target}
    if question.vlan is not None and not any(end.startswith("ip:") for end in ends.values()):
        faults.append(wrong("vlan", "vlan is the segment of an ip: end, and there is none", code="not_applicable"))
    return [*faults, *_families(question, ends)]


def _families(question: Question, ends: dict[str, str]) -> list[Fault]:
    """Addresses that are no pair, and ICMP of the other family."""
    addresses = {name: end.removeprefix("ip:") for name, end in ends.items() if end.startswith("ip:")}
    if question.address is not None:
        addresses["ip"] = question.address
    said = [(name, family_of(address)) for name, address in addresses.items()]
    faults = [
        wrong(name, f"{name} is {family}, {said[0][0]} is {said[0][1]}", code="family_mismatch")
        for name, family in said[1:]
        if family != said[0][1]
    ]
    if said and question.protocol in ICMP_OF.values() and question.protocol != ICMP_OF[said[0][1]]:
        fitting = f"proto={protocol_name(ICMP_OF[said[0][1]])}"
        detail = f"{said[0][1]} has no {protocol_name(question.protocol)}"
        faults.append(wrong("proto", detail, fitting, "family_mismatch"))
    return faults


def parse_end(text: str) -> str:
    """One end of a packet: a port id, ``tenant/port``, or ``ip:ADDRESS``."""
    if text.startswith("ip:"):
        return "ip:" + parse_address(text[3:])
    if "/" in text:
        tenant, _, port = text.partition("/")
        return parse_name(tenant) + "/" + parse_port_id(port)
    try:
        return parse_port_id(text)
    except Invalid:
        raise Invalid("malformed", f"{text!r} is neither a port, tenant/port, nor ip:ADDRESS", "ip:192.0.2.1") from None


def _protocol(text: str) -> int | None:
    if len(text) > 16:
        raise Invalid("unknown_protocol", "the protocol is too long")
    return parse_protocol(text)
