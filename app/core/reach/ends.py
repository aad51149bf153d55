"""The ends of connections in the inventory: their ports, what their policies say, and what kinds they are of."""

from __future__ import annotations

from app.core.addresses import network
from app.core.indexes import Id
from app.core.inventory import Inventory
from app.core.reach.kinds import EVERY_ADDRESS, Kind, kind_of_networks, kind_of_port
from app.core.reach.readings import Reading
from app.core.reach.traffic import EVERYTHING, Traffic
from app.core.who import End

Members = frozenset[Id]


def ports_of(inventory: Inventory, end: End) -> list[Id]:
    """The ports of an end of ours that are enabled. `NotFound` if there is no such port or group."""
    if end.kind == "group":
        inventory.get("group", end.tenant, end.name)
        ids = inventory.ports_of_group(end.tenant, end.name)
    else:
        ids = [inventory.get("port", end.tenant, end.name).value.id]
    return [id for id in ids if inventory.port(id).enabled]


def reading_for(inventory: Inventory, end: End, only: Traffic = EVERYTHING) -> Reading:
    """What the policies at an end say; they are the policies of its ports, or of nobody."""
    groups = {group for id in ports_of(inventory, end) for group in inventory.port(id).groups} if end.is_ours else ()
    return Reading(inventory, end.tenant, groups, only)


def kinds_of(inventory: Inventory, end: End, other: Reading) -> dict[Kind, Members]:
    """The kinds of an end, as the rules that `other` has read see them, each with the ports that are of it. Outside
    there are none, so its members are the end itself."""
    if not end.is_ours:
        networks = EVERY_ADDRESS if end.kind == "any" else (network(end.name),)
        return {kind_of_networks(networks, other): frozenset([("outside", str(end))])}
    found: dict[Kind, set[Id]] = {}
    for id in ports_of(inventory, end):
        found.setdefault(kind_of_port(inventory.port(id), other), set()).add(id)
    return {kind: frozenset(ids) for kind, ids in found.items()}
