"""When audits come, one bridge at a time, and what they tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from app import green
from app.bridges import audits, rounds
from app.bridges.audits import Audits
from app.bridges.rounds import Rounds
from app.core.audit import Findings
from app.core.dialogue import Audited

FOUND = Findings(missing=2, extra=1, words=("missing: x",))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(audits, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


@dataclass
class Kept:
    """The audits of one bridge, whose session answers at once, later, or never."""

    interval: float = 300.0
    answer: Audited | None = None
    asked: int = 0
    told: list[dict[str, Any]] = field(default_factory=list)
    dpid: str = "1"

    def __post_init__(self) -> None:
        self.audits = Audits(
            self.interval, self.ask, lambda type, **data: self.told.append(data), structlog.get_logger()
        )

    def ask(self) -> None:
        self.asked += 1
        if self.answer is not None:
            green.spawn(self.audits.over, self.answer)

    @property
    def audit_due(self) -> float | None:
        return self.audits.due

    def audit(self, seconds: float) -> Audited | None:
        return self.audits.run(min(seconds, 0.01))


def test_the_first_comes_some_seconds_after_a_switch_is_in_step_and_the_next_an_interval_later(
    clock: list[float],
) -> None:
    kept = Kept(answer=Audited(Findings(), mended=True))
    kept.audits.in_step()
    first = kept.audits.due
    assert first is not None
    assert 1003 <= first <= 1006
    clock[0] = 1001.0
    kept.audits.in_step()
    assert kept.audits.due == first, "it is in step after each change"
    assert kept.audits.run(1) == kept.answer
    assert 1001 + 270 <= (kept.audits.due or 0) <= 1001 + 330
    kept.audits.out_of_step()
    assert kept.audits.due is None


def test_no_interval_is_no_periodic_audit() -> None:
    kept = Kept(interval=0, answer=Audited(FOUND, mended=True))
    kept.audits.in_step()
    assert kept.audits.due is None
    assert kept.audits.run(1) == kept.answer
    assert kept.audits.due is None


def test_what_is_found_is_counted_and_told_once() -> None:
    kept = Kept(answer=Audited(FOUND, mended=True))
    kept.audits.run(1)
    kept.answer = Audited(Findings(), mended=True)
    kept.audits.run(1)
    totals = kept.audits.totals
    assert [totals[name] for name in ("audits", "missing", "extra", "altered", "repaired")] == [2, 2, 1, 0, 3]
    assert totals["audited_at"]
    assert kept.told == [{"missing": 2, "extra": 1, "altered": 0, "repaired": True, "first": ["missing: x"]}]


def test_one_that_was_given_up_is_not_counted_and_one_that_was_not_mended_says_so() -> None:
    kept = Kept(answer=Audited(None, reason="gone"))
    assert kept.audits.run(1) == kept.answer
    assert kept.audits.totals["audits"] == 0
    kept.answer = Audited(FOUND, reason="refused")
    kept.audits.run(1)
    assert (kept.audits.totals["missing"], kept.audits.totals["repaired"]) == (2, 0)
    assert [each["repaired"] for each in kept.told] == [False]


def test_who_asks_while_one_is_under_way_gets_the_same_answer() -> None:
    kept = Kept()
    answers: list[Audited | None] = []
    for _ in range(3):
        green.spawn(lambda: answers.append(kept.audits.run(1)))
    green.sleep(0)
    assert (kept.asked, answers) == (3, [])
    kept.audits.over(Audited(FOUND, mended=True))
    green.sleep(0.01)
    assert answers == [Audited(FOUND, mended=True)] * 3


def test_rounds_begin_with_who_has_waited_longest_and_a_bridge_that_does_not_end_lets_others_go_on(
    clock: list[float],
) -> None:
    stuck, fine, away = (Kept(dpid=dpid) for dpid in ("1", "2", "3"))
    fine.answer = Audited(Findings(), mended=True)
    stuck.audits.in_step()
    clock[0] += 10
    fine.audits.in_step()
    clock[0] += 10
    round = Rounds(lambda: [fine, away, stuck])._audit  # type: ignore[list-item]
    round(clock[0])
    assert (stuck.asked, fine.asked) == (1, 0)
    round(clock[0])
    assert (stuck.asked, fine.asked) == (1, 1)
    round(clock[0])
    assert (stuck.asked, fine.asked, away.asked) == (1, 1, 0), "nobody is due"
    clock[0] += 400
    round(clock[0])
    assert stuck.asked + fine.asked == 3


def test_a_failure_does_not_end_the_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "EVERY", 0.0)
    seen = []

    def bridges() -> list[Any]:
        seen.append(1)
        if len(seen) > 2:
            raise SystemExit
        raise ValueError

    with pytest.raises(SystemExit):
        Rounds(bridges)._run()
