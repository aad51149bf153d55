"""Meters beside the flows of a switch: set before the flows that use them, deleted after those that did."""

from __future__ import annotations

from app.core.audit import Findings, Held
from app.core.dialogue import (
    Audit,
    Audited,
    Committed,
    Connected,
    Disconnected,
    Effect,
    Inspected,
    Push,
    Refused,
    Reported,
    Surveyed,
    Tick,
)
from app.core.limits import Rate
from app.core.session import State
from tests.core.talk import A, B, Talk, rows

SLOW, FAST = Rate(10, 20), Rate(1000, 2000)
FOREIGN_METER = 1 << 17


def pushed(effects: list[Effect]) -> tuple[dict[int, Rate], set[int], set[int]]:
    """Meters set, those of them that were there, and those deleted, by the one push."""
    (push,) = effects
    assert isinstance(push, Push)
    assert len(push) > 0
    return dict(push.meters), set(push.replaced), set(push.unmeters)


def metered(**rates: Rate) -> Talk:
    talk = Talk(A)
    talk.rates.update({int(name[1:]): rate for name, rate in rates.items()})
    return talk


def test_a_switch_gets_the_meters_that_it_lacks() -> None:
    talk = metered(m4=SLOW, m5=FAST)
    effects = talk.tell(Connected(), Surveyed({5: FAST}), Reported(rows(A)))
    assert pushed(effects) == ({4: SLOW}, set(), set())


def test_a_restart_that_changes_nothing_sends_nothing() -> None:
    talk = metered(m4=SLOW)
    assert talk.tell(Connected(), Surveyed({4: SLOW}), Reported(rows(A))) == []
    assert talk.session.state is State.SYNCED


def test_an_altered_meter_is_replaced_and_a_strange_one_deleted() -> None:
    talk = metered(m4=SLOW)
    effects = talk.tell(Connected(), Surveyed({4: Rate(0, 0), 9: FAST, FOREIGN_METER: FAST}), Reported(rows(A)))
    assert pushed(effects) == ({4: SLOW}, {4}, {9, FOREIGN_METER})


def test_others_meters_and_groups_stay_if_told_so_but_not_under_our_numbers() -> None:
    talk = Talk(A, keep_foreign=True)
    effects = talk.tell(Connected(), Surveyed({9: FAST, FOREIGN_METER: FAST}, groups=(5,)), Reported(rows(A)))
    assert pushed(effects) == ({}, set(), {9})
    (push,) = effects
    assert isinstance(push, Push)
    assert push.ungroups == ()


def test_others_groups_and_another_treatment_of_fragments_are_undone_when_the_switch_connects() -> None:
    talk = Talk(A)
    (push,) = talk.tell(Connected(), Surveyed(groups=(5, 6), fragments=False), Reported(rows(A)))
    assert isinstance(push, Push)
    assert (push.ungroups, push.fragments, len(push)) == ((5, 6), True, 3)


def test_a_change_of_rates_sends_the_meters_alone() -> None:
    talk = metered(m4=SLOW, m5=SLOW).sync(Surveyed({4: SLOW, 5: SLOW}))
    effects = talk.meter(1, {4: FAST, 5: None, 6: SLOW})
    assert pushed(effects) == ({4: FAST, 6: SLOW}, {4}, {5})
    talk.tell(Committed())
    assert talk.session.applied_revision == 1
    assert talk.meter(2, {4: FAST}) == [], "it is there"


def test_meters_and_flows_of_one_change_go_together() -> None:
    talk = metered(m4=SLOW).sync(Surveyed({4: SLOW}))
    del talk.rates[4]
    talk.rates[6] = FAST
    (push,) = talk.change(1, add=[B], remove=[A], meters={4, 6})
    assert isinstance(push, Push)
    assert (set(push.adds), set(push.deletes)) == ({B.cookie}, {A.cookie})
    assert (push.meters, push.unmeters) == ({6: FAST}, (4,))


def test_a_refused_push_reads_meters_too() -> None:
    talk = metered(m4=SLOW).sync(Surveyed({4: SLOW}))
    talk.meter(1, {4: FAST})
    talk.tell(Refused("no"))
    talk.now += 1
    assert pushed(talk.tell(Tick(), Surveyed({4: SLOW}), Reported(rows(A)))) == ({4: FAST}, {4}, set())


def test_what_is_known_of_meters_ends_with_the_connection() -> None:
    talk = metered(m4=SLOW).sync(Surveyed({4: SLOW}))
    talk.tell(Disconnected())
    assert pushed(talk.tell(Connected(), Surveyed(), Reported(rows(A)))) == ({4: SLOW}, set(), set())


def test_an_audit_mends_meters() -> None:
    talk = metered(m4=SLOW, m5=SLOW, m6=SLOW).sync(Surveyed({4: SLOW, 5: SLOW, 6: SLOW}))
    flow = Held(A.cookie, A.table, A.priority, A)
    survey = Surveyed({4: SLOW, 5: FAST, 9: FAST}, audit=1)
    effects = talk.tell(Audit(), survey, Inspected(1, [flow]))
    assert pushed(effects) == ({5: SLOW, 6: SLOW}, {5}, {9})
    (outcome,) = talk.tell(Committed())
    assert isinstance(outcome, Audited)
    assert isinstance(outcome.findings, Findings)
    found = outcome.findings
    assert (found.missing, found.extra, found.altered) == (1, 1, 1)
