"""``ovswarden doctor``: everything that is often wrong, on one page."""

from __future__ import annotations

import shutil
import stat
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import typer

from cli.commands.status import NEAR, drift_of, is_in_step, name_of
from cli.output import Column
from cli.problems import Failed
from cli.request import Request
from cli.session import Exit, Session, session
from cli.traffic import some

CLOCK = 2.0  # seconds that clocks may differ
SLOW = 0.25  # seconds in which an idle API has answered
DISK = 512  # MiB
SOON = 14  # days
COLUMNS: tuple[Column, ...] = tuple((name, lambda row, name=name: row[name]) for name in ("result", "what", "detail"))  # type: ignore[misc]


class Check(NamedTuple):
    what: str
    result: str  # ok, warning, failed, skipped
    detail: str


def doctor(context: typer.Context) -> None:
    """Check what is often wrong, on one page. Status 1 if something failed."""
    run = session(context)
    run.get("/livez") if run.shows_curl else None
    checks: list[Check] = []
    for look in LOOKS:
        with run.out.busy(f"checking {look.__name__.strip('_')}"):
            checks += _safely(run, look)
        if checks[-1].what == "api" and checks[-1].result == "failed":
            break  # nothing else can be asked
    run.out.listing([check._asdict() for check in checks], COLUMNS, name="what")
    if any(check.result == "failed" for check in checks):
        raise typer.Exit(Exit.ERROR)


def _safely(run: Session, look: Callable[[Session], Iterator[Check]]) -> Iterator[Check]:
    """What one may not ask is not wrong."""
    try:
        yield from look(run)
    except Failed as error:
        result = "skipped" if error.status == 403 else "failed"
        yield Check(look.__name__.strip("_"), result, str(error).split("\n")[0])


def _api(run: Session) -> Iterator[Check]:
    start = time.perf_counter()
    answer = run.connection.ask(Request("GET", "/livez"))
    seconds = time.perf_counter() - start
    speed = "ok" if seconds < SLOW else "warning"
    yield Check("api", speed, f"answers in {1000 * seconds:.0f} ms at {run.place.where}")
    if said := answer.headers.get("Date"):
        off = abs((datetime.now(UTC) - parsedate_to_datetime(said)).total_seconds())
        yield Check("clock", "ok" if off <= CLOCK else "warning", f"{off:.0f} s from this machine's")


def _caller(run: Session) -> Iterator[Check]:
    me = run.connection.get("/v1/whoami")
    yield Check("caller", "ok", f"{me['name']}: {me['role']}" + (f" of {me['tenant']}" if me["tenant"] else ""))
    if me["expires_at"]:
        left = (datetime.fromisoformat(me["expires_at"]) - datetime.now(UTC)).days
        yield Check("token", "ok" if left >= SOON else "warning", f"expires in {left} days, {me['expires_at']}")
    if run.place.token_file:
        path = Path(run.place.token_file).expanduser()
        is_open = path.exists() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        yield Check("token file", "warning" if is_open else "ok", f"{path}" + (" is open to others" if is_open else ""))


def _encryption(run: Session) -> Iterator[Check]:
    if run.place.is_here:
        yield Check("encryption", "ok", "not needed on this machine")
    elif (run.place.url or "").startswith("https:"):
        yield Check("encryption", "ok", "TLS")
    else:
        yield Check("encryption", "warning", "none: who listens on the way reads the token")


def _store(run: Session) -> Iterator[Check]:
    run.connection.ask(Request("GET", "/readyz"))
    yield Check("store", "ok", "ready, takes writes")


def _versions(run: Session) -> Iterator[Check]:
    told = run.connection.get("/version")
    own = version("ovswarden")
    is_same = told.get("ovswarden") in (None, own)
    also = "" if is_same else f"; this command is {own}"
    yield Check("versions", "ok" if is_same else "warning", ", ".join(f"{n} {v}" for n, v in told.items()) + also)


def _switches(run: Session) -> Iterator[Check]:
    switches = list(run.connection.items("/v1/switches", limit=1000))
    if not switches:
        yield Check("switches", "warning", "none has ever connected: ovs-vsctl set-controller BRIDGE tcp:HOST:6653")
    for switch in switches:
        yield from _switch(switch)
    warned: dict[tuple[str, str], list[str]] = {}
    for switch in switches:
        for warning in switch["status"]["warnings"]:
            warned.setdefault((warning["code"], warning["detail"]), []).append(name_of(switch))
    for (code, detail), names in warned.items():
        yield Check(f"switch {some(names)}", "warning", f"{detail} ({code})")


def _switch(switch: dict[str, Any]) -> Iterator[Check]:
    now, name = switch["status"], f"switch {name_of(switch)}"
    if is_in_step(switch):
        yield Check(name, "ok", f"{now['software'] or 'connected'}, {now['flows']} flows, in step")
    else:
        yield Check(name, "failed", now["last_error"] or f"{now['state']} since {now['since'] or 'the start'}")
    for feature, state in now["features"].items():
        if not state["on"]:
            yield Check(name, "warning", f"{feature} is off: {state['why']}")
    if found := drift_of(switch):
        yield Check(
            name, "warning", f"{found} flows were found altered and mended, last audit {now['drift'].get('audited_at')}"
        )


def _ports(run: Session) -> Iterator[Check]:
    counts = run.connection.get("/v1/overview")["ports"]
    bad = counts["error"] + counts["building"]
    told = ", ".join(f"{count} {state}" for state, count in counts.items() if state != "total" and count)
    yield Check("ports", "warning" if bad else "ok", f"{counts['total']}" + (f": {told}" if told else ""))


def _limits(run: Session) -> Iterator[Check]:
    full = [use for use in run.connection.get("/v1/usage", limit=20)["items"] if (use["ratio"] or 0) >= NEAR]
    for use in full:
        yield Check("limits", "warning", f"{use['tenant']} has {use['connections']} of {use['limit']} connections")
    if not full:
        yield Check("limits", "ok", f"no zone is {NEAR:.0%} full")


def _assertions(run: Session) -> Iterator[Check]:
    tenants = list(run.connection.items("/v1/tenants", limit=1000, fields="name"))
    failed = []
    for tenant in tenants:
        found = run.connection.document(Request("POST", f"/v1/tenants/{tenant['name']}/assertions:run"))
        failed += [
            f"{tenant['name']} {each['from']} to {each['to']}" for each in found["items"] if each["result"] == "failed"
        ]
    for each in failed:
        yield Check("assertions", "failed", f"does not hold: {each}")
    if not failed:
        yield Check("assertions", "ok", "none fails")


def _disk(run: Session) -> Iterator[Check]:
    if run.place.socket:  # only then is it this machine's
        free = shutil.disk_usage("/var").free / 2**20
        yield Check("disk", "ok" if free > DISK else "warning", f"{free:.0f} MiB are free in /var")
    else:
        yield Check("disk", "skipped", "only the controller's own machine can tell")


LOOKS = (_api, _encryption, _caller, _store, _versions, _switches, _ports, _limits, _assertions, _disk)
