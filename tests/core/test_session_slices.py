"""Long work of a session goes in slices, and what changes between two of them is not lost."""

from __future__ import annotations

import pytest

from app.core import ledger
from app.core.dialogue import (
    Again,
    Changed,
    Committed,
    Connected,
    Disconnected,
    Doubted,
    Effect,
    Push,
    Reported,
    Resume,
)
from app.core.flow import Flow, flow, goto
from app.core.session import Session, State
from tests.core.talk import Talk, by_cookie, rows

MANY = tuple(flow(10, 5, goto(20), in_port=n) for n in range(95))
NEW = flow(10, 6, goto(20), in_port=1)


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "SLICE", 10)


class Steps(Talk):
    """As `Talk`, but each slice is asked for."""

    def step(self, *events: object) -> list[Effect]:
        effects: list[Effect] = []
        for event in events:
            effects = self.session.handle(event, self.now)  # type: ignore[arg-type]
        return effects


def test_all_flows_of_a_big_switch_are_planned_and_confirmed_in_slices() -> None:
    steps = Steps(*MANY)
    effects, pauses = steps.step(Connected(), Reported([])), 0
    while effects == [Again()]:
        effects, pauses = steps.step(Resume()), pauses + 1
    assert pauses == len(MANY) // 10 * 2, "looking for what is missing, and planning it"
    (push,) = effects
    assert isinstance(push, Push)
    assert push.adds == by_cookie(*MANY)
    assert steps.step(Committed()) == [Again()]
    assert steps.session.applied_revision == 0, "not all of it is taken note of"
    assert steps.tell(Resume()) == []
    assert steps.session.state is State.SYNCED
    assert steps.session.holds(by_cookie(*MANY))


def test_a_second_commit_within_the_slices_of_the_first_is_not_taken_for_another() -> None:
    steps = Steps(*MANY)
    steps.tell(Connected(), Reported([]))
    assert steps.step(Committed(), Committed()) == []
    assert steps.tell(Resume()) == []
    assert steps.session.state is State.SYNCED


@pytest.mark.parametrize("pauses", range(22))
def test_what_changes_between_two_slices_goes_with_the_rest(pauses: int) -> None:
    steps = Steps(*MANY)
    effects = steps.step(Connected(), Reported(rows(*MANY[:5])))
    for _ in range(pauses):
        effects = steps.step(Resume()) if effects == [Again()] else effects
    gone = (MANY[0], MANY[50], MANY[94])
    steps.wanted.update(by_cookie(NEW))
    for each in gone:
        del steps.wanted[each.cookie]
    assert steps.step(Changed({NEW.cookie, *(f.cookie for f in gone)}, 3)) == []
    held = set(by_cookie(*MANY[:5]))
    for _ in range(100):
        match effects:
            case [Push(adds, deletes)]:
                held = held - set(deletes) | set(adds)
                effects = steps.step(Committed())
            case [Again()]:
                effects = steps.step(Resume())
    assert steps.session.state is State.SYNCED
    assert held == set(steps.wanted)
    assert steps.session.applied_revision == 3


def test_a_disconnect_ends_the_work() -> None:
    steps = Steps(*MANY)
    assert steps.step(Connected(), Reported([])) == [Again()]
    steps.step(Disconnected())
    assert steps.step(Resume()) == []
    assert steps.session.state is State.DISCONNECTED


def test_a_part_of_a_change_waits_for_the_rest() -> None:
    talk = Talk(*MANY[:2]).sync()
    talk.wanted.update(by_cookie(NEW))
    assert talk.tell(Changed({NEW.cookie}, 4, more=True)) == []
    assert talk.session.wanted_revision == 0
    del talk.wanted[MANY[0].cookie]
    (push,) = talk.tell(Changed({MANY[0].cookie}, 4))
    assert isinstance(push, Push)
    assert (set(push.adds), set(push.deletes)) == ({NEW.cookie}, {MANY[0].cookie})


def test_half_of_a_change_is_not_pushed_by_what_ends_or_begins_meanwhile() -> None:
    steps = Steps(*MANY)
    steps.tell(Connected(), Reported(rows(*MANY)))
    steps.wanted.update(by_cookie(NEW))
    assert [type(each) for each in steps.tell(Changed({NEW.cookie}, 1))] == [Push]
    first, last = MANY[0].cookie, MANY[94].cookie
    del steps.wanted[first]
    steps.tell(Changed({first}, 2, more=True))
    assert steps.tell(Committed()) == []
    assert steps.tell(Doubted(frozenset({MANY[1].cookie}))) == [], "it waits, too"
    assert (steps.session.state, steps.session.applied_revision) == (State.PUSHING, 1)
    steps.tell(Connected(), Reported(rows(*MANY[:50])))
    assert steps.session.state is State.PUSHING
    del steps.wanted[last]
    assert steps.step(Changed(set(), 2, more=True)) == []
    (push,) = steps.tell(Changed({last}, 2))
    assert isinstance(push, Push)
    assert (set(push.adds), set(push.deletes)) == (steps.wanted.keys() - by_cookie(*MANY[:50]).keys(), {first})
    steps.tell(Committed())
    assert (steps.session.state, steps.session.applied_revision) == (State.SYNCED, 2)


def test_an_answer_that_begins_nothing_leaves_a_session_that_waits_for_the_rest_as_it_is() -> None:
    talk = Talk(*MANY[:2]).sync()
    talk.tell(Changed(set(), 1, more=True))
    talk.tell(Doubted(frozenset({MANY[0].cookie})))
    assert talk.tell(Resume()) == []
    assert talk.tell(Disconnected()) == []
    assert talk.tell(Changed(set(), 1)) == []
    assert talk.session.state is State.DISCONNECTED


def test_a_small_change_takes_no_pause() -> None:
    wanted: dict[int, Flow] = by_cookie(*MANY)
    session = Session(wanted)
    session.handle(Connected(), 0)
    effects = session.handle(Reported(rows(*MANY)), 0)
    while effects:
        effects = session.handle(Resume(), 0)
    wanted.update(by_cookie(NEW))
    assert [type(each) for each in session.handle(Changed({NEW.cookie}, 1), 0)] == [Push]
