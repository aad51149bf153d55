"""Writes of large tenants: their assertions are judged beside the hub, and never left out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from app import controller as shell
from app.controller import Controller
from app.core.assertions import Assertion, Assertions
from app.core.inventory import Inventory, Write
from app.core.problems import AssertionsBroken
from app.core.reach.assertions import JUDGED_AT_ONCE
from app.core.values import Group, Port, Rule, Tenant
from app.store.committer import Committer

NOW = "2026-01-01T00:00:00Z"
OPEN = Rule("ssh", "ingress", protocol=6, ports=(22, 22))


class Nowhere:
    def commit(self, changes: list[list[Write]], revision: int, *more: Any) -> None:
        """Durable at once."""


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> Any:
    """As much of a controller as writes, with a tenant that is too large for the hub; `forks` are counted."""
    inventory = Inventory()
    inventory.put(Tenant("acme"), NOW)
    inventory.put(Group("acme", "all"), NOW)
    for n in range(JUDGED_AT_ONCE + 1):
        mac = f"52:54:00:00:{n >> 8:02x}:{n & 255:02x}"
        inventory.put(Port("acme", f"vm{n}", mac, (f"10.0.{n >> 8}.{n & 255}",) if n & 255 else (), ("all",)), NOW)
    inventory.put(Assertions("acme", (Assertion("any", "group:all", "deny", 6, 22),)), NOW)
    inventory.take_journal()
    forks: list[int] = []
    beside = shell.aside.aside

    def counted(function: Any, seconds: float = 20) -> Any:
        forks.append(inventory.revision)
        return beside(function, seconds)

    monkeypatch.setattr(shell.aside, "aside", counted)
    committer = Committer(Nowhere(), inventory, lambda *told: None)  # type: ignore[arg-type]
    controller = SimpleNamespace(
        inventory=inventory, forks=forks, _committer=committer, _settings=SimpleNamespace(flow_limit=0)
    )
    controller._write_judged = lambda change, also: Controller._write_judged(controller, change, also)  # type: ignore[arg-type]
    controller.write = lambda change: Controller.write(controller, change)  # type: ignore[arg-type]
    yield controller
    committer.close(1)


def test_a_write_that_breaks_an_assertion_is_refused_by_a_fork(large: Any) -> None:
    with pytest.raises(AssertionsBroken) as refused:
        large.write(lambda inventory, now: inventory.put(Group("acme", "all", rules=(OPEN,)), now))
    assert len(refused.value.broken) == 1
    assert len(large.forks) == 1
    assert large.inventory.get("group", "acme", "all").value.rules == ()


def test_a_write_that_breaks_none_is_made(large: Any) -> None:
    https = Rule("https", "ingress", protocol=6, ports=(443, 443))
    large.write(lambda inventory, now: inventory.put(Group("acme", "all", rules=(https,)), now))
    assert large.inventory.get("group", "acme", "all").value.rules == (https,)
    assert len(large.forks) == 1


def test_who_is_always_overtaken_is_judged_in_place(large: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = shell.aside.aside

    def overtaken(function: Any, seconds: float = 20) -> Any:
        beside(function, seconds)
        large._committer.write(lambda inventory, now: inventory.put(Tenant(f"t{inventory.revision}"), now))

    monkeypatch.setattr(shell.aside, "aside", overtaken)
    description = "judged in place"
    large.write(lambda inventory, now: inventory.put(Group("acme", "all", description), now))
    assert large.inventory.get("group", "acme", "all").value.description == description
    assert len(large.forks) == shell.JUDGINGS


def test_what_concerns_no_assertion_needs_no_fork(large: Any) -> None:
    large.write(lambda inventory, now: inventory.put(Tenant("blue"), now))
    assert large.forks == []
