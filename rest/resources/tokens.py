"""/v1/tokens: who may call, and as what. A secret is shown once, in the answer that makes it."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any

from app.core.inventory import Inventory
from app.core.parsing import parse_name
from app.core.tokens import Token
from app.core.values import Stored
from app.core.zones import seconds_of
from rest import query as queries
from rest import writing
from rest.caller import ROLES
from rest.exchange import Answer, Call, Written, etag, life, shown
from rest.paging import page
from rest.problems import Failure, Fault, invalid_body
from rest.schemas.access import TOKEN, TokenBody
from rest.tokens import digest_of, mint

FILTERS = ("role", "tenant")


def document(token: Token) -> dict[str, Any]:
    """Without its digest, which is nobody's affair."""
    return {
        "role": token.role,
        "tenant": token.tenant,
        "description": token.description,
        "expires_at": token.expires_at,
        "certificate": token.certificate,
    }


def view(call: Call, stored: Stored) -> dict[str, Any]:
    token = _token(stored)
    last = call.gate.last_used.get(token.name) if call.gate else None
    status = {
        "expired": bool(call.gate and token.is_expired(call.gate.now())),
        "first_used_at": token.first_used_at,
        "last_used_at": last and datetime.fromtimestamp(last, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return {"id": token.name, **document(token), "status": status, **life(stored)}


def list_all(call: Call) -> Answer:
    """Every token that was made here; `last_used_at` is since the process started."""
    roles, tenants = queries.choices(call.query, "role", ROLES), queries.values(call.query, "tenant", parse_name)
    rows = [(stored.value.id[0], stored) for stored in call.firewall.inventory.list("token")]

    def keep(stored: Stored) -> bool:
        token = _token(stored)
        return (not roles or token.role in roles) and (not tenants or token.tenant in tenants)

    return page(call, rows, lambda stored: view(call, stored), keep)


def get(call: Call) -> Answer:
    """One token, without its secret."""
    return shown(view(call, call.firewall.inventory.get("token", call.params["token"])))


def post(call: Call) -> Written:
    """Make a token. Its secret is in this answer and nowhere else; with a certificate there is none."""
    body: TokenBody = TOKEN.read(call.document())
    name = body.id or f"tok-{secrets.token_hex(4)}"
    secret = None if body.certificate else mint()
    is_trial = queries.flag(call.query, "dry_run")  # whose secret nobody will ever know
    token = Token(
        name,
        body.role,
        body.tenant,
        digest_of(secret) if secret else None,
        body.certificate,
        body.description,
        body.expires_at,
    )

    def change(inventory: Inventory, now: str) -> Stored:
        if inventory.find("token", name):
            raise Failure(409, "token_exists", f"there is a token {name}; delete it first", kind="token", id=name)
        if token.expires_at and seconds_of(token.expires_at) <= seconds_of(now):
            raise invalid_body([Fault("#/expires_at", "in_the_past", f"it is {now} now")])
        return inventory.put(token, now)

    stored = call.write(change, lambda stored: 201)
    return Written(stored.revision, lambda: _made(call, stored, None if is_trial else secret))


def _made(call: Call, stored: Stored, secret: str | None) -> Answer:
    told = {"token": secret} if secret else {}
    headers = {"ETag": etag(stored.revision), "Location": f"/v1/tokens/{stored.value.id[0]}"}
    return Answer(201, {**view(call, stored), **told}, headers)


def delete(call: Call) -> Written:
    """Whoever shows the token is refused from now on; sessions that it began end."""
    return writing.delete(call, "token", (call.params["token"],))


def _token(stored: Stored) -> Token:
    assert isinstance(stored.value, Token)
    return stored.value
