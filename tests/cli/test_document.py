"""docs/cli.md says what there is."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from cli.app import app
from cli.places import NAMES, Place, find
from cli.reference import MARK, PATH, document
from tests.cli.conftest import Command

TEXT = PATH.read_text()
LINES = [
    line.removeprefix("# ").split(" | ")[0].split("  #")[0]
    for kind, block in re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
    if kind in ("", "console") and line.removeprefix("# ").startswith("ovswarden ")
]
INLINE = re.findall(r"`(ovswarden [^`]+)`", TEXT[: TEXT.index(MARK)])


def test_its_reference_is_up_to_date() -> None:
    assert document(TEXT) == TEXT, "run `make docs`"


@pytest.mark.parametrize("line", [line for line in (*LINES, *INLINE) if "--install-completion" not in line])
def test_every_line_is_a_command_that_there_is(command: Command, line: str, shop: Path) -> None:
    words = [str(shop) if word.endswith(".yaml") else word for word in shlex.split(line)[1:]]
    words = [
        "acme" if word == "red" else word.replace("vm1", "acme/web-1").replace("red/acme", "acme") for word in words
    ]
    run = command(*words)
    assert run.code in (0, 3, 4) or "--yes" in run.err, run.err


def test_the_lines_are_found() -> None:
    assert len(LINES) >= 12
    assert len(INLINE) >= 3


def test_its_context_is_one(tmp_path: Path) -> None:
    (toml,) = re.findall(r"^```toml\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    (tmp_path / "c.toml").write_text(toml)
    for name, context in tomllib.loads(toml)["contexts"].items():
        assert find(Place(), name, {"OVSWARDEN_CONFIG": str(tmp_path / "c.toml")}) == Place(**context)
    said = re.search(r"`OVSWARDEN_URL`, (.*?);", TEXT)
    assert said
    assert ["OVSWARDEN_URL", *(f"OVSWARDEN{each}" for each in re.findall(r"`(_\w+)`", said[1]))] == list(NAMES.values())


def test_the_five_questions_are_the_first_commands() -> None:
    names = [command.callback.__name__ for command in app.registered_commands if command.callback]
    assert names[:6] == ["status", "trace", "port", "matrix", "limits", "changes"]
