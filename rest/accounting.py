"""What is counted and logged of each request, under its id."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from structlog.contextvars import bound_contextvars

from app.service import Meters

# Left by the application in a request's environment, under names that no header can have.
ROUTE, CODE = "ovswarden.route", "ovswarden.code"
METHODS = frozenset(("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"))

under: Callable[..., AbstractContextManager[Any]] = bound_contextvars  # every line logged inside has the request's id


def count(meters: Meters, environ: Mapping[str, Any], status: int, seconds: float | None) -> None:
    """One answered request, by the route and never by the path; `seconds` None: it is a stream, and goes on."""
    method = environ.get("REQUEST_METHOD", "")
    labels = (method if method in METHODS else "other", route_of(environ))
    meters.requests.add(*labels, str(status))
    if seconds is not None:
        meters.request_seconds.observe(seconds, *labels)
    if CODE in environ:
        meters.rejected.add(environ[CODE])


def route_of(environ: Mapping[str, Any]) -> str:
    """As the documentation writes it: /v1/tenants/{tenant}; one word for all that is no route."""
    route: str = environ.get(ROUTE, "unknown")
    return route.replace("<", "{").replace(">", "}")
