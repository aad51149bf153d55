"""Sessions of the dashboard: a cookie instead of a token, which a page's scripts cannot read and which only reads.

Kept in memory: a restart ends them. A session is worth what its token is worth at the time it is used.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie

COOKIE = "ow_session"
SECONDS = 12 * 3600
KEPT = 1000
OF_ONE = 50  # sessions of one token: it pushes out its own, and nobody else's


@dataclass(frozen=True, slots=True)
class Session:
    digest: str  # of the token's secret
    ends: float


class Sessions:
    """Time, in seconds, is an argument."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}  # by the SHA-256 of the cookie's value

    def begin(self, digest: str, now: float) -> str:
        """The cookie's value for a token. Beyond fifty of a token, or a thousand in all, the oldest one ends."""
        for key in [key for key, session in self._sessions.items() if session.ends <= now]:
            del self._sessions[key]
        own = [key for key, session in self._sessions.items() if session.digest == digest]
        if len(own) >= OF_ONE or len(self._sessions) >= KEPT:
            del self._sessions[own[0] if len(own) >= OF_ONE else next(iter(self._sessions))]
        value = "ow_" + secrets.token_urlsafe(32)  # looks like a token, so that no log shows it either
        self._sessions[_key(value)] = Session(digest, now + SECONDS)
        return value

    def digest(self, value: str, now: float) -> str | None:
        """The digest of the token that a session was begun with, while it lasts."""
        session = self._sessions.get(_key(value))
        return session.digest if session and now < session.ends else None

    def end(self, value: str) -> None:
        self._sessions.pop(_key(value), None)


def _key(value: str) -> str:
    return sha256(value.encode()).hexdigest()


def cookie_of(header: str) -> str | None:
    """The session's cookie in a ``Cookie`` header."""
    try:
        morsel = SimpleCookie(header[:8192]).get(COOKIE)
    except CookieError:
        return None
    return morsel.value if morsel else None


def set_cookie(value: str, is_secure: bool) -> str:
    """A ``Set-Cookie`` header: for our own pages, never for scripts, and with TLS never without it."""
    return f"{COOKIE}={value}; Path=/; Max-Age={SECONDS if value else 0}; HttpOnly; SameSite=Strict" + (
        "; Secure" if is_secure else ""
    )
