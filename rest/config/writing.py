"""Values as a declared configuration, in its canonical long form; JSON, or YAML that every reader reads alike."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from app.core.inventory import Inventory
from app.core.values import Assertions, Group, Stored, Tenant
from rest.config.documents import ASSERTED, OF_ALL, OF_TENANT, TENANT, VERSION
from rest.config.reading import YAML
from rest.views.assertions import document as assertion_document

# What nobody needs to say: it is so anyway when it is not said.
DEFAULTS: dict[str, Any] = {
    "description": "",
    "owner": "",
    "egress": "any",
    "vlan": 0,
    "spoof_guard": "enforce",
    "dhcp_server": False,
    "enabled": True,
    "stateful": True,
}
# A text that stands for itself in YAML 1.1 and 1.2; what could be a number, a date or a word of the language is quoted.
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_/.-]*(?: [A-Za-z0-9_/.-]+)*")
WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


def exported(inventory: Inventory, tenant: str | None, owner: str | None) -> dict[str, Any]:
    """All there is, or what one tenant has, or what one owner keeps."""
    document: dict[str, Any] = {"version": VERSION}
    if owner:
        document["owner"] = owner
    if tenant is None and not owner:
        for name, section in OF_ALL.items():
            if listed := inventory.list(section.kind):
                document[name] = {stored.value.id[0]: _said(section.kind, stored) for stored in listed}
    names = [stored.value.id[0] for stored in inventory.list("tenant")] if tenant is None else [tenant]
    found = {name: _tenant(inventory, name, owner) for name in names}
    document["tenants"] = {name: body for name, body in found.items() if body is not None}
    return document


def _tenant(inventory: Inventory, name: str, owner: str | None) -> dict[str, Any] | None:
    stored = inventory.get("tenant", name)
    is_whole = not owner or stored.value.owner == owner  # type: ignore[union-attr]
    body: dict[str, Any] = _said("tenant", stored, owner) if is_whole else {}
    for section_name, section in OF_TENANT.items():
        listed = [
            (each.value.id[1], _said(section.kind, each, owner))
            for each in inventory.list(section.kind, name)
            if not owner or getattr(each.value, "owner", "") == owner
        ]
        if listed:
            body[section_name] = dict(listed)
    asserted = inventory.find("assertions", name)
    if asserted and not owner and isinstance(asserted.value, Assertions) and asserted.value.items:
        body[ASSERTED] = [_without(assertion_document(one)) for one in asserted.value.items]
    return body if is_whole or body else None


def _said(kind: str, stored: Stored, owner: str | None = None) -> dict[str, Any]:
    sections = {section.kind: section for section in (*OF_TENANT.values(), *OF_ALL.values(), TENANT)}
    document = sections[kind].resource.document(stored.value)
    if owner:
        document = {name: value for name, value in document.items() if name != "owner"}
    if isinstance(stored.value, Group):
        rules = {rule["key"]: _without(rule, ("key",)) for rule in document["rules"]}
        return _without(document, ("rules",)) | {"rules": rules}
    if kind == "tenant":  # what is not said of a tenant stays, so all is said
        assert isinstance(stored.value, Tenant)
        quota = {name: limit for name, limit in asdict(stored.value.quota).items() if limit is not None}
        return document | {"quota": quota}
    if kind == "address_group":
        return _without(document, ("cidrs",)) | {"cidrs": document["cidrs"]}
    return _without(document)


def _without(document: dict[str, Any], names: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        name: value
        for name, value in document.items()
        if name not in names and value is not None and value not in ([], {})
        if name not in DEFAULTS or value != DEFAULTS[name]
    }


def text_of(document: dict[str, Any], media: str) -> bytes:
    if media == YAML:
        return ("\n".join(_lines(document, "")) + "\n").encode()
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _lines(node: dict[str, Any], indent: str) -> Iterator[str]:
    for name, value in node.items():
        head = f"{indent}{_scalar(name)}:"
        if isinstance(value, dict) and value:
            yield head
            yield from _lines(value, indent + "  ")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield head
            for item in value:
                yield f"{indent}  - {_flow(item)}"
        else:
            yield f"{head} {_flow(value)}"


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(name)}: {_flow(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    """A JSON text is a YAML text; DEL and what follows it is escaped, as YAML wants it."""
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in WORDS:
        return value
    return re.sub(
        "[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]",
        lambda c: f"\\u{ord(c[0]):04x}",
        json.dumps(value, ensure_ascii=False),
    )
