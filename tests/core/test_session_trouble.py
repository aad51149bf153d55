"""A session whose switch refuses, goes away, or answers too late."""

from __future__ import annotations

import pytest

from app.core.dialogue import Committed, Connected, Disconnected, Event, Read, Refused, Reported, Tick, Wake
from app.core.session import RETRY_LAST, State
from tests.core.talk import FOREIGN, A, B, C, Talk, plan, rows

# -- refusals


def test_a_refused_bundle_leads_to_a_fresh_read_after_a_while() -> None:
    talk = Talk(A).sync()
    talk.change(1, add=[B])
    assert talk.tell(Refused("table full")) == [Wake(101.0)]
    assert (talk.session.state, talk.session.last_error) == (State.BACKOFF, "table full")
    assert talk.tell(Tick()) == [], "too early"
    talk.now = 101.0
    assert talk.tell(Tick()) == [Read()]
    assert plan(talk.tell(Reported(rows(A)))) == ({B.cookie}, set())
    talk.tell(Committed())
    assert (talk.session.last_error, talk.session.applied_revision) == (None, 1)


def test_a_refused_read_that_succeeds_later_leaves_no_error_behind() -> None:
    talk = Talk(A)
    talk.tell(Connected(), Refused("timeout"))
    talk.now += 1
    talk.tell(Tick(), Reported(rows(A)))
    assert (talk.session.state, talk.session.last_error) == (State.SYNCED, None)
    talk.change(1, add=[B])
    assert talk.tell(Refused("full")) == [Wake(talk.now + 1)], "it was in order in between: the first delay again"


def test_delays_double_up_to_thirty_seconds_however_long_it_goes_on() -> None:
    talk = Talk(A)
    talk.tell(Connected())
    delays = []
    for _ in range(1100):
        (wake,) = talk.tell(Refused("no"))
        assert isinstance(wake, Wake)
        delays.append(wake.at - talk.now)
        talk.now = wake.at
        assert talk.tell(Tick()) == [Read()]
    assert delays[:7] == [1, 2, 4, 8, 16, 30, 30]
    assert set(delays[6:]) == {RETRY_LAST}


def test_a_commit_makes_the_delays_short_again() -> None:
    talk = Talk(A)
    talk.tell(Connected(), Refused("no"))
    talk.now += 1
    talk.tell(Tick(), Refused("no"))
    talk.now += 2
    talk.tell(Tick(), Reported([]), Committed())
    talk.change(1, add=[B])
    assert talk.tell(Refused("no")) == [Wake(talk.now + 1)]


def test_changes_while_waiting_to_try_again_wait_too() -> None:
    talk = Talk(A).sync()
    talk.change(1, add=[B])
    talk.tell(Refused("no"))
    assert talk.change(2, add=[C]) == []
    talk.now += 1
    talk.tell(Tick())
    assert plan(talk.tell(Reported(rows(A)))) == ({B.cookie, C.cookie}, set())


def test_a_reconnect_forgets_the_waiting() -> None:
    talk = Talk(A)
    talk.tell(Connected(), Refused("no"), Disconnected())
    talk.now += 60
    assert talk.tell(Tick()) == []
    assert talk.tell(Connected()) == [Read()]
    assert (talk.session.last_error, talk.session.retry_at) == (None, None)
    assert talk.tell(Tick()) == []


# -- answers that come too late


@pytest.mark.parametrize("event", [Committed(), Reported([]), Reported([FOREIGN]), Refused("late"), Tick()])
@pytest.mark.parametrize("before", [[], [Disconnected()]])
def test_a_late_answer_changes_nothing(event: Event, before: list[Event]) -> None:
    talk = Talk(A).sync()
    talk.tell(*before)
    state, revision = talk.session.state, talk.session.applied_revision
    assert talk.tell(event) == []
    assert (talk.session.state, talk.session.applied_revision) == (state, revision)
    assert talk.session.last_error is None


def test_a_commit_from_before_the_refusal_or_the_reconnect_is_not_taken_for_the_next() -> None:
    talk = Talk(A).sync()
    talk.change(1, add=[B])
    assert talk.tell(Refused("timeout"), Committed()) == []
    assert (talk.session.state, talk.session.applied_revision) == (State.BACKOFF, 0)
    assert talk.tell(Disconnected(), Connected(), Committed()) == []
    assert (talk.session.state, talk.session.applied_revision) == (State.READING, 0)


def test_a_bundle_that_came_into_force_unconfirmed_is_not_sent_again() -> None:
    talk = Talk(A).sync()
    talk.change(1, add=[B])
    talk.tell(Disconnected(), Connected())
    assert talk.tell(Reported(rows(A, B))) == []
    assert talk.session.applied_revision == 1


def test_a_second_connected_begins_anew() -> None:
    talk = Talk(A).sync()
    talk.change(1, add=[B])
    assert talk.tell(Connected()) == [Read()]
    assert plan(talk.tell(Reported(rows(A)))) == ({B.cookie}, set())
