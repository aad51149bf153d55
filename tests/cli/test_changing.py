"""Commands that change something: only what was agreed to, and told when it is not in force yet."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from app.service import Drift
from tests.cli.conftest import Command
from tests.rest.local import DPID, LocalFirewall


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_plan_shows_what_would_be_and_changes_nothing(command: Command, shop: Path) -> None:
    run = command("plan", "-f", str(shop))
    assert (run.code, run.out.splitlines()[0]) == (4, "+ /tenants/shop")
    assert "4 to add, 0 to change, 0 to delete" in run.out
    assert "now reaches a" in run.out
    plan_id = run.err.split("--plan ")[1].split()[0]
    assert command("tenants", "-o", "name").out.split() == ["acme", "other"]
    done = command("apply", "--plan", plan_id)
    assert (done.code, "every connected switch has it" in done.out) == (0, True)
    again = command("plan", "-f", str(shop))
    assert (again.code, again.out) == (0, "nothing would change\n")
    assert command("diff", "-f", str(shop)).code == 0


def test_a_difference_is_told_line_by_line(command: Command, shop: Path) -> None:
    command("apply", "-f", str(shop), "-y")
    shop.write_text(shop.read_text().replace("443", "8443"))
    run = command("diff", "-f", str(shop))
    assert run.code == 4
    assert "--- /tenants/shop/groups/web/rules/https" in run.out
    assert "+port_min: 8443" in run.out.splitlines()


def test_nothing_is_applied_that_nobody_agreed_to(command: Command, shop: Path) -> None:
    run = command("apply", "-f", str(shop))
    assert (run.code, "nobody can be asked here: --yes" in run.err) == (2, True)
    assert command("tenants", "-o", "name").out.split() == ["acme", "other"]
    assert command("apply").code == 2
    assert command("apply", "--plan", "x", "--prune", "all").code == 2


def test_a_sweeping_deletion_wants_its_number(command: Command, shop: Path) -> None:
    command("apply", "-f", str(shop), "-y")
    shop.write_text("version: 1\nowner: git\n")
    planned = command("plan", "-f", str(shop), "--prune", "owned")
    assert "3 things would go" in planned.out
    refused = command("apply", "-f", str(shop), "--prune", "owned", "-y")
    assert (refused.code, "confirm_deletes=3" in refused.err) == (1, True)
    assert command("apply", "-f", str(shop), "--prune", "owned", "-y", "--confirm-deletes", "3").code == 0
    assert command("tenants", "-o", "name").out.split() == ["acme", "other"]


def test_a_switch_that_has_not_confirmed_is_told(command: Command, firewall: LocalFirewall, shop: Path) -> None:
    firewall.lagging = [DPID]
    run = command("apply", "-f", str(shop), "-y", "--wait", "1s")
    assert (run.code, "not confirmed yet by host-1" in run.out) == (4, True)


def test_an_export_is_a_file_for_a_plan(command: Command, tmp_path: Path) -> None:
    for name, form in (("all.yaml", "yaml"), ("all.json", "json")):
        assert command("export", "--to", str(tmp_path / name), "-o", form).code == 0
        run = command("plan", "-f", str(tmp_path / name))
        assert (run.code, run.out) == (0, "nothing would change\n")
        kind = {"yaml": "application/yaml", "json": "application/json"}[form]
        assert run.requests[0].headers["Content-Type"] == kind
    assert set(YAML(typ="safe").load(command("export", "-t", "acme").out)["tenants"]) == {"acme"}
    assert command("export", "-o", "name").code == 2


def test_connections_are_flushed_when_it_is_said_which(command: Command, firewall: LocalFirewall) -> None:
    run = command("ct", "--port", "acme/web-1", "--flush", "--dry-run")
    assert (run.code, run.out.splitlines()[1].split()) == (0, ["host-1", "1", "ok", "3", "connections"])
    assert firewall.flushed == []
    assert command("ct", "-t", "acme", "--flush").code == 1  # that would be everything
    assert firewall.flushed == []
    assert command("ct", "-t", "acme", "--flush", "--all").code == 0
    assert [zone for _, zone, _ in firewall.flushed] == [1]
    assert command("ct", "-t", "acme", "--all").code == 2


def test_drift_is_told_and_mended(command: Command, firewall: LocalFirewall) -> None:
    run = command("drift", "host-1")
    assert (run.code, "missing in GUARD: priority=700,in_port=7 actions=goto_table:1" in run.out) == (4, True)
    firewall.drift = Drift(1, 0, 0, True, ("missing a flow",))
    mended = command("drift", "--repair")
    assert (mended.code, mended.sent[-1]) == (0, "POST /v1/switches/host-1:reconcile?wait=30s")
    assert "missing a flow" in mended.out
    firewall.drift = None
    assert (late := command("drift", "host-1", "--repair")).code == 4
    assert "still under way" in late.out


def test_a_token_is_made_shown_once_and_ended(command: Command) -> None:
    made = command("token", "create", "ci", "--role", "tenant-admin", "-t", "acme", "--expires", "30d")
    assert made.out.startswith("ow_")
    assert "nobody can show it again" in made.err
    assert command("token", "list", "-o", "name").out == "ci\n"
    assert made.out.strip() not in command("token", "list", "-o", "json").out
    assert command("token", "create", "ci", "--role", "emperor").code == 2
    assert command("token", "revoke", "ci").code == 0
    assert command("token", "revoke", "ci").code == 1


@pytest.mark.parametrize(
    ("answer", "code", "names"), [("y\n", 0, ["acme", "other", "shop"]), ("n\n", 1, ["acme", "other"])]
)
def test_somebody_is_asked(
    command: Command, shop: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, names: list[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    run = command("apply", "-f", str(shop))
    assert (run.code, "4 to add" in run.out, "apply this?" in run.err) == (code, True, True)
    assert command("tenants", "-o", "name").out.split() == names


def test_a_sweeping_deletion_is_agreed_to_by_its_number(
    command: Command, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("apply", "-f", str(shop), "-y")
    shop.write_text("version: 1\nowner: git\n")
    for answer, code in (("1\n", 1), ("3\n", 0)):
        monkeypatch.setattr("sys.stdin", Terminal(answer))
        assert command("apply", "-f", str(shop), "--prune", "owned").code == code
