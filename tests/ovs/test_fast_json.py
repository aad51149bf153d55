"""Our incremental JSON parser agrees with the one of the `ovs` package that it stands in for."""

from __future__ import annotations

import importlib.util
import itertools
import json
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.ovs.fast_json import Parser

SPEC = importlib.util.find_spec("ovs.json")
assert SPEC is not None
assert SPEC.loader is not None
PRISTINE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(PRISTINE)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",))),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=20,
)  # fmt: skip
DOCUMENTS = (st.lists(VALUES) | st.dictionaries(st.text(max_size=5), VALUES)).flatmap(
    lambda value: st.booleans().map(lambda ascii: json.dumps(value, ensure_ascii=ascii))
)
SCRAPS = st.text(st.sampled_from('{}[]":,\\u0dDcC8-+.eE1 \n\tanulltruefs/\x01é'), max_size=40)


def theirs(check_trailer: bool = False) -> Any:
    """ovs's own parser, of a copy of its module in which nobody has put ours."""
    return PRISTINE.Parser(check_trailer)


def run(parser: Any, pieces: list[str]) -> tuple[Any, int]:
    """What comes out, and how many characters were taken."""
    taken = 0
    for piece in pieces:
        count = parser.feed(piece)
        taken += count
        if parser.is_done():
            break
        assert count == len(piece)
    return parser.finish(), taken


def cut(text: str, places: list[int]) -> list[str]:
    ends = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(ends)]


@given(DOCUMENTS, st.text(max_size=10), st.lists(st.integers(0, 1000), max_size=6))
@example('{"a": "\\\\"}', '"', [8, 9])
@example('["\\ud83d\\ude00"]', "", [5])
def test_a_document_in_pieces_is_what_ovs_reads_and_what_follows_is_left(
    text: str, more: str, places: list[int]
) -> None:
    ours, taken = run(Parser(), cut(text + more, places))
    assert taken == len(text)
    if "\\u0000" in text:
        assert isinstance(ours, str)
    else:
        expected, _ = run(theirs(), [text])
        assert ours == expected
        assert repr(ours) == repr(expected)  # 1 and 1.0 are different answers


@given(SCRAPS, st.booleans(), st.lists(st.integers(0, 1000), max_size=4))
@example("[1e400]", False, [])
@example('["\\ud800x"]', False, [])
@example('["\\u0000"]', True, [])
@example("[[]] x", True, [3])
def test_garbage_is_refused_where_ovs_refuses_it(text: str, check_trailer: bool, places: list[int]) -> None:
    expected, _ = run(theirs(check_trailer), [text])
    ours, _ = run(Parser(check_trailer), cut(text, places))
    assert isinstance(ours, str) == isinstance(expected, str), (ours, expected)
    if not isinstance(expected, str):
        assert repr(ours) == repr(expected)


@given(DOCUMENTS, st.integers(0, 1000), SCRAPS)
def test_a_damaged_document_is_refused_where_ovs_refuses_it(text: str, place: int, scrap: str) -> None:
    place %= len(text)
    damaged = text[:place] + scrap + text[place + 1 :]
    expected, _ = run(theirs(True), [damaged])
    ours, _ = run(Parser(True), [damaged])
    assert isinstance(ours, str) == isinstance(expected, str), (ours, expected)
    if not isinstance(expected, str):
        assert repr(ours) == repr(expected)


@pytest.mark.parametrize("depth", [200, 201, 100_000])
def test_depth_has_an_end(depth: int) -> None:
    ours, _ = run(Parser(), ["[" * depth + "]" * depth])
    assert isinstance(ours, str) == (depth > 200)


def test_two_messages_in_one_piece_are_two_documents() -> None:
    text = '{"id":0,"error":null} {"id":"x}"}'
    first, second = Parser(), Parser()
    taken = first.feed(text)
    assert first.finish() == {"id": 0, "error": None}
    assert second.feed(text[taken:]) == len(text) - taken
    assert second.finish() == {"id": "x}"}


def test_megabytes_take_few_steps() -> None:
    text = json.dumps([{"row": ["uuid", f"{i:036d}"], "name": f"tap{i}"} for i in range(20_000)])
    parser = Parser()
    for start in range(0, len(text), 4096):
        parser.feed(text[start : start + 4096])
    assert parser.is_done()
    assert len(parser.finish()) == len(re.findall("row", text))
