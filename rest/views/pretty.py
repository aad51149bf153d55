"""JSON for people with curl: one member a line, and what is small and flat on one line."""

from __future__ import annotations

from json import JSONEncoder
from json.encoder import encode_basestring
from typing import Any

WIDTH = 150  # a rule with everything in it
_any = JSONEncoder(ensure_ascii=False).encode
compact = JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # one line, for programs


class Verbatim(str):
    """JSON text that is shown as it is. For what is large, and was made beside the hub, or kept as text."""


def encoded(body: dict[str, Any] | str | bytes | None) -> bytes:
    """The body of an answer as it is sent."""
    if body is None or isinstance(body, bytes):
        return body or b""
    text = body if isinstance(body, str) else pretty(body)
    return text.encode("utf-8", "backslashreplace")


def pretty(document: dict[str, Any]) -> str:
    """The document, members in their own order, ending with a newline."""
    return _tall(document, "") + "\n"


def verbatim(value: Any) -> Verbatim:
    """A member of a document, ready to be shown."""
    return Verbatim(_text(value, "  "))


def _text(value: Any, indent: str) -> str:
    if isinstance(value, dict):
        return (_flat(value, value.values(), indent) or _tall(value, indent)) if value else "{}"
    if isinstance(value, list | tuple):
        return (_flat(value, value, indent) or _tall(value, indent)) if value else "[]"
    return _plain(value)


def _plain(value: Any) -> str:
    """What has no parts. By type, as the encoder itself is set up anew for each value: all answers go this way."""
    kind = type(value)
    if kind is str:
        return encode_basestring(value)
    if kind is int:
        return repr(value)
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    return str(value) if kind is Verbatim else _any(value)


def _flat(value: Any, parts: Any, indent: str) -> str | None:
    """All on one line, if nothing in it has parts and it is short enough."""
    for part in parts:
        if isinstance(part, dict | list | tuple):
            return None
    if isinstance(value, dict):
        line = "{" + ", ".join([f"{_plain(name)}: {_plain(part)}" for name, part in value.items()]) + "}"
    else:
        line = "[" + ", ".join([_plain(part) for part in value]) + "]"
    return line if len(line) + len(indent) <= WIDTH else None


def _tall(value: Any, indent: str) -> str:
    inner = indent + "  "
    if isinstance(value, dict):
        lines = [f"{inner}{_plain(name)}: {_text(part, inner)}" for name, part in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    return "[\n" + ",\n".join([inner + _text(part, inner) for part in value]) + f"\n{indent}]"
