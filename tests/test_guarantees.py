"""docs/guarantees.md answers everything that has hurt others, by tests and benchmarks that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from benchmarks.__main__ import ALL, TRIALS

ROOT = Path(__file__).resolve().parent.parent
ITEMS = re.findall(r"^(\d+)\. (.*(?:\n    ?\S?.*)*)", (ROOT / "docs" / "guarantees.md").read_text(), re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
BENCHMARK = re.compile(r"`python -m benchmarks (\w+)`")


def test_there_is_a_line_for_each_of_the_33_things() -> None:
    assert [int(number) for number, _ in ITEMS] == list(range(1, 34))


@pytest.mark.parametrize(("number", "text"), ITEMS, ids=[number for number, _ in ITEMS])
def test_each_is_shown_by_what_exists(number: str, text: str) -> None:
    named = TEST.findall(text)
    assert named or BENCHMARK.search(text), "nothing shows it"
    for file, test in named:
        assert test in {"", *_tests(ROOT / file)}, (file, test)
    for benchmark in BENCHMARK.findall(text):
        assert benchmark in (*ALL, *TRIALS), benchmark


def test_nothing_else_is_named() -> None:
    """A reference that is written otherwise would not be checked."""
    document = (ROOT / "docs" / "guarantees.md").read_text().replace("`tests/test_guarantees.py`", "")
    inside = "\n".join(text for _, text in ITEMS)
    assert document.count("tests/") == len(TEST.findall(inside))
    assert document.count("python -m") == len(BENCHMARK.findall(inside))


def _tests(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}
