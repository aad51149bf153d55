"""The REST API as one WSGI application: authenticate, route, read, handle, answer.

Nothing here knows how it is served: limits on time and concurrency come in from outside, as does who may enter.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import structlog
from webob import Request

from app.service import Firewall
from rest import accounting, incoming
from rest import query as queries
from rest.access import permits
from rest.access.gate import Access, Gate
from rest.caller import ANYBODY, Caller
from rest.exchange import Answer, Asking, Call, Pending, Stream, Written
from rest.execution import Execution, Outcome
from rest.origin import Origin
from rest.problems import RETRY, TITLES, Failure, failure_of
from rest.routes import JSON, TEXT, Route, find
from rest.selection import selected, wanted
from rest.shares import Part, Shared
from rest.tokens import Tokens
from rest.views.pretty import encoded

PROBLEM = "application/problem+json"
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
CALLER, REQUEST = "ovswarden.caller", "ovswarden.request_id"
CONDITIONAL = ("PUT", "PATCH", "DELETE")
ALWAYS = (("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store"))

LOGGER = logging.getLogger("rest")
log = structlog.get_logger("rest")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may take from all. `slot` is entered round each handler and may raise `Failure`; so are, for a
    tenant's callers, its part of those slots and its part of what is computed beside the hub."""

    body_bytes: int = 1 << 20
    slot: Callable[[], AbstractContextManager[Any]] = field(default=nullcontext)
    pause: Callable[[], None] = field(default=lambda: None)
    handlers: Part = nullcontext
    copies: Part = nullcontext


class Application:
    """WSGI. `about` is what /version answers."""

    def __init__(
        self,
        firewall: Firewall,
        tokens: Tokens,
        limits: Limits | None = None,
        about: Mapping[str, str] | None = None,
        access: Access | None = None,
    ) -> None:
        self._firewall, self._gate = firewall, Gate(firewall, tokens, access)
        self._limits, self._about = limits or Limits(), dict(about or {})
        self._execution = Execution()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        started = time.perf_counter()
        request = Request(environ)
        given = request.headers.get("X-Request-Id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else f"req-{secrets.token_hex(8)}"
        environ[REQUEST] = request_id
        with accounting.under(request_id=request_id):
            answer, content_type = self._answer(request, request_id)
        if isinstance(answer, Stream):
            return self._streamed(request, answer, request_id, start_response)
        body = encoded(answer.body)
        headers = [("X-Request-Id", request_id), *{**dict(ALWAYS), **answer.headers}.items()]
        if "X-Revision" not in answer.headers and _caller(environ) is not ANYBODY:
            headers.append(("X-Revision", str(self._firewall.inventory.revision)))
        if answer.status not in (204, 304):
            headers += [("Content-Type", content_type), ("Content-Length", str(len(body)))]
        seconds = time.perf_counter() - started
        _log(request, answer.status, request_id, seconds)
        accounting.count(self._firewall.meters, environ, answer.status, seconds)
        start_response(f"{answer.status} {TITLES.get(answer.status) or HTTPStatus(answer.status).phrase}", headers)
        return [body] if body and request.method != "HEAD" else []

    def _streamed(
        self, request: Request, stream: Stream, request_id: str, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Its chunks one by one: the server closes them when the client is gone."""
        request.environ["eventlet.minimum_write_chunk_size"] = 1
        _log(request, 200, request_id, 0.0)
        accounting.count(self._firewall.meters, request.environ, 200, None)
        headers = [("X-Request-Id", request_id), *ALWAYS, ("Content-Type", stream.content_type)]
        start_response("200 OK", [*headers, *stream.headers.items()])
        if request.method == "HEAD":
            stream.chunks.close()
            return []
        return stream.chunks

    def _answer(self, request: Request, request_id: str) -> tuple[Answer | Stream, str]:
        """The answer, whatever happens, and its content type."""
        try:
            answer = self._handled(request)
            if isinstance(answer, Stream):
                return answer, answer.content_type
            plain = f"{TEXT}; charset=utf-8" if isinstance(answer.body, str) else JSON
            return answer, answer.content_type or plain
        except Exception as error:
            failure = failure_of(error)
            if failure is None:
                # Formatted here: a prettier renderer would print the frames' locals, headers among them.
                log.error("rest.bug", request_id=request_id, method=request.method, traceback=traceback.format_exc())
                failure = Failure(500, "internal", "this is a bug; the log says more under the request id")
            request.environ[accounting.CODE] = failure.code
            instance = quote(request.environ.get("PATH_INFO", ""), encoding="latin-1", errors="replace")
            return Answer(failure.status, failure.document(instance, request_id), failure.headers), PROBLEM

    def _handled(self, request: Request) -> Answer | Stream:
        path, route, params = self._admitted(request)
        caller = _caller(request.environ)
        pace = {} if route.reads or caller is ANYBODY else self._gate.pace(caller)
        media = incoming.media_of(request, route)
        query = queries.parse(request.environ.get("QUERY_STRING", ""), route.query)
        fields = wanted(query, route.path)
        call = Call(
            firewall=self._firewall_of(caller),
            path=path,
            params=params,
            query=query,
            headers=request.headers,
            body=self._body(request, route),
            body_type=incoming.type_of(request.environ),
            media=media,
            pause=self._limits.pause,
            about=self._about,
            caller=caller,
            origin=_origin(request, caller, path),
            goes_on=lambda: self._goes_on(request, caller),
            gate=self._gate,
            is_tls=request.scheme == "https",
            needs_condition=self._gate.access.require_if_match and request.method in CONDITIONAL,
        )
        answer = self._run(route, call)
        if fields is not None and isinstance(answer, Answer):
            answer = selected(answer, fields, route.path)
        return replace(answer, headers={**pace, **answer.headers}) if pace else answer

    def _body(self, request: Request, route: Route) -> bytes:
        if request.method in incoming.WITH_BODY and route.body:
            return incoming.body_of(request, route, self._limits.body_bytes)
        return incoming.refuse_framing(request)

    def _admitted(self, request: Request) -> tuple[str, Route, dict[str, str]]:
        """The path, what is there, and the keys in it, once the caller is known and may ask for it."""
        environ = request.environ
        try:
            path = incoming.path_of(environ)
            route, params = find(request.method, path)
            environ[accounting.ROUTE] = route.path
        except Failure:
            environ[CALLER] = self._gate.caller(environ)  # what is not there is told to those only who may come in
            raise
        is_open = route.needs == "none" or path in self._gate.access.open_paths
        environ[CALLER] = caller = (self._gate.caller_or_anybody if is_open else self._gate.caller)(environ)
        permits.check(caller, "none" if is_open else route.needs, route.reads, params)
        permits.check_site(caller, route.reads, environ)
        return path, route, params

    def _goes_on(self, request: Request, caller: Caller) -> bool:
        """Is who opened a stream still let in, as who it was?"""
        try:
            return self._gate.caller(request.environ) == caller
        except Failure:
            return False

    def _run(self, route: Route, call: Call) -> Answer | Stream:
        wait = call.wait()  # before anything is stored: a wrong one must refuse the whole request
        with self._slot(call.caller):
            outcome = route.handler(call) if route.reads else self._carried_out(route, call)
        if isinstance(outcome, Answer | Stream):
            return outcome
        if isinstance(outcome, Pending):
            return outcome.answer(outcome.wait if wait is None else wait)
        if isinstance(outcome, Asking):
            told = outcome.ask()
            with self._slot(call.caller):
                return outcome.answer(told)
        return self._waited(outcome, outcome.wait if wait is None else wait)

    def _firewall_of(self, caller: Caller) -> Firewall:
        """The firewall; a tenant's callers share what they take of it among themselves."""
        if caller.tenant is None:
            return self._firewall
        return cast(Firewall, Shared(self._firewall, caller.tenant, self._limits.copies))

    @contextmanager
    def _slot(self, caller: Caller) -> Iterator[None]:
        with self._limits.handlers(caller.tenant) if caller.tenant else nullcontext(), self._limits.slot():
            yield

    def _carried_out(self, route: Route, call: Call) -> Outcome:
        return self._execution.run(route.handler, call, route.keyed, not route.own_dry_run)

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


def _caller(environ: Mapping[str, Any]) -> Caller:
    """Who it is, as far as was found out."""
    found = environ.get(CALLER, ANYBODY)
    assert isinstance(found, Caller)
    return found


def _origin(request: Request, caller: Caller, path: str) -> Origin:
    remote = request.environ.get("REMOTE_ADDR") if caller.how != "socket" else None
    return Origin(caller, request.environ[REQUEST], request.method, path, remote or None)


def _log(request: Request, status: int, request_id: str, seconds: float) -> None:
    """One line a request: who asks by what name for what, never a header, a query or a body."""
    is_told = request.method in (*incoming.WITH_BODY, "DELETE") or status >= 500
    if not is_told and not LOGGER.isEnabledFor(logging.DEBUG):
        return  # asked before the line is made: reads are most of what there is
    say = log.info if is_told else log.debug
    path = request.environ.get("PATH_INFO", "")[:256]
    milliseconds = round(seconds * 1000, 1)
    who = _caller(request.environ)
    say(
        "rest.request",
        method=request.method,
        path=path,
        status=status,
        request_id=request_id,
        ms=milliseconds,
        caller=who.name or None,
        how=who.how,
    )
