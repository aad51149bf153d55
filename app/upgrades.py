"""Steps from the documents of one schema to those of the next: what a value said before it had a field.

A step is told any document, damaged ones too: what is not of the form it knows it leaves as it is, for the reader to
refuse. A step that was released is never changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Document = dict[str, Any]
Upgrade = Callable[[str, Document], Document]

NEW_IN_RULE = {"source_ports": None, "remote_group": None, "remote_address_group": None, "stateful": True}
NEW_IN_PORT = {"allowed_address_pairs": [], "spoof_guard": "enforce", "dhcp_server": False, "enabled": True}
NEW_IN_BINDING = {"tag": None}
NEW_IN_TENANT = {"limits": {"connections": None, "new_per_second": None, "burst": None, "timeouts": []}}
NEW_IN_SWITCH = {"ovsdb": None, "control_socket": None}
NEW_IN_BINDING_3 = {"iface_id": None}
# By kind, the members of values that schema 4 has and schema 3 had not, with what they say.
NEW_IN_4: dict[str, Document] = {
    "tenant": {"quota": {"ports": None, "groups": None, "rules": None, "address_groups": None}, "owner": ""},
    "group": {"owner": ""},
    "address_group": {"owner": ""},
    "port": {"owner": ""},
}


def to_schema_2(kind: str, body: Document) -> Document:
    """Rules had no sets, source ports or statelessness; ports no pairs, switches of their own, or tags."""
    value = body.get("value")
    if kind == "group":
        return body | {"value": _inside(value, "rules", lambda rules: _each(rules, NEW_IN_RULE))}
    if kind == "port":
        return body | {"value": _inside(_with(value, NEW_IN_PORT), "binding", lambda b: _with(b, NEW_IN_BINDING))}
    return body


def to_schema_3(kind: str, body: Document) -> Document:
    """Tenants had no limits, switches no database and no control socket, and bindings no interface ids."""
    value = body.get("value")
    if kind == "port":
        return body | {"value": _inside(value, "binding", lambda binding: _with(binding, NEW_IN_BINDING_3))}
    if kind in ("tenant", "switch"):
        return body | {"value": _with(value, NEW_IN_TENANT if kind == "tenant" else NEW_IN_SWITCH)}
    return body


def to_schema_4(kind: str, body: Document) -> Document:
    """Tenants had no quota, and nothing was kept by a declared configuration."""
    value = body.get("value")
    if kind in NEW_IN_4:
        return body | {"value": _with(value, NEW_IN_4[kind])}
    return body


def _with(value: Any, members: Document) -> Any:
    return members | value if isinstance(value, dict) else value


def _each(values: Any, members: Document) -> Any:
    return [_with(value, members) for value in values] if isinstance(values, list) else values


def _inside(value: Any, member: str, change: Callable[[Any], Any]) -> Any:
    return value | {member: change(value[member])} if isinstance(value, dict) and member in value else value


# Step n (from 1) takes (kind, document of schema n) to the document of schema n + 1. Both without their "schema".
UPGRADES: tuple[Upgrade, ...] = (to_schema_2, to_schema_3, to_schema_4)
