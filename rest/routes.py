"""The API at a glance: method, path, handler, the query parameters it knows, what it answers with."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from werkzeug.exceptions import MethodNotAllowed
from werkzeug.exceptions import NotFound as NoRoute
from werkzeug.routing import Map, Rule

from rest.exchange import Answer, Asking, Call, Pending, Written
from rest.problems import Failure
from rest.resources import (
    address_groups,
    conntrack,
    conntrack_flush,
    events,
    groups,
    health,
    ports,
    revisions,
    rules,
    switches,
    tenants,
    trace,
)

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
TEXT = "text/plain"


class Route(NamedTuple):
    method: str
    path: str
    handler: Callable[[Call], Answer | Written | Pending | Asking]
    query: tuple[str, ...] = ()
    media: tuple[str, ...] = (JSON,)
    body: bool = True  # whether one is expected, if the method can have one


LIST = ("limit", "after")
WRITE = ("wait",)
T = "/v1/tenants/<tenant>"

# fmt: off
ROUTES = (
    Route("GET",    "/livez",                              health.livez, (), (TEXT, JSON)),
    Route("GET",    "/readyz",                             health.readyz, ("verbose",)),
    Route("GET",    "/version",                            health.version),

    Route("GET",    "/v1/tenants",                         tenants.list_all, (*LIST, "name", "label")),
    Route("GET",    T,                                     tenants.get),
    Route("PUT",    T,                                     tenants.put, WRITE),
    Route("PATCH",  T,                                     tenants.patch, WRITE),
    Route("DELETE", T,                                     tenants.delete, (*WRITE, "cascade")),

    Route("GET",    T + "/ports",                          ports.list_all, (*LIST, *ports.FILTERS)),
    Route("GET",    T + "/ports/<port>",                   ports.get),
    Route("PUT",    T + "/ports/<port>",                   ports.put, WRITE),
    Route("PATCH",  T + "/ports/<port>",                   ports.patch, WRITE),
    Route("DELETE", T + "/ports/<port>",                   ports.delete, WRITE),

    Route("GET",    T + "/groups",                         groups.list_all, (*LIST, "name")),
    Route("GET",    T + "/groups/<group>",                 groups.get),
    Route("PUT",    T + "/groups/<group>",                 groups.put, WRITE),
    Route("PATCH",  T + "/groups/<group>",                 groups.patch, WRITE),
    Route("DELETE", T + "/groups/<group>",                 groups.delete, WRITE),

    Route("GET",    T + "/groups/<group>/rules",           rules.list_all, LIST),
    Route("PUT",    T + "/groups/<group>/rules",           rules.put_all, WRITE),
    Route("POST",   T + "/groups/<group>/rules",           rules.post, WRITE),
    Route("GET",    T + "/groups/<group>/rules/<rule>",    rules.get),
    Route("PUT",    T + "/groups/<group>/rules/<rule>",    rules.put, WRITE),
    Route("DELETE", T + "/groups/<group>/rules/<rule>",    rules.delete, WRITE),

    Route("GET",    T + "/address-groups",                 address_groups.list_all, (*LIST, "name")),
    Route("GET",    T + "/address-groups/<group>",         address_groups.get),
    Route("PUT",    T + "/address-groups/<group>",         address_groups.put, WRITE),
    Route("PATCH",  T + "/address-groups/<group>",         address_groups.patch, WRITE),
    Route("DELETE", T + "/address-groups/<group>",         address_groups.delete, WRITE),
    Route("POST",   T + "/address-groups/<group>:update",  address_groups.update, WRITE),

    Route("GET",    T + "/trace",                          trace.get, trace.PARAMETERS, (JSON, TEXT)),
    Route("GET",    T + "/conntrack",                      conntrack.list_all, (*LIST, *conntrack.FILTERS)),
    Route("GET",    T + "/conntrack/summary",              conntrack.summary, conntrack.ZONES),
    Route("DELETE", T + "/conntrack",                      conntrack_flush.flush, conntrack_flush.QUERY),

    Route("GET",    "/v1/switches",                        switches.list_all, LIST),
    Route("GET",    "/v1/switches/<switch>",               switches.get),
    Route("PUT",    "/v1/switches/<switch>",               switches.put, WRITE),
    Route("PATCH",  "/v1/switches/<switch>",               switches.patch, WRITE),
    Route("DELETE", "/v1/switches/<switch>",               switches.delete, WRITE),
    Route("POST",   "/v1/switches/<switch>:reconcile",     switches.reconcile, WRITE, body=False),

    Route("GET",    "/v1/revisions/<revision>",            revisions.get, WRITE),
    Route("GET",    "/v1/events",                          events.list_all, (*LIST, *events.FILTERS)),
)
# fmt: on

_ADAPTER = Map(
    [Rule(route.path, methods=[route.method], endpoint=route) for route in ROUTES],
    merge_slashes=False,
    strict_slashes=True,
    redirect_defaults=False,
).bind("localhost")


def find(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """The route of a request and the path's keys. `Failure` 404, or 405 with what is allowed there."""
    try:
        route, params = _ADAPTER.match(path, method)
        return route, dict(params)
    except MethodNotAllowed as error:
        allowed = ", ".join(sorted(error.valid_methods or ()))
        detail = f"{method[:16]} is not possible here, only {allowed}"
        raise Failure(405, "method_not_allowed", detail, headers={"Allow": allowed}) from None
    except NoRoute:
        raise Failure(404, "not_found", "there is nothing under this path", kind="path", id=path) from None
