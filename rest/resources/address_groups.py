"""/v1/tenants/{tenant}/address-groups: sets of networks of both families, which rules name as their remote end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from app.core.inventory import Inventory
from app.core.parsing import parse_name
from app.core.values import AddressGroup, Group, Remote, Stored
from rest import writing
from rest.contradictions import CIDRS_MAX
from rest.exchange import Answer, Call, Written, life, shown
from rest.paging import page_of_tenant
from rest.problems import Failure
from rest.schemas.resources import ADDRESS_GROUP, ADDRESS_UPDATE
from rest.writing import Change, Condition


def document(group: AddressGroup) -> dict[str, Any]:
    return {"description": group.description, "cidrs": list(group.cidrs), "owner": group.owner}


def view(call: Call, stored: Stored) -> dict[str, Any]:
    inventory, (tenant, name) = call.firewall.inventory, stored.value.id
    naming = inventory.groups_naming(tenant, Remote("address_group", name))
    return _render(stored, _rules_by_name(inventory.get("group", *id) for id in naming))


def _render(stored: Stored, rules: Counter[str | None]) -> dict[str, Any]:
    group = _value(stored)
    status = {"used_by_rules": rules[group.name]}
    return {"name": group.name, "tenant": group.tenant, **document(group), "status": status, **life(stored)}


def _rules_by_name(named_by: Iterable[Stored]) -> Counter[str | None]:
    """How many rules of some groups name each address group."""
    groups = (stored.value for stored in named_by)
    return Counter(rule.remote_address_group for group in groups if isinstance(group, Group) for rule in group.rules)


def list_all(call: Call) -> Answer:
    """A tenant's address groups."""
    rules = _rules_by_name(call.firewall.inventory.list("group", call.params["tenant"]))
    return page_of_tenant(call, "address_group", lambda stored: _render(stored, rules))


def get(call: Call) -> Answer:
    """One address group."""
    return shown(view(call, call.firewall.inventory.get("address_group", *_id(call))))


def put(call: Call) -> Written:
    """Create or replace. A body without `cidrs` keeps those the group has; a new group has none."""
    call.key("group", parse_name)
    return writing.put(call, ADDRESS_GROUPS, _id(call))


def patch(call: Call) -> Written:
    """JSON merge patch; `cidrs` is replaced as a whole, and null empties it."""
    return writing.patch(call, ADDRESS_GROUPS, _id(call))


def update(call: Call) -> Written:
    """Add and remove some networks. What is to be added and is there, or to be removed and is not, is so already."""
    body = ADDRESS_UPDATE.read(call.document())
    condition = Condition.of(call, body.revision)

    def change(inventory: Inventory, now: str) -> Change:
        before = inventory.get("address_group", *_id(call))
        condition.check(before.revision)
        cidrs = _within_limit((set(_value(before).cidrs) | set(body.add)) - set(body.remove))
        after = inventory.put(replace(_value(before), cidrs=tuple(cidrs)), now)
        return Change(before, after, inventory.revision)

    done = call.write(change)
    return Written(done.revision, lambda: shown(view(call, done.after)))


def delete(call: Call) -> Written:
    """Remove an address group. 409 ``in_use`` while a rule names it."""
    return writing.delete(call, "address_group", _id(call))


def _within_limit(cidrs: set[str]) -> set[str]:
    if len(cidrs) > CIDRS_MAX:
        detail = f"an address group has at most {CIDRS_MAX} networks"
        raise Failure(409, "too_many_cidrs", detail, limit=CIDRS_MAX)
    return cidrs


def _value(stored: Stored) -> AddressGroup:
    assert isinstance(stored.value, AddressGroup)
    return stored.value


def _id(call: Call) -> tuple[str, str]:
    return call.params["tenant"], call.params["group"]


ADDRESS_GROUPS = writing.Resource("address_group", "name", ADDRESS_GROUP, document, view)
