"""Connections: those of a tenant, how full zones and quotas are, what was dropped."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from cli import completion
from cli.output import Column
from cli.request import Request
from cli.session import Session, session
from cli.words import clock, path

ENTRIES: tuple[Column, ...] = (
    ("protocol", lambda c: c["protocol"]),
    ("from", lambda c: _end(c["src"], c.get("sport"))),
    ("to", lambda c: _end(c["dst"], c.get("dport", c.get("icmp_type")))),
    ("state", lambda c: c["state"]),
    ("initiator", lambda c: _party(c["initiator"])),
    ("responder", lambda c: _party(c["responder"])),
    ("timeout", lambda c: f"{c['timeout']} s" if c["timeout"] is not None else None),
    ("switch", lambda c: c["switch"]),
)
FLUSHED: tuple[Column, ...] = (
    ("switch", lambda f: f["switch"]),
    ("zone", lambda f: f["zone"]),
    ("result", lambda f: "ok" if f["ok"] else "failed"),
    ("what", lambda f: _flushed(f)),
)
LIMITS: tuple[Column, ...] = (
    ("tenant", lambda u: u["tenant"]),
    ("what", lambda u: u["what"]),
    ("fill", lambda u: f"{100 * u['ratio']:.0f} %" if u["ratio"] is not None else None),
    ("used", lambda u: u["used"]),
    ("limit", lambda u: u["limit"] or "none"),
    ("where", lambda u: u["where"]),
    ("refused", lambda u: u["refused"]),
)
REASONS: tuple[Column, ...] = (
    ("reason", lambda r: r["reason"]),
    ("packets", lambda r: r["packets"]),
    ("when", lambda r: r["when"]),
)
DROPPING: tuple[Column, ...] = (
    ("port", lambda p: f"{p['tenant']}/{p['port'] or '?'}"),
    ("reason", lambda p: p["reason"]),
    ("packets", lambda p: p["packets"]),
)
SAMPLES: tuple[Column, ...] = (
    ("time", lambda s: clock(s["time"])),
    ("sender", lambda s: s["sender"] or s["interface"]),
    ("receiver", lambda s: s["receiver"]),
    ("packets", lambda s: s["packets"]),
    ("match", lambda s: s["match"]),
    ("switch", lambda s: s["switch"]),
)
BARS, STEP = "·▁▂▃▄▅▆▇█", 300  # seconds a bar


def _end(address: str, port: int | None) -> str:
    if port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _party(party: Mapping[str, Any]) -> str:
    return " ".join(str(party[name]) for name in ("port", "rule") if party.get(name))


def _flushed(done: Mapping[str, Any]) -> str:
    if not done["ok"]:
        return str(done["detail"])
    if done["how"] == "zone":
        return "the whole zone"
    if done["how"] == "tuples":
        return f"by address, {', '.join(done['protocols'])}; how many is not told"
    left = f", {done['left']} are left" if done.get("left") else ""
    return f"{done['connections']} connections{left}"


def ct(
    context: typer.Context,
    port: Annotated[str | None, typer.Option(help="Only of this port.", autocompletion=completion.ports)] = None,
    protocol: Annotated[str | None, typer.Option("--proto", help="Only this protocol.")] = None,
    source: Annotated[str | None, typer.Option("--src", help="Only from this address or network.")] = None,
    target: Annotated[str | None, typer.Option("--dst", help="Only to this address or network.")] = None,
    dport: Annotated[int | None, typer.Option(help="Only to this port.")] = None,
    state: Annotated[str | None, typer.Option(help="Only in this state, as ESTABLISHED.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only those that this rule let in: GROUP/KEY.")] = None,
    switch: Annotated[str | None, typer.Option(help="Only on this switch.", autocompletion=completion.switches)] = None,
    flush: Annotated[bool, typer.Option("--flush", help="Have the switches forget them.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="With --flush: all of the tenant's.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --flush: only tell.")] = False,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 100,
) -> None:
    """The connections of a tenant, or --flush to cut them."""
    run = session(context)
    tenant, name = run.named(port) if port else (run.tenant(), None)
    place = path("tenants", tenant, "conntrack")
    query = {
        "port": name, "protocol": protocol, "src": source, "dst": target, "dport": dport, "state": state, "rule": rule,
        "switch": switch,
    }  # fmt: skip
    if flush:
        _flush(run, place, {**query, "all": everything or None, "dry_run": dry_run or None})
    elif everything or dry_run:
        raise typer.BadParameter("--all and --dry-run go with --flush")
    else:
        _list(run, place, query, limit)


def _list(run: Session, place: str, query: dict[str, Any], limit: int) -> None:
    with run.out.busy("asking the switches"):
        found = run.get(place, **query, limit=min(limit, 1000))
        items = found["items"]
        while found["next"] and len(items) < limit:
            found = run.connection.get(found["next"])
            items += found["items"]
    run.out.listing(items[:limit], ENTRIES, empty="no connection")
    for missing in found["unavailable"]:
        run.out.note(f"{missing['switch']} is not among them: {missing['detail']}", "yellow")
    if found["next"] or len(items) > limit:
        run.out.note(f"only the first {limit}; --limit shows more", "yellow")


def _flush(run: Session, place: str, query: dict[str, Any]) -> None:
    with run.out.busy("flushing"):
        done = run.send(Request("DELETE", place, query))
    if not run.out.is_table:
        run.out.document(done)
        return
    run.out.listing(done["flushed"], FLUSHED, empty="no switch has connections of it")
    if done.get("dry_run"):
        run.out.note("nothing was done")
    if not done["complete"]:
        run.out.note("some connections are still there", "yellow")


def limits(
    context: typer.Context,
    limit: Annotated[int, typer.Option(help="At most so many lines.", min=1, max=1000)] = 20,
) -> None:
    """Who is near a limit?

    Conntrack zones and quotas, the fullest first.
    """
    run = session(context)
    found = run.get("/v1/usage", tenant=run.place.tenant, limit=1000)["items"]
    rows = [_of_zone(use) for use in found]
    names = (
        [run.place.tenant] if run.place.tenant else [each["name"] for each in run.items("/v1/tenants", fields="name")]
    )
    with run.out.busy(f"the quotas of {len(names)} tenants"):
        for name in names:
            rows += _of_quota(run.connection.get(path("tenants", name, "quota")))
    rows.sort(key=lambda row: (-(row["ratio"] or 0), -row["used"]))
    run.out.listing(rows[:limit], LIMITS, name="tenant", empty="no limit is set, and no switch has told of its zones")
    if len(rows) > limit:
        run.out.note(f"{len(rows) - limit} more are less full; --limit shows them")


def _of_zone(use: Mapping[str, Any]) -> dict[str, Any]:
    where = f"zone {use['zone']} on {use['switch']}" + (f", segment {use['vlan']}" if use["vlan"] else "")
    return {
        "tenant": use["tenant"], "what": "connections", "used": use["connections"] or 0, "limit": use["limit"],
        "ratio": use["ratio"], "where": where, "refused": use["refused"],
    }  # fmt: skip


def _of_quota(quota: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is limited only."""
    return [
        {
            "tenant": quota["tenant"], "what": what.replace("_", " "), "used": used, "limit": quota[what],
            "ratio": round(used / quota[what], 4) if quota[what] else None, "where": "quota", "refused": None,
        }
        for what, used in quota["status"]["used"].items()
        if quota[what] is not None
    ]  # fmt: skip


def drops(
    context: typer.Context,
    port: Annotated[str | None, typer.Option(help="Only of this port.", autocompletion=completion.ports)] = None,
    reason: Annotated[list[str] | None, typer.Option(help="Only for this reason.")] = None,
    since: Annotated[str, typer.Option(help="So far back, 2h at most: 30m, 2h.")] = "1h",
    samples: Annotated[bool, typer.Option("--samples", help="Single packets, where drop_samples is set.")] = False,
) -> None:
    """What was dropped lately.

    By which guard or policy, when, and whose packets.
    """
    run = session(context)
    tenant, name = run.named(port) if port else (run.place.tenant, None)
    if samples:
        found = run.get("/v1/drop-samples", tenant=tenant, port=name)
        empty = "nothing was seen" if found["every_seconds"] else "drop_samples is not set: nobody looks"
        run.out.listing(found["items"], SAMPLES, name="match", empty=empty)
        return
    found = run.get("/v1/drops", tenant=tenant, port=name, reason=reason, since=since, step=STEP)
    if not run.out.is_table:
        run.out.listing(_reasons(found), (), name="reason") if run.out.is_name else run.out.document(found)
        return
    run.out.listing(_reasons(found), REASONS, empty=f"nothing was dropped in {since}")
    if found["ports"]:
        run.out.head("most of them")
        run.out.table(found["ports"], DROPPING)


def _reasons(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The sums, and a bar for each five minutes, the latest on the right."""
    first, last = (int(datetime.fromisoformat(found[end]).timestamp()) // STEP for end in ("since", "until"))
    times = [datetime.fromtimestamp(n * STEP, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for n in range(first, last + 1)]
    by_reason: dict[str, dict[str, int]] = {}
    for item in found["items"]:
        by_reason.setdefault(item["reason"], {})[item["time"]] = item["packets"]
    most = max((item["packets"] for item in found["items"]), default=1)
    rows = [
        {
            "reason": reason,
            "packets": sum(series.values()),
            "when": "".join(BARS[-(-8 * series.get(time, 0) // most)] for time in times),
        }
        for reason, series in by_reason.items()
    ]
    return sorted(rows, key=lambda row: -row["packets"])
