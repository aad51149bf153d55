"""What holds for all commands: curl lines, refusals, names of others, completion, what is imported."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

import cli.connection
from cli.app import main
from cli.commands.events import followed
from cli.output import Form, Output
from cli.places import Place
from cli.problems import Failed
from cli.session import Session
from tests.cli.conftest import Command
from tests.rest.local import DPID, LocalFirewall
from tests.test_structure import imported

CHANGES = "changes --since 2020-01-01T00:00:00Z"


# -- refusals


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        ("port acme/nobody", 1, "there is no port nobody"),
        ("port nobody", 1, "no tenant has port nobody; TENANT/NAME (acme, other)"),
        ("ports --state activ -t acme", 1, "?state: try active"),
        ("ct -t acme --proto nix", 1, "?protocol: try one of any"),
        ("groups", 2, "which tenant? -t TENANT says it (acme, other)"),
        ("matrix --from acme/web-1 --to other/x", 2, "of one tenant"),
        ("token revoke ..", 2, "'..' is no name"),
        ("trace web-1 db-1 tcp/x", 2, "is not like tcp/22"),
        ("plan -f /nonexistent", 2, "does not exist"),
        ("matrix -t acme --svg /nonexistent/x", 1, "No such file or directory"),
        ("status --context prod", 1, "has no context prod"),
        ("status --url foo", 1, "begins with http://"),
        ("nonsense", 2, "No such command"),
        ("status -o xml", 2, "xml"),
    ],
)
def test_what_goes_wrong_is_told_in_words(command: Command, said: str, code: int, words: str) -> None:
    run = command(*said.split())
    assert (run.code, run.out) == (code, "")
    assert words in run.err
    assert "Traceback" not in run.err


def test_a_body_that_is_wrong_is_told_place_by_place(command: Command, shop: Path) -> None:
    shop.write_text(shop.read_text().replace("rules", "rulez").replace("tcp/443", "tcp/4433333"))
    run = command("plan", "-f", str(shop))
    assert run.code == 1
    assert "#/tenants/shop/groups/web/rulez: unknown field (try rules)" in run.err
    assert re.search(r"\[invalid_body, request \S+\]", run.err)


def test_an_assertion_that_breaks_is_told_with_the_rules(command: Command, shop: Path) -> None:
    assertion = {"from": "any", "to": "group:db", "protocol": "tcp", "port": 22, "expect": "deny"}
    assert command.client.put("/v1/tenants/acme/assertions", {"items": [assertion]}).status_int == 201
    shop.write_text("version: 1\ntenants: {acme: {groups: {db: {rules: {ssh: {in: tcp/22}}}}}}\n")
    assert "assertion fails: any to group:db deny" in command("plan", "-f", str(shop)).out
    run = command("apply", "-f", str(shop), "-y")
    assert run.code == 1
    assert "acme: any to group:db tcp/22 was to be deny" in run.err
    assert "by db/ssh" in run.err


def test_who_is_not_let_in_is_told_what_to_do(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OVSWARDEN_TOKEN")
    run = command("status")
    assert (run.code, "set OVSWARDEN_TOKEN" in run.err) == (1, True)
    monkeypatch.setenv("OVSWARDEN_TOKEN", "ow_wrong")
    assert "the token is that of" in command("status").err


def test_nobody_there_is_one_line_and_a_hint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, words in (
        (["status", "--url", "http://127.0.0.1:1"], "nobody listens there"),
        (["status", "--socket", "/nonexistent.sock"], "no such socket"),
    ):
        with pytest.raises(SystemExit) as end:
            main(arguments)
        told = capsys.readouterr().err
        assert (end.value.code, len(told.splitlines()), words in told) == (1, 2, True), told


def test_an_answer_of_something_else_is_no_traceback(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for content in (b"<html>", b"[]", b'{"items": 3}', b"{}"):
        other = httpx.MockTransport(lambda _, content=content: httpx.Response(200, content=content))  # type: ignore[misc]
        monkeypatch.setattr(cli.connection, "transport_to", lambda _, other=other: other)  # type: ignore[misc]
        for said in ("status", "tenants", "port a/b", "events"):
            done = ended(said)
            assert (done[0], "Traceback" in done[1], done[1].startswith("ovswarden: ")) == (1, False, True), (
                said,
                done,
            )


def ended(said: str) -> tuple[Any, str]:
    err = io.StringIO()
    with redirect_stdout(io.StringIO()), redirect_stderr(err), pytest.raises(SystemExit) as end:
        main(said.split())
    return end.value.code, err.getvalue()


def test_names_of_others_do_not_act_on_the_terminal(command: Command, firewall: LocalFirewall) -> None:
    evil = "\x1b]0;owned\x07\u202e\x9b31m"
    quiet = "\u202e\u2066owned"  # what the API itself takes
    assert command.client.put("/v1/tenants/acme", {"description": quiet}).status_int == 200
    firewall.events.add("switch.refused", switch="1", detail=evil)
    firewall.statuses[DPID] = replace(firewall.statuses[DPID], last_error=evil, software=evil, warnings={"x": evil})
    for said in ("tenants", "events", CHANGES, "tenants -o json", "events -o yaml", "status", "switches", "doctor"):
        out = command(*said.split()).out
        assert "owned" in out, said
        assert all(each.isprintable() or each == "\n" for each in out), said


# -- events


class Endless(Session):
    """Gives streams one after the other; then it is over."""

    def __init__(self, streams: list[list[str] | Failed]) -> None:
        super().__init__(Place(url="http://x"), Output(Form.JSON))
        self.streams, self.asked = iter(streams), []  # type: ignore[var-annotated]

    def lines(self, path: str, query: dict[str, Any], last: str | None) -> Iterator[str]:
        self.asked.append(last)
        stream = next(self.streams)
        if isinstance(stream, Failed):
            raise stream
        return iter(stream)


def test_a_stream_that_is_cut_off_is_resumed_where_it_broke_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.commands.events.PAUSE", 0)
    streams: list[list[str] | Failed] = [
        ["retry: 2000", "id: 3", ""],
        Failed("away"),
        Failed("busy", status=503),
        ["id: 4", "event: a.b", 'data: {"time": "t", "x": 1}', "", "event: overflow", "data: {}", ""],
        [": ping", "id: 9", "", "id: 10", "event: cut", 'data: {"half'],
        ["event: reset", "id: 20", 'data: {"last": 20}', ""],
        Failed("no", status=401),
    ]
    run, found = Endless(streams), []

    def follow() -> None:
        for event in followed(run, {}):
            found.append(event)

    with pytest.raises(Failed, match="no"):
        follow()
    assert found == [{"id": 4, "time": "t", "type": "a.b", "data": {"x": 1}}]
    assert run.asked == [None, "3", "3", "3", "4", "9", "20"]


# -- completion


def completed(command: Command, monkeypatch: pytest.MonkeyPatch, words: str) -> list[str]:
    monkeypatch.setenv("_OVSWARDEN_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    run = command()
    assert run.err == ""
    return run.out.split()


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("ovswarden sta", ["status"]),
        ("ovswarden ports -t a", ["acme"]),
        ("ovswarden port acme/w", ["acme/web-1"]),
        ("ovswarden port -t acme d", ["db-1"]),
        ("ovswarden trace web-1 ", ["acme/", "other/"]),
        ("ovswarden rules acme/d", ["acme/db"]),
        ("ovswarden drift h", ["host-1"]),
        ("ovswarden status -o j", ["json"]),
        ("ovswarden port nobody/", []),
    ],
)
def test_the_shell_completes(command: Command, monkeypatch: pytest.MonkeyPatch, words: str, names: list[str]) -> None:
    assert completed(command, monkeypatch, words) == names


def test_completion_is_silent_when_it_cannot_tell(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVSWARDEN_TOKEN", "ow_wrong")
    assert completed(command, monkeypatch, "ovswarden port acme/") == []
    monkeypatch.setenv("OVSWARDEN_CONTEXT", "nonsense")
    assert completed(command, monkeypatch, "ovswarden port acme/") == []
    assert completed(command, monkeypatch, "ovswarden --context a") == []


# -- what it needs


def test_the_command_imports_nothing_of_the_controller() -> None:
    script = """
import sys, json
import cli.app, cli.connection
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(json.loads(done.stdout))
    assert {"cli", "typer", "httpx"} <= loaded
    assert not loaded & {"eventlet", "os_ken", "app", "rest", "topology", "netaddr", "webob"}


def test_nothing_that_it_imports_later_is_the_controllers_either() -> None:
    own = {"cli", "typer", "rich", "httpx", "ruamel", *sys.stdlib_module_names}
    assert {name.split(".")[0] for _, name in imported("cli")} <= own


def test_help_needs_no_api_and_no_http() -> None:
    script = (
        "import sys; from cli.app import main\ntry: main(['--help'])\nexcept SystemExit: print('httpx' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.endswith("False\n")
