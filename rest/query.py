"""The query string: known names only, strict values, every refusal names the parameter."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import TypeVar
from urllib.parse import parse_qsl

from app.core.parsing import Invalid
from rest.problems import Fault, invalid_query

T = TypeVar("T")
Query = dict[str, list[str]]
FIELDS_MAX = 100
VALUE_MAX = 512
SECONDS_MAX = 30.0
DURATION = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(ms|s)", re.ASCII)


def parse(text: str, known: Sequence[str]) -> Query:
    """The parameters by name, each with its values in order. Unknown names are refused, all at once."""
    try:
        text.encode("ascii")
        decoded = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX)
    except ValueError:
        raise invalid_query([Fault("?", "malformed", "the query is not percent-encoded UTF-8 of few fields")]) from None
    faults = [_unknown(name, known) for name, _ in decoded if name not in known]
    faults += [wrong(name, f"{name} is too long") for name, value in decoded if len(value) > VALUE_MAX]
    if faults:
        raise invalid_query(faults)
    query: Query = {}
    for name, value in decoded:
        query.setdefault(name, []).append(value)
    return query


def wrong(name: str, detail: str, hint: str | None = None, code: str = "malformed") -> Fault:
    return Fault(f"?{name}", code, detail, hint)


def _unknown(name: str, known: Sequence[str]) -> Fault:
    near = get_close_matches(name, known, 1)
    return Fault(
        f"?{name[:64]}", "unknown_parameter", f"unknown query parameter {name[:64]}", near[0] if near else None
    )


def one(query: Query, name: str) -> str | None:
    """The only value of a parameter that may be there once."""
    values = query.get(name)
    if values and len(values) > 1:
        raise invalid_query([wrong(name, f"{name} is there {len(values)} times", code="repeated")])
    return values[0] if values else None


def number(query: Query, name: str, low: int, high: int) -> int | None:
    text = one(query, name)
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
        raise invalid_query([wrong(name, f"{name} is a number from {low} to {high}", code="out_of_range")])
    return int(text)


def flag(query: Query, name: str) -> bool:
    """``?name`` and ``?name=true`` are True."""
    text = one(query, name)
    if text not in (None, "", "true", "false"):
        raise invalid_query([wrong(name, f"{name} is true or false", "true")])
    return text in ("", "true")


def choice(query: Query, name: str, options: Sequence[str]) -> str | None:
    text = one(query, name)
    return None if text is None else _chosen(name, text, options)


def choices(query: Query, name: str, options: Sequence[str]) -> frozenset[str]:
    return frozenset(_chosen(name, text, options) for text in query.get(name, ()))


def _chosen(name: str, text: str, options: Sequence[str]) -> str:
    if text not in options:
        near = [option for option in options if text and option.startswith(text)] or get_close_matches(text, options, 1)
        detail = f"{name} is one of {', '.join(options)}"
        raise invalid_query([wrong(name, detail, near[0] if near else None, "not_one_of")])
    return text


def value(query: Query, name: str, read: Callable[[str], T]) -> T | None:
    """One value through a ``parse_*`` function of the core."""
    text = one(query, name)
    return None if text is None else _read(name, text, read)


def values(query: Query, name: str, read: Callable[[str], T]) -> frozenset[T]:
    """Every value of a filter that may be repeated."""
    return frozenset(_read(name, text, read) for text in query.get(name, ()))


def _read(name: str, text: str, read: Callable[[str], T]) -> T:
    try:
        return read(text)
    except Invalid as error:
        raise invalid_query([wrong(name, error.detail, error.hint, error.code)]) from None


def seconds(query: Query, name: str) -> float | None:
    """A duration like ``5s`` or ``250ms``, at most 30 s."""
    text = one(query, name)
    if text is None:
        return None
    match = DURATION.fullmatch(text)
    if not match:
        raise invalid_query([wrong(name, f"{name} is a duration", "5s")])
    amount = float(match[1]) / (1000 if match[2] == "ms" else 1)
    if amount > SECONDS_MAX:
        raise invalid_query(
            [wrong(name, f"{name} is at most {SECONDS_MAX:.0f}s", f"{SECONDS_MAX:.0f}s", "out_of_range")]
        )
    return amount
