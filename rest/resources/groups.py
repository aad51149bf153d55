"""/v1/tenants/{tenant}/groups: security groups, each a set of allow rules."""

from __future__ import annotations

from typing import Any

from app.core.parsing import parse_name, protocol_name
from app.core.values import Group, Rule, Stored
from rest import writing
from rest.exchange import Answer, Call, Written, life, shown
from rest.paging import page_of_tenant
from rest.schemas.resources import GROUP


def rule_document(rule: Rule) -> dict[str, Any]:
    """A rule without the members that do not apply to it. ``"remote_cidr": null`` says that anybody is meant."""
    low, high = rule.ports or (None, None)
    source_low, source_high = rule.source_ports or (None, None)
    optional = {
        "port_min": low,
        "port_max": high,
        "source_port_min": source_low,
        "source_port_max": source_high,
        "icmp_type": rule.icmp_type,
        "icmp_code": rule.icmp_code,
    }
    return {
        "key": rule.key,
        "direction": rule.direction,
        "ethertype": rule.ethertype,
        "protocol": protocol_name(rule.protocol),
        **{name: number for name, number in optional.items() if number is not None},
        **_remote(rule),
        "stateful": rule.stateful,
    }


def _remote(rule: Rule) -> dict[str, str | None]:
    named = rule.remote
    return {f"remote_{named.kind}": named.name} if named else {"remote_cidr": rule.remote_cidr}


def document(group: Group) -> dict[str, Any]:
    return {
        "description": group.description,
        "rules": [rule_document(rule) for rule in group.rules],
        "owner": group.owner,
    }


def view(call: Call, stored: Stored) -> dict[str, Any]:
    group = stored.value
    assert isinstance(group, Group)
    status = {"ports": len(call.firewall.inventory.ports_of_group(*group.id))}
    return {"name": group.name, "tenant": group.tenant, **document(group), "status": status, **life(stored)}


def list_all(call: Call) -> Answer:
    """A tenant's groups with their rules."""
    return page_of_tenant(call, "group", lambda stored: view(call, stored))


def get(call: Call) -> Answer:
    """One group with its rules."""
    return shown(view(call, call.firewall.inventory.get("group", *_id(call))))


def put(call: Call) -> Written:
    """Create or replace. A body without `rules` keeps the rules the group has; a new group has none."""
    call.key("group", parse_name)
    return writing.put(call, GROUPS, _id(call))


def patch(call: Call) -> Written:
    """JSON merge patch; `rules` is replaced as a whole, and null empties it."""
    return writing.patch(call, GROUPS, _id(call))


def delete(call: Call) -> Written:
    """Remove a group. 409 ``in_use`` while a port or a rule names it."""
    return writing.delete(call, "group", _id(call))


def _id(call: Call) -> tuple[str, str]:
    return call.params["tenant"], call.params["group"]


GROUPS = writing.Resource("group", "name", GROUP, document, view)
