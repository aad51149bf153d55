"""Holds answers against the OpenAPI document: every test that asks the API checks what the document says of it."""

from __future__ import annotations

from functools import cache
from typing import Any

import jsonschema_rs
from webob import Request, Response

from rest.openapi.document import document, template
from rest.problems import Failure
from rest.routes import ROUTES, find


@cache
def promised() -> dict[str, Any]:
    return document(ROUTES, "0.1.0")


def check(request: Request, response: Response) -> None:
    """The status is one that the document has for the operation, and so is the body."""
    try:
        route, _ = find(request.method, request.path_info)
    except (Failure, UnicodeError):
        return
    path, method = template(route.path), route.method.lower()
    status = str(response.status_int)
    where = f"{route.method} {route.path} {status}"
    told = promised()["paths"][path][method]["responses"]
    assert status in told, (where, response.text[:500])
    content = told[status].get("content", {})
    if response.status_int in (204, 304, 308) or request.method == "HEAD":
        return
    kind = response.content_type
    assert kind in {media.partition(";")[0] for media in content}, (where, kind)
    if "json" in kind:
        errors = [
            f"{each.instance_path}: {each.message}"
            for each in _validator(path, method, status, kind).iter_errors(response.json)
        ]
        assert not errors, (where, errors[:3], response.text[:2000])


@cache
def _validator(path: str, method: str, status: str, media: str) -> Any:
    schema = promised()["paths"][path][method]["responses"][status]["content"][media]["schema"]
    return jsonschema_rs.validator_for(schema | {"components": promised()["components"]})
