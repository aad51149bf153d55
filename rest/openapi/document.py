"""The OpenAPI 3.1 document, made of what the server itself goes by: the route table, the schemas that validate bodies,
the models of answers. Nothing in it is written twice."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter

from rest.openapi import parameters
from rest.openapi.answers import DryRun, Lagging, Problem
from rest.openapi.codes import codes_of
from rest.openapi.described import BATCH, DESCRIBED, DOCUMENT, Described
from rest.openapi.variants import HEAD, Json, Variants, without_titles
from rest.routes import EVENTS, JSON, MERGE_PATCH, Route

PROBLEM = "application/problem+json"
ABOUT = (
    "Per-tenant stateful firewall and spoof guard for Open vSwitch. PUT creates or replaces under the key that you "
    "choose; the same body twice changes nothing. Errors are problem documents (RFC 9457) that name every problem of a "
    "body, and `/problems/{code}` tells what to do. Who belongs to a tenant finds nothing of another one: 404."
)
SCHEMES: Json = {
    "token": {"type": "http", "scheme": "bearer", "description": "ow_ and 43 characters, from POST /v1/tokens."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "ow_session",
        "description": "Of POST /ui/login; only reads.",
    },
    "certificate": {"type": "mutualTLS", "description": "A client certificate whose name a token has."},
}
STATUS = {
    200: "As asked.",
    201: "It was made.",
    202: "It is stored; not every switch has confirmed it yet.",
    204: "It is gone.",
    304: "The client has it already.",
    308: "It is elsewhere.",
}
# What the server refuses before it looks at the request, without a body.
BEFORE_US = {414: "The path and query are longer than 8 KiB.", 431: "The head of the request is too long."}
# What stands in a path after these is named after them.
WORDS = {"livez": "health", "readyz": "health", "version": "health", "metrics": "events"}
HEADERS: Json = {
    "X-Request-Id": {
        "description": "Names the request in the log, the audit log and events; the client's own if it sent one.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{8,64}$"},
    },
    "X-Revision": {
        "description": "The revision that the answer is of.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "ETag": {"description": "For If-Match and If-None-Match.", "schema": {"type": "string"}},
    "Location": {"description": "Where it is.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds.", "schema": {"type": "string", "pattern": "^[0-9]+$"}},
}


def document(routes: Iterable[Route], version: str) -> Json:
    """The document of these routes. `KeyError` for one that nobody described."""
    described = [(route, described_of(route)) for route in routes]
    schemas, components = _schemas([each for _, each in described])
    writer = _Writer(schemas, Variants(components))
    paths: dict[str, Json] = {}
    for route, each in described:
        paths.setdefault(template(route.path), {})[route.method.lower()] = writer.operation(route, each)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ovswarden",
            "version": version,
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": SCHEMES,
            "headers": HEADERS,
        },
        "security": [{"token": []}, {"session": []}, {"certificate": []}],
    }


def described_of(route: Route) -> Described:
    """`KeyError` if nobody did. Two handlers are the table's own."""
    own = {"batch": BATCH, "openapi": DOCUMENT}
    return DESCRIBED[route.handler] if route.handler in DESCRIBED else own[route.handler.__name__.strip("_")]


def template(path: str) -> str:
    """`/v1/tenants/<tenant>` as OpenAPI writes it."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path)


class _Writer:
    def __init__(self, schemas: Mapping[Any, Json], variants: Variants) -> None:
        self._schemas, self._variants = schemas, variants

    def operation(self, route: Route, described: Described) -> Json:
        summary, more = _words(route.handler)
        operation: Json = {
            "operationId": operation_id(route),
            "summary": summary,
            **({"description": more} if more else {}),
            "tags": list(described.tags or (_tag(route.path),)),
            "parameters": list(_parameters(route, described)),
            "responses": {str(status): answer for status, answer in self._responses(route, described)},
            "x-role": route.needs,
        }
        if described.body is not None:
            operation["requestBody"] = {"required": True, "content": self._body(route, described.body)}
        if route.needs == "none":
            operation["security"] = []
        elif not route.reads:
            operation["security"] = [{"token": []}, {"certificate": []}]
        return operation

    def _body(self, route: Route, body: TypeAdapter[Any]) -> Json:
        schema = self._schemas[id(body), "validation"]
        if route.method == "PATCH":
            return {MERGE_PATCH: {"schema": self._variants.patch(schema)}}
        return {media: {"schema": schema} for media in route.takes or (JSON,)}

    def _responses(self, route: Route, described: Described) -> Iterable[tuple[int, Json]]:
        for status, model in sorted(self._answers(route, described).items()):
            answer: Json = {"description": STATUS[status], "headers": _headers(route, status)}
            if model is not None or (status == 200 and described.answers.get(200, 0) is None):
                answer["content"] = {media: _content(media, model) for media in described.media or route.media}
            yield status, answer
        for status, why in BEFORE_US.items():
            yield status, {"description": why}
        for status, codes in codes_of(route, described).items():
            words = ", ".join(f"`{code}`" for code in codes)
            is_one = {"properties": {"code": {"enum": codes}, "status": {"const": status}}}
            schema = {"allOf": [self._schemas[id(PROBLEMS), "serialization"], is_one]}
            yield (
                status,
                {
                    "description": f"Refused: {words}.",
                    "content": {PROBLEM: {"schema": schema}},
                },
            )

    def _answers(self, route: Route, described: Described) -> dict[int, Json | None]:
        """With what the switches of writes and of ``fields`` make of the answers."""
        found = {status: self._schema(model) for status, model in described.answers.items()}
        if "fields" in route.query and (whole := found[200]) is not None:
            found[200] = {"anyOf": [whole, self._variants.part(whole)]}
        if "dry_run" in route.query and not route.own_dry_run:
            found[200] = _either(found.get(200), self._schema(DryRun))
        if "wait" in route.query and 202 not in found:
            stored = described.answers.get(200)
            found[202] = self._schema(stored if stored is not None else described.answers.get(201)) or self._schema(
                Lagging
            )
        return found

    def _schema(self, model: Any) -> Json | None:
        return None if model is None else self._schemas[model, "serialization"]


def _either(one: Json | None, other: Json | None) -> Json | None:
    return {"anyOf": [one, other]} if one and other else one or other


def _content(media: str, schema: Json | None) -> Json:
    if media == JSON and schema is not None:
        return {"schema": schema}
    return {"schema": {"type": "string", **({"x-events": True} if media == EVENTS else {})}}


def _headers(route: Route, status: int) -> Json:
    names = ["X-Request-Id"]
    names += ["X-Revision"] if route.needs != "none" else []
    names += ["ETag"] if status in (200, 201, 304, 412) else []
    names += ["Location"] if status in (201, 202, 308) else []
    names += ["Retry-After"] if status in (202, 429, 503) else []
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def operation_id(route: Route) -> str:
    """`ports_put`; the table's own handlers are called by their name alone."""
    module = route.handler.__module__.rpartition(".")[2]
    name = route.handler.__name__.strip("_")
    return name if module == "routes" else f"{module}_{name}"


def _tag(path: str) -> str:
    parts = [part for part in path.split("/") if part and not part.startswith("<")]
    words = [part.partition("<")[0].partition(":")[0] for part in parts]
    word = next((word for word in reversed(words[:3]) if word not in ("v1",)), "health")
    return WORDS.get(word, word)


def _words(handler: Callable[..., Any]) -> tuple[str, str]:
    """The first sentence of what a handler says of itself, and the rest."""
    text = re.sub(r"\s+", " ", (handler.__doc__ or "").strip()).replace("``", "`")
    first, dot, rest = text.partition(". ")
    return first.rstrip("."), rest if dot else ""


def _parameters(route: Route, described: Described) -> Iterable[Json]:
    module = route.handler.__module__.rpartition(".")[2]
    for name in re.findall(r"<(?:\w+:)?(\w+)>", route.path):
        yield {"name": name, "in": "path", "required": True, **parameters.PATHS[name]}
    for name in route.query:
        yield {"name": name, "in": "query", **parameters.query(module, name)}
    for name in (*described.headers, *(("Idempotency-Key",) if route.keyed else ())):
        yield {"name": name, "in": "header", **parameters.HEADERS[name]}


PROBLEMS = TypeAdapter(Problem)


class _Inputs:
    """Keys for pydantic, which wants some that can be hashed."""

    def __init__(self) -> None:
        self.keys: list[Any] = []
        self.adapters: list[TypeAdapter[Any]] = []

    def add(self, key: Any, adapter: TypeAdapter[Any]) -> None:
        if key not in self.keys:
            self.keys.append(key)
            self.adapters.append(adapter)


def _schemas(described: Iterable[Described]) -> tuple[dict[Any, Json], Json]:
    """The schema of each body by the identity of its type, of each answer by its model; the components they name."""
    inputs = _Inputs()
    for each in described:
        if each.body is not None:
            inputs.add((id(each.body), "validation"), each.body)
        for model in each.answers.values():
            if model is not None:
                inputs.add((model, "serialization"), TypeAdapter(model))
    for model in (DryRun, Lagging):
        inputs.add((model, "serialization"), TypeAdapter(model))
    inputs.add((id(PROBLEMS), "serialization"), PROBLEMS)
    # Answers are told in mode "validation" too: what has a default may be missing, as it is in what is sent.
    wanted = [(n, "validation", adapter) for n, adapter in enumerate(inputs.adapters)]
    made, definitions = TypeAdapter.json_schemas(wanted, ref_template=HEAD + "{model}")  # type: ignore[arg-type]
    schemas = {inputs.keys[n]: without_titles(schema) for (n, _), schema in made.items()}
    components = {name: without_titles(schema) for name, schema in definitions.get("$defs", {}).items()}
    return schemas, components
