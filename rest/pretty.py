"""JSON for people with curl: one member a line, and what is small and flat on one line."""

from __future__ import annotations

from json import JSONEncoder
from typing import Any

WIDTH = 150  # a rule with everything in it
_flat = JSONEncoder(ensure_ascii=False).encode


def pretty(document: dict[str, Any]) -> str:
    """The document, members in their own order, ending with a newline."""
    return _tall(document, "") + "\n"


def _text(value: Any, indent: str) -> str:
    if not isinstance(value, dict | list | tuple) or not value:
        return _flat(value)
    parts = value.values() if isinstance(value, dict) else value
    if not any(isinstance(part, dict | list | tuple) for part in parts):
        line = _flat(value)
        if len(line) + len(indent) <= WIDTH:
            return line
    return _tall(value, indent)


def _tall(value: Any, indent: str) -> str:
    inner = indent + "  "
    if isinstance(value, dict):
        lines = [f"{inner}{_flat(name)}: {_text(part, inner)}" for name, part in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    return "[\n" + ",\n".join(inner + _text(part, inner) for part in value) + f"\n{indent}]"
