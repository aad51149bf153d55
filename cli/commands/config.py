"""Declarative configuration: export, plan, apply, diff."""

from __future__ import annotations

import difflib
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.commands.changes import SIGNS
from cli.request import JSON, YAML, Request, Upload
from cli.session import Exit, Session, session
from cli.words import as_yaml, differences

STYLES = {"+": "green", "-": "red", "~": "yellow", "@": "cyan"}


class Prune(StrEnum):
    NONE = "none"
    OWNED = "owned"
    ALL = "all"


HELP = "YAML or JSON; - is standard input."
FILE = Annotated[Path, typer.Option("-f", "--file", help=HELP, allow_dash=True, exists=True, dir_okay=False)]
PERHAPS = Annotated[Path | None, typer.Option("-f", "--file", help=HELP, allow_dash=True, exists=True, dir_okay=False)]
PRUNE = Annotated[Prune, typer.Option(help="What goes that is not in the file: nothing, what is its owner's, all.")]


def plan(context: typer.Context, file: FILE, prune: PRUNE = Prune.NONE) -> None:
    """What a file would change, and who could newly reach whom.

    Nothing is changed. Status 4 if anything would be.
    """
    run = session(context)
    found = _planned(run, Upload.read(file), prune)
    if run.out.is_table:
        _show(run, found)
        if found["changes"]:
            run.out.note(f"ovswarden apply --plan {found['plan_id']}   does it, until {found['expires_at']}")
    else:
        run.out.document(found, found["plan_id"])
    _end(bool(found["changes"]))


def diff(context: typer.Context, file: FILE, prune: PRUNE = Prune.NONE) -> None:
    """The same line by line. Status 4 if anything would change."""
    run = session(context)
    found = _planned(run, Upload.read(file), prune)
    if not run.out.is_table:
        run.out.listing(found["changes"], (), name="path")
    for change in found["changes"] if run.out.is_table else ():
        before, after = (as_yaml(side).splitlines() if side else [] for side in (change["before"], change["after"]))
        for line in difflib.unified_diff(before, after, change["path"], change["path"], lineterm=""):
            run.out.text(line, STYLES.get(line[:1], ""))
    _end(bool(found["changes"]))


def apply(
    context: typer.Context,
    file: PERHAPS = None,
    plan_id: Annotated[str | None, typer.Option("--plan", help="Exactly what was planned under this id.")] = None,
    prune: PRUNE = Prune.NONE,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Without asking.")] = False,
    deletes: Annotated[
        int | None, typer.Option("--confirm-deletes", help="So many things go, where that has to be said.", min=0)
    ] = None,
    wait: Annotated[str, typer.Option(help="So long for the switches to confirm, 30s at most.")] = "30s",
) -> None:
    """Make it so, all of it or nothing.

    A plan, or a file, which is planned and shown first. Status 4 if a switch has not confirmed it in time.
    """
    run = session(context)
    if (file is None) == (plan_id is None):
        raise typer.BadParameter("either -f FILE or --plan ID")
    if plan_id and prune is not Prune.NONE:
        raise typer.BadParameter("a plan says already what goes: --prune belongs to `plan`")
    query = {"wait": wait, "confirm_deletes": deletes}
    if file is not None:
        upload = Upload.read(file)
        if run.shows_curl:  # which does in one what is two here
            run.send(Request("POST", "/v1/config:apply", {**query, "prune": _said(prune)}, upload))
        found = _planned(run, upload, prune)
        if run.out.is_table:
            _show(run, found)
        if not found["changes"]:
            if not run.out.is_table:
                run.out.document({"changed": False, "revision": found["base_revision"]}, "")
            return
        plan_id = found["plan_id"]
        if not yes:
            query["confirm_deletes"] = _agreed(found["needs_confirm_deletes"], deletes, is_stdin=str(file) == "-")
    with run.out.busy("applying, and waiting for the switches"):
        done = run.send(Request("POST", "/v1/config:apply", query, {"plan_id": plan_id}))
    _done(run, done)


def export(
    context: typer.Context,
    to: Annotated[Path | None, typer.Option("--to", help="Write it here.", dir_okay=False)] = None,
    owner: Annotated[str | None, typer.Option(help="Only what this owner keeps.")] = None,
) -> None:
    """All that is wanted, as a file for plan and apply.

    Of one tenant with -t. YAML, unless -o json.
    """
    run = session(context)
    if run.out.is_name:
        raise typer.BadParameter("an export has no name that -o name could print")
    kind = JSON if run.out.form.value == "json" else YAML
    with run.out.busy("exporting"):
        text = run.text(Request("GET", "/v1/config", {"tenant": run.place.tenant, "owner": owner}, accept=kind))
    if to:
        to.write_text(text)
    else:
        run.out.plain(text.rstrip("\n"))


# -- what they share


def _said(prune: Prune) -> str | None:
    return None if prune is Prune.NONE else prune.value


def _planned(run: Session, upload: Upload, prune: Prune) -> dict[str, Any]:
    with run.out.busy("planning"):
        found: dict[str, Any] = run.send(Request("POST", "/v1/config:plan", {"prune": _said(prune)}, upload, JSON))
    return found


def _show(run: Session, found: dict[str, Any]) -> None:
    for change in found["changes"]:
        sign = SIGNS[change["op"]]
        run.out.text(f"{sign} {change['path']}", STYLES[sign])
        for line in differences(change):
            run.out.text(f"    {line}")
    if not found["changes_complete"]:
        run.out.text("... and more changes", "yellow")
    for switch, flows in found["flows"].items():
        if flows["added"] or flows["removed"]:
            run.out.text(f"flows on {switch}: {flows['added']} more, {flows['removed']} less")
    for way in found["reachability"]:
        is_new = way["after"] == "allow"
        verb = "now reaches" if is_new else "no longer reaches"
        text = f"{way['tenant']}: {way['from']} {verb} {way['to']} {way['words']}"
        run.out.text(text, "bold green" if is_new else "bold red")
    if not found["reachability_complete"]:
        run.out.text("... and more that is reached, or no longer", "yellow")
    for failure in found["assertions"]["failures"]:
        text = f"{failure['tenant']}: assertion fails: {failure['from']} to {failure['to']} {failure['expect']}"
        run.out.text(text, "bold red")
    sums = found["summary"]
    total = f"{sums['add']} to add, {sums['change']} to change, {sums['delete']} to delete"
    run.out.text(total if found["changes"] else "nothing would change")
    if (deletes := found["needs_confirm_deletes"]) is not None:
        run.out.text(f"{deletes} things would go: that has to be confirmed by its number", "bold red")


def _agreed(needed: int | None, said: int | None, is_stdin: bool) -> int | None:
    """The number of deletions that was confirmed. Ends if somebody does not agree, or cannot be asked."""
    if is_stdin or not sys.stdin.isatty():
        raise typer.BadParameter("nobody can be asked here: --yes says that it is meant")
    if needed is None or needed == said:
        if not typer.confirm("apply this?", err=True):
            raise typer.Exit(Exit.ERROR)
        return said
    answer: int = typer.prompt("how many things go, if that is meant?", type=int, err=True)
    return answer


def _done(run: Session, done: dict[str, Any]) -> None:
    late = done.get("lagging") or []
    if not run.out.is_table:
        run.out.document(done, done["revision"])
    elif late:
        run.out.text(f"revision {done['revision']} is stored; not confirmed yet by {', '.join(late)}", "yellow")
    else:
        run.out.text(f"revision {done['revision']}: every connected switch has it", "green")
    _end(bool(late))


def _end(is_pending: bool) -> None:
    if is_pending:
        raise typer.Exit(Exit.PENDING)
