"""``ovswarden changes``: who changed what, from the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cli.output import Column, Lines
from cli.session import session
from cli.words import clock, differences

SHOWN = 8  # things of one change
SIGNS = {"add": "+", "change": "~", "delete": "-"}
COLUMNS: tuple[Column, ...] = (
    ("time", lambda c: clock(c["time"])),
    ("who", lambda c: f"{c['actor']} ({c['role']})" if c["actor"] != c["role"] else c["actor"]),
    ("revision", lambda c: c["revision"]),
    ("what", lambda c: Lines(what(c))),
)


def changes(
    context: typer.Context,
    since: Annotated[str, typer.Option(help="So far back: 30m, 1h, 2d; or an RFC 3339 time.")] = "1h",
    actor: Annotated[list[str] | None, typer.Option("--by", help="Only of this caller.")] = None,
    under: Annotated[str | None, typer.Option("--path", help="Only of this and what is below: /tenants/acme.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many, the latest ones.", min=1)] = 200,
) -> None:
    """What changed in the last hour?

    Who did it, when, and what stood there before.
    """
    run = session(context)
    query = {"since": since, "actor": actor, "tenant": run.place.tenant, "path": under}
    found = run.items("/v1/audit", most=limit, order="newest", **query)
    run.out.listing(reversed(found), COLUMNS, name="id", empty=f"nothing changed since {since}")
    if len(found) == limit:
        run.out.note(f"only the last {limit}; --limit shows more", "yellow")


def what(entry: Mapping[str, Any]) -> list[str]:
    """What became otherwise, or what was done if nothing did."""
    if not entry["changes"]:
        return [f"{entry['method']} {entry['path']}"]
    lines = []
    for change in entry["changes"][:SHOWN]:
        lines.append(f"{SIGNS[change['op']]} {change['path']}")
        lines += [f"    {each}" for each in differences(change)]
    more = len(entry["changes"]) - SHOWN
    return [*lines, f"... and {more} more"] if more > 0 else lines
