"""``ovswarden token``: who may come in."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer

from cli import completion
from cli.output import Column
from cli.request import Request
from cli.session import session
from cli.words import path

group = typer.Typer(help="Who may come in.", no_args_is_help=True)
COLUMNS: tuple[Column, ...] = (
    ("token", lambda t: t["id"]),
    ("role", lambda t: t["role"]),
    ("tenant", lambda t: t["tenant"]),
    ("expires", lambda t: f"{t['expires_at']} (expired)" if t["status"]["expired"] else t["expires_at"]),
    ("last used", lambda t: t["status"]["last_used_at"]),
    ("certificate", lambda t: t["certificate"]),
    ("description", lambda t: t["description"]),
)
SPAN = re.compile(r"(\d{1,5})([mhd])", re.ASCII)
UNITS = {"m": 60, "h": 3600, "d": 86400}


class Role(StrEnum):
    ADMIN = "admin"
    OPERATOR = "operator"
    TENANT_ADMIN = "tenant-admin"
    VIEWER = "viewer"
    METRICS = "metrics"


@group.command("list")
def listed(context: typer.Context) -> None:
    """The tokens that were made here; their secrets are known to nobody."""
    run = session(context)
    run.out.listing(run.items("/v1/tokens"), COLUMNS, name="id", empty="only the admin token of the first start")


@group.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What the token is called in the audit log.")],
    role: Annotated[Role, typer.Option(help="tenant-admin and viewer are of a tenant: -t.")],
    expires: Annotated[str | None, typer.Option(help="In 30d, 12h, 45m; or an RFC 3339 time.")] = None,
    certificate: Annotated[
        str | None, typer.Option(help="For who shows a client certificate with this name, as DNS:host; no secret.")
    ] = None,
    description: Annotated[str, typer.Option(help="For people.")] = "",
) -> None:
    """Make a token. Its secret is printed once, and never again."""
    run = session(context)
    body = {
        "id": name,
        "role": role.value,
        "tenant": run.tenant() if role in (Role.TENANT_ADMIN, Role.VIEWER) else None,
        "expires_at": moment(expires),
        "certificate": certificate,
        "description": description,
    }
    said = {key: value for key, value in body.items() if value not in (None, "")}
    made: dict[str, Any] = run.send(Request("POST", "/v1/tokens", {}, said))
    if not run.out.is_table:
        run.out.document(made, made["id"])
    elif "token" in made:
        run.out.plain(made["token"])
        run.out.note("keep it now: nobody can show it again", "yellow")
    else:
        run.out.note(f"whoever shows a certificate of {made['certificate']} is {made['id']} now")


@group.command()
def revoke(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="TOKEN", autocompletion=completion.tokens)],
) -> None:
    """End a token, at once."""
    run = session(context)
    run.send(Request("DELETE", path("tokens", name)))
    run.out.note(f"{name} is revoked")


@group.command()
def whoami(context: typer.Context) -> None:
    """Who you are to the API."""
    run = session(context)
    found = run.get("/v1/whoami")
    run.out.pairs(found.items()) if run.out.is_table else run.out.document(found, found["name"])


def moment(text: str | None, now: datetime | None = None) -> str | None:
    """The time that is meant, RFC 3339 in UTC."""
    span = SPAN.fullmatch(text or "")
    if not span:
        return text
    later = (now or datetime.now(UTC)) + timedelta(seconds=int(span[1]) * UNITS[span[2]])
    return later.strftime("%Y-%m-%dT%H:%M:%SZ")
