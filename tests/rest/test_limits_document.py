"""Every curl of docs/limits.md is run against the API, and answers what the document shows."""

from __future__ import annotations

import json
import re
from pathlib import Path

from app.core.limits import TIMEOUTS
from tests.rest.curls import contains, examples, run
from tests.rest.local import Client, LocalFirewall

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "limits.md").read_text()
EXAMPLES = examples(DOCUMENT)


def test_every_command_answers_what_is_shown(firewall: LocalFirewall) -> None:
    client = Client(firewall)
    assert len(EXAMPLES) == DOCUMENT.count("curl -") == 4
    for command, shown in EXAMPLES:
        answer = run(client, command).json
        assert contains(answer, json.loads(shown)), (command, answer)


def test_every_timeout_is_named() -> None:
    named = re.findall(r"`(\w+)`[,.]", DOCUMENT.partition("`CT_Timeout_Policy`): ")[2])
    assert named[: len(TIMEOUTS)] == list(TIMEOUTS)
