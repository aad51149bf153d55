"""JSON as RFC 8259 has it and no more: one value per name, no NaN, UTF-8; every refusal says line and column."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from rest.problems import Failure

# A megabyte of tiny values would keep the validator, and with it everybody, busy for a second. Every value but the
# first of its array or object follows a comma; the largest body that can be right, a thousand rules with every
# member, has 14 000.
COMMAS_MAX = 15_000
DIGITS_MAX = 1000
DEPTH_MAX = 32
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
AFTER_KEY = re.compile(r"\s*:")


class _OffenceError(ValueError):
    """Well-formed for Python's parser, yet refused; `_locate` finds the place."""


def decode(body: bytes, commas_max: int = COMMAS_MAX) -> Any:
    """The document in `body`. `Failure` 400 ``invalid_json`` names what is wrong, its line and column."""
    if body.count(b",") > commas_max:
        raise Failure(413, "too_large", f"a body has at most {commas_max} values", limit_values=commas_max)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        before = body[: error.start]
        column = error.start - before.rfind(b"\n")
        raise _invalid("the body is not UTF-8", before.count(b"\n") + 1, column) from None
    try:
        document = json.loads(text, object_pairs_hook=_members, parse_constant=_no_constant)
        if SURROGATE.search(text):
            json.dumps(document, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise _invalid(error.msg, error.lineno, error.colno) from None
    except RecursionError:
        raise _invalid("nested too deeply", 1, 1) from None
    except UnicodeEncodeError:
        raise _invalid("half a surrogate pair is no character", 1, 1) from None
    except ValueError:
        raise _invalid(*_locate(text)) from None
    if not _is_flat(document):
        raise _invalid("nested too deeply", 1, 1)
    return document


def _is_flat(document: Any) -> bool:
    """At most `DEPTH_MAX` levels: nothing that walks the document can run out of stack."""
    level = [document]
    for _ in range(DEPTH_MAX):
        level = [child for node in level for child in _children(node)]
        if not level:
            return True
    return False


def _children(node: Any) -> Iterable[Any]:
    return node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _OffenceError
    return members


def _no_constant(word: str) -> Any:
    raise _OffenceError(word)


def _locate(text: str) -> tuple[str, int, int]:
    """The first name that is there twice, NaN, Infinity, or number without end: what, line, column."""
    open_objects: list[set[str] | None] = []
    for token in TOKEN.finditer(text):
        word = token.group()
        if word in "{[":
            open_objects.append(set() if word == "{" else None)
        elif word in "}]":
            open_objects.pop()
        elif word[0] == '"':
            names = open_objects[-1] if open_objects else None
            if names is not None and AFTER_KEY.match(text, token.end()):
                if (name := json.loads(word)) in names:
                    return _at(text, token.start(), f"the name {word[:80]} is there twice")
                names.add(name)
        elif word in ("NaN", "Infinity", "-Infinity") or len(word) > DIGITS_MAX:
            return _at(text, token.start(), f"{word[:20]} is not a number here")
    return "not understood", 1, 1


def _at(text: str, offset: int, what: str) -> tuple[str, int, int]:
    return what, text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _invalid(what: str, line: int, column: int) -> Failure:
    detail = f"line {line} column {column}: {what}"
    return Failure(400, "invalid_json", detail, line=line, column=column)
