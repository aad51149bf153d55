"""Every curl of docs/api.md is run against the API, in order, and answers what the document shows."""

from __future__ import annotations

import json
import re
from pathlib import Path

from rest.resources import ports, rules, switches
from tests.rest.curls import contains, examples, run
from tests.rest.local import Client, LocalFirewall

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text()
EXAMPLES = examples(DOCUMENT)


def test_every_command_answers_what_is_shown(firewall: LocalFirewall) -> None:
    client = Client(firewall)
    assert len(EXAMPLES) == DOCUMENT.count("curl -") == 14
    for command, shown in EXAMPLES:
        answer = run(client, command).json
        assert contains(answer, json.loads(shown)), (command, answer)


def test_every_filter_is_named() -> None:
    for name, filters in (
        ("ports", ports.FILTERS),
        ("rules of a group", rules.FILTERS),
        ("switches", switches.FILTERS),
    ):
        (row,) = re.findall(rf"(?m)^\| {name} \| (.*) \|$", DOCUMENT)
        assert re.findall(r"`(\w+)`", row) == list(filters)
