"""/v1/tenants/{tenant}/reachability: who may open what connection to whom, as JSON, as a table, as a picture."""

from __future__ import annotations

from typing import Any

from app.core.parsing import PORT_PROTOCOLS, Family, parse_protocol, protocol_name
from app.core.reach import By, End, Matrix, Traffic, matrix
from app.core.rules import ICMP_OF
from rest import query as queries
from rest.exchange import Answer, Asking, Call
from rest.problems import Failure, invalid_query
from rest.query import wrong
from rest.views.pretty import compact, pretty
from rest.views.reach_pictures import PICTURE_CELLS, picture, table

JSON, CSV, SVG = "application/json", "text/csv", "image/svg+xml"
MEDIA = (JSON, CSV, SVG)
PARAMETERS = ("by", "proto", "dport", "ethertype", "from", "to", "outside")
MOST_CELLS = 500 * 500
AT_ONCE = 400  # cells that the hub can work out by itself, of tenants with as few ports
LEGEND = '"-" is nothing, "*" everything, else what connections may be opened; "partial": cells not true of all members'
NUMBERS: dict[Family, int] = {"IPv4": 4, "IPv6": 6}


def get(call: Call) -> Answer | Asking:
    """Who may open what connection to whom in a tenant, by group or by port."""
    tenant, inventory, query = call.params["tenant"], call.firewall.inventory, call.query
    by: By = queries.choice(query, "by", ("group", "port")) or "group"  # type: ignore[assignment]
    only, outside = _only(call), queries.flag(query, "outside")
    sources, targets = (_ends(call, name, tenant, by) for name in ("from", "to"))
    inventory.get("tenant", tenant)
    own = inventory.used(tenant, f"{by}s")
    cells = (own if sources is None else len(sources)) * (own if targets is None else len(targets))
    _check_size(cells, by, call.media)
    content_type = call.media if call.media == JSON else f"{call.media}; charset=utf-8"

    def made() -> bytes:
        found = matrix(inventory, tenant, by, sources, targets, outside, only)
        return _rendered(found, call.media, tenant, by, inventory.revision)

    if cells <= AT_ONCE and inventory.used(tenant, "ports") ** 2 <= AT_ONCE:
        return Answer(200, made(), content_type=content_type)
    aside = call.firewall.aside
    return Asking(lambda: aside(made), lambda body: Answer(200, body, content_type=content_type))


def view(found: Matrix, tenant: str, by: By, revision: int) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "by": by,
        "rows": list(found.rows),
        "cols": list(found.cols),
        "cells": [[cell if isinstance(cell, str) else list(cell) for cell in line] for line in found.cells],
        "partial": sorted(map(list, found.partial)),
        "legend": LEGEND,
        "revision": revision,
    }


def _rendered(found: Matrix, media: str, tenant: str, by: By, revision: int) -> bytes:
    if media == CSV:
        return table(found)
    if media == SVG:
        return picture(found, f"Who may reach whom: {tenant} by {by}, revision {revision}")
    write = pretty if len(found.rows) * len(found.cols) <= AT_ONCE else compact
    return write(view(found, tenant, by, revision)).encode()


def _ends(call: Call, name: str, tenant: str, by: By) -> list[End] | None:
    """The ends that somebody asks about, in their order; None: all."""
    if name not in call.query:
        return None
    queries.values(call.query, name, lambda text: End.parse(text, tenant, by))
    return [End.parse(text, tenant, by) for text in dict.fromkeys(call.query[name])]


def _check_size(cells: int, by: By, media: str) -> None:
    most = PICTURE_CELLS if media == SVG else MOST_CELLS
    if cells <= most:
        return
    hint = "by=group" if by == "port" else "from=GROUP&to=GROUP"
    detail = f"that would be {cells} cells, and {'a picture' if media == SVG else 'a matrix'} has at most {most}"
    raise Failure(400, "too_many_ports", detail, errors=[wrong("by", detail, hint, "too_many_ports")], hint=hint)


def _only(call: Call) -> Traffic | None:
    """The traffic that somebody asks about; None: all."""
    protocol = queries.value(call.query, "proto", lambda text: (parse_protocol(text),))
    port = queries.number(call.query, "dport", 0, 65535)
    ethertype = queries.choice(call.query, "ethertype", tuple(NUMBERS))
    number = protocol[0] if protocol else None
    if port is not None and number not in PORT_PROTOCOLS:
        raise invalid_query([wrong("dport", f"proto {protocol_name(number)} has no ports", "proto=tcp")])
    families = [n for family, n in NUMBERS.items() if ethertype in (None, family) and _has(family, number)]
    if not families:
        raise invalid_query([wrong("proto", f"{ethertype} has no {protocol_name(number)}", code="family_mismatch")])
    if protocol is None and ethertype is None:
        return None
    traffic = [Traffic.of(n, number, None, None if port is None else (port, port)) for n in families]
    return traffic[0] if len(traffic) == 1 else traffic[0] | traffic[1]


def _has(family: Family, protocol: int | None) -> bool:
    return protocol not in ICMP_OF.values() or ICMP_OF[family] == protocol
