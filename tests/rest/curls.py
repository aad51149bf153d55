"""The curl lines of a document, run against the API, and what the document shows for each."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

from tests.rest.local import Client


def examples(document: str) -> list[list[str]]:
    """Each curl line of the document's blocks, with the JSON shown below it."""
    return [
        re.split(r"(?m)^(?=\{)", example, maxsplit=1)
        for block in re.findall(r"^```\n(.*?)^```$", document, re.DOTALL | re.MULTILINE)
        for example in re.split(r"(?m)^\$ ", block)
        if example.startswith("curl ")
    ]


def run(client: Client, command: str) -> Any:
    """What curl would be answered. `$T` and `$J` are headers that the client has anyway."""
    words = shlex.split(command)
    method = words[words.index("-X") + 1] if "-X" in words else "GET"
    body = json.loads(words[words.index("-d") + 1]) if "-d" in words else None
    said = [words[n + 1] for n, word in enumerate(words) if word.endswith("H") and not words[n + 1].startswith("$")]
    headers = dict(header.split(": ", 1) for header in said)
    (url,) = (word for word in words if word.startswith("$V1/"))
    return client(method, "/v1" + url.removeprefix("$V1"), body, headers)


def contains(answer: Any, shown: Any) -> bool:
    if isinstance(shown, dict):
        return all(name in answer and contains(answer[name], value) for name, value in shown.items())
    if isinstance(shown, list):
        return len(answer) == len(shown) and all(map(contains, answer, shown))
    return bool(answer == shown)
