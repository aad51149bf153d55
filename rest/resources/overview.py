"""/v1/overview and /v1/topology: is everything in force, and who is where? One request each, however many ports.

Whoever belongs to a tenant sees its ports, and of the switches only where those are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from app.core.inventory import Inventory
from app.core.values import Port
from app.service import PortStatus, SwitchStatus
from rest import query as queries
from rest.exchange import Answer, Call
from rest.resources.conntrack import switch_name as name_of
from rest.resources.ports import STATES, status_of

PORTS, PORTS_MAX = 300, 1000  # of one switch that the topology names
DRIFT = ("missing", "extra", "altered", "repaired")


def get(call: Call) -> Answer:
    """How many switches are in step, and how many ports are in which state, of all and by tenant."""
    states: dict[str, Counter[str]] = {stored.value.id[0]: Counter() for stored in _tenants(call)}
    for port, status in _ports(call):
        states.setdefault(port.tenant, Counter())[status.state] += 1
    total = sum(states.values(), Counter[str]())
    body = {
        "switches": None if call.caller.tenant else _summed(call),
        "ports": _counts(total),
        "tenants": [{"name": name, "ports": _counts(counted)} for name, counted in sorted(states.items())],
        "revision": call.firewall.inventory.revision,
    }
    return Answer(200, body)


def topology(call: Call) -> Answer:
    """The switches, each with its ports, their tenants and states; at most `limit` ports of each are named."""
    limit = queries.number(call.query, "limit", 1, PORTS_MAX) or PORTS
    inventory = call.firewall.inventory
    held: dict[str | None, list[dict[str, str]]] = {}
    left_out: Counter[str | None] = Counter()
    for port, status in _ports(call):
        dpid = status.dpid or _bound(inventory, port)
        if len(shown := held.setdefault(dpid, [])) < limit:
            shown.append({"tenant": port.tenant, "id": port.name, "state": status.state})
        else:
            left_out[dpid] += 1
    nowhere = {"ports": held.pop(None, []), "left_out": left_out[None]}
    statuses = {status.dpid: status for status in call.firewall.switches()}
    everything = {*statuses, *(stored.value.id[0] for stored in inventory.list("switch"))}
    dpids = {*held} if call.caller.tenant else {*held, *everything}
    switches = [
        _switch(call, dpid, statuses.get(dpid)) | {"ports": held.get(dpid, []), "left_out": left_out[dpid]}
        for dpid in sorted(dpid for dpid in dpids if dpid)
    ]
    return Answer(200, {"switches": switches, "unplaced": nowhere, "revision": inventory.revision})


def _tenants(call: Call) -> list[Any]:
    return [s for s in call.firewall.inventory.list("tenant") if call.caller.sees(s.value.id[0])]


def _ports(call: Call) -> Iterator[tuple[Port, PortStatus]]:
    """Those that the caller sees; in between everybody else has their turn."""
    for stored in call.paced(call.firewall.inventory.list("port", call.caller.tenant)):
        assert isinstance(stored.value, Port)
        yield stored.value, status_of(call, stored.value)


def _counts(states: Counter[str]) -> dict[str, int]:
    return {"total": states.total(), **{state: states[state] for state in STATES}}


def _summed(call: Call) -> dict[str, Any]:
    statuses = call.firewall.switches()
    here = [status for status in statuses if status.connected]
    behind = [s for s in here if s.state != "synced" or s.applied_revision < s.wanted_revision]
    slowest = max((s for s in here if s.last_push), key=lambda s: s.last_push["seconds"], default=None)
    audits = [s.drift["audited_at"] for s in here if s.drift.get("audited_at")]
    return {
        "total": len(statuses),
        "connected": len(here),
        "in_step": len(here) - len(behind),
        "behind": [_behind(call, status) for status in behind],
        "away": [name_of(call, status.dpid) for status in statuses if not status.connected],
        "warnings": sum(len(status.warnings) for status in here),
        "slowest_push": slowest and {"switch": name_of(call, slowest.dpid), **slowest.last_push},
        "drift": {kind: sum(s.drift.get(kind, 0) for s in here) for kind in DRIFT}
        | {"audited_at": min(audits, default=None)},
    }


def _behind(call: Call, status: SwitchStatus) -> dict[str, Any]:
    lag = max(0, status.wanted_revision - status.applied_revision)
    return {"switch": name_of(call, status.dpid), "state": status.state, "lag": lag}


def _switch(call: Call, dpid: str, status: SwitchStatus | None) -> dict[str, Any]:
    now = status or SwitchStatus(dpid, connected=False, state="disconnected")
    said = {"dpid": dpid, "name": name_of(call, dpid), "connected": now.connected, "state": now.state}
    return said if call.caller.tenant else said | {"flows": now.flows, "uplinks": list(now.uplinks)}


def _bound(inventory: Inventory, port: Port) -> str | None:
    """Where a port that is plugged in nowhere belongs."""
    named = port.binding.switch if port.binding else None
    return inventory.switch_id(named) if named else None
