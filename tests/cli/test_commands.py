"""Every command against the real API: what it asks, what it prints, how it ends."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from cli.app import app
from tests.cli.conftest import Command
from tests.rest.local import DPID, LocalFirewall

# What can be asked without changing anything, and the status it ends with.
QUESTIONS = {
    "status": 0,
    "trace acme/web-1 db-1 tcp/5432": 3,
    "port web-1": 0,
    "matrix -t acme": 0,
    "matrix --to db-1": 0,
    "limits": 0,
    "changes": 0,
    "tenants": 0,
    "ports": 0,
    "ports -t acme --state active --ip 10.0.0.1 --group web": 0,
    "groups -t acme": 0,
    "rules web": 0,
    "guardrails": 0,
    "switches": 0,
    "ct -t acme": 0,
    "drops": 0,
    "drops --samples --port web-1": 0,
    "events": 0,
    "drift": 4,
    "doctor": 0,
    "token list": 0,
    "token whoami": 0,
}
NAMELESS = ("matrix -t acme", "matrix --to db-1")


@pytest.mark.parametrize("said", QUESTIONS)
def test_every_form_of_an_answer(command: Command, said: str) -> None:
    runs = {form: command(*said.split(), "-o", form) for form in ("table", "json", "yaml", "name")}
    assert runs["table"].out or runs["table"].err
    document = json.loads(runs["json"].out)
    assert document is not None
    assert type(YAML(typ="safe").load(runs["yaml"].out)) is type(document)
    for form, run in runs.items():
        assert run.code == (2 if form == "name" and said in NAMELESS else QUESTIONS[said]), (form, run)
        assert not any(line != line.rstrip() for line in run.out.splitlines()), form
        assert "\x1b" not in run.out


def test_every_command_is_asked_something_here() -> None:
    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    elsewhere = {"plan", "diff", "apply", "export"}
    assert {said.split()[0] for said in QUESTIONS} - {"token"} | elsewhere == known


# -- the five questions


def test_is_every_switch_up_to_date(command: Command, firewall: LocalFirewall) -> None:
    good = command("status")
    assert (good.code, good.out.splitlines()[-1]) == (0, "every switch is up to date (1)")
    assert "acme: 97 of 100 connections in zone 1 of host-1" in good.out
    assert "2 ports: 1 active, 1 down" in good.out
    assert "1 warnings on host-1" in good.out
    firewall.statuses[DPID] = replace(firewall.statuses[DPID], applied_revision=1, state="backoff", last_error="no")
    bad = command("status")
    assert (bad.code, bad.out.splitlines()[-1]) == (
        4,
        "not up to date: host-1 (backoff since 2026-11-22T15:00:00Z)",
    )
    assert "host-1: no" in bad.out
    assert command("status", "-o", "name").out == "no\n"


def test_who_belongs_to_a_tenant_sees_its_ports_instead(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    made = command("token", "create", "reader", "--role", "viewer", "-t", "acme")
    monkeypatch.setenv("OVSWARDEN_TOKEN", made.out.strip())
    run = command("status")
    assert (run.code, " ".join(run.out.split())) == (0, "tenant active building down error acme 1 0 1 0")
    assert command("status", "-o", "json").json[0]["ports"]["active"] == 1
    assert {check["result"] for check in command("doctor", "-o", "json").json} == {"ok", "skipped", "warning"}


def test_why_was_this_refused(command: Command) -> None:
    run = command("trace", "db-1", "acme/web-1", "tcp/22")
    assert run.code == 3
    assert run.out.startswith("DENY  no_rule_matches at TARGET")
    assert "nearly:" in run.out
    assert run.sent[-1] == "GET /v1/tenants/acme/trace?src=db-1&dst=acme%2Fweb-1&proto=tcp&dport=22"
    assert command("trace", "db-1", "web-1", "-o", "name").out == "deny\n"


def test_what_may_reach_this_vm(command: Command) -> None:
    page = command("port", "db-1").out
    assert "where        host-1:tap2" in page
    reached, _, reaches = page.partition("it may open connections to")
    assert "tcp/5432   web-1" in reached
    assert "web-1" in reaches
    lines = command("matrix", "--to", "db-1", "--proto", "tcp").out
    assert "tcp/5432" in lines
    assert "nobody may open anything" in command("matrix", "--to", "db-1", "--proto", "icmp").out


def test_who_is_near_a_limit(command: Command) -> None:
    rows = command("limits", "-o", "json").json
    assert [(row["tenant"], row["what"], row["ratio"]) for row in rows] == [
        ("acme", "ports", 1.0), ("acme", "connections", 0.97), ("other", "connections", None),
    ]  # fmt: skip
    assert "97 %" in command("limits").out
    assert "2 more are less full" in command("limits", "--limit", "1").err


def test_what_changed_in_the_last_hour(command: Command, firewall: LocalFirewall) -> None:
    ever = ("changes", "--since", "2020-01-01T00:00:00Z")
    assert command(*ever, "--path", "/guardrails").out.count("+ /") == 1
    assert "nothing changed since 5m" in command("changes", "--since", "5m", "--by", "nobody").err
    assert "only the last 2" in command(*ever, "--limit", "2").err
    firewall.now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.123Z")
    rules = [{"key": "https", "direction": "ingress", "protocol": "tcp", "port_min": 8443}]
    command.client.put("/v1/tenants/acme/groups/web", {"rules": rules})
    out = command("changes").out
    assert re.search(
        rf"T\d\d:\d\d:\d\dZ  admin  {firewall.inventory.revision} +~ /tenants/acme/groups/web/rules/https\n", out
    )
    assert "    port_min: 443 -> 8443\n" in out
    assert "- /tenants/acme/groups/web/rules/ssh\n" in out


# -- the others


def test_a_list_is_read_to_its_limit(command: Command) -> None:
    run = command("ct", "-t", "acme", "--limit", "2")
    assert (len(run.out.splitlines()), "only the first 2" in run.err) == (3, True)
    assert len(command("ct", "-t", "acme").out.splitlines()) == 4


def test_a_doctor_finds_what_fails(command: Command, firewall: LocalFirewall) -> None:
    assert {check["what"]: check["result"] for check in command("doctor", "-o", "json").json} == {
        "api": "ok", "encryption": "ok", "caller": "ok", "store": "ok", "versions": "ok", "switch host-1": "warning",
        "ports": "ok", "limits": "warning", "assertions": "ok", "disk": "skipped",
    }  # fmt: skip
    firewall.missing = {"store": "the disk is full"}
    firewall.statuses[DPID] = replace(firewall.statuses[DPID], connected=False, state="disconnected")
    run = command("doctor")
    assert run.code == 1
    assert "store: the disk is full" in run.out
    assert "disconnected since" in run.out


def test_a_matrix_that_is_too_wide_is_told_as_lines(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert command("matrix", "-t", "acme").out.splitlines()[0].split() == ["from", "\\", "to", "db", "web"]
    monkeypatch.setattr("cli.output.WIDE", 20)
    assert command("matrix", "-t", "acme").out.splitlines()[0].split() == ["from", "traffic", "to"]


def test_a_matrix_as_a_picture(command: Command, tmp_path: Path) -> None:
    assert command("matrix", "-t", "acme", "--svg", str(tmp_path / "m.svg")).code == 0
    assert (tmp_path / "m.svg").read_text().startswith("<svg")


def test_ports_are_watched_until_somebody_has_seen_enough(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("cli.commands.lists.time.sleep", sleep)
    run = command("ports", "-t", "acme", "-w", "--every", "0.5", "-o", "name")
    assert (run.code, run.out, looks) == (0, "db-1\nweb-1\n" * 3, [0.5] * 3)
