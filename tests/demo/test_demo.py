"""`make demo` does what the README says, and the curl lines it prints work as shown."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEMO = [sys.executable, "-m", "demo"]
pytestmark = pytest.mark.switch


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


def test_the_readme_shows_what_the_demo_prints(demo: str) -> None:
    shown = (ROOT / "README.md").read_text().split("`make demo` prints:\n\n```\n")[1].split("```")[0]
    assert demo.startswith(shown)


def test_the_printed_curl_lines_work_as_shown(demo: str) -> None:
    script = demo.split("In another terminal:\n")[1].split("Ctrl-C ends")[0]
    commands = script.replace("\\\n", " ").strip().splitlines()
    token, lines = commands[0], [line.strip() for line in commands if line.strip().startswith("curl")]
    answers = [_shell(f"{token}\n{line}") for line in lines]
    assert len(answers) == 5
    switches, trace, connections, put, delete = answers
    assert json.loads(switches)["items"][0]["status"]["state"] == "synced"
    assert json.loads(trace)["verdict"] == "deny"
    listed = json.loads(connections)
    assert (len(listed["items"]) > 0, listed["unavailable"]) == (True, []), connections
    assert json.loads(put)["realized"] is True
    assert delete == ""


def test_the_readmes_trace_is_what_the_demo_answers(demo: str) -> None:
    command, _, answer = (ROOT / "README.md").read_text().split("$ curl")[1].split("```")[0].partition("\n")
    token = demo.split("In another terminal:\n")[1].strip().splitlines()[0]
    told = _shell(f"{token}\ncurl{command}")
    assert told.splitlines()[:-1] == answer.rstrip().splitlines()[:-1], "all but the revision"


def _shell(script: str) -> str:
    return subprocess.run(["bash", "-ec", script], capture_output=True, text=True, check=True, timeout=30).stdout


def test_once_ends_after_the_matrix_with_status_0(tmp_path: Path) -> None:
    environment = {**os.environ, "ONCE": "1"}
    held = subprocess.run(
        ["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh", *DEMO],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=90,
    )  # fmt: skip
    assert held.returncode == 0, held.stdout + held.stderr
    assert held.stdout.count("✓") == 10
