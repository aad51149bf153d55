"""/v1/tenants/{tenant}/conntrack: the connections that the switches know of, each with whose it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from app.core.belonging import Belonging, Party
from app.core.connections import Connection, Listing
from app.core.flushes import WITH_PORTS, Zone
from app.core.parsing import protocol_name
from app.service import Unavailable, ZoneUse
from rest.conntrack_query import FILTERS, ZONES, Asked, asked, owns
from rest.exchange import Answer, Asking, Call
from rest.paging import page

__all__ = ["FILTERS", "ZONES", "list_all", "summary"]
TOP_PORTS = 10
Row = tuple[str, int, Connection]  # datapath id, segment
Lists = dict[tuple[str, int, int], Listing]  # datapath id, zone, segment: in the order of the rows' keys


def list_all(call: Call) -> Asking:
    """In the order of switch, zone, protocol and addresses."""
    meant = asked(call)
    return Asking(lambda: _lists(call, meant), lambda told: _listed(call, meant, *told))


def _listed(call: Call, meant: Asked, lists: Lists, unavailable: list[dict[str, Any]]) -> Answer:
    belonging = Belonging(call.firewall.inventory, meant.tenant)
    answer = page(
        call,
        _rows(lists),
        lambda row: view(call, belonging, row),
        lambda row: meant.filter.keeps(row[2], row[1], belonging),
    )
    assert isinstance(answer.body, dict)
    return replace(answer, body={**answer.body, **_missing(lists, unavailable)})


def summary(call: Call) -> Asking:
    """Counts. Those of zones are the switch's own, the others are counted from lists."""
    meant = asked(call)

    def ask() -> tuple[Lists, list[dict[str, Any]], list[dict[str, Any]]]:
        lists, unavailable = _lists(call, meant)
        return lists, unavailable, list(_uses(call, meant, lists))

    return Asking(ask, lambda told: _summed(call, meant, *told))


def _summed(
    call: Call, meant: Asked, lists: Lists, unavailable: list[dict[str, Any]], uses: list[dict[str, Any]]
) -> Answer:
    belonging = Belonging(call.firewall.inventory, meant.tenant)
    protocols, states, epochs, ports = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for _, (_, vlan, connection) in call.paced(_rows(lists)):
        protocols[protocol_name(connection.protocol)] += 1
        states.update([connection.state] if connection.state else [])
        parties = belonging.parties(connection, vlan)
        ports.update({party.port for party in parties if party.port})
        epochs.update(party.epoch for party in parties if party.epoch)
    body = {
        "switches": uses,
        "protocols": dict(sorted(protocols.items())),
        "states": dict(sorted(states.items())),
        "epochs": dict(sorted(epochs.items())),
        "top_ports": [{"port": port, "connections": count} for port, count in ports.most_common(TOP_PORTS)],
        **_missing(lists, unavailable),
        "revision": call.firewall.inventory.revision,
    }
    return Answer(200, body)


def _lists(call: Call, meant: Asked) -> tuple[Lists, list[dict[str, Any]]]:
    """What the switches say, and which do not. One that does not answer is asked for one zone only."""
    lists: Lists = {}
    unavailable = []
    for dpid, zones in meant.zones.items():
        try:
            for vlan, zone in sorted(zones, key=lambda pair: pair[1]):
                listing = call.firewall.connections(dpid, Zone(zone))
                if owns(call, meant.tenant, vlan, zone):
                    lists[dpid, zone, vlan] = listing
        except Unavailable as error:
            unavailable.append({"switch": switch_name(call, dpid), "reason": error.reason, "detail": str(error)})
    return lists, unavailable


def _rows(lists: Lists) -> Iterator[tuple[str, Row]]:
    for (dpid, _, vlan), listing in lists.items():
        for connection in listing.in_order():
            yield f"{dpid}.{connection.key}", (dpid, vlan, connection)


def _missing(lists: Lists, unavailable: list[dict[str, Any]]) -> dict[str, Any]:
    """What the lists lack, and why."""
    return {
        "unavailable": unavailable,
        "left_out": sum(listing.left_out for listing in lists.values()),
        "unreadable": sum(listing.unreadable for listing in lists.values()),
    }


def view(call: Call, belonging: Belonging, row: Row) -> dict[str, Any]:
    dpid, vlan, connection = row
    has_ports = connection.protocol in WITH_PORTS
    icmp = {f"icmp_{name}": value for name, value in connection.icmp._asdict().items()} if connection.icmp else {}
    initiator, responder = belonging.parties(connection, vlan)
    return {
        "switch": switch_name(call, dpid),
        "vlan": vlan,
        "zone": connection.zone,
        "protocol": protocol_name(connection.protocol),
        "src": connection.source,
        "dst": connection.destination,
        **({"sport": connection.sport, "dport": connection.dport} if has_ports else icmp),
        "state": connection.state or None,
        "timeout": connection.timeout,
        "initiator": _party(initiator),
        "responder": _party(responder),
    }


def _party(party: Party) -> dict[str, Any]:
    shown = {"port": party.port, "rule": party.rule, "epoch": party.epoch}
    return shown | ({"rule_id": party.rule_id} if party.rule_id else {})


def _uses(call: Call, meant: Asked, lists: Lists) -> Iterator[dict[str, Any]]:
    for dpid, zones in meant.zones.items():
        uses = call.firewall.zone_use(dpid, [zone for _, zone in zones])
        for vlan, zone in zones:
            use = uses.get(zone, ZoneUse())
            listing = lists.get((dpid, zone, vlan))
            counted = sum(map(len, listing.runs)) + listing.left_out if listing else None
            yield {
                "switch": switch_name(call, dpid),
                "vlan": vlan,
                "zone": zone,
                "connections": counted if use.connections is None else use.connections,
                "limit": use.limit,
                "refused": use.refused,
            }


def switch_name(call: Call, dpid: str) -> str:
    """What people call a switch, or its datapath id."""
    stored = call.firewall.inventory.find("switch", dpid)
    return (stored.value.name if stored else None) or dpid  # type: ignore[union-attr]
