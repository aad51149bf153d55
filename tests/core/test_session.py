"""The conversation with one switch, in every order of events: no socket, no clock."""

from __future__ import annotations

import pytest

from app.core.dialogue import Committed, Connected, Disconnected, Read, Reported
from app.core.session import State
from tests.core.talk import FOREIGN, OLD, A, B, C, Talk, plan, rows


def test_a_switch_that_connects_is_read_first_and_gets_what_is_missing_in_one_push() -> None:
    talk = Talk(A, B)
    assert talk.tell(Connected()) == [Read()]
    assert plan(talk.tell(Reported(rows(A)))) == ({B.cookie}, set())
    assert talk.tell(Committed()) == []
    assert talk.session.state is State.SYNCED


def test_a_reconnect_with_nothing_changed_sends_nothing() -> None:
    talk = Talk(A, B).sync()
    assert talk.tell(Disconnected()) == []
    assert talk.tell(Connected()) == [Read()]
    assert talk.tell(Reported(rows(B, A))) == []
    assert talk.session.state is State.SYNCED


def test_a_switch_that_lost_everything_gets_everything_again() -> None:
    talk = Talk(A, B).sync()
    assert plan(talk.tell(Disconnected(), Connected(), Reported([]))) == ({A.cookie, B.cookie}, set())


def test_what_a_switch_had_confirmed_counts_for_nothing_until_it_is_read_again() -> None:
    talk = Talk(A, B).sync()
    talk.change(4)
    assert talk.session.holds([A.cookie, B.cookie])
    talk.tell(Disconnected(), Connected())
    assert (talk.session.applied_revision, talk.session.holds([A.cookie])) == (0, False)
    talk.tell(Reported(rows(A, B)))
    assert (talk.session.applied_revision, talk.session.holds([A.cookie])) == (4, True)


def test_a_change_sends_what_changed_and_nothing_else() -> None:
    talk = Talk(A, B).sync()
    assert plan(talk.change(2, add=[C], remove=[A])) == ({C.cookie}, {A.cookie})
    assert (talk.session.wanted_revision, talk.session.applied_revision) == (2, 0)
    assert talk.tell(Committed()) == []
    assert talk.session.applied_revision == 2


def test_a_change_without_flows_for_this_switch_is_applied_at_once() -> None:
    talk = Talk(A).sync()
    assert talk.change(5) == []
    assert talk.session.applied_revision == 5


def test_changes_during_a_push_wait_for_its_end_and_then_go_together() -> None:
    talk = Talk(A).sync()
    talk.change(1, add=[B])
    assert talk.change(2, add=[C]) == []
    assert talk.change(3, remove=[A]) == []
    assert plan(talk.tell(Committed())) == ({C.cookie}, {A.cookie})
    assert talk.session.applied_revision == 1, "only what the first bundle brought is in force"
    assert talk.tell(Committed()) == []
    assert talk.session.applied_revision == 3


def test_a_change_taken_back_during_a_push_is_taken_back_after_it() -> None:
    talk = Talk(A).sync()
    talk.change(1, add=[B])
    assert talk.change(2, remove=[B]) == []
    assert plan(talk.tell(Committed())) == (set(), {B.cookie})


def test_a_change_made_and_taken_back_during_a_push_sends_nothing() -> None:
    talk = Talk(A).sync()
    talk.change(1, add=[B])
    talk.change(2, add=[C])
    talk.change(3, remove=[C])
    assert talk.tell(Committed()) == []
    assert (talk.session.state, talk.session.applied_revision) == (State.SYNCED, 3)


def test_changes_while_disconnected_are_found_by_reading() -> None:
    talk = Talk(A, B)
    assert talk.change(1, add=[C], remove=[B]) == []
    assert plan(talk.tell(Connected(), Reported(rows(A, B)))) == ({C.cookie}, {B.cookie})


def test_a_change_between_question_and_report_is_not_forgotten() -> None:
    talk = Talk(A)
    talk.tell(Connected())
    assert talk.change(1, add=[B], remove=[A]) == []
    assert plan(talk.tell(Reported(rows(A)))) == ({B.cookie}, {A.cookie})


def test_a_report_in_pieces_counts_when_it_is_complete() -> None:
    talk = Talk(A, B, C)
    assert talk.tell(Connected(), Reported(rows(A), more=True)) == []
    talk.change(1, remove=[A])
    assert plan(talk.tell(Reported([*rows(B), FOREIGN]))) == ({C.cookie}, {A.cookie, FOREIGN[2]})


def test_a_flow_that_becomes_wanted_while_it_is_being_reported_as_strange_is_put_anew() -> None:
    talk = Talk(A)
    talk.tell(Connected(), Reported(rows(B), more=True))
    talk.change(1, add=[B])
    assert plan(talk.tell(Reported(rows(A)))) == ({B.cookie}, {B.cookie})


def test_the_first_piece_of_a_broken_report_does_not_count_in_the_next() -> None:
    talk = Talk(A, B)
    talk.tell(Connected(), Reported([*rows(A), FOREIGN], more=True), Disconnected(), Connected())
    assert plan(talk.tell(Reported(rows(B)))) == ({A.cookie}, set())


# -- what does not belong


def test_flows_of_others_and_of_earlier_programs_are_removed() -> None:
    assert plan(Talk(A).tell(Connected(), Reported([*rows(A), FOREIGN, (1, 1, OLD)]))) == (set(), {7, OLD})


def test_flows_of_others_stay_if_told_so_but_never_those_of_earlier_programs() -> None:
    talk = Talk(A, keep_foreign=True)
    assert plan(talk.tell(Connected(), Reported([*rows(A), FOREIGN, (1, 1, OLD)]))) == (set(), {OLD})


@pytest.mark.parametrize("copy", [(A.table, 9, A.cookie), (11, A.priority, A.cookie), (*rows(A)[0],)])
@pytest.mark.parametrize("first", [True, False])
def test_a_cookie_that_is_there_twice_is_removed_and_put_once(copy: tuple[int, int, int], first: bool) -> None:
    held = [copy, *rows(A, B)] if first else [*rows(A, B), copy]
    assert plan(Talk(A, B).tell(Connected(), Reported(held))) == ({A.cookie}, {A.cookie})


def test_a_cookie_in_the_wrong_place_is_removed_and_put_where_it_belongs() -> None:
    assert plan(Talk(A).tell(Connected(), Reported([(A.table, 9, A.cookie)]))) == ({A.cookie}, {A.cookie})
