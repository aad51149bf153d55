"""Schemas made of schemas: parts of an answer (``?fields=``), and merge patches (RFC 7396) of a body."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Json = dict[str, Any]
HEAD = "#/components/schemas/"
OF_LISTS = "items"


class Variants:
    """`components` grows by what is asked for."""

    def __init__(self, components: Json) -> None:
        self._components = components

    def part(self, schema: Json) -> Any:
        """Any of its members may be missing; of a list, any of its items' members."""
        return self._inner(schema, "Part", _without_needs)

    def patch(self, schema: Json) -> Any:
        """Any member may be missing, and null takes one back to its default; an object in it is patched itself."""
        return self._inner(schema, "Patch", _nullable)

    def _mapped(self, schema: Json, suffix: str, change: Callable[[Json], Json]) -> Json:
        return {name: self._inner(value, suffix, change) for name, value in schema.items()}

    def _inner(self, node: Any, suffix: str, change: Callable[[Json], Json]) -> Any:
        if isinstance(node, list):
            return [self._inner(each, suffix, change) for each in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return {**node, "$ref": HEAD + self._named(node["$ref"].removeprefix(HEAD), suffix, change)}
        return self._mapped(node, suffix, change)

    def _named(self, name: str, suffix: str, change: Callable[[Json], Json]) -> str:
        made = name + suffix
        if made not in self._components:
            original = self._components[name]
            is_list = (
                suffix == "Part" and OF_LISTS in original.get("properties", {}) and "next" in original["properties"]
            )
            self._components[made] = {}  # there already, if it is met again inside of itself
            changed = self._mapped(original, suffix, change)
            self._components[made] = changed if is_list else change(changed)
        return made


def _without_needs(schema: Json) -> Json:
    return {name: value for name, value in schema.items() if name != "required"}


def _nullable(schema: Json) -> Json:
    schema = _without_needs(schema)
    if "properties" in schema:
        schema["properties"] = {name: _or_null(value) for name, value in schema["properties"].items()}
    return schema


def _or_null(schema: Json) -> Json:
    if not schema.keys() & {"type", "$ref", "anyOf", "enum"}:
        return schema  # says nothing, so null is in it
    inner = dict(schema)
    if isinstance(inner.get("additionalProperties"), dict):
        inner["additionalProperties"] = {"anyOf": [inner["additionalProperties"], {"type": "null"}]}
    about = {name: inner.pop(name) for name in ("description", "default", "examples") if name in inner}
    options = inner["anyOf"] if inner.keys() == {"anyOf"} else [inner]
    null = {"type": "null"}
    return {"anyOf": options if null in options else [*options, null], **about}


def without_titles(schema: Any, is_schema: bool = True) -> Any:
    """What pydantic adds and nobody needs: titles made of names, and defaults of null."""
    if isinstance(schema, list):
        return [without_titles(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    kept = {
        name: without_titles(value, is_schema=not (is_schema and name in ("properties", "$defs")))
        for name, value in schema.items()
        if not is_schema or not (name == "title" or (name == "default" and value is None))
    }
    if is_schema and "examples" in kept:
        kept["examples"] = schema["examples"]
    return kept
