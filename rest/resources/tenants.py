"""/v1/tenants: owners of ports, groups, address groups and conntrack zones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from app.core.inventory import Inventory
from app.core.parsing import parse_name
from app.core.values import Group, Limits, Stored, Tenant
from rest import query as queries
from rest import writing
from rest.exchange import Answer, Asking, Call, Written, life, shown
from rest.paging import labels_as_asked, page
from rest.schemas.resources import TENANT

LIGHT = 100  # ports and groups that the hub can delete at once
Uses = dict[int, list[dict[str, Any]]]  # by zone


def document(tenant: Tenant) -> dict[str, Any]:
    return {
        "description": tenant.description,
        "labels": dict(tenant.labels),
        "limits": _limits(tenant.limits),
        "owner": tenant.owner,
    }


def _limits(limits: Limits) -> dict[str, Any]:
    """What was said, and nothing else."""
    said = {
        "connections": limits.connections,
        "new_connections_per_second": limits.new_per_second,
        "new_connections_burst": limits.burst,
        "timeouts": dict(limits.timeouts) or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def view(call: Call, stored: Stored) -> dict[str, Any]:
    tenant = stored.value
    assert isinstance(tenant, Tenant)
    return {"name": tenant.name, **document(tenant), "status": status(call, stored), **life(stored)}


def status(call: Call, stored: Stored) -> dict[str, Any]:
    """What the tenant has; `conntrack_zone` is that of untagged ports, `zones` are those of all its segments.
    Yields to nobody; a tenant that is gone since has nothing.
    """
    name, inventory = stored.value.id[0], call.firewall.inventory
    if not inventory.find("tenant", name):
        return {"conntrack_zone": None, "zones": [], "ports": 0, "active_ports": 0, "limits": None}
    ports = inventory.list("port", name)
    active = sum(call.firewall.port_status(port.value).state == "active" for port in ports)  # type: ignore[arg-type]
    zones = [{"vlan": vlan, "zone": zone} for vlan, zone in inventory.zones(name)]
    own = call.firewall.zone(name)
    return {
        "conntrack_zone": own,
        "zones": zones,
        "ports": len(ports),
        "active_ports": active,
        "limits": _limits(inventory.limits(name).held(call.firewall.default_limits)),
    }


def list_all(call: Call) -> Answer:
    """The tenants that the caller sees."""
    names = queries.values(call.query, "name", parse_name)
    labels = call.query.get("label", [])
    stored_tenants = call.firewall.inventory.list("tenant")
    rows = [(stored.value.id[0], stored) for stored in stored_tenants if call.caller.sees(stored.value.id[0])]

    def keep(stored: Stored) -> bool:
        has = labels_as_asked(stored.value.labels)  # type: ignore[union-attr]
        return (not names or stored.value.id[0] in names) and (not labels or not has.isdisjoint(labels))

    return page(call, rows, lambda stored: view(call, stored), keep)


def get(call: Call) -> Asking:
    """Beside what lists show, how full the zones are. Waits for the switches, two seconds each at most."""
    tenant = call.params["tenant"]
    call.firewall.inventory.get("tenant", tenant)
    return Asking(lambda: zone_uses(call, tenant), lambda uses: _with_uses(call, tenant, uses))


def _with_uses(call: Call, tenant: str, uses: Uses) -> Answer:
    shown_tenant = view(call, call.firewall.inventory.get("tenant", tenant))
    zones = [zone | {"connections": uses.get(zone["zone"], [])} for zone in shown_tenant["status"]["zones"]]
    return shown(shown_tenant | {"status": shown_tenant["status"] | {"zones": zones}})


def zone_uses(call: Call, tenant: str) -> Uses:
    """By zone, how many connections each switch where it is in use has of how many (0: no limit). None: not told."""
    found: Uses = {}
    for dpid, pairs in sorted(call.firewall.zones_by_switch(tenant).items()):
        uses = call.firewall.zone_use(dpid, [zone for _, zone in pairs])
        for _, zone in pairs:
            use = uses.get(zone)
            count, limit = (use.connections, use.limit) if use else (None, None)
            found.setdefault(zone, []).append({"switch": dpid, "count": count, "limit": limit})
    return found


def put(call: Call) -> Written:
    """Create or replace a tenant."""
    return writing.put(call, TENANTS, (call.key("tenant", parse_name),))


def patch(call: Call) -> Written:
    """JSON merge patch; a member that is null goes back to its default."""
    return writing.patch(call, TENANTS, (call.params["tenant"],))


def delete(call: Call) -> Written:
    """409 ``in_use`` while it has ports, groups or address groups, unless ``?cascade=true`` takes them along."""
    tenant = call.params["tenant"]

    def clear(inventory: Inventory, now: str) -> None:
        for stored in inventory.list("port", tenant):
            inventory.delete("port", *stored.value.id, now=now)
        # Rules may name each other's groups in a circle.
        for stored in inventory.list("group", tenant):
            assert isinstance(stored.value, Group)
            if any(rule.remote for rule in stored.value.rules):
                inventory.put(replace(stored.value, rules=()), now)
        for stored in inventory.tokens_of(tenant):
            inventory.delete("token", *stored.value.id, now=now)
        for kind in ("group", "address_group"):
            for stored in inventory.list(kind, tenant):
                inventory.delete(kind, *stored.value.id, now=now)

    if queries.flag(call.query, "cascade"):
        used = call.firewall.inventory.used
        is_heavy = used(tenant, "ports") + used(tenant, "groups") > LIGHT
        return writing.delete(call, "tenant", (tenant,), clear, is_heavy)
    return writing.delete(call, "tenant", (tenant,))


def _with_quota(old: Tenant, new: Tenant) -> Tenant:
    """A tenant's quota is a resource of its own."""
    return replace(new, quota=old.quota)


TENANTS = writing.Resource("tenant", "name", TENANT, document, view, _with_quota)
