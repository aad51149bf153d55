"""/v1/guardrails: what the operator allows and denies before any tenant's group is asked."""

from __future__ import annotations

from typing import Any

from app.core.parsing import parse_name
from app.core.values import Guardrail, Stored
from rest import query as queries
from rest import writing
from rest.exchange import Answer, Call, Written, life, shown
from rest.paging import page
from rest.resources.groups import rule_document
from rest.schemas.guardrails import GUARDRAIL

FILTERS = ("name", "tenant", "action")
OF_RULES_ONLY = ("key", "stateful")


def document(guardrail: Guardrail) -> dict[str, Any]:
    matched = {name: said for name, said in rule_document(guardrail.rule).items() if name not in OF_RULES_ONLY}
    return {
        "priority": guardrail.priority,
        "action": guardrail.action,
        **matched,
        "tenants": None if guardrail.tenants is None else list(guardrail.tenants),
        "description": guardrail.description,
        "owner": guardrail.owner,
    }


def view(call: Call, stored: Stored) -> dict[str, Any]:
    guardrail = _value(stored)
    return {"name": guardrail.name, **document(guardrail), **life(stored)}


def list_all(call: Call) -> Answer:
    """The guardrails by name. `?tenant=` picks those that concern a tenant, `?name=` and `?action=` some of them."""
    names = queries.values(call.query, "name", parse_name)
    tenant = queries.value(call.query, "tenant", parse_name)
    action = queries.choice(call.query, "action", ("allow", "deny"))
    inventory = call.firewall.inventory
    if tenant is not None:
        inventory.get("tenant", tenant)

    def keep(stored: Stored) -> bool:
        guardrail = _value(stored)
        concerns = tenant is None or guardrail.concerns(tenant)
        return concerns and (not names or guardrail.name in names) and action in (None, guardrail.action)

    rows = [(stored.value.id[0], stored) for stored in inventory.list("guardrail")]
    return page(call, rows, lambda stored: view(call, stored), keep)


def get(call: Call) -> Answer:
    """One guardrail."""
    return shown(view(call, call.firewall.inventory.get("guardrail", call.params["guardrail"])))


def put(call: Call) -> Written:
    """Create or replace. 409 ``priority_conflict`` if another guardrail has the priority."""
    return writing.put(call, GUARDRAILS, (call.key("guardrail", parse_name),))


def patch(call: Call) -> Written:
    """JSON merge patch; ``"tenants": null`` makes it everybody's."""
    return writing.patch(call, GUARDRAILS, (call.params["guardrail"],))


def delete(call: Call) -> Written:
    """Remove a guardrail: what it decided is left to the next ones and to the groups."""
    return writing.delete(call, "guardrail", (call.params["guardrail"],))


def _value(stored: Stored) -> Guardrail:
    assert isinstance(stored.value, Guardrail)
    return stored.value


GUARDRAILS = writing.Resource("guardrail", "name", GUARDRAIL, document, view)
