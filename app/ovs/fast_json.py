"""A parser for the `ovs` package, whose own takes a step in Python for every character: 31 s for 1.5 MB.

The standard library parses in C but wants a whole document; this one finds where a document ends and hands it over.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from typing import Any

import ovs.json

DEEPEST = 200  # the standard library goes down by recursion; no message of these protocols is a tenth as deep
WHITE = " \t\n\r"
PLAIN = re.compile(r'[^"\[\]{}]*')
STRING = re.compile(r'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
WHOLE = 2**63


class Parser:
    """Same promises as `ovs.json.Parser`: `feed` gives how many characters it took, which are all of them until the
    document is complete; `finish` gives the value, or a str that says what is wrong.

    What is wrong within a document is noticed at its end, not at the wrong character.
    """

    def __init__(self, check_trailer: bool = False) -> None:
        self._check_trailer = check_trailer
        self._parts: list[str] = []
        self._depth = 0
        self._in_string = self._escaped = self._complete = False
        self._error: str | None = None

    def feed(self, text: str) -> int:
        if self.is_done():
            return 0
        at = 0
        while at < len(text) and not self.is_done():
            at = self._skip_string(text, at) if self._in_string else self._skip_plain(text, at)
        self._parts.append(text[:at])
        return at

    def is_done(self) -> bool:
        return self._error is not None or (self._complete and not self._check_trailer)

    def finish(self) -> Any:
        if self._error is not None:
            return self._error
        text, self._parts = "".join(self._parts), []
        if not self._complete:
            return "unexpected end of input" if self._depth else "empty input stream"
        try:
            value = json.loads(text, parse_float=_number, parse_int=_integer, parse_constant=_refuse)
            _check_escapes(text)
        except (ValueError, RecursionError) as error:
            return str(error)
        return value

    def _skip_plain(self, text: str, at: int) -> int:
        end = PLAIN.match(text, at).end()  # type: ignore[union-attr]
        if (self._depth == 0 or self._complete) and text[at:end].strip(WHITE):
            self._error = "trailing garbage at end of input" if self._complete else "syntax error at beginning of input"
        elif end < len(text):
            self._take(text[end])
            end += 1
        return end

    def _take(self, character: str) -> None:
        if self._complete:
            self._error = "trailing garbage at end of input"
        elif character in "[{":
            self._depth += 1
            if self._depth > DEEPEST:
                self._error = f"input exceeds maximum nesting depth {DEEPEST}"
        elif self._depth == 0:
            self._error = "syntax error at beginning of input"
        elif character == '"':
            self._in_string = True
        else:
            self._depth -= 1
            self._complete = self._depth == 0

    def _skip_string(self, text: str, at: int) -> int:
        if self._escaped:
            self._escaped = False
            at += 1
        end = STRING.match(text, at).end()  # type: ignore[union-attr]
        if end < len(text):
            self._in_string, self._escaped = text[end] == "\\", text[end] == "\\"
            end += 1
        return end


def install() -> None:
    """Let the `ovs` package use it, unless it has its parser in C."""
    if ovs.json.PARSER == ovs.json.PARSER_PY:
        ovs.json.Parser = Parser


def _number(text: str) -> int | float:
    """Whole numbers of 64 bits are integers, however they are written (RFC 7047, section 3.1)."""
    value = float(text)
    if abs(value) == math.inf:
        raise ValueError(f"number outside valid range: {text[:40]}")
    if value.is_integer() and abs(value) <= WHOLE:
        exact = int(Decimal(text)) if value else 0
        if -WHOLE <= exact < WHOLE and exact == (Decimal(text) if value else 0):
            return exact
    return value


def _integer(text: str) -> int | float:
    return int(text) if len(text) < 19 else _number(text)


def _refuse(text: str) -> Any:
    raise ValueError(f"invalid keyword {text}")


def _check_escapes(text: str) -> None:
    """Raises ValueError for a zero byte, and for the first half of a surrogate pair without its second."""
    if "\\u" not in text:
        return
    leading_ends = -1
    for match in ESCAPE.finditer(text):
        code = int(match[1], 16) if match[1] else None
        if leading_ends >= 0 and (match.start() != leading_ends or code is None or not 0xDC00 <= code <= 0xDFFF):
            raise ValueError("malformed escaped surrogate pair")
        if code == 0:
            raise ValueError("null bytes not supported in quoted strings")
        leading_ends = match.end() if leading_ends < 0 and code is not None and 0xD800 <= code <= 0xDBFF else -1
    if leading_ends >= 0:
        raise ValueError("malformed escaped surrogate pair")
