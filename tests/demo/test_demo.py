"""`make demo` does what the README says, and every command that either of them shows works as shown."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents import Block, blocks

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
DEMO = [sys.executable, "-m", "demo"]
pytestmark = pytest.mark.switch
TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
REVISION = re.compile(r"^(revision: )\d+|(?<=  )\d+(?= +\+ /)", re.MULTILINE)
# Tables whose numbers depend on how long ago something was
LIVELY = ("limits", "status")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What the running demo has printed."""
    printed = tmp_path_factory.mktemp("demo") / "out"
    with printed.open("w") as output:
        process = subprocess.Popen(DEMO, cwd=ROOT, stdout=output, stderr=output, env={**os.environ, "ONCE": ""})
    try:
        end = time.monotonic() + 60
        while "Ctrl-C ends the demo" not in printed.read_text():
            assert process.poll() is None, printed.read_text()
            assert time.monotonic() < end, printed.read_text()
            time.sleep(0.1)
        yield printed.read_text()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)
    assert process.returncode == 0
    assert "cleaned up" in printed.read_text()


@pytest.fixture(scope="module")
def bin_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command `ovswarden`, as this checkout has it."""
    place = tmp_path_factory.mktemp("bin")
    command = place / "ovswarden"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -c "from cli.app import main; main()" "$@"\n')
    command.chmod(0o755)
    return place


def shell(script: str, good: tuple[int, ...] = (0,), **environment: str) -> str:
    done = subprocess.run(
        ["bash", "-ec", script], env={**os.environ, **environment}, capture_output=True, text=True, timeout=30
    )
    assert done.returncode in good, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def printed_lines(demo: str, heading: str) -> list[str]:
    """The commands that the demo prints under a heading."""
    text = demo.split(heading)[1].split("\nor by curl" if heading != "or by curl:" else "Ctrl-C ends")[0]
    return [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def told(command: str, demo: str, bin_directory: Path) -> str:
    """What a command of the README answers in the running demo; a trace that is denied ends with 3."""
    export, *_ = printed_lines(demo, "In another terminal, in this directory:")
    script = f"{export}\nexport PATH={bin_directory}:$PATH PYTHONPATH={ROOT}\n{command}"
    return shell(script, (0, 3), NO_COLOR="1", COLUMNS="160", HOME=str(bin_directory))


def comparable(text: str, command: str) -> list[str]:
    """Without what differs from one run to the next."""
    text = REVISION.sub("N", TIME.sub("TIME", text))
    if any(word in shlex.split(command) for word in LIVELY):
        text = re.sub(r"\d+", "N", text)
    return sorted(" ".join(line.split()) for line in text.splitlines() if line.strip())


def answers() -> list[Block]:
    return [block for block in blocks(README) if block.section == "Five answers"]


def test_the_readme_shows_what_the_demo_prints(demo: str) -> None:
    shown = README.read_text().split("`make demo` prints:\n\n```\n")[1].split("```")[0]
    assert demo.startswith(shown)


@pytest.mark.parametrize("place", range(len(answers())))
def test_the_readmes_answers_are_what_the_demo_gives(demo: str, bin_directory: Path, place: int) -> None:
    block = answers()[place]
    command, _, answer = block.text.removeprefix("$ ").partition("\n")
    wanted = comparable(answer, command)
    assert wanted
    end = time.monotonic() + 15
    # Zones are looked at every two seconds.
    while (found := comparable(told(command, demo, bin_directory), command)) != wanted and time.monotonic() < end:
        time.sleep(0.5)
    assert found == wanted


def test_the_readmes_five_questions_are_answered_by_curl_too(demo: str) -> None:
    token = printed_lines(demo, "or by curl:")[0]
    rows = re.findall(r"^\| [^|]+\? \| `(ovswarden [^`]+)` \| `…(/v1/[^`]+)` \|$", README.read_text(), re.MULTILINE)
    assert len(rows) == 5
    assert [command for command, _ in rows] == [block.text.split("\n")[0].removeprefix("$ ") for block in answers()]
    for _, path in rows:
        answer = json.loads(shell(f"{token}\ncurl -sfH \"$T\" 'http://127.0.0.1:8080{path}'"))
        assert answer.get("items") or answer.get("verdict") == "deny" or answer.get("cells"), answer


def test_the_printed_commands_work_as_shown(demo: str, bin_directory: Path) -> None:
    _, *commands = printed_lines(demo, "In another terminal, in this directory:")
    assert len(commands) == 5
    for command in commands:
        assert told(command, demo, bin_directory).strip(), command


def test_the_printed_curl_lines_work_as_shown(demo: str) -> None:
    token, *lines = printed_lines(demo, "or by curl:")
    answers = [shell(f"{token}\n{line}") for line in lines]
    trace, reach, switches, usage, audit, connections, put, delete = answers
    assert json.loads(trace)["verdict"] == "deny"
    assert json.loads(reach)["cols"] == ["db-1"]
    assert json.loads(switches)["items"][0]["status"]["state"] == "synced"
    assert "items" in json.loads(usage)
    assert json.loads(audit)["items"]
    listed = json.loads(connections)
    assert (len(listed["items"]) > 0, listed["unavailable"]) == (True, []), connections
    assert json.loads(put)["realized"] is True
    assert delete == ""


def test_the_dashboard_is_where_the_demo_says_and_its_token_logs_in(demo: str) -> None:
    url, token = printed_lines(demo.split("In another terminal")[0], "and the token to log in:")[:2]
    assert "<title>" in shell(f"curl -sfL {url}/")
    body = json.dumps({"token": shell(token).strip()})
    assert "ow_session" in shell(f"curl -sfi -H 'Content-Type: application/json' -d '{body}' {url}/login")


def test_every_block_of_the_readme_is_run_by_some_test_or_needs_a_real_host() -> None:
    run = {"Five answers": "above", "On your own bridge": "test_own_bridge.py"}
    left = [block for block in blocks(README) if block.section not in run]
    # The two commands and what they print; Compose is run by tools/compose_test.py.
    assert [(block.section, block.needs) for block in left] == [
        ("Two commands", "it is what runs this test"),
        ("Two commands", None),
        ("With Docker Compose", "it needs a Docker engine; make test-compose has one"),
    ]


def test_every_link_of_the_readme_leads_somewhere() -> None:
    text = README.read_text()
    links = [*re.findall(r"\]\(([^)#]+)\)", text), *re.findall(r'(?:src|srcset)="([^"]+)"', text)]
    assert len(links) > 20
    assert [link for link in links if not (ROOT / link).exists()] == []
    anchors = {re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in text.splitlines()}
    assert [anchor for anchor in re.findall(r"\]\(#([^)]+)\)", text) if anchor not in anchors] == []


def test_once_ends_after_the_matrix_with_status_0(tmp_path: Path) -> None:
    environment = {**os.environ, "ONCE": "1"}
    held = subprocess.run(
        ["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh", *DEMO],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=90,
    )  # fmt: skip
    assert held.returncode == 0, held.stdout + held.stderr
    assert held.stdout.count("✓") == 10
