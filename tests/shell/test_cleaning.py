"""Zones are emptied before flows lead there; a switch that does not do it does not hold up its flows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import structlog

from app import green
from app.bridges import cleaning
from app.bridges.cleaning import Cleaning
from app.core.flushes import Zone
from app.core.inventory import Write
from app.openflow.conversation import Gone, Refused, SwitchTrouble
from app.openflow.replies import Complaint


class FakeLine:
    datapath = None

    def aside(self, work: Callable[[Any], None]) -> None:
        green.spawn(work, self)


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[int | SwitchTrouble]:
    """The zones that were flushed; a trouble at the end is what the next one meets."""
    done: list[int | SwitchTrouble] = []

    def flush(_: Any, zone: Zone) -> None:
        if done and isinstance(done[-1], SwitchTrouble):
            raise done.pop()  # type: ignore[misc]
        done.append(zone.number)

    monkeypatch.setattr(cleaning, "flush_zone", flush)
    return done


def gained(zone: int) -> Cleaning:
    kept = Cleaning(lambda: {zone}, structlog.get_logger())
    kept.follow([Write("zone", ("red", "0"), None, zone)])
    return kept


def test_a_zone_is_emptied_once_before_flows_lead_there(flushed: list[Any]) -> None:
    kept, line = gained(5), FakeLine()
    kept.before_push(line)  # type: ignore[arg-type]
    kept.before_push(line)  # type: ignore[arg-type]
    assert flushed == [5]


def test_a_switch_that_refuses_gets_its_flows_and_is_asked_again(flushed: list[Any]) -> None:
    kept, line = gained(5), FakeLine()
    flushed.append(Refused([Complaint(0, 1, 1, "no")], 1, "no"))
    kept.before_push(line)  # type: ignore[arg-type]
    assert flushed == []
    kept.before_push(line)  # type: ignore[arg-type]
    assert flushed == [5]


def test_a_connection_that_ends_ends_the_push(flushed: list[Any]) -> None:
    flushed.append(Gone("gone"))
    with pytest.raises(Gone):
        gained(5).before_push(FakeLine())  # type: ignore[arg-type]


def test_zones_that_are_nobodys_are_emptied_by_the_by(flushed: list[Any]) -> None:
    kept, line = Cleaning(lambda: {1}, structlog.get_logger()), FakeLine()
    kept.meet([3, 4])
    kept.in_step(line)  # type: ignore[arg-type]
    kept.in_step(line)  # type: ignore[arg-type]
    assert flushed == []
    for _ in range(5):
        green.sleep(0.01)
    assert flushed == [3, 4]
    kept.meet([3, 4])
    kept.in_step(line)  # type: ignore[arg-type]
    green.sleep(0.01)
    assert flushed == [3, 4], "each once"
