"""``ovswarden switches`` and ``drift``: the bridges, and what one holds otherwise than wanted."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli import completion
from cli.commands.status import drift_of, is_in_step, name_of
from cli.output import Column
from cli.request import Request
from cli.session import Exit, Session, session
from cli.words import path

SHOWN = 10  # flows of each switch
SWITCHES: tuple[Column, ...] = (
    ("switch", name_of),
    ("dpid", lambda s: s["dpid"]),
    ("state", lambda s: s["status"]["state"]),
    ("in step", is_in_step),
    ("address", lambda s: s["status"]["address"]),
    ("software", lambda s: s["status"]["software"]),
    ("bridge", lambda s: s["status"]["bridge"]),
    ("uplinks", lambda s: s["status"]["uplinks"]),
    ("ports", lambda s: s["status"]["ports"]),
    ("flows", lambda s: s["status"]["flows"]),
    ("drift", drift_of),
    ("off", lambda s: [name for name, each in s["status"]["features"].items() if not each["on"]]),
)
DRIFT: tuple[Column, ...] = (
    ("switch", lambda d: d["switch"]),
    ("result", lambda d: d["result"]),
    *((kind, lambda d, kind=kind: d.get(kind)) for kind in ("missing", "extra", "altered", "repaired")),
)


def switches(context: typer.Context) -> None:
    """The switches: state, software, what they cannot do."""
    run = session(context)
    found = [{**switch, "full": name_of(switch)} for switch in run.items("/v1/switches")]
    run.out.listing(found, SWITCHES, name="full", empty="no switch has ever connected")


def drift(
    context: typer.Context,
    switch: Annotated[
        str | None,
        typer.Argument(
            metavar="[SWITCH]", help="Name or datapath id; without: all.", autocompletion=completion.switches
        ),
    ] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Put it right, too.")] = False,
) -> None:
    """What a switch holds otherwise than wanted.

    All its flows are compared now; --repair mends them. Status 4 if anything is otherwise.
    """
    run = session(context)
    names = [switch] if switch else _connected(run)
    found = []
    for number, name in enumerate(names):
        with run.out.busy(f"comparing all flows of {name} ({number + 1} of {len(names)})"):
            found.append(_repaired(run, name) if repair else _compared(run, name))
    run.out.listing(found, DRIFT, name="switch", empty="no switch is connected")
    for each in found if run.out.is_table else ():
        for line in each["first"][:SHOWN]:
            run.out.text(f"  {each['switch']}: {line}")
    if any(each["result"] != "in step" for each in found):
        raise typer.Exit(Exit.PENDING)


def _connected(run: Session) -> list[str]:
    if run.shows_curl:
        raise typer.BadParameter("--curl is for one switch: say which")
    return [name_of(switch) for switch in run.connection.items("/v1/switches", connected=True, limit=1000)]


def _compared(run: Session, name: str) -> dict[str, Any]:
    found = run.get(path("switches", name, "drift"))
    settled = "" if found["settled"] else " (changes were on their way)"
    first = [f"{each['kind']} {_flow(each['wanted'] or each['held'])}" for each in found["items"]]
    return {**found, "result": "in step" if found["in_step"] else f"drift{settled}", "first": first}


def _repaired(run: Session, name: str) -> dict[str, Any]:
    found = run.send(Request("POST", path("switches", name, verb=":reconcile"), {"wait": "30s"}))
    if not found["done"]:
        return {"switch": name, **found, "result": "still under way", "first": []}
    count = sum(found[kind] for kind in ("missing", "extra", "altered"))
    result = "in step" if count == found["repaired"] else "not mended"
    return {"switch": name, **found, "result": result}


def _flow(flow: dict[str, Any]) -> str:
    said = f"{flow['match']} actions={flow['actions']}" if flow["match"] else flow["says"]
    return f"in {flow['table']}: {said}"
