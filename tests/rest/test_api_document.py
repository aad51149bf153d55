"""Every curl of docs/api.md is run against the API, in order, and answers what the document shows."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

from rest.resources import ports, rules, switches
from tests.rest.local import Client, LocalFirewall

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text()
BLOCKS = re.findall(r"^```\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)
EXAMPLES = [
    re.split(r"(?m)^(?=\{)", example, maxsplit=1)
    for block in BLOCKS
    for example in re.split(r"(?m)^\$ ", block)
    if example.startswith("curl ")
]


def test_every_command_answers_what_is_shown(firewall: LocalFirewall) -> None:
    client = Client(firewall)
    assert len(EXAMPLES) == DOCUMENT.count("curl -") == 14
    for command, shown in EXAMPLES:
        answer = _run(client, command).json
        assert _contains(answer, json.loads(shown)), (command, answer)


def _run(client: Client, command: str) -> Any:
    """What curl would be answered. `$T` and `$J` are headers that the client has anyway."""
    words = shlex.split(command)
    method = words[words.index("-X") + 1] if "-X" in words else "GET"
    body = json.loads(words[words.index("-d") + 1]) if "-d" in words else None
    said = [words[n + 1] for n, word in enumerate(words) if word.endswith("H") and not words[n + 1].startswith("$")]
    headers = dict(header.split(": ", 1) for header in said)
    (url,) = (word for word in words if word.startswith("$V1/"))
    return client(method, "/v1" + url.removeprefix("$V1"), body, headers)


def _contains(answer: Any, shown: Any) -> bool:
    if isinstance(shown, dict):
        return all(name in answer and _contains(answer[name], value) for name, value in shown.items())
    if isinstance(shown, list):
        return len(answer) == len(shown) and all(map(_contains, answer, shown))
    return bool(answer == shown)


def test_every_filter_is_named() -> None:
    for name, filters in (
        ("ports", ports.FILTERS),
        ("rules of a group", rules.FILTERS),
        ("switches", switches.FILTERS),
    ):
        (row,) = re.findall(rf"(?m)^\| {name} \| (.*) \|$", DOCUMENT)
        assert re.findall(r"`(\w+)`", row) == list(filters)
