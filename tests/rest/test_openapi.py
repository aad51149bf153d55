"""The OpenAPI document: valid, whole, and true of every route."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import validate
from webob import Request

from rest.openapi import parameters
from rest.openapi.document import described_of, template
from rest.openapi.variants import Variants
from rest.routes import ROUTES, Route
from tests.rest.local import Client
from tests.rest.promises import promised

OPERATIONS = [(path, method, each) for path, methods in promised()["paths"].items() for method, each in methods.items()]


def test_it_is_a_valid_document() -> None:
    validate(promised())


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_is_described_with_its_role_and_every_parameter(route: Route) -> None:
    operation = promised()["paths"][template(route.path)][route.method.lower()]

    assert described_of(route).answers
    assert len(operation["summary"]) > 5
    assert operation["x-role"] == route.needs
    assert {p["name"] for p in operation["parameters"] if p["in"] == "query"} == set(route.query)
    assert all(p["description"] and p["schema"] for p in operation["parameters"])
    has_body = route.method in ("PUT", "POST", "PATCH") and route.body
    assert ("requestBody" in operation) == has_body
    assert (operation.get("security") == []) == (route.needs == "none")


def test_nothing_is_described_that_is_not_there() -> None:
    assert len(OPERATIONS) == len(ROUTES)
    names = {name for route in ROUTES for name in route.query}
    known = {name.rpartition(".")[2] for name in parameters.QUERIES}
    assert known == names


def test_each_operation_has_a_name_of_its_own() -> None:
    ids = [operation["operationId"] for _, _, operation in OPERATIONS]

    assert len(ids) == len(set(ids))


def test_no_member_is_said_without_a_type() -> None:
    """But those that may be anything: what an answer had, a batch's bodies, a dry run's result."""
    loose = {
        f"{name}.{member}"
        for name, schema in promised()["components"]["schemas"].items()
        for member, each in schema.get("properties", {}).items()
        if not each.keys() - {"description", "default", "title"} and "description" not in each
    }
    assert loose <= {"DryRun.result", "Operation.body"}, loose


def test_examples_fit_their_schemas() -> None:
    def examples(node: Any) -> Any:
        if isinstance(node, dict):
            if isinstance(node.get("examples"), list):
                yield from ((node, example) for example in node["examples"])
            for each in node.values():
                yield from examples(each)
        elif isinstance(node, list):
            for each in node:
                yield from examples(each)

    found = list(examples(promised()))
    assert len(found) > 100
    for schema, example in found:
        whole = {**schema, "components": promised()["components"]}
        assert jsonschema_rs.validator_for(whole).is_valid(example), (schema, example)


def test_a_part_needs_nothing_and_a_patch_takes_null() -> None:
    components: dict[str, Any] = {
        "Port": {
            "type": "object", "properties": {"mac": {"type": "string"}, "at": {"$ref": "#/components/schemas/At"}},
            "required": ["mac"], "additionalProperties": False,
        },
        "At": {"type": "object", "properties": {"tag": {"type": "integer"}}, "required": ["tag"]},
    }  # fmt: skip
    variants = Variants(components)
    whole = {"$ref": "#/components/schemas/Port"}
    part, patch = variants.part(whole), variants.patch(whole)

    def fits(schema: Any, value: Any) -> bool:
        return jsonschema_rs.validator_for({**schema, "components": {"schemas": components}}).is_valid(value)

    assert [fits(part, value) for value in ({}, {"at": {}}, {"mac": None}, {"x": 1})] == [True, True, False, False]
    patches = ({"mac": None, "at": None}, {"at": {"tag": None}}, {"mac": 1})
    assert [fits(patch, value) for value in patches] == [True, True, False]
    assert not fits(whole, {})


# -- served


def test_it_is_served_to_everybody_and_not_twice(call: Client) -> None:
    first = Request.blank("/openapi.json").get_response(call.application)
    again = Request.blank("/openapi.json", headers={"If-None-Match": first.headers["ETag"]}).get_response(
        call.application
    )

    assert first.json["openapi"] == "3.1.0"
    assert first.json["paths"].keys() == promised()["paths"].keys()
    assert (again.status_int, again.body) == (304, b"")
    assert "acme" not in json.dumps(first.json["info"])


def test_the_page_loads_nothing_from_elsewhere_and_has_nothing_inline(call: Client) -> None:
    page = Request.blank("/docs", headers={"Accept": "text/html"}).get_response(call.application)

    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    named = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
    assert not [path for path in named if "//" in path]
    for path in named:
        answer = Request.blank("/" + path).get_response(call.application)
        assert answer.status_int == 200, path
    assert not re.search(r"<script>|\s(style|on\w+)=", page.text)
