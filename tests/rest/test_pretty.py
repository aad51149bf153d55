"""What people with curl see."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rest.views.pretty import pretty

LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=40)
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=20), inner), max_leaves=30
)


@given(st.dictionaries(st.text(), TREES, max_size=6))
def test_it_is_the_same_json_in_the_same_order(document: dict[str, Any]) -> None:
    text = pretty(document)
    assert json.dumps(json.loads(text)) == json.dumps(document)
    assert text.endswith("\n")


def test_a_rule_is_a_line() -> None:
    rule = {"key": "ssh", "port_min": 22}
    lines = pretty({"name": "web", "rules": [rule, rule], "labels": {}}).splitlines()
    assert lines[2:5] == ['  "rules": [', '    {"key": "ssh", "port_min": 22},', '    {"key": "ssh", "port_min": 22}']
