"""Who is calling: a token, a session, a user of this host, or a certificate, in that order.

What a client sends on purpose goes before what is true of its connection, so that a proxy which runs as root on the
unix socket lends its rights to nobody who shows a token.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from app.core.inventory import Inventory
from app.core.tokens import BUILT_IN, Token, parse_certificate
from app.core.values import Stored
from app.service import Firewall, StoreUnavailable
from rest.access.rates import Allowance, Buckets
from rest.access.sessions import Sessions, cookie_of
from rest.caller import ANYBODY, Caller
from rest.problems import Failure
from rest.tokens import Tokens, digest_of, secret_of

# What `rest.protocol` knows of a connection; no header of a request can have such a name.
PEER_USER = "ovswarden.peer_user"
PEER_CERTIFICATE = "ovswarden.peer_certificate"
ROOT = 0

log = structlog.get_logger("rest")


@dataclass(frozen=True, slots=True)
class Access:
    """What the settings say of access."""

    socket_users: tuple[int, ...] = ()
    writes: Allowance = field(default_factory=Allowance)
    require_if_match: bool = False
    open_paths: tuple[str, ...] = ()  # beside the routes that need no role


class Gate:
    """`caller` lets in or refuses. `clock` gives seconds since 1970."""

    def __init__(
        self,
        firewall: Firewall,
        tokens: Tokens,
        access: Access | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._firewall, self._tokens, self._clock = firewall, tokens, clock
        self.access = access or Access()
        self.sessions = Sessions()
        self.last_used: dict[str, float] = {}  # token -> seconds since 1970, since the process started
        self._buckets = Buckets(self.access.writes)

    def caller(self, environ: Mapping[str, Any]) -> Caller:
        """`Failure` 401 for who shows nothing that is known here."""
        authorization = environ.get("HTTP_AUTHORIZATION")
        if authorization:
            return self.bearer(secret_of(authorization))
        found = self._session(environ) or self._user(environ) or self._certificate(environ)
        if found is None:
            raise unauthorized("send Authorization: Bearer ow_...")
        return found

    def caller_or_anybody(self, environ: Mapping[str, Any]) -> Caller:
        """For what needs no role: showing nothing, or nothing of worth, is no fault."""
        try:
            return self.caller(environ)
        except Failure:
            return ANYBODY

    def bearer(self, secret: str | None) -> Caller:
        """Whose secret it is. `Failure` 401 ``unauthorized``, or ``token_expired``."""
        if secret is None:
            raise unauthorized("the token is not known", is_given=True)
        return self._holder(digest_of(secret))

    def begin_session(self, secret: str | None) -> tuple[Caller, str]:
        """Whose secret it is, and the value of the cookie of a new session."""
        caller = self.bearer(secret)
        value = self.sessions.begin(digest_of(secret or ""), self.now())
        return replace(caller, how="session"), value

    def now(self) -> float:
        """Seconds since 1970."""
        return self._clock()

    def token(self, caller: Caller) -> Stored | None:
        """What a caller showed, if it is a token that was made here."""
        return None if caller.how == "socket" else self._firewall.inventory.find("token", caller.name)

    def pace(self, caller: Caller) -> dict[str, str]:
        """One write of this caller: the headers that tell how many are left. `Failure` 429 if none is."""
        allowance = self.access.writes
        if not allowance.rate:
            return {}
        taken = self._buckets.take(f"{caller.how}:{caller.name}", self._clock())
        headers = taken.headers(allowance)
        if not taken.ok:
            detail = f"{allowance.rate:g} writes a second, {allowance.burst} at once"
            raise Failure(429, "rate_limited", detail, headers={**headers, "Retry-After": str(taken.wait)})
        return headers

    # -- ways in

    def _holder(self, digest: str, how: Any = "token") -> Caller:
        if self._tokens.knows(digest):
            return Caller(BUILT_IN, "admin", None, how)
        stored = self._firewall.inventory.token(digest)
        if stored is None:
            raise unauthorized("the token is not known", is_given=True)
        return self._admitted(stored, how)

    def _admitted(self, stored: Stored, how: Any) -> Caller:
        token, now = stored.value, self._clock()
        assert isinstance(token, Token)
        if token.is_expired(now):
            raise unauthorized(f"the token expired at {token.expires_at}", "token_expired", is_given=True)
        if token.first_used_at is None and token.name not in self.last_used:
            self.last_used[token.name] = now
            self._first_use(token, how)
        self.last_used[token.name] = now
        return Caller(token.name, token.role, token.tenant, how)

    def _session(self, environ: Mapping[str, Any]) -> Caller | None:
        value = cookie_of(environ.get("HTTP_COOKIE", ""))
        digest = self.sessions.digest(value, self._clock()) if value else None
        return self._holder(digest, "session") if digest else None

    def _user(self, environ: Mapping[str, Any]) -> Caller | None:
        user = environ.get(PEER_USER)
        if user is None or user not in (ROOT, *self.access.socket_users):
            return None
        return Caller("root" if user == ROOT else f"user-{user}", "admin", None, "socket")

    def _certificate(self, environ: Mapping[str, Any]) -> Caller | None:
        certificate = environ.get(PEER_CERTIFICATE)
        if not certificate:
            return None
        found = {name: self._firewall.inventory.token_of(name) for name in names_of(certificate)}
        tokens = {stored.value.id: stored for stored in found.values() if stored}
        if len(tokens) != 1:
            several = "stands for several tokens" if tokens else "stands for no token"
            raise unauthorized(f"the certificate {several}: {', '.join(found)[:200]}", is_given=True)
        return self._admitted(next(iter(tokens.values())), "certificate")

    def _first_use(self, token: Token, how: str) -> None:
        """Tell of it once in the token's life. A store that cannot keep it keeps nobody out."""

        def change(inventory: Inventory, now: str) -> None:
            stored = inventory.find("token", token.name)
            if stored and isinstance(stored.value, Token) and stored.value.first_used_at is None:
                inventory.put(replace(stored.value, first_used_at=now), now)

        about = {"tenant": token.tenant} if token.tenant else {}
        self._firewall.events.add("token.used-first", token=token.name, role=token.role, how=how, **about)
        try:
            self._firewall.write(change)
        except StoreUnavailable:
            log.warning("rest.token_use_not_kept", token=token.name)


def names_of(certificate: Mapping[str, Any]) -> list[str]:
    """What a certificate, as `ssl` tells it, says of its owner: ``DNS:…``, ``URI:…``, ``email:…``, ``IP:…``; its
    ``CN:…`` only if it says nothing else (RFC 6125 §6.4.4)."""
    kinds = {"DNS": "DNS", "URI": "URI", "email": "email", "IP Address": "IP"}
    told = [f"{kinds[kind]}:{name}" for kind, name in certificate.get("subjectAltName", ()) if kind in kinds]
    common = [f"CN:{text}" for row in certificate.get("subject", ()) for kind, text in row if kind == "commonName"]
    names = []
    for name in told or common:
        try:
            names.append(parse_certificate(name))
        except ValueError:
            continue
    return names


def unauthorized(detail: str, code: str = "unauthorized", *, is_given: bool = False) -> Failure:
    challenge = 'Bearer realm="ovswarden"' + (', error="invalid_token"' if is_given else "")
    return Failure(401, code, detail, headers={"WWW-Authenticate": challenge})
