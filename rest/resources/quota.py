"""/v1/tenants/{tenant}/quota: how much of the inventory a tenant may fill, and how much it fills."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from app.core.inventory import Inventory
from app.core.quota import RESOURCES
from app.core.values import Stored, Tenant
from rest.exchange import Answer, Call, Written, life, shown
from rest.schemas.writing import QUOTA
from rest.writing import Change, Condition


def view(call: Call, stored: Stored) -> dict[str, Any]:
    """A quota is at its tenant's revision."""
    tenant, inventory = _tenant(stored), call.firewall.inventory
    used = {resource: inventory.used(tenant.name, resource) for resource in RESOURCES}
    return {"tenant": tenant.name, **asdict(tenant.quota), "status": {"used": used}, **life(stored)}


def get(call: Call) -> Answer:
    """A tenant's limits, null where there is none, and how much it uses."""
    return shown(view(call, call.firewall.inventory.get("tenant", call.params["tenant"])))


def put(call: Call) -> Written:
    """Set a tenant's limits; what is not there or null is not limited. What is over a limit already stays."""
    body = QUOTA.read(call.document(), {"tenant": call.params["tenant"]})
    condition = Condition.of(call, body.revision)

    def change(inventory: Inventory, now: str) -> Change:
        before = inventory.get("tenant", call.params["tenant"])
        condition.check(before.revision)
        after = inventory.put(replace(_tenant(before), quota=body.value()), now)
        return Change(before, after, inventory.revision)

    done = call.write(change)
    return Written(done.revision, lambda: shown(view(call, done.after)))


def _tenant(stored: Stored) -> Tenant:
    assert isinstance(stored.value, Tenant)
    return stored.value
