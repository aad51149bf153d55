"""``ovswarden status``: is everything enforced, and if not, where not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import typer

from cli.output import Column
from cli.session import Exit, Session, session
from cli.words import clock

NEAR = 0.85
COLUMNS: tuple[Column, ...] = (
    ("switch", lambda s: s["switch"]),
    ("state", lambda s: s["state"]),
    ("in step", lambda s: s["in_step"]),
    ("lag", lambda s: s["lag"]),
    ("ports", lambda s: s["ports"]),
    ("flows", lambda s: s["flows"]),
    ("drift", lambda s: s["drift"]),
    ("warnings", lambda s: len(s["warnings"])),
)
STATES: tuple[Column, ...] = (
    ("tenant", lambda t: t["name"]),
    *((state, lambda t, state=state: t["ports"][state]) for state in ("active", "building", "down", "error")),
)


def status(context: typer.Context) -> None:
    """Is every switch up to date?

    With what warns and who is near a limit. Status 4 if a switch is behind or away. Whoever belongs to a tenant sees
    its ports.
    """
    run = session(context)
    overview = run.get("/v1/overview")
    if overview["switches"] is None:  # what there is for a tenant's own people
        run.out.listing(overview["tenants"], STATES)
        return
    switches = list(run.connection.items("/v1/switches", limit=1000))
    near = [use for use in run.connection.get("/v1/usage", limit=20)["items"] if (use["ratio"] or 0) >= NEAR]
    rows = [summary(switch) for switch in switches]
    if run.out.is_table:
        _show(run, rows, overview["ports"], near)
    else:
        is_good = all(row["in_step"] for row in rows)
        found = {"up_to_date": is_good, "switches": rows, "ports": overview["ports"], "near_limits": near}
        run.out.document(found, "yes" if is_good else "no")
    if not all(row["in_step"] for row in rows):
        raise typer.Exit(Exit.PENDING)


def _show(run: Session, rows: Sequence[dict[str, Any]], ports: Mapping[str, int], near: list[dict[str, Any]]) -> None:
    if rows:
        run.out.table(rows, COLUMNS)
        run.out.text("")
    for row in rows:
        if row["last_error"]:
            run.out.text(f"{row['switch']}: {row['last_error']}", "red")
    for use in near:
        place = f"zone {use['zone']} of {use['switch']}"
        run.out.text(f"{use['tenant']}: {use['connections']} of {use['limit']} connections in {place}", "yellow")
    told = [f"{count} {state}" for state, count in ports.items() if state != "total" and count]
    run.out.text(f"{ports['total']} ports" + (f": {', '.join(told)}" if told else ""))
    if warning := [row["switch"] for row in rows if row["warnings"]]:
        codes = {each["code"] for row in rows for each in row["warnings"]}
        run.out.text(f"{len(codes)} warnings on {', '.join(warning)}: `ovswarden doctor` tells them", "yellow")
    late = [f"{row['switch']} ({row['state']}{since(row)})" for row in rows if not row["in_step"]]
    if not rows:
        run.out.text("nothing is enforced: no switch has ever connected", "yellow")
    elif late:
        run.out.text(f"not up to date: {', '.join(late)}", "bold red")
    else:
        run.out.text(f"every switch is up to date ({len(rows)})", "bold green")


def since(row: Mapping[str, Any]) -> str:
    return "" if row["state"] == "synced" or not row["since"] else f" since {clock(row['since'])}"


def name_of(switch: Mapping[str, Any]) -> str:
    return str(switch["name"] or switch["dpid"])


def drift_of(switch: Mapping[str, Any]) -> int:
    """Flows that audits found otherwise than wanted since the controller started, all of them put right."""
    return sum(switch["status"]["drift"].get(kind) or 0 for kind in ("missing", "extra", "altered"))


def summary(switch: Mapping[str, Any]) -> dict[str, Any]:
    """A switch in a line. `lag`: revisions that it has not confirmed."""
    now = switch["status"]
    return {
        "switch": name_of(switch),
        "state": now["state"],
        "in_step": is_in_step(switch),
        "lag": max(0, now["wanted_revision"] - now["applied_revision"]) if now["connected"] else None,
        "ports": now["ports"],
        "flows": now["flows"],
        "drift": drift_of(switch),
        "since": now["since"],
        "warnings": now["warnings"],
        "last_error": now["last_error"],
    }


def is_in_step(switch: Mapping[str, Any]) -> bool:
    now = switch["status"]
    return bool(now["connected"] and now["state"] == "synced" and now["applied_revision"] >= now["wanted_revision"])
