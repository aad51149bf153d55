"""What may reach whom: a port's page, a group's rules, the matrix."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.cells import cell_len

from cli import completion
from cli.commands.lists import where
from cli.output import Column
from cli.request import Request
from cli.session import Session, session
from cli.traffic import remote, some, traffic, ways, words
from cli.words import path

RULES: tuple[Column, ...] = (
    ("rule", lambda rule: rule["key"]),
    ("direction", lambda rule: rule["direction"]),
    ("traffic", traffic),
    ("remote", remote),
    ("stateful", lambda rule: rule["stateful"]),
)
EFFECTIVE: tuple[Column, ...] = (
    ("direction", lambda rule: rule["direction"]),
    ("action", lambda rule: rule["action"] if rule["effective"] else "(not asked)"),
    ("traffic", traffic),
    ("remote", remote),
    ("rule", lambda rule: rule["rule"] or "what the port sends, egress: any"),
    ("hits", lambda rule: rule["hits"]),
    ("last used", lambda rule: rule["last_used"]),
)
FROM: tuple[Column, ...] = (("traffic", lambda way: way["traffic"]), ("from", lambda way: some(way["from"])))
TO: tuple[Column, ...] = (("traffic", lambda way: way["traffic"]), ("to", lambda way: some(way["to"])))
WAYS: tuple[Column, ...] = (("from", lambda way: some(way["from"])), *TO)
SOME = '"~" is not for all of them'
LEGEND = '"-" nothing, "*" everything, "~" only for some of their members; answers come back by themselves'
END = "A port, group:NAME, port:NAME, ip:NETWORK or any."


def port(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="PORT", help="PORT or TENANT/PORT.", autocompletion=completion.ports)],
) -> None:
    """What may reach this VM?

    One port on a page: where it is, who may open connections to it and to whom it may, which rules apply, what was
    dropped.
    """
    run = session(context)
    tenant, id = run.named(name)
    place = path("tenants", tenant, "ports", id)
    found = run.get(place)
    with run.out.busy("its rules, and who may reach it"):
        rules = list(run.connection.items(f"{place}/effective-rules", limit=1000))
        asked = {"by": "port", "outside": True}
        matrix = path("tenants", tenant, "reachability")
        to, out = (run.connection.get(matrix, **asked, **{end: f"port:{id}"}) for end in ("to", "from"))
    if not run.out.is_table:
        more = {"effective_rules": rules, "reached_by": ways(to), "reaches": ways(out)}
        run.out.document({**found, **more}, f"{tenant}/{id}")
        return
    _page(run, found)
    run.out.head("may open connections to it")
    run.out.page(ways(to), FROM, "nobody")
    run.out.head("it may open connections to")
    run.out.page(ways(out), TO, "nobody")
    if "~" in "".join(way["traffic"] for way in (*ways(to), *ways(out))):
        run.out.note(SOME, "dim")
    run.out.head("rules that apply")
    run.out.page(rules, EFFECTIVE, "none: it gets nothing new")


def _page(run: Session, found: dict[str, Any]) -> None:
    status = found["status"]
    run.out.pairs(
        [
            ("port", f"{found['tenant']}/{found['id']}"),
            ("state", status["state"] if found["enabled"] else f"{status['state']}, not enabled"),
            ("why", None if status["state"] == "active" else status["message"] or status["reason"]),
            ("where", where(found)),
            ("mac", found["mac"]),
            ("addresses", found["addresses"]),
            ("groups", found["groups"]),
            ("egress", found["egress"]),
            ("spoof guard", found["spoof_guard"]),
            ("segment", found["vlan"] or None),
            ("zone", status["conntrack_zone"]),
            ("flows", status["flows"]),
            ("dropped", [f"{reason} {count}" for reason, count in (status.get("drops") or {}).items() if count]),
        ]
    )


def rules(
    context: typer.Context,
    group: Annotated[
        str, typer.Argument(metavar="GROUP", help="GROUP or TENANT/GROUP.", autocompletion=completion.groups)
    ],
) -> None:
    """The rules of a group."""
    run = session(context)
    tenant, name = run.named(group, "groups")
    found = run.items(path("tenants", tenant, "groups", name) + "/rules")
    run.out.listing(found, RULES, name="key", empty="no rule: its ports get nothing new by it")


def matrix(
    context: typer.Context,
    by: Annotated[str | None, typer.Option(help="group or port; port if --from or --to is said.")] = None,
    protocol: Annotated[str | None, typer.Option("--proto", help="Only this protocol.")] = None,
    dport: Annotated[int | None, typer.Option(help="Only this port.")] = None,
    source: Annotated[
        list[str] | None, typer.Option("--from", help=f"Only from these. {END}", autocompletion=completion.ports)
    ] = None,
    target: Annotated[
        list[str] | None, typer.Option("--to", help=f"Only to these. {END}", autocompletion=completion.ports)
    ] = None,
    outside: Annotated[
        bool | None, typer.Option(help="With the networks that rules name; so if --from or --to is said.")
    ] = None,
    lines: Annotated[bool, typer.Option("--lines", help="As lines, as whatever is too wide.")] = False,
    svg: Annotated[Path | None, typer.Option(help="Write a picture here.", dir_okay=False)] = None,
) -> None:
    """Who may reach whom in a tenant.

    A row may open connections to a column. What is too wide for the terminal is told as lines.
    """
    run = session(context)
    is_about_some = bool(source or target)
    tenant, source, target = _of_one_tenant(run, source or [], target or [], "groups" if by == "group" else "ports")
    query = {
        "by": by or ("port" if is_about_some else None), "proto": protocol, "dport": dport, "from": source,
        "to": target, "outside": (is_about_some if outside is None else outside) or None,
    }  # fmt: skip
    request = Request("GET", path("tenants", tenant, "reachability"), query, accept="image/svg+xml" if svg else None)
    with run.out.busy("who may reach whom"):
        found = {"svg": run.text(request)} if svg else run.send(request)
    if svg:
        svg.write_text(found["svg"])
    elif not run.out.is_table:
        run.out.document(found)
    else:
        _matrix(run, found, lines or is_about_some)


def _of_one_tenant(run: Session, source: list[str], target: list[str], kind: str) -> tuple[str, list[str], list[str]]:
    """The tenant of ``TENANT/PORT``, or of a port alone, and the ends without it."""
    tenants: dict[str, None] = {}
    ends = []
    for end in (*source, *target):
        if ":" in end or end == "any":
            ends.append(end)
        elif "/" in end:
            tenant, _, end = end.partition("/")
            tenants[tenant] = None
            ends.append(end)
        else:
            tenants[run.place.tenant or run.named(end, kind)[0]] = None
            ends.append(end)
    if len(tenants) > 1:
        raise typer.BadParameter("a matrix is of one tenant; `trace` goes from one to another")
    tenant = next(iter(tenants), None) or run.tenant()
    return tenant, ends[: len(source)], ends[len(source) :]


def _matrix(run: Session, found: dict[str, Any], as_lines: bool) -> None:
    """A grid if the terminal has room for it, else lines."""
    partial = {tuple(place) for place in found["partial"]}
    rows = [
        [name, *(words(cell, (r, c) in partial) for c, cell in enumerate(found["cells"][r]))]
        for r, name in enumerate(found["rows"])
    ]
    heads = ["from \\ to", *found["cols"]]
    width = sum(2 + max(cell_len(row[n]) for row in [heads, *rows]) for n in range(len(heads)))
    if as_lines or width > run.out.console.width:
        run.out.page(ways(found), WAYS, "nobody may open anything")
    else:
        columns: list[Column] = [(head, _reader(n)) for n, head in enumerate(heads)]
        run.out.table([{"cells": row} for row in rows], columns)
    run.out.note(LEGEND, "dim")


def _reader(n: int) -> Any:
    def read(row: dict[str, Any]) -> Any:
        return row["cells"][n]

    return read
