"""Which connections a query means."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.addresses import Network, network
from app.core.belonging import DEFAULT, EPOCHS, GONE
from app.core.connections import NUMBERS, STATES
from app.core.filters import Filter
from app.core.flushes import WITH_PORTS
from app.core.parsing import Invalid, parse_cidr, parse_name, parse_port_id, parse_protocol, protocol_name
from app.core.problems import NotFound
from app.core.values import VLAN_LAST
from rest import query as queries
from rest.exchange import Call
from rest.fields import parse_switch
from rest.problems import Fault, invalid_query

ZONES = ("switch", "vlan")
FILTERS = (*ZONES, "port", "protocol", "src", "dst", "sport", "dport", "state", "rule", "epoch")


@dataclass(frozen=True, slots=True)
class Asked:
    """A tenant's zones that a query means, as (segment, zone) by datapath id, and which connections in them."""

    tenant: str
    zones: dict[str, list[tuple[int, int]]]
    filter: Filter
    switches: frozenset[str]


def asked(call: Call) -> Asked:
    """`NotFound` for a tenant, port or switch that nobody knows; every other fault of the query at once."""
    inventory, tenant, query = call.firewall.inventory, call.params["tenant"], call.query
    inventory.get("tenant", tenant)
    meant = Filter(
        vlans=queries.values(query, "vlan", lambda text: _number("vlan", text, VLAN_LAST)),
        ports=queries.values(query, "port", parse_port_id),
        protocols=queries.values(query, "protocol", _protocol),
        sources=queries.values(query, "src", _network),
        destinations=queries.values(query, "dst", _network),
        sports=queries.values(query, "sport", lambda text: _number("sport", text, 0xFFFF)),
        dports=queries.values(query, "dport", lambda text: _number("dport", text, 0xFFFF)),
        states=queries.choices(query, "state", STATES),
        rules=queries.values(query, "rule", _rule),
        epochs=queries.choices(query, "epoch", EPOCHS),
    )
    if faults := _contradictions(meant):
        raise invalid_query(faults)
    for port in sorted(meant.ports):
        inventory.get("port", tenant, port)
    switches = frozenset(map(inventory.switch_id, queries.values(query, "switch", parse_switch)))
    found = call.firewall.zones_by_switch(tenant)
    if unknown := switches - found.keys() - {status.dpid for status in call.firewall.switches()}:
        raise NotFound("switch", min(unknown))
    zones = {
        dpid: [(vlan, zone) for vlan, zone in pairs if meant.wants(vlan)]
        for dpid, pairs in sorted(found.items())
        if not switches or dpid in switches
    }
    return Asked(tenant, zones, meant, switches)


def owns(call: Call, tenant: str, vlan: int, zone: int) -> bool:
    """Whether the zone is still the tenant's: while a switch was asked, another may have got it."""
    return (vlan, zone) in call.firewall.inventory.zones(tenant)


def _contradictions(meant: Filter) -> list[Fault]:
    odd = sorted(protocol_name(each) for each in meant.protocols - WITH_PORTS)
    return [
        queries.wrong(name, f"protocol {', '.join(odd)} has no ports", "protocol=tcp", "not_applicable")
        for name, ports in (("sport", meant.sports), ("dport", meant.dports))
        if ports and odd
    ]


def _number(name: str, text: str, last: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and int(text) <= last):
        raise Invalid("out_of_range", f"{name} is a number from 0 to {last}")
    return int(text)


def _protocol(text: str) -> int:
    if text in NUMBERS:
        return NUMBERS[text]
    number = parse_protocol(text[:16])
    if number is None:
        raise Invalid("unknown_protocol", "leave protocol out for any")
    return number


def _network(text: str) -> Network:
    return network(parse_cidr(text))


def _rule(text: str) -> str:
    if text in (DEFAULT, GONE):
        return text
    group, slash, key = text.partition("/")
    if not slash:
        raise Invalid("malformed", f"{text!r} is not GROUP/RULE, {DEFAULT} or {GONE}", f"{text}/KEY")
    return f"{parse_name(group)}/{parse_name(key)}"
