"""Every curl of docs/limits.md is run against the API, and answers what the document shows."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

from app.core.limits import TIMEOUTS
from tests.rest.local import Client, LocalFirewall

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "limits.md").read_text()
BLOCKS = re.findall(r"^```\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)
EXAMPLES = [
    re.split(r"(?m)^(?=\{)", example, maxsplit=1)
    for block in BLOCKS
    for example in re.split(r"(?m)^\$ ", block)
    if example.startswith("curl ")
]


def test_every_command_answers_what_is_shown(firewall: LocalFirewall) -> None:
    client = Client(firewall)
    assert len(EXAMPLES) == DOCUMENT.count("curl -") == 4
    for command, shown in EXAMPLES:
        answer = _run(client, command).json
        assert _contains(answer, json.loads(shown)), (command, answer)


def _run(client: Client, command: str) -> Any:
    """What curl would be answered. `$T` and `$J` are headers that the client has anyway."""
    words = shlex.split(command)
    method, body = (words[words.index(option) + 1] for option in ("-X", "-d"))
    (url,) = (word for word in words if word.startswith("$V1/"))
    return client(method, "/v1" + url.removeprefix("$V1"), json.loads(body))


def _contains(answer: Any, shown: Any) -> bool:
    if isinstance(shown, dict):
        return all(name in answer and _contains(answer[name], value) for name, value in shown.items())
    if isinstance(shown, list):
        return len(answer) == len(shown) and all(map(_contains, answer, shown))
    return bool(answer == shown)


def test_every_timeout_is_named() -> None:
    named = re.findall(r"`(\w+)`[,.]", DOCUMENT.partition("`CT_Timeout_Policy`): ")[2])
    assert named[: len(TIMEOUTS)] == list(TIMEOUTS)
