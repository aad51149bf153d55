"""How assertions stand is known after every change that could matter, a guardrail's included."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.assertions import Assertion, Assertions
from app.core.inventory import Inventory
from app.core.values import Group, Guardrail, Port, Rule, Tenant
from app.errors import AsideTooLong
from app.observing import standing as asserting
from app.observing.standing import Standing
from app.observing.tallies import Meters
from tests.core.world import NOW

HTTPS = Rule("https", "ingress", protocol=6, ports=(443, 443))
REACHED = Assertions("acme", (Assertion("any", "group:web", "allow", 6, 443), Assertion("any", "group:db", "deny")))
NO_HTTPS = Guardrail("no-https", 10, "deny", "ingress", protocol=6, ports=(443, 443))


class World:
    def __init__(self) -> None:
        self.inventory, self.meters = Inventory(), Meters()
        self.standing = Standing(self.inventory, self.meters)
        self.put(Tenant("acme"), Tenant("other"), Group("acme", "web", rules=(HTTPS,)))
        self.put(Port("acme", "web-1", "52:54:00:00:00:01", ("10.0.0.1",), ("web",)), REACHED)

    def put(self, *values: Any) -> None:
        for value in values:
            self.inventory.put(value, NOW)
        self.committed()

    def committed(self) -> None:
        self.standing.follow(self.inventory.take_journal())

    def judged(self) -> dict[str, Any]:
        self.standing.judge_some()
        return dict(self.meters.assertions)


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many tenants each fork was asked about; nothing is forked."""
    asked: list[int] = []

    def here(function: Any) -> Any:
        found = function()
        asked.append(len(found))
        return found

    monkeypatch.setattr(asserting, "aside", here)
    return asked


def test_a_fork_tells_how_the_assertions_stand() -> None:
    assert World().judged() == {"acme": {"passed": 1, "failed": 0, "moot": 1}}


def test_a_guardrail_that_breaks_one_is_seen_and_so_is_its_end(forks: list[int]) -> None:
    world = World()
    world.judged()
    world.put(NO_HTTPS)
    assert world.judged()["acme"] == {"passed": 0, "failed": 1, "moot": 1}
    world.inventory.delete("guardrail", "no-https", now=NOW)
    world.committed()
    assert world.judged()["acme"] == {"passed": 1, "failed": 0, "moot": 1}


def test_only_what_may_have_changed_is_judged_again(forks: list[int]) -> None:
    world = World()
    world.judged()
    world.put(Tenant("third"), Group("other", "web"))
    assert not world.standing._due
    world.put(Group("acme", "db"), Group("acme", "more"))
    assert world.standing._due
    world.judged()
    assert forks == [1, 1]


def test_many_tenants_are_judged_in_batches(forks: list[int]) -> None:
    world = World()
    for n in range(asserting.AT_ONCE):
        world.put(Tenant(f"t{n}"), Assertions(f"t{n}", (Assertion("any", "group:web", "deny"),)))
    world.judged()
    assert len(world.judged()) == asserting.AT_ONCE + 1
    assert forks == [asserting.AT_ONCE, 1]


def test_no_assertions_and_no_tenant_leave_no_number(forks: list[int]) -> None:
    world = World()
    assert world.judged()
    world.put(Assertions("acme"))
    assert world.meters.assertions == {}
    world.put(REACHED)
    assert world.judged()
    world.inventory.delete("port", "acme", "web-1", now=NOW)
    world.inventory.delete("group", "acme", "web", now=NOW)
    world.inventory.delete("tenant", "acme", now=NOW)
    world.committed()
    assert world.meters.assertions == {}
    assert not world.standing._due


def test_what_cannot_be_judged_in_time_has_no_number_rather_than_an_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    assert world.judged()

    def too_long(function: Any) -> Any:
        raise AsideTooLong("not done")

    monkeypatch.setattr(asserting, "aside", too_long)
    world.put(Group("acme", "db"))
    assert world.judged() == {}
