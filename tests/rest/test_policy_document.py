"""Every example of docs/policy.md is taken by the API, in the order of the document."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.rest.local import Client, LocalFirewall

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "policy.md").read_text()
EXAMPLES = [(path, json.loads(body)) for path, body in re.findall(r"```\nPUT (\S+)\n(.*?)\n```", DOCUMENT, re.DOTALL)]


def test_every_example_is_created_and_reads_back(firewall: LocalFirewall) -> None:
    client = Client(firewall)
    assert len(EXAMPLES) == 9
    for path, body in EXAMPLES:
        answer = client.put(path, body)
        assert answer.status_int == 201, (path, answer.text)
        assert _contains(client.get(path).json, body)


def _contains(shown: Any, sent: Any) -> bool:
    """Whether all that was sent is shown; rules are a set, everything else keeps its order."""
    if isinstance(sent, dict):
        return all(name in shown and _contains(shown[name], value) for name, value in sent.items())
    if isinstance(sent, list) and sent and isinstance(sent[0], dict):
        return all(any(_contains(each, one) for each in shown) for one in sent)
    return bool(shown == sent)
