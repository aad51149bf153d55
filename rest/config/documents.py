"""A declared configuration: from its document to values, with every problem at its place, and from values to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any, NamedTuple

from app.core.declared import Key, key_of
from app.core.inventory import Inventory
from app.core.parsing import Invalid, parse_datapath_id, parse_name, parse_owner, parse_port_id
from app.core.problems import Problem
from app.core.values import Quota, Value
from rest.config import short
from rest.config.short import Long, Place
from rest.problems import ERRORS_SHOWN, Failure, Fault, invalid_body
from rest.resources import address_groups, groups, guardrails, ports, switches, tenants
from rest.schemas.assertions import ASSERTIONS
from rest.schemas.resources import READ_ONLY
from rest.schemas.writing import QUOTA
from rest.validation import merged, pointer
from rest.writing import Resource

VERSION = 1


class Section(NamedTuple):
    """One kind of things under their names: how a name is read, the resource, its short forms."""

    kind: str
    parse: Callable[[str], str]
    resource: Resource
    long: Callable[[Any, Place], Long] = lambda given, place: Long(given)


OF_TENANT = {
    "groups": Section("group", parse_name, groups.GROUPS, short.group),
    "address_groups": Section("address_group", parse_name, address_groups.ADDRESS_GROUPS, short.address_group),
    "ports": Section("port", parse_port_id, ports.PORTS, short.port),
}
OF_ALL = {
    "switches": Section("switch", parse_datapath_id, switches.SWITCHES),
    "guardrails": Section("guardrail", parse_name, guardrails.GUARDRAILS),
}
ASSERTED = "assertions"
TENANT = Section("tenant", parse_name, tenants.TENANTS)
TOP = ("version", "owner", *OF_ALL, "tenants")


@dataclass(frozen=True, slots=True)
class Item:
    """A value that is declared, where it stands, and from the core's pointers to those of the document."""

    value: Value
    place: Place
    pointers: Callable[[str], str]


@dataclass(slots=True)
class Declaration:
    """`owner` is whose things they are unless one says otherwise."""

    owner: str = ""
    items: list[Item] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    named: set[Key] = field(default_factory=set)


def declaration(document: Any, inventory: Inventory) -> Declaration:
    """What a document declares. `Failure` 422 with every problem. What a tenant, a group or an address group does not
    say stays as it is in the inventory."""
    found = Declaration()
    if not isinstance(document, dict):
        raise invalid_body([Fault("#", "wrong_type", "should be an object with version: 1")])
    if document.get("version") != VERSION or isinstance(document.get("version"), bool):
        code = "not_one_of" if "version" in document else "missing_field"
        found.faults.append(Fault("#/version", code, f"should be {VERSION}", str(VERSION)))
    found.faults += _unknown(document, TOP, ())
    found.owner = _owner(document.get("owner", ""), found)
    for name, section in OF_ALL.items():
        _read_section(found, inventory, section, document.get(name), (name,), ())
    for tenant, body in _members(document.get("tenants"), ("tenants",), parse_name, found):
        _read_tenant(found, inventory, tenant, body)
    if found.faults:
        raise invalid_body(found.faults[:ERRORS_SHOWN], len(found.faults))
    return found


def _owner(given: Any, found: Declaration) -> str:
    try:
        return parse_owner(given) if isinstance(given, str) else parse_owner("/")
    except Invalid as error:
        found.faults.append(Fault("#/owner", error.code, "should be a name", error.hint))
        return ""


def _unknown(document: dict[Any, Any], known: tuple[str, ...], place: Place) -> Iterator[Fault]:
    for name in document:
        if name not in known:
            near = get_close_matches(str(name)[:64], known, 1, 0.75)
            yield Fault(pointer((*place, name)), "unknown_field", "unknown field", near[0] if near else None)


def _members(given: Any, place: Place, parse: Callable[[str], str], found: Declaration) -> Iterator[tuple[str, Any]]:
    """The things of a section by their names, as far as those can be read."""
    if given is None:
        return
    if not isinstance(given, dict):
        found.faults.append(Fault(pointer(place), "wrong_type", "should be an object: name to thing"))
        return
    for name, body in given.items():
        if not isinstance(name, str):
            detail = f"the name is {name!r} to YAML, no text: put it in quotes"
            found.faults.append(Fault(pointer((*place, str(name))), "wrong_type", detail, f'"{name}"'))
            continue
        try:
            yield parse(name), body
        except Invalid as error:
            found.faults.append(Fault(pointer((*place, name)), error.code, error.detail, error.hint))


def _read_tenant(found: Declaration, inventory: Inventory, tenant: str, body: Any) -> None:
    place: Place = ("tenants", tenant)
    if body is None:
        body = {}
    if not isinstance(body, dict):
        found.faults.append(Fault(pointer(place), "wrong_type", "should be an object"))
        return
    own = {name: value for name, value in body.items() if name not in (*OF_TENANT, ASSERTED, "quota")}
    quota = _read_quota(found, body["quota"], (*place, "quota")) if "quota" in body else None
    present = inventory.find("tenant", tenant)
    # What is not said stays: a tenant's own team declares its groups, and not its limits.
    target = TENANT.resource.document(present.value) if present else {}
    if own or present is None or quota is not None:
        _read_item(found, inventory, TENANT, merged(target, own), place, (tenant,), set(own))
        if quota is not None and found.items and key_of(found.items[-1].value) == ("tenant", (tenant,)):
            found.items[-1] = replace(found.items[-1], value=replace(found.items[-1].value, quota=quota))
    else:
        found.named.add(("tenant", (tenant,)))
    for name, section in OF_TENANT.items():
        _read_section(found, inventory, section, body.get(name), (*place, name), (tenant,))
    if body.get(ASSERTED) is not None:
        _read_assertions(found, inventory, tenant, body[ASSERTED], (*place, ASSERTED))


def _read_quota(found: Declaration, given: Any, place: Place) -> Quota | None:
    try:
        return QUOTA.read({} if given is None else given).value()
    except Failure as failure:
        found.faults += [Fault(pointer((*place, *_steps(fault.pointer))), *fault[1:]) for fault in failure.errors]
        return None


def _read_assertions(found: Declaration, inventory: Inventory, tenant: str, given: Any, place: Place) -> None:
    """All of a tenant's: they are one value. None is said by an empty list."""
    long = short.assertions(given)
    found.named.add(("assertions", (tenant,)))
    try:
        value = ASSERTIONS.read({"items": long.document}).value(tenant)
    except Failure as failure:
        steps = ((fault, _steps(fault.pointer)) for fault in failure.errors)
        found.faults += [Fault(pointer((*place, *long.back(inner[1:]))), *fault[1:]) for fault, inner in steps]
        return
    if value.items or inventory.find("assertions", tenant):
        found.items.append(Item(value, place, lambda meant: pointer((*place, *_steps(meant)[1:]))))


def _read_section(
    found: Declaration, inventory: Inventory, section: Section, given: Any, place: Place, head: tuple[str, ...]
) -> None:
    for name, body in _members(given, place, section.parse, found):
        here = (*place, name)
        long = section.long({} if body is None else body, here)
        found.faults += long.faults
        said = set(long.document) if isinstance(long.document, dict) else set()
        _read_item(found, inventory, section, long.document, here, (*head, name), said, long.back)


def _read_item(
    found: Declaration,
    inventory: Inventory,
    section: Section,
    document: Any,
    place: Place,
    id: tuple[str, ...],
    said: set[str],
    back: Callable[[Place], Place] = lambda inner: inner,
) -> None:
    def pointers(meant: str) -> str:
        return pointer((*place, *back(_steps(meant))))

    key = (section.kind, id)
    if key in found.named:
        found.faults.append(Fault(pointer(place), "duplicate_key", f"{'/'.join(id)} is there twice"))
    found.named.add(key)
    for name in sorted(said & set(READ_ONLY)):
        found.faults.append(
            Fault(pointer((*place, name)), "unknown_field", "an answer tells that, a configuration does not")
        )
    before = inventory.find(section.kind, *id)
    owner = found.owner or (getattr(before.value, "owner", "") if before else "")
    if isinstance(document, dict) and owner and "owner" not in said and section.kind != "switch":
        document = document | {"owner": owner}
    try:
        body = section.resource.read(document, id)
        value = body.value(id, before.value if before else None)
        value = section.resource.keep(before.value, value) if before else value
    except Failure as failure:
        found.faults += [Fault(pointers(fault.pointer), *fault[1:]) for fault in failure.errors]
    except Invalid as error:
        found.faults.append(Fault(pointer(place), error.code, error.detail, error.hint))
    else:
        found.items.append(Item(value, place, lambda meant: pointers(body.pointers(value)(meant))))


def _steps(meant: str) -> Place:
    """A pointer's steps; numbers are places in lists."""
    words = [word.replace("~1", "/").replace("~0", "~") for word in meant.removeprefix("#").split("/")[1:]]
    return tuple(int(word) if word.isdecimal() else word for word in words)


def misfit_faults(found: Declaration, value: Value, error: Problem) -> list[Fault]:
    """What the core finds wrong with a value, at the places of the document."""
    item = next(item for item in found.items if key_of(item.value) == key_of(value))
    return [Fault(item.pointers(each.pointer), each.code, each.detail, each.hint) for each in error.errors]
