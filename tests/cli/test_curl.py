"""What --curl prints is what would be sent, and nothing is sent."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.test_commands import QUESTIONS
from tests.rest.local import TOKEN, image

WRITES = (
    "plan -f {shop}",
    "diff -f {shop} --prune owned",
    "export -t acme",
    "export -o json",
    "ct -t acme --flush --dport 22 --dry-run",
    "token create ci --role metrics",
    "token revoke nobody",
    "drift host-1 --repair",
)
SEVERAL = ("drift", "doctor")  # begin with a request that the line is not of


def curl(line: str) -> tuple[str, str, dict[str, str], bytes]:
    """What a curl line would send. `ValueError` for an option that it should not have."""
    words = shlex.split(line)
    assert words.pop(0) == "curl"
    method, headers, body, url = "GET", {}, b"", ""
    while words:
        match words.pop(0):
            case "-sS" | "-sSN":
                pass
            case "-X":
                method = words.pop(0)
            case "-H":
                name, _, value = words.pop(0).partition(": ")
                headers[name.lower()] = value
            case "--data-binary":
                text = words.pop(0)
                body = Path(text[1:]).read_bytes() if text.startswith("@") else text.encode()
            case word if word.startswith("-"):
                raise ValueError(word)
            case word:
                url = word
    return method, url, headers, body


@pytest.mark.parametrize("said", [*(each for each in QUESTIONS if each not in SEVERAL), *WRITES])
def test_a_curl_line_is_what_would_be_sent(command: Command, said: str, shop: Path) -> None:
    words = said.format(shop=shop).split()
    if words[0] in ("port", "trace", "rules", "matrix", "ports") or "--port" in words:
        words += ["-t", "acme"]  # whose it is cannot be asked
    before = image(command.client.firewall.inventory)
    shown = command(*words, "--curl")
    assert (shown.code, shown.requests) == (0, ())
    assert image(command.client.firewall.inventory) == before
    method, url, headers, body = curl(shown.out)
    sent = command(*words).requests[0]
    assert (method, url) == (sent.method, str(sent.url))
    assert headers.pop("authorization") == "Bearer $OVSWARDEN_TOKEN"
    assert TOKEN not in shown.out
    assert body == sent.content
    for name in {"accept", "content-type"} & {*headers}:
        assert headers[name] == sent.headers[name]
    assert "application/json" in headers.get("content-type", "application/json") or "yaml" in headers["content-type"]


def test_a_curl_line_of_an_application_does_in_one_what_is_two(command: Command, shop: Path) -> None:
    shown = command("apply", "-f", str(shop), "--prune", "owned", "--curl")
    method, url, headers, body = curl(shown.out)
    answer = command.client(
        method, url.removeprefix("http://localhost:8080"), body, {"content-type": headers["content-type"]}
    )
    assert answer.json["summary"] == {"add": 4, "change": 0, "delete": 0}


def test_a_curl_line_asks_nobody_whose_a_port_is(command: Command) -> None:
    run = command("port", "web-1", "--curl")
    assert (run.code, run.requests, "--curl asks nobody" in run.err) == (2, (), True)


def test_a_token_in_a_file_stays_there(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OVSWARDEN_TOKEN")
    (tmp_path / "my token").write_text(TOKEN)
    options = ("--socket", "/run/a b", "--token-file", str(tmp_path / "my token"))
    line = command("tenants", "--curl", *options).out
    assert f"$(cat '{tmp_path}/my token')" in line
    assert "--unix-socket '/run/a b'" in line
    assert TOKEN not in line
    assert command("tenants", *options).requests[0].headers["authorization"] == f"Bearer {TOKEN}"
