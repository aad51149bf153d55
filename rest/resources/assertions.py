"""/v1/tenants/{tenant}/assertions: what has to stay true about who reaches whom. A write that breaks one is refused."""

from __future__ import annotations

from typing import Any

from app.core.assertions import Assertions
from app.core.inventory import Inventory
from app.core.reach.assertions import outcomes
from app.core.values import Stored
from rest.exchange import Answer, Asking, Call, Written, life, shown
from rest.schemas.assertions import ASSERTIONS
from rest.views.assertions import document, report
from rest.writing import Change, Condition

AT_ONCE = 50  # ports of a tenant whose assertions the hub can judge by itself


def view(tenant: str, stored: Stored | None) -> dict[str, Any]:
    """The list; before there is one it is empty, at revision 0."""
    items = [document(assertion) for assertion in _items(stored)]
    return {"tenant": tenant, "items": items, **(life(stored) if stored else {"revision": 0})}


def get(call: Call) -> Answer:
    """A tenant's assertions."""
    tenant, inventory = call.params["tenant"], call.firewall.inventory
    inventory.get("tenant", tenant)
    stored = inventory.find("assertions", tenant)
    return shown(view(tenant, stored)) if stored else Answer(200, view(tenant, None))


def put(call: Call) -> Written:
    """Replace a tenant's assertions; each one that is new has to hold already."""
    tenant = call.params["tenant"]
    body = ASSERTIONS.read(call.document(), {"tenant": tenant})
    condition = Condition.of(call, body.revision)

    def change(inventory: Inventory, now: str) -> Change:
        inventory.get("tenant", tenant)
        before = inventory.find("assertions", tenant)
        condition.check(before.revision if before else None)
        return Change(before, inventory.put(body.value(tenant), now), inventory.revision)

    done = call.write(change, _status)
    return Written(done.revision, lambda: shown(view(tenant, done.after), _status(done), call.path))


def run(call: Call) -> Answer | Asking:
    """Judge all assertions of a tenant now: passed, failed, or moot because an end has no port."""
    tenant, firewall = call.params["tenant"], call.firewall
    inventory = firewall.inventory
    inventory.get("tenant", tenant)

    def judged() -> dict[str, Any]:
        return report(tenant, outcomes(inventory, tenant), inventory.revision)

    if inventory.used(tenant, "ports") <= AT_ONCE:
        return Answer(200, judged())
    return Asking(lambda: firewall.aside(judged), lambda found: Answer(200, found))


def _status(change: Change) -> int:
    return 200 if change.before else 201


def _items(stored: Stored | None) -> Any:
    return stored.value.items if stored is not None and isinstance(stored.value, Assertions) else ()
