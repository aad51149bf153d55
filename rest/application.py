"""The REST API as one WSGI application: authenticate, route, read, handle, answer.

Nothing here knows how it is served: limits on time and concurrency come in from outside, as does who may enter.
"""

from __future__ import annotations

import re
import secrets
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import structlog
from webob import Request

from app.service import Firewall
from rest import query as queries
from rest.exchange import Answer, Asking, Call, Pending, Written
from rest.pretty import pretty
from rest.problems import RETRY, TITLES, Failure, failure_of
from rest.routes import JSON, MERGE_PATCH, TEXT, Route, find
from rest.tokens import Tokens
from rest.validation import unsupported

PROBLEM = "application/problem+json"
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
WITH_BODY = ("PUT", "POST", "PATCH")
OPEN_PATHS = ("/livez",)
ACCEPT_HEADERS = {"PATCH": "Accept-Patch", "POST": "Accept-Post", "PUT": "Accept"}
ALWAYS = (("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store"))

log = structlog.get_logger("rest")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may take from all. `slot` is entered round each handler and may raise `Failure`."""

    body_bytes: int = 1 << 20
    slot: Callable[[], AbstractContextManager[Any]] = field(default=nullcontext)
    pause: Callable[[], None] = field(default=lambda: None)


class Application:
    """WSGI. `about` is what /version answers."""

    def __init__(
        self, firewall: Firewall, tokens: Tokens, limits: Limits | None = None, about: Mapping[str, str] | None = None
    ) -> None:
        self._firewall, self._tokens = firewall, tokens
        self._limits, self._about = limits or Limits(), dict(about or {})

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        started = time.perf_counter()
        request = Request(environ)
        given = request.headers.get("X-Request-Id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else f"req-{secrets.token_hex(8)}"
        answer, content_type = self._answer(request, request_id)
        body = _encoded(answer.body)
        headers = [("X-Request-Id", request_id), *ALWAYS, *answer.headers.items()]
        is_open = answer.status == 401 or environ.get("PATH_INFO") in OPEN_PATHS
        if "X-Revision" not in answer.headers and not is_open:
            headers.append(("X-Revision", str(self._firewall.inventory.revision)))
        if answer.status != 204:
            headers += [("Content-Type", content_type), ("Content-Length", str(len(body)))]
        _log(request, answer.status, request_id, time.perf_counter() - started)
        start_response(f"{answer.status} {TITLES.get(answer.status) or HTTPStatus(answer.status).phrase}", headers)
        return [body] if body and request.method != "HEAD" else []

    def _answer(self, request: Request, request_id: str) -> tuple[Answer, str]:
        """The answer, whatever happens, and its content type."""
        try:
            answer = self._handled(request)
            return answer, f"{TEXT}; charset=utf-8" if isinstance(answer.body, str) else JSON
        except Exception as error:
            failure = failure_of(error)
            if failure is None:
                # Formatted here: a prettier renderer would print the frames' locals, headers among them.
                log.error("rest.bug", request_id=request_id, method=request.method, traceback=traceback.format_exc())
                failure = Failure(500, "internal", "this is a bug; the log says more under the request id")
            instance = quote(request.environ.get("PATH_INFO", ""), encoding="latin-1", errors="replace")
            return Answer(failure.status, failure.document(instance, request_id), failure.headers), PROBLEM

    def _handled(self, request: Request) -> Answer:
        if request.environ.get("PATH_INFO") not in OPEN_PATHS:
            self._authenticate(request)
        path = path_of(request.environ)
        route, params = find(request.method, path)
        media = _media(request, route)
        query = queries.parse(request.environ.get("QUERY_STRING", ""), route.query)
        call = Call(
            firewall=self._firewall,
            path=path,
            params=params,
            query=query,
            headers=request.headers,
            body=self._body(request) if request.method in WITH_BODY and route.body else _refuse_framing(request),
            media=media,
            pause=self._limits.pause,
            about=self._about,
        )
        return self._run(route, call)

    def _authenticate(self, request: Request) -> None:
        authorization = request.headers.get("Authorization")
        if self._tokens.accept(authorization):
            return
        detail = "the token is not known" if authorization else "send Authorization: Bearer ow_..."
        challenge = 'Bearer realm="ovswarden"' + (', error="invalid_token"' if authorization else "")
        raise Failure(401, "unauthorized", detail, headers={"WWW-Authenticate": challenge})

    def _body(self, request: Request) -> bytes:
        """The request's whole body; its type and length are refused before a byte is read."""
        length = _length(request)
        if length > self._limits.body_bytes:
            limit = self._limits.body_bytes
            raise Failure(413, "too_large", f"a body has at most {limit} bytes", limit_bytes=limit)
        kind, _, parameters = request.environ.get("CONTENT_TYPE", "").lower().partition(";")
        wanted = (MERGE_PATCH, JSON) if request.method == "PATCH" else (JSON,)
        charset = re.search(r'charset="?([^";\s]+)', parameters)
        if kind.strip() not in wanted or (charset and charset[1] not in ("utf-8", "utf8", "us-ascii")):
            raise unsupported(kind.strip(), wanted, ACCEPT_HEADERS[request.method])
        try:
            body = request.environ["wsgi.input"].read(length)
        except TimeoutError:
            raise Failure(408, "request_timeout", "the body did not come in time") from None
        except OSError:
            body = b""
        if len(body) < length:
            raise Failure(400, "incomplete_body", f"the body ended after {len(body)} of {length} bytes")
        return body

    def _run(self, route: Route, call: Call) -> Answer:
        wait = call.wait()  # before anything is stored: a wrong one must refuse the whole request
        with self._limits.slot():
            outcome = route.handler(call)
        if isinstance(outcome, Answer):
            return outcome
        if isinstance(outcome, Pending):
            return outcome.answer(outcome.wait if wait is None else wait)
        if isinstance(outcome, Asking):
            told = outcome.ask()
            with self._limits.slot():
                return outcome.answer(told)
        return self._waited(outcome, outcome.wait if wait is None else wait)

    def _waited(self, written: Written, seconds: float | None) -> Answer:
        """The answer to a write: 202 with those that lag, if the switches did not confirm in time."""
        lagging = self._names(self._firewall.wait(written.revision, seconds)) if seconds is not None else []
        answer = written.answer()
        headers = {"X-Revision": str(written.revision), **answer.headers}
        if seconds is None:
            return replace(answer, headers=headers)
        members = {"realized": not lagging, "lagging": lagging}
        if lagging:
            headers |= {**RETRY, "Location": f"/v1/revisions/{written.revision}"}
            body = answer.body if isinstance(answer.body, dict) else {"revision": written.revision}
            return Answer(202, {**body, **members}, headers)
        return replace(
            answer, body={**answer.body, **members} if isinstance(answer.body, dict) else None, headers=headers
        )

    def _names(self, dpids: Iterable[str]) -> list[str]:
        stored = ((dpid, self._firewall.inventory.find("switch", dpid)) for dpid in dpids)
        return [(switch.value.name if switch else None) or dpid for dpid, switch in stored]


def path_of(environ: Mapping[str, Any]) -> str:
    """The path as text. `Failure` 400 for what is not UTF-8, has control characters, or hides a slash."""
    try:
        path = environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8")
    except UnicodeError:
        raise Failure(400, "invalid_path", "the path is not UTF-8") from None
    if CONTROL.search(path):
        raise Failure(400, "invalid_path", "the path has a control character")
    if "%2f" in environ.get("RAW_PATH_INFO", "").lower():
        raise Failure(400, "invalid_path", "no name has a slash, encoded or not")
    return path


def _refuse_framing(request: Request) -> bytes:
    """A body nobody asked for is not read, but its length must make sense all the same."""
    _length(request, needed=False)
    return b""


def _length(request: Request, *, needed: bool = True) -> int:
    text = request.environ.get("CONTENT_LENGTH") or ""
    if "HTTP_TRANSFER_ENCODING" in request.environ or (needed and not text):
        raise Failure(411, "length_required", "send the body with a Content-Length, not chunked")
    if text and not re.fullmatch(r"[0-9]{1,15}", text):
        raise Failure(400, "invalid_length", "Content-Length is one number")
    return int(text or 0)


def _media(request: Request, route: Route) -> str:
    accept = request.environ.get("HTTP_ACCEPT", "*/*")
    if accept == "*/*":
        return route.media[0]
    offers = request.accept.acceptable_offers(list(route.media))
    if not offers:
        detail = f"this can be had as {' or '.join(route.media)}"
        raise Failure(406, "not_acceptable", detail, acceptable=list(route.media))
    return str(offers[0][0])


def _encoded(body: dict[str, Any] | str | None) -> bytes:
    if body is None:
        return b""
    text = body if isinstance(body, str) else pretty(body)
    return text.encode("utf-8", "backslashreplace")


def _log(request: Request, status: int, request_id: str, seconds: float) -> None:
    """One line a request: who asks by what name for what, never a header, a query or a body."""
    say = log.info if request.method in (*WITH_BODY, "DELETE") or status >= 500 else log.debug
    path = request.environ.get("PATH_INFO", "")[:256]
    milliseconds = round(seconds * 1000, 1)
    say("rest.request", method=request.method, path=path, status=status, request_id=request_id, ms=milliseconds)
