"""DELETE /v1/tenants/{tenant}/conntrack: have the switches forget some of a tenant's connections, or all."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from app.core.belonging import Belonging
from app.core.connections import Listing
from app.core.flushes import USUAL, Tuple, Zone, exact, tuples
from app.core.parsing import protocol_name
from app.core.values import Port
from app.service import Unavailable
from rest import query as queries
from rest.conntrack_query import FILTERS, ZONES, Asked, asked, owns
from rest.exchange import Answer, Call, Pending
from rest.problems import Failure, invalid_query
from rest.resources.conntrack import switch_name

QUERY = (*FILTERS, "all", "dry_run")
MOST_FLUSHED = 10_000  # connections of a zone at once, one message each
PASSES = 3  # Open vSwitch before 3.1.5 and 3.3.1 passes over some connections when it flushes many by a tuple


def flush(call: Call) -> Pending:
    """What was done, by switch and zone; with ``dry_run`` what would be. 409 if nothing could be."""
    everything = queries.flag(call.query, "all")
    _refuse_vagueness(call, everything)
    meant = asked(call)
    queries.flag(call.query, "dry_run")  # a wrong one is refused before anything is done
    return Pending(lambda _: _flushed(call, meant), 0.0)  # however long the switches take, nobody else waits


def _flushed(call: Call, meant: Asked) -> Answer:
    zones = _everywhere(call, meant) if meant.filter.is_of_zones else meant.zones
    done = [
        {"switch": switch_name(call, dpid), "vlan": vlan, "zone": zone, **outcome}
        for dpid, pairs in zones.items()
        for vlan, zone, outcome in _flush(call, meant, dpid, pairs)
    ]
    failed = [each for each in done if not each["ok"]]
    if failed and len(failed) == len(done):
        raise Failure(409, "not_flushed", f"nothing was flushed: {failed[0]['detail']}", flushed=done)
    is_complete = not failed and not any(each.get("left") for each in done)
    body = {"flushed": done, "complete": is_complete}
    if queries.flag(call.query, "dry_run"):
        return Answer(200, {"dry_run": True, **body})
    call.act()
    return Answer(200, body)


def _refuse_vagueness(call: Call, everything: bool) -> None:
    """Nobody flushes a tenant by forgetting to say what, nor by saying two things."""
    named = [name for name in FILTERS if name in call.query]
    if not named and not everything:
        detail = f"say which connections ({', '.join(FILTERS)}), or all=true"
        errors = [queries.wrong("all", detail, "all=true", "missing")]
        raise Failure(400, "filter_required", detail, errors=errors, hint="all=true")
    others = [name for name in named if name not in ZONES]
    if everything and others:
        detail = "all=true means every connection"
        raise invalid_query(
            [queries.wrong(name, f"{detail}; {name} says otherwise", code="contradiction") for name in others]
        )


def _everywhere(call: Call, meant: Asked) -> dict[str, list[tuple[int, int]]]:
    """Whole zones are emptied on every switch that is there: a port may have left one with its connections behind."""
    inventory = call.firewall.inventory
    pairs = [(vlan, zone) for vlan, zone in inventory.zones(meant.tenant) if meant.filter.wants(vlan)]
    there = {status.dpid for status in call.firewall.switches() if status.connected}
    away = {dpid: zones for dpid, zones in meant.zones.items() if dpid not in there}
    return away | {dpid: pairs for dpid in sorted(there) if not meant.switches or dpid in meant.switches}


def _flush(
    call: Call, meant: Asked, dpid: str, zones: list[tuple[int, int]]
) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Zone by zone. A switch that gave no list of one is not asked for another: each time it may take long."""
    listing: Listing | Unavailable | None = None
    for vlan, number in zones:
        if not meant.filter.is_of_zones and not isinstance(listing, Unavailable):
            try:
                listing = call.firewall.connections(dpid, Zone(number), is_fresh=True)
            except Unavailable as error:
                listing = error
        yield vlan, number, _flush_zone(call, meant, dpid, vlan, Zone(number), listing)


def _flush_zone(
    call: Call, meant: Asked, dpid: str, vlan: int, zone: Zone, listing: Listing | Unavailable | None
) -> dict[str, Any]:
    """Without a listing: the whole zone."""
    try:
        if listing is None:
            _order(call, meant, dpid, vlan, zone)
            return {"ok": True, "how": "zone"}
        if isinstance(listing, Unavailable):
            return _by_tuples(call, meant, dpid, vlan, zone, listing)
        return _one_by_one(call, meant, dpid, vlan, zone, listing)
    except Unavailable as error:
        return {"ok": False, "reason": error.reason, "detail": str(error)}


def _order(call: Call, meant: Asked, dpid: str, vlan: int, zone: Zone, which: list[Tuple] | None = None) -> None:
    if not owns(call, meant.tenant, vlan, zone.number):
        raise Unavailable("zone_released", f"zone {zone.number} is not the tenant's any more")
    if not queries.flag(call.query, "dry_run"):
        call.firewall.flush(dpid, zone, which)


def _one_by_one(call: Call, meant: Asked, dpid: str, vlan: int, zone: Zone, listing: Listing) -> dict[str, Any]:
    """Flush exactly the connections that are meant. Some cannot be said so that no other is meant too."""
    belonging = Belonging(call.firewall.inventory, meant.tenant)
    kept = (each for each in call.paced(listing.in_order()) if meant.filter.keeps(each, vlan, belonging))
    wanted = list(islice(kept, MOST_FLUSHED))
    more = sum(1 for _ in kept)
    said = [each for each in map(exact, wanted) if each is not None]
    if said:
        _order(call, meant, dpid, vlan, zone, said)
    left = more + len(wanted) - len(said) + listing.left_out + listing.unreadable
    return {"ok": True, "how": "connections", "connections": len(said), "left": left}


def _by_tuples(call: Call, meant: Asked, dpid: str, vlan: int, zone: Zone, why: Unavailable) -> dict[str, Any]:
    """Without a list, what the message itself can say; how many connections that were nobody tells."""
    orders = _tuples(call, meant, vlan)
    if orders is None:
        detail = f"this filter needs a list of the connections: {why}"
        return {"ok": False, "reason": why.reason, "detail": detail}
    if orders:
        _order(call, meant, dpid, vlan, zone, orders * PASSES)
    protocols = meant.filter.protocols or USUAL
    return {"ok": True, "how": "tuples", "protocols": [protocol_name(each) for each in sorted(protocols)]}


def _tuples(call: Call, meant: Asked, vlan: int) -> list[Tuple] | None:
    """A port is in one segment: elsewhere its addresses are somebody else's."""
    ports = []
    for name in sorted(meant.filter.ports):
        stored = call.firewall.inventory.find("port", meant.tenant, name)
        if stored and isinstance(stored.value, Port) and stored.value.vlan == vlan:
            ports.append(stored.value)
    return tuples(meant.filter, ports)
