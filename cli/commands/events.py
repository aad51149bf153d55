"""``ovswarden events``: what happened, and what happens."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from cli import completion
from cli.output import Column, Form
from cli.problems import Failed
from cli.session import Session, session
from cli.stream import messages
from cli.words import as_json, as_yaml, clock

COLUMNS: tuple[Column, ...] = (
    ("time", lambda e: clock(e["time"])),
    ("event", lambda e: e["type"]),
    ("", lambda e: words(e["data"])),
)
PAUSE = 2.0  # seconds before a lost stream is taken up again
BUSY = (429, 502, 503, 504)  # of servers that may answer later


def words(data: Mapping[str, Any]) -> str:
    said = {name: value for name, value in data.items() if value not in (None, "")}
    return "  ".join(f"{name}={v if isinstance(v, str) else json.dumps(v)}" for name, v in said.items())


def events(
    context: typer.Context,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as they come, until Ctrl-C.")] = False,
    kind: Annotated[list[str] | None, typer.Option("--type", help="Only of this type, as spoof.drop.")] = None,
    port: Annotated[str | None, typer.Option(help="Only of this port.", autocompletion=completion.ports)] = None,
    switch: Annotated[str | None, typer.Option(help="Only of this switch.", autocompletion=completion.switches)] = None,
    after: Annotated[int | None, typer.Option(help="Only those behind this id.", min=0)] = None,
) -> None:
    """What happened lately, and with -f what happens.

    Switches, ports, policy, spoofing. A stream that is cut off is resumed where it broke off.
    """
    run = session(context)
    tenant, name = run.named(port) if port else (run.place.tenant, None)
    query: dict[str, Any] = {"type": kind, "tenant": tenant, "port": name, "switch": switch}
    if not follow:
        found = run.items("/v1/events", **query, after=after)
        run.out.listing(found, COLUMNS, name="id", empty="no event since the controller started")
        return
    try:
        for event in followed(run, query, None if after is None else str(after)):
            show(run, event)
    except KeyboardInterrupt:  # that is how it ends
        return


def show(run: Session, event: Mapping[str, Any]) -> None:
    """One event, at once: a line, or a document of its own."""
    if run.out.form is Form.TABLE:
        style = "red" if event["type"].endswith((".error", ".refused", ".drop", ".full", ".disagreement")) else ""
        run.out.text(f"{clock(event['time'])}  {event['type']:<22}  {words(event['data'])}", style)
    elif run.out.form is Form.NAME:
        run.out.plain(str(event["id"]))
    elif run.out.form is Form.YAML:
        run.out.plain("---\n" + as_yaml(event).rstrip("\n"))
    else:
        run.out.plain(" ".join(line.strip() for line in as_json(event).splitlines()))


def followed(run: Session, query: Mapping[str, Any], last: str | None = None) -> Iterator[dict[str, Any]]:
    """Without end: a stream that is lost is taken up where it broke off."""
    while True:
        try:
            for message in messages(run.lines("/v1/events", dict(query), last)):
                last = message.id or last
                if message.type == "reset":
                    run.out.note("some events were missed; what follows is complete again", "yellow")
                elif message.data is not None and message.id:
                    yield message.event
        except Failed as error:
            if error.status and error.status not in BUSY:
                raise
            run.out.note(f"{error}; again in {PAUSE:.0f} s", "yellow")
        time.sleep(PAUSE)
