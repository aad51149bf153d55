"""/v1/drop-samples: what the switches have dropped lately, packet by kind of packet, if they are sampled."""

from __future__ import annotations

import re
from typing import Any

from app.core.explained import DropSeen
from app.core.parsing import parse_name, parse_port_id
from app.core.problems import NotFound
from rest import query as queries
from rest.caller import Caller
from rest.exchange import Answer, Call
from rest.resources.conntrack import switch_name

FILTERS = ("tenant", "port", "limit")
LIMIT = 100
INTERFACE = re.compile(r"\bin_port\([^()]*\),?")
INTERFACE_AND_MACS = re.compile(r"\b(?:in_port|eth)\([^()]*\),?")


def get(call: Call) -> Answer:
    """What was dropped lately, the latest first: from whom and to whom, as far as the datapath has looked."""
    tenants = queries.values(call.query, "tenant", parse_name)
    for tenant in tenants:
        if not call.caller.sees(tenant) or not call.firewall.inventory.find("tenant", tenant):
            raise NotFound("tenant", tenant)
    ports = queries.values(call.query, "port", parse_port_id)
    limit = queries.number(call.query, "limit", 1, 1000) or LIMIT
    items = []
    for seen in call.paced(list(reversed(call.firewall.explaining.drops))):
        ends = [
            end.split("/", 1) for end in (seen.sender, seen.receiver) if end and call.caller.sees(end.split("/")[0])
        ]
        fits = any((not tenants or end[0] in tenants) and (not ports or end[1] in ports) for end in ends)
        if fits or (call.caller.tenant is None and not tenants and not ports):
            items.append(_view(call, seen))
        if len(items) == limit:
            break
    return Answer(200, {"items": items, "every_seconds": call.firewall.explaining.drop_interval})


def _view(call: Call, seen: DropSeen) -> dict[str, Any]:
    return {
        "time": seen.time,
        "switch": switch_name(call, seen.dpid),
        "interface": seen.interface if _knows(call.caller, seen.sender, None) else None,
        "sender": _known(call.caller, seen.sender),
        "receiver": _known(call.caller, seen.receiver),
        "packets": seen.packets,
        "match": _match(call.caller, seen),
    }


def _match(caller: Caller, seen: DropSeen) -> str:
    """Without what names others' interfaces and MACs."""
    if caller.tenant is None:
        return seen.match
    both = all(end and caller.sees(end.split("/")[0]) for end in (seen.sender, seen.receiver))
    return (INTERFACE if both else INTERFACE_AND_MACS).sub("", seen.match)


def _known(caller: Caller, end: str | None) -> str | None:
    return end if end and caller.sees(end.split("/")[0]) else None


def _knows(caller: Caller, end: str | None, default: str | None) -> bool:
    return caller.sees(end.split("/")[0] if end else default)
