"""/v1/tenants/{tenant}/ports: the NICs of the tenants' machines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.core.parsing import (
    Invalid,
    parse_address,
    parse_iface_id,
    parse_interface,
    parse_mac,
    parse_name,
    parse_port_id,
)
from app.core.values import VLAN_LAST, AddressPair, Port, Stored
from app.service import PortStatus
from rest import query as queries
from rest import writing
from rest.exchange import Answer, Call, Written, life, shown
from rest.fields import parse_switch
from rest.paging import labels_as_asked, page
from rest.schemas.resources import PORT

STATES = ("building", "active", "down", "error")
FILTERS = ("switch", "interface", "iface_id", "group", "mac", "ip", "vlan", "label", "state")


def document(port: Port) -> dict[str, Any]:
    return {
        "binding": _binding(port),
        "mac": port.mac,
        "addresses": list(port.addresses),
        "allowed_address_pairs": [_pair(pair) for pair in port.allowed_address_pairs],
        "vlan": port.vlan,
        "groups": list(port.groups),
        "egress": port.egress,
        "spoof_guard": port.spoof_guard,
        "dhcp_server": port.dhcp_server,
        "enabled": port.enabled,
        "labels": dict(port.labels),
        "owner": port.owner,
    }


def _pair(pair: AddressPair) -> dict[str, str]:
    return {"address": pair.address} | ({"mac": pair.mac} if pair.mac else {})


def _binding(port: Port) -> dict[str, Any] | None:
    if port.binding is None:
        return None
    names = ("switch", "interface", "ofport", "iface_id", "tag")
    said = {name: getattr(port.binding, name) for name in names}
    return {name: value for name, value in said.items() if value is not None}


def status_of(call: Call, port: Port) -> PortStatus:
    """The port's status; one that was deleted since it was listed, or while its client waited, is down."""
    if not call.firewall.inventory.find("port", *port.id):
        return PortStatus("down", "deleted", "the port is gone")
    return call.firewall.port_status(port)


def view(call: Call, stored: Stored) -> dict[str, Any]:
    port = _port(stored)
    now = status_of(call, port)
    status = {
        "state": now.state,
        "reason": now.reason,
        "message": now.message,
        "dpid": now.dpid,
        "ofport": now.ofport,
        "flows": now.flows,
        "realized_revision": now.applied_revision,
        "conntrack_zone": _zone(call, port),
    }
    return {"id": port.name, "tenant": port.tenant, **document(port), "status": status, **life(stored)}


def _zone(call: Call, port: Port) -> int | None:
    """The conntrack zone of its tenant in its segment; None if the port is gone since, and nobody else is there."""
    try:
        return call.firewall.inventory.zone(port.tenant, port.vlan)
    except KeyError:
        return None


def list_all(call: Call) -> Answer:
    """A tenant's ports."""
    inventory, tenant = call.firewall.inventory, call.params["tenant"]
    keep = _filter(call)
    inventory.get("tenant", tenant)
    rows = [(stored.value.id[1], stored) for stored in inventory.list("port", tenant)]
    return page(call, rows, lambda s: view(call, s), lambda s: keep(s.value))  # type: ignore[arg-type]


def _filter(call: Call) -> Callable[[Port], bool]:
    """AND between the names of the query, OR between the values of one."""
    switch_id = call.firewall.inventory.switch_id
    tests: list[tuple[frozenset[Any], Callable[[Port], set[Any]]]] = [
        (
            frozenset(map(switch_id, queries.values(call.query, "switch", parse_switch))),
            lambda port: {_switch(call, port)},
        ),
        (
            queries.values(call.query, "interface", parse_interface),
            lambda port: {port.binding.interface} if port.binding else set(),
        ),
        (
            queries.values(call.query, "iface_id", parse_iface_id),
            lambda port: {port.binding.iface_id} if port.binding else set(),
        ),
        (queries.values(call.query, "group", parse_name), lambda port: set(port.groups)),
        (queries.values(call.query, "mac", parse_mac), lambda port: {port.mac}),
        (queries.values(call.query, "ip", parse_address), lambda port: set(port.addresses)),
        (queries.values(call.query, "vlan", _vlan), lambda port: {port.vlan}),
        (frozenset(call.query.get("label", ())), lambda port: labels_as_asked(port.labels)),
        (queries.choices(call.query, "state", STATES), lambda port: {status_of(call, port).state}),
    ]
    asked = [(wanted, has) for wanted, has in tests if wanted]
    return lambda port: all(not wanted.isdisjoint(has(port)) for wanted, has in asked)


def _switch(call: Call, port: Port) -> str | None:
    """The switch that a port is bound to, or, by interface id, the one where it is plugged in."""
    named = port.binding.switch if port.binding else None
    return call.firewall.inventory.switch_id(named) if named else status_of(call, port).dpid


def _vlan(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:5]) <= VLAN_LAST):
        raise Invalid("out_of_range", f"vlan is a number from 0 to {VLAN_LAST}")
    return int(text)


def get(call: Call) -> Answer:
    """The port, with what its guard has dropped by reason; `status.drops` is null if the switch cannot say, and only
    here: a list, and the answer of a write, would have to ask the switch for each port.
    """
    inventory, id = call.firewall.inventory, _id(call)
    drops = call.firewall.port_drops(_port(inventory.get("port", *id)))
    # The switch may have taken its time.
    shown_port = view(call, inventory.get("port", *id))
    shown_port["status"]["drops"] = drops
    return shown(shown_port)


def _port(stored: Stored) -> Port:
    assert isinstance(stored.value, Port)
    return stored.value


def put(call: Call) -> Written:
    """Create or replace a port. The same body again changes nothing."""
    call.key("port", parse_port_id)
    return writing.put(call, PORTS, _id(call))


def patch(call: Call) -> Written:
    """JSON merge patch; a member that is null goes back to its default."""
    return writing.patch(call, PORTS, _id(call))


def delete(call: Call) -> Written:
    """Remove a port; its connections end."""
    return writing.delete(call, "port", _id(call))


def _id(call: Call) -> tuple[str, str]:
    return call.params["tenant"], call.params["port"]


PORTS = writing.Resource("port", "id", PORT, document, view)
