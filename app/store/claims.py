"""Do two ports of a database have what only one may have?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from app.core.addresses import network
from app.core.indexes import Id, Indexes
from app.core.values import Port

Rows = Mapping[str, Mapping[Id, Any]]


def claimed_twice(rows: Rows) -> Iterator[str]:
    """Each MAC, address, plug or name with two holders, in a sentence."""
    holders: dict[tuple[Any, ...], str] = {}
    for id, stored in rows["port"].items():
        for claim in _claims(stored.value):
            holder = holders.setdefault(claim, path("port", id))
            if holder != path("port", id):
                yield f"{path('port', id)} and {holder} both have {claim[1]}"
    names: dict[str, Id] = {}
    for id, stored in rows["switch"].items():
        if stored.value.name is not None and names.setdefault(stored.value.name, id) != id:
            yield f"two switches have the name {stored.value.name}"
    if any(stored.value.allowed_address_pairs for stored in rows["port"].values()):
        yield from _paired_away(rows["port"])


def _claims(port: Port) -> Iterator[tuple[Any, ...]]:
    yield from ((port.vlan, own) for own in (port.mac, *port.own_addresses))
    if port.binding:
        yield port.binding.switch, port.binding.plug, port.binding.tag


def _paired_away(ports: Mapping[Id, Any]) -> Iterator[str]:
    """What a port's address pairs take of another tenant, or of the MAC of any other port."""
    indexes = Indexes()
    for id, stored in ports.items():
        indexes.mark("port", id, stored, True)
    for id, stored in ports.items():
        port = stored.value
        for holder in _others(port.id, indexes.virtual_macs.get((port.vlan, port.mac), ())):
            yield f"{path('port', id)} has {port.mac}, which is in a pair of {path('port', holder)}"
        for address in port.own_addresses:
            for holder in _strangers(port, indexes.covering(port.vlan, network(address))):
                yield f"{path('port', id)} has {address}, which is in a pair of {path('port', holder)}"
        yield from _shared_pairs(port, indexes)


def _shared_pairs(port: Port, indexes: Indexes) -> Iterator[str]:
    for pair in port.allowed_address_pairs:
        macs = indexes.virtual_macs.get((port.vlan, pair.mac or ""), ())
        networks = () if pair.is_everything else indexes.covering(port.vlan, network(pair.address))
        for what, holders in ((pair.mac, macs), (pair.address, networks)):
            for holder in _strangers(port, holders):
                yield f"{path('port', port.id)} and {path('port', holder)} both have a pair with {what}"


def _others(id: Id, holders: Iterable[Id]) -> list[Id]:
    return [holder for holder in holders if holder != id]


def _strangers(port: Port, holders: Iterable[Id]) -> list[Id]:
    return [holder for holder in holders if holder[0] != port.tenant]


def path(kind: str, id: Id) -> str:
    return "/".join((kind, *id))
