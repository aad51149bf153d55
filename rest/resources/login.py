"""/ui/login and /ui/logout: a token becomes a cookie that only reads, and is forgotten."""

from __future__ import annotations

from rest.access.sessions import cookie_of, set_cookie
from rest.exchange import Answer, Call
from rest.problems import Failure
from rest.resources import whoami
from rest.schemas.access import LOGIN
from rest.tokens import TOKEN


def login(call: Call) -> Answer:
    """Begin a session of twelve hours, which may read what the token may read."""
    body = LOGIN.read(call.document())
    if call.gate is None:
        raise Failure(404, "not_found", "there are no sessions here", kind="path", id=call.path)
    secret = body.token.strip()
    caller, value = call.gate.begin_session(secret if TOKEN.fullmatch(secret) else None)
    return Answer(200, whoami.document(call, caller), {"Set-Cookie": set_cookie(value, call.is_tls)})


def logout(call: Call) -> Answer:
    """End the session, if there is one."""
    value = cookie_of(call.headers.get("Cookie", ""))
    if value and call.gate:
        call.gate.sessions.end(value)
    return Answer(204, None, {"Set-Cookie": set_cookie("", call.is_tls)})
