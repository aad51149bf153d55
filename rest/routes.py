"""The API at a glance: method, path, handler, the query parameters it knows, what it answers with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from werkzeug.exceptions import MethodNotAllowed
from werkzeug.exceptions import NotFound as NoRoute
from werkzeug.routing import Map, Rule

from rest.caller import Needs
from rest.exchange import Answer, Asking, Call, Pending, Stream, Written
from rest.problems import Failure
from rest.resources import (
    address_groups,
    assertions,
    audit,
    batch,
    config,
    conntrack,
    conntrack_flush,
    drop_samples,
    drops,
    events,
    explained_ports,
    explained_switches,
    groups,
    guardrails,
    health,
    login,
    metrics,
    openapi,
    overview,
    ports,
    problem_pages,
    quota,
    reachability,
    revisions,
    rules,
    switches,
    tenants,
    tokens,
    trace,
    ui,
    usage,
    whoami,
)

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
TEXT = "text/plain"
EVENTS = "text/event-stream"
HTML = "text/html"

CONFIG = (JSON, "application/yaml")
CONFIG_BYTES = 16 << 20

T = "/v1/tenants/<tenant>"


class Route(NamedTuple):
    method: str
    path: str
    handler: Callable[[Call], Answer | Written | Pending | Asking | Stream]
    query: tuple[str, ...] = ()
    media: tuple[str, ...] = (JSON,)
    body: bool = True  # whether one is expected, if the method can have one
    role: Needs | None = None  # the least role; None: to read a tenant's things "viewer", to write them "tenant-admin"
    is_safe: bool = False  # a POST that changes nothing, which a dashboard's session may send
    takes: tuple[str, ...] = ()  # media types of the body; none: JSON, and for PATCH merge patches too
    most_bytes: int = 0  # of the body; 0: what the server's bounds say
    own_dry_run: bool = False  # its handler makes the dry run: what it does is done to switches

    @property
    def needs(self) -> Needs:
        """The least role. `ValueError` if nobody said it of something that is no tenant's."""
        if self.role:
            return self.role
        if not self.path.startswith(T + "/"):
            raise ValueError(f"{self.method} {self.path} does not say who may")
        return "viewer" if self.method == "GET" else "tenant-admin"

    @property
    def keyed(self) -> bool:
        """May it have an idempotency key? Then its answer is kept for a day, so no secret may be in it; and it is run
        within a write, on the hub, so it must not take long."""
        is_other = self.own_dry_run or self.path.startswith(("/v1/tokens", "/v1/config"))
        return "dry_run" in self.query and not is_other

    @property
    def reads(self) -> bool:
        """Does it change nothing?"""
        return self.method == "GET" or self.is_safe


READ = ("fields",)
LIST = ("limit", "after", *READ)
WAIT = ("wait",)
WRITE = (*WAIT, "dry_run")


def _batch(call: Call) -> Written:
    """Do up to a thousand writes as one: all of them, or none."""
    return batch.run(call, find)


def _openapi(call: Call) -> Answer | Asking:
    """The API as an OpenAPI 3.1 document."""
    return openapi.get(call, _document)


def _document(version: str) -> Any:
    from rest.openapi.document import document  # which is made of this table

    return document(ROUTES, version)


# fmt: off
ROUTES = (
    Route("GET",    "/livez",                              health.livez, (), (TEXT, JSON), role="none"),
    Route("GET",    "/readyz",                             health.readyz, ("verbose",), role="none"),
    Route("GET",    "/version",                            health.version, role="any"),

    Route("GET",    "/v1/tenants",                         tenants.list_all, (*LIST, "name", "label"), role="viewer"),
    Route("GET",    T,                                     tenants.get, READ, role="viewer"),
    Route("PUT",    T,                                     tenants.put, WRITE, role="admin"),
    Route("PATCH",  T,                                     tenants.patch, WRITE, role="admin"),
    Route("DELETE", T,                                     tenants.delete, (*WRITE, "cascade"), role="admin"),

    Route("GET",    T + "/quota",                          quota.get, READ),
    Route("PUT",    T + "/quota",                          quota.put, WRITE, role="admin"),

    Route("GET",    T + "/ports",                          ports.list_all, (*LIST, *ports.FILTERS)),
    Route("GET",    T + "/ports/<port>",                   ports.get, READ),
    Route("PUT",    T + "/ports/<port>",                   ports.put, WRITE),
    Route("PATCH",  T + "/ports/<port>",                   ports.patch, WRITE),
    Route("DELETE", T + "/ports/<port>",                   ports.delete, WRITE),

    Route("GET",    T + "/ports/<port>/flows",             explained_ports.flows, (*LIST, *explained_ports.FLOWS),
          (JSON, TEXT)),
    Route("GET",    T + "/ports/<port>/effective-rules",   explained_ports.effective_rules, LIST),
    Route("POST",   T + "/ports/<port>:resync",            explained_ports.resync, WAIT, body=False, role="operator"),

    Route("GET",    T + "/groups",                         groups.list_all, (*LIST, "name")),
    Route("GET",    T + "/groups/<group>",                 groups.get, READ),
    Route("PUT",    T + "/groups/<group>",                 groups.put, WRITE),
    Route("PATCH",  T + "/groups/<group>",                 groups.patch, WRITE),
    Route("DELETE", T + "/groups/<group>",                 groups.delete, WRITE),

    Route("GET",    T + "/groups/<group>/rules",           rules.list_all, (*LIST, *rules.FILTERS)),
    Route("PUT",    T + "/groups/<group>/rules",           rules.put_all, WRITE),
    Route("POST",   T + "/groups/<group>/rules",           rules.post, WRITE),
    Route("GET",    T + "/groups/<group>/rules/<rule>",    rules.get, READ),
    Route("PUT",    T + "/groups/<group>/rules/<rule>",    rules.put, WRITE),
    Route("DELETE", T + "/groups/<group>/rules/<rule>",    rules.delete, WRITE),

    Route("GET",    T + "/address-groups",                 address_groups.list_all, (*LIST, "name")),
    Route("GET",    T + "/address-groups/<group>",         address_groups.get, READ),
    Route("PUT",    T + "/address-groups/<group>",         address_groups.put, WRITE),
    Route("PATCH",  T + "/address-groups/<group>",         address_groups.patch, WRITE),
    Route("DELETE", T + "/address-groups/<group>",         address_groups.delete, WRITE),
    Route("POST",   T + "/address-groups/<group>:update",  address_groups.update, WRITE),

    Route("GET",    T + "/trace",                          trace.get, trace.PARAMETERS, (JSON, TEXT)),
    Route("GET",    T + "/reachability",                   reachability.get, reachability.PARAMETERS,
          reachability.MEDIA),
    Route("GET",    T + "/assertions",                     assertions.get, READ),
    Route("PUT",    T + "/assertions",                     assertions.put, WRITE),
    Route("POST",   T + "/assertions:run",                 assertions.run, body=False, role="viewer", is_safe=True),
    Route("GET",    T + "/conntrack",                      conntrack.list_all, (*LIST, *conntrack.FILTERS)),
    Route("GET",    T + "/conntrack/summary",              conntrack.summary, conntrack.ZONES),
    Route("DELETE", T + "/conntrack",                      conntrack_flush.flush, conntrack_flush.QUERY,
          own_dry_run=True),

    Route("GET",    "/v1/guardrails",                      guardrails.list_all, (*LIST, *guardrails.FILTERS),
          role="operator"),
    Route("GET",    "/v1/guardrails/<guardrail>",          guardrails.get, READ, role="operator"),
    Route("PUT",    "/v1/guardrails/<guardrail>",          guardrails.put, WRITE, role="admin"),
    Route("PATCH",  "/v1/guardrails/<guardrail>",          guardrails.patch, WRITE, role="admin"),
    Route("DELETE", "/v1/guardrails/<guardrail>",          guardrails.delete, WRITE, role="admin"),

    Route("GET",    "/v1/switches",                        switches.list_all, (*LIST, *switches.FILTERS),
          role="operator"),
    Route("GET",    "/v1/switches/<switch>",               switches.get, READ, role="operator"),
    Route("PUT",    "/v1/switches/<switch>",               switches.put, WRITE, role="admin"),
    Route("PATCH",  "/v1/switches/<switch>",               switches.patch, WRITE, role="admin"),
    Route("DELETE", "/v1/switches/<switch>",               switches.delete, WRITE, role="admin"),
    Route("GET",    "/v1/switches/<switch>/flows",         explained_switches.flows, (*LIST, "table"), (JSON, TEXT),
          role="operator"),
    Route("GET",    "/v1/switches/<switch>/drift",         explained_switches.drift, ("limit", *READ), role="operator"),
    Route("POST",   "/v1/switches/<switch>:reconcile",     switches.reconcile, WAIT, body=False, role="operator"),

    Route("GET",    "/v1/revisions/<revision>",            revisions.get, WAIT, role="viewer"),
    Route("GET",    "/v1/config",                          config.get, ("tenant", "owner"), CONFIG, role="viewer"),
    Route("POST",   "/v1/config:plan",                     config.plan, ("prune",), (JSON, TEXT),
          role="tenant-admin", is_safe=True, takes=CONFIG, most_bytes=CONFIG_BYTES),
    Route("POST",   "/v1/config:apply",                    config.apply, (*WRITE, "prune", "confirm_deletes"),
          role="tenant-admin", takes=CONFIG, most_bytes=CONFIG_BYTES),
    Route("POST",   "/v1/batch",                           _batch, WRITE, role="tenant-admin"),
    Route("GET",    "/v1/audit",                           audit.list_all, (*LIST, *audit.FILTERS), role="viewer"),
    Route("GET",    "/v1/events",                          events.list_all, (*LIST, *events.FILTERS), (JSON, EVENTS),
          role="viewer"),
    Route("GET",    "/metrics",                            metrics.get, (), metrics.MEDIA, role="metrics"),
    Route("GET",    "/v1/drops",                           drops.get, drops.FILTERS, role="viewer"),
    Route("GET",    "/v1/drop-samples",                    drop_samples.get, drop_samples.FILTERS, role="viewer"),
    Route("GET",    "/v1/usage",                           usage.get, ("limit", *READ, *usage.FILTERS), role="viewer"),

    Route("GET",    "/v1/overview",                        overview.get, role="viewer"),
    Route("GET",    "/v1/topology",                        overview.topology, ("limit",), role="viewer"),

    Route("GET",    "/v1/tokens",                          tokens.list_all, (*LIST, *tokens.FILTERS), role="admin"),
    Route("POST",   "/v1/tokens",                          tokens.post, WRITE, role="admin"),
    Route("GET",    "/v1/tokens/<token>",                  tokens.get, READ, role="admin"),
    Route("DELETE", "/v1/tokens/<token>",                  tokens.delete, WRITE, role="admin"),
    Route("GET",    "/v1/whoami",                          whoami.get, READ, role="any"),
    Route("POST",   "/ui/login",                           login.login, role="none"),
    Route("POST",   "/ui/logout",                          login.logout, body=False, role="none"),

    Route("GET",    "/openapi.json",                       _openapi, role="none"),
    Route("GET",    "/docs",                               openapi.page, (), (HTML,), role="none"),
    Route("GET",    "/problems",                           problem_pages.list_all, (), problem_pages.MEDIA,
          role="none"),
    Route("GET",    "/problems/<code>",                    problem_pages.get, (), problem_pages.MEDIA, role="none"),

    Route("GET",    "/ui",                                 ui.redirect, (), (HTML,), role="none"),
    Route("GET",    "/ui/",                                ui.page, (), (HTML,), role="none"),
    Route("GET",    "/ui/<version>/<path:name>",           ui.file, (), ui.MEDIA, role="none"),
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
