"""Lists: tenants, ports, groups, guardrails."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cli import completion
from cli.output import Column
from cli.session import Session, session
from cli.traffic import remote, traffic
from cli.words import path

TENANTS: tuple[Column, ...] = (
    ("tenant", lambda t: t["name"]),
    ("ports", lambda t: t["status"]["ports"]),
    ("active", lambda t: t["status"]["active_ports"]),
    ("zones", lambda t: [zone["zone"] for zone in t["status"]["zones"]]),
    ("connections", lambda t: (t["status"]["limits"] or {}).get("connections") or "no limit"),
    ("owner", lambda t: t["owner"]),
    ("description", lambda t: t["description"]),
)
PORTS: tuple[Column, ...] = (
    ("port", lambda p: f"{p['tenant']}/{p['id']}"),
    ("state", lambda p: p["status"]["state"]),
    ("where", lambda p: where(p)),
    ("mac", lambda p: p["mac"]),
    ("addresses", lambda p: p["addresses"]),
    ("groups", lambda p: p["groups"]),
    ("why", lambda p: "" if p["status"]["state"] == "active" else p["status"]["message"] or p["status"]["reason"]),
)
GROUPS: tuple[Column, ...] = (
    ("group", lambda g: f"{g['tenant']}/{g['name']}"),
    ("rules", lambda g: len(g["rules"])),
    ("ports", lambda g: g["status"]["ports"]),
    ("owner", lambda g: g["owner"]),
    ("description", lambda g: g["description"]),
)
GUARDRAILS: tuple[Column, ...] = (
    ("priority", lambda g: g["priority"]),
    ("guardrail", lambda g: g["name"]),
    ("action", lambda g: g["action"]),
    ("direction", lambda g: g["direction"]),
    ("traffic", traffic),
    ("remote", remote),
    ("tenants", lambda g: "all" if g["tenants"] is None else g["tenants"]),
    ("description", lambda g: g["description"]),
)


def where(port: Mapping[str, Any]) -> str:
    """Switch and interface, as far as they are known."""
    binding, status = port["binding"] or {}, port["status"]
    switch = binding.get("switch") or status["dpid"] or "?"
    plug = binding.get("interface") or binding.get("iface_id") or status["ofport"] or binding.get("ofport") or "?"
    return f"{switch}:{plug}" + (f" tag {binding['tag']}" if binding.get("tag") else "")


def tenants(context: typer.Context) -> None:
    """All tenants that you may see."""
    run = session(context)
    run.out.listing(run.items("/v1/tenants"), TENANTS, empty="no tenant yet")


def ports(
    context: typer.Context,
    state: Annotated[list[str] | None, typer.Option(help="Only those that are building, active, down, error.")] = None,
    group: Annotated[
        list[str] | None, typer.Option(help="Only those in this group.", autocompletion=completion.groups)
    ] = None,
    switch: Annotated[
        list[str] | None, typer.Option(help="Only those on this switch.", autocompletion=completion.switches)
    ] = None,
    address: Annotated[list[str] | None, typer.Option("--ip", help="Only those with this address.")] = None,
    mac: Annotated[list[str] | None, typer.Option(help="Only those with this MAC address.")] = None,
    watch: Annotated[bool, typer.Option("-w", "--watch", help="Again and again, until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(help="Seconds between two looks.", min=0.2)] = 2.0,
) -> None:
    """The ports of a tenant, or of all, and their state."""
    run = session(context)
    query = {"state": state, "group": group, "switch": switch, "ip": address, "mac": mac}
    try:
        _watched(run, query, every) if watch else show(run, query)
    except KeyboardInterrupt:  # that is how watching ends
        return


def show(run: Session, query: dict[str, Any]) -> None:
    rows = _ports(run, query)
    run.out.listing([{**row, "full": f"{row['tenant']}/{row['id']}"} for row in rows] if run.out.is_name else rows,
                    PORTS, name="full", empty="no such port")  # fmt: skip


def _watched(run: Session, query: dict[str, Any], every: float) -> None:
    """In place on a terminal; elsewhere one list after the other."""
    while True:
        rows = _ports(run, query)
        if run.out.is_table and run.out.console.is_terminal:
            run.out.console.clear()
            run.out.note(f"every {every:g} s, Ctrl-C ends it; {time.strftime('%H:%M:%S')}", "dim")
        run.out.listing(rows, PORTS, name="id", empty="no such port")
        time.sleep(every)


def _ports(run: Session, query: dict[str, Any]) -> list[dict[str, Any]]:
    if run.place.tenant or run.shows_curl:
        return run.items(path("tenants", run.tenant(), "ports"), **query)
    names = [tenant["name"] for tenant in run.items("/v1/tenants", fields="name")]
    with run.out.busy(f"the ports of {len(names)} tenants"):
        return [port for name in names for port in run.items(path("tenants", name, "ports"), **_known(query))]


def _known(query: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value}


def groups(context: typer.Context) -> None:
    """The groups of a tenant."""
    run = session(context)
    run.out.listing(run.items(path("tenants", run.tenant(), "groups")), GROUPS, empty="no group yet")


def guardrails(context: typer.Context) -> None:
    """What is decided before any group is asked, in order."""
    run = session(context)
    found = sorted(run.items("/v1/guardrails", tenant=run.place.tenant), key=lambda g: g["priority"])
    run.out.listing(found, GUARDRAILS, empty="no guardrail: groups alone decide")
