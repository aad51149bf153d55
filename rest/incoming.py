"""A request as it comes in: its path, its length and body, what it accepts. What is not plain is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from webob import Request

from rest.problems import Failure
from rest.routes import JSON, MERGE_PATCH, Route
from rest.validation import unsupported

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
CHARSET = re.compile(r';.*charset="?([^";\s]+)')
WITH_BODY = ("PUT", "POST", "PATCH")
ACCEPT_HEADERS = {"PATCH": "Accept-Patch", "POST": "Accept-Post", "PUT": "Accept"}


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


def refuse_framing(request: Request) -> bytes:
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


def media_of(request: Request, route: Route) -> str:
    accept = request.environ.get("HTTP_ACCEPT", "*/*")
    if accept == "*/*":
        return route.media[0]
    offers = request.accept.acceptable_offers(list(route.media))
    if not offers:
        detail = f"this can be had as {' or '.join(route.media)}"
        raise Failure(406, "not_acceptable", detail, acceptable=list(route.media))
    return str(offers[0][0])


def type_of(environ: Mapping[str, Any]) -> str:
    """The media type of the body, in lower case, without parameters."""
    kind: str = environ.get("CONTENT_TYPE", "")
    return kind.partition(";")[0].strip().lower()


def body_of(request: Request, route: Route, limit: int) -> bytes:
    """The request's whole body; its type and length are refused before a byte is read."""
    length, limit = _length(request), route.most_bytes or limit
    if length > limit:
        raise Failure(413, "too_large", f"a body has at most {limit} bytes", limit_bytes=limit)
    wanted = route.takes or ((MERGE_PATCH, JSON) if request.method == "PATCH" else (JSON,))
    kind, charset = type_of(request.environ), CHARSET.search(request.environ.get("CONTENT_TYPE", "").lower())
    if kind not in wanted or (charset and charset[1] not in ("utf-8", "utf8", "us-ascii")):
        raise unsupported(kind, wanted, ACCEPT_HEADERS[request.method])
    try:
        body = request.environ["wsgi.input"].read(length)
    except TimeoutError:
        raise Failure(408, "request_timeout", "the body did not come in time") from None
    except OSError:
        body = b""
    if len(body) < length:
        raise Failure(400, "incomplete_body", f"the body ended after {len(body)} of {length} bytes")
    return body
