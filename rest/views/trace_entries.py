"""The connections that a traced packet may belong to, as the switches have them; what becomes of their packets now."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from app.core.belonging import Belonging
from app.core.connections import Connection
from app.core.flushes import WITH_PORTS, Zone
from app.core.packets import FiveTuple, tuple_of
from app.core.pipeline import EtherType
from app.core.question import Question, Trace
from app.service import Unavailable
from rest.exchange import Call
from rest.resources import conntrack
from rest.views import traces as trace_view

MOST = 10
Found = tuple[str, int, Connection, bool]  # datapath id, segment, the entry, and whether the packet answers in it


def find(call: Call, question: Question, trace: Trace) -> dict[str, Any] | None:
    """Entries in the tenant's zones, at most `MOST`; `left_out` are more. `now` is what the present policies do with
    the first of them. Waits for the switches; None if there can be no entry."""
    legs = [leg for leg in trace.legs if leg.packet["eth_type"] in (EtherType.IPV4, EtherType.IPV6)]
    if not legs:
        return None
    asked = tuple_of(legs[0].packet)
    found: list[Found] = []
    unavailable = []
    zones = call.firewall.zones_by_switch(question.tenant)
    lists = {status.dpid: status.features.get("connection_list") for status in call.firewall.switches()}
    for dpid in {leg.dpid for leg in legs} & zones.keys():
        try:
            if (able := lists.get(dpid)) is not None and not able.on:
                raise Unavailable("no_connection_list", able.why or "")
            for vlan, zone in zones[dpid]:
                listing = call.firewall.connections(dpid, Zone(zone))
                found += [(dpid, vlan, *each) for each in _fitting(call, listing.in_order(), asked, question)]
        except Unavailable as error:
            name = conntrack.switch_name(call, dpid)
            unavailable.append({"switch": name, "reason": error.reason, "detail": str(error)})
    belonging = Belonging(call.firewall.inventory, question.tenant)
    return {
        "items": [conntrack.view(call, belonging, (dpid, vlan, entry)) for dpid, vlan, entry, _ in found[:MOST]],
        "left_out": max(0, len(found) - MOST),
        "unavailable": unavailable,
        "now": _now(call, question, found),
    }


def _fitting(
    call: Call, entries: Iterator[Connection], asked: FiveTuple, question: Question
) -> Iterator[tuple[Connection, bool]]:
    addresses = _written(asked.family, asked.source), _written(asked.family, asked.target)
    for entry in call.paced(entries):
        for is_reply in (False, True):
            if _fits(entry, addresses, question, is_reply):
                yield entry, is_reply
                break


def _fits(entry: Connection, addresses: tuple[str, str], question: Question, is_reply: bool) -> bool:
    ends = (entry.source, entry.destination), (entry.sport, entry.dport)
    (source, target), (sport, dport) = (tuple(reversed(pair)) for pair in ends) if is_reply else ends
    return (
        question.protocol in (None, entry.protocol)
        and (source, target) == addresses
        and (entry.protocol not in WITH_PORTS or question.source_port in (None, sport))
        and (entry.protocol not in WITH_PORTS or question.target_port in (None, dport))
    )


def _written(family: int, value: int) -> str:
    """An address as the switches write it."""
    kind, size = (socket.AF_INET6, 16) if family == 6 else (socket.AF_INET, 4)
    return socket.inet_ntop(kind, value.to_bytes(size, "big"))


def _now(call: Call, question: Question, found: list[Found]) -> dict[str, Any] | None:
    """What becomes of the first entry's packets: of the label each zone has the half of its own party."""
    if not found or found[0][2].icmp:
        return None
    _, _, first, is_reply = found[0]
    same = [entry for *_, entry, _ in found if entry.key.partition(".")[2] == first.key.partition(".")[2]]
    label = 0
    for entry in same:
        label |= entry.label
    ports = (first.dport, first.sport) if is_reply else (first.sport, first.dport)
    supposed = replace(
        question, state="established", protocol=first.protocol, label=label, is_reply=is_reply,
        source_port=ports[0] if first.protocol in WITH_PORTS else None,
        target_port=ports[1] if first.protocol in WITH_PORTS else None,
    )  # fmt: skip
    shown = trace_view.view(call.firewall.trace(supposed), 0, call.caller)
    return {"verdict": shown["verdict"], "decided_by": shown["decided_by"]}
