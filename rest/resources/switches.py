"""/v1/switches: the bridges, as configured and as they are. A path names one by datapath id or by name."""

from __future__ import annotations

import re
from typing import Any

from app.core.inventory import Inventory
from app.core.parsing import Invalid, parse_datapath_id
from app.core.problems import NotFound
from app.core.values import Stored, Switch
from app.service import SwitchStatus
from rest import query as queries
from rest import writing
from rest.exchange import Answer, Call, Pending, Written, shown
from rest.fields import parse_switch_name
from rest.paging import page
from rest.problems import RETRY, Failure
from rest.schemas.resources import SWITCH

FILTERS = ("name", "connected")
RECONCILE_SECONDS = 10.0  # to wait, if nothing else is said
EXPLICIT = re.compile(r"0x[0-9a-f]{1,16}|[0-9a-f]{16}|[0-9a-f]{2}(:[0-9a-f]{2}){7}", re.IGNORECASE)


def document(switch: Switch) -> dict[str, Any]:
    uplinks = None if switch.uplinks is None else list(switch.uplinks)
    return {
        "name": switch.name,
        "uplinks": uplinks,
        "description": switch.description,
        "ovsdb": switch.ovsdb,
        "control_socket": switch.control_socket,
    }


def _render(dpid: str, stored: Stored | None, status: SwitchStatus | None) -> dict[str, Any]:
    """A bridge that nobody configured is at revision 0."""
    switch = stored.value if stored else Switch(dpid)
    assert isinstance(switch, Switch)
    now = status or SwitchStatus(dpid, connected=False, state="disconnected")
    shown_status = {
        "connected": now.connected,
        "state": now.state,
        "since": now.since,
        "address": now.address,
        "wanted_revision": now.wanted_revision,
        "applied_revision": now.applied_revision,
        "flows": now.flows,
        "ports": now.ports,
        "uplinks": list(now.uplinks),
        "last_error": now.last_error,
        "retry_at": now.retry_at,
        "flow_mods": now.flow_mods,
        "last_push": now.last_push,
        "bridge": now.bridge,
        "software": now.software,
        "datapath_type": now.datapath_type,
        "capabilities": dict(sorted(now.capabilities.items())),
        "drift": dict(now.drift),
        "warnings": [{"code": code, "detail": detail} for code, detail in sorted(now.warnings.items())],
        "features": {name: {"on": each.on, "why": each.why} for name, each in sorted(now.features.items())},
    }
    return {
        "dpid": dpid,
        **document(switch),
        "status": shown_status,
        "revision": stored.revision if stored else 0,
        "created_at": stored.created_at if stored else None,
        "updated_at": stored.updated_at if stored else None,
    }


def view(call: Call, stored: Stored) -> dict[str, Any]:
    dpid = stored.value.id[0]
    return _render(dpid, stored, _statuses(call).get(dpid))


def _statuses(call: Call) -> dict[str, SwitchStatus]:
    return {status.dpid: status for status in call.firewall.switches()}


def list_all(call: Call) -> Answer:
    """The bridges that are configured or have been connected."""
    statuses = _statuses(call)
    known = {stored.value.id[0]: stored for stored in call.firewall.inventory.list("switch")}
    names = queries.values(call.query, "name", parse_switch_name)
    connected = queries.choices(call.query, "connected", ("true", "false"))

    def keep(dpid: str) -> bool:
        status, stored = statuses.get(dpid), known.get(dpid)
        is_there = "true" if status and status.connected else "false"
        is_named = not names or (stored is not None and stored.value.name in names)  # type: ignore[union-attr]
        return is_named and (not connected or is_there in connected)

    rows = [(dpid, dpid) for dpid in sorted({*statuses, *known})]
    return page(call, rows, lambda dpid: _render(dpid, known.get(dpid), statuses.get(dpid)), keep)


def get(call: Call) -> Answer:
    """One bridge, by its datapath id or its name."""
    dpid = datapath_id(call)
    stored, status = call.firewall.inventory.find("switch", dpid), _statuses(call).get(dpid)
    if not stored and not status:
        raise NotFound("switch", call.params["switch"])
    return shown(_render(dpid, stored, status))


def put(call: Call) -> Written:
    """Configure a bridge, before or after it connects. A new one is named by its datapath id."""
    call.key("switch", lambda text: _settable(call.firewall.inventory, text))
    return writing.put(call, SWITCHES, (datapath_id(call),))


def patch(call: Call) -> Written:
    """JSON merge patch; a member that is null goes back to the setting."""
    return writing.patch(call, SWITCHES, (datapath_id(call),))


def delete(call: Call) -> Written:
    """Forget what was configured; a connected bridge stays connected, under the settings."""
    return writing.delete(call, "switch", (datapath_id(call),))


def reconcile(call: Call) -> Pending:
    """Audit a switch now: compare its flows, groups and meters with what is wanted, and mend what differs."""
    dpid = datapath_id(call)
    return Pending(lambda seconds: _reconciled(call, dpid, seconds), RECONCILE_SECONDS)


def _reconciled(call: Call, dpid: str, seconds: float) -> Answer:
    drift = call.firewall.reconcile(dpid, seconds)
    call.act(202 if drift is None else 200)
    if drift is None:
        return Answer(202, {"dpid": dpid, "done": False}, {**RETRY, "Location": f"/v1/switches/{dpid}"})
    if drift.trouble is not None:
        raise Failure(409, "audit_failed", f"the audit came to no end: {drift.trouble}")
    counts = {"missing": drift.missing, "extra": drift.extra, "altered": drift.altered}
    repaired = sum(counts.values()) if drift.mended else 0
    return Answer(200, {"dpid": dpid, "done": True, **counts, "repaired": repaired, "first": list(drift.first)})


def _settable(inventory: Inventory, text: str) -> str:
    if inventory.switch_id(text) == text and not EXPLICIT.fullmatch(text):
        raise Invalid(
            "invalid_datapath_id", f"{text!r} is neither a known switch nor a datapath id", "0000000000000001"
        )
    return text


def datapath_id(call: Call) -> str:
    """Of the switch that the path names. `NotFound` if it can be none."""
    text = call.params["switch"]
    known = call.firewall.inventory.switch_id(text)
    if known != text:
        return known
    try:
        return parse_datapath_id(text)
    except Invalid:
        raise NotFound("switch", text) from None


SWITCHES = writing.Resource("switch", "dpid", SWITCH, document, view)
