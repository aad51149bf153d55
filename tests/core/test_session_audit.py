"""Audits: what a switch holds is compared by content while changes go on, and mended in one push."""

from __future__ import annotations

import pytest

from app.core.audit import Findings, Held
from app.core.dialogue import (
    Audit,
    Audited,
    Changed,
    Committed,
    Connected,
    Disconnected,
    Effect,
    Inspect,
    Inspected,
    Push,
    Refused,
    Reported,
    Surveyed,
    Unreadable,
    Wake,
)
from app.core.flow import Flow, goto
from app.core.limits import Rate
from app.core.session import State
from tests.core.talk import FOREIGN, OLD, A, B, C, Talk, plan, rows

STRANGER = Held(FOREIGN[2], 0, 0, None)


def held(*flows: Flow) -> list[Held]:
    return [Held(f.cookie, f.table, f.priority, f) for f in flows]


def altered(flow: Flow) -> Held:
    return Held(flow.cookie, flow.table, flow.priority, flow._replace(actions=(goto(99),)))


def audit(talk: Talk, *flows: Held, survey: Surveyed | None = None) -> list[Effect]:
    """What an audit brings about that sees this."""
    (inspect,) = talk.tell(Audit())
    assert isinstance(inspect, Inspect)
    meters, groups, fragments = (survey.meters, survey.groups, survey.fragments) if survey else ({}, (), True)
    return talk.tell(Surveyed(meters, groups, fragments, inspect.audit), Inspected(inspect.audit, flows))


def counts(findings: Findings | None) -> tuple[int, int, int]:
    assert findings is not None
    return findings.missing, findings.extra, findings.altered


def ends(talk: Talk, effects: list[Effect]) -> Findings:
    """What was found, when the one push among `effects` is in force."""
    assert [type(each) for each in effects] == [Push]
    (outcome,) = talk.tell(Committed())
    assert isinstance(outcome, Audited)
    assert outcome.mended
    assert outcome.findings is not None
    return outcome.findings


def test_a_switch_that_is_as_wanted_is_left_alone() -> None:
    talk = Talk(A, B).sync()
    assert audit(talk, *held(B, A)) == [Audited(Findings(), mended=True)]
    assert talk.session.state is State.SYNCED


def test_a_flow_that_went_is_put_again() -> None:
    talk = Talk(A, B).sync()
    effects = audit(talk, *held(A))
    assert plan(effects) == ({B.cookie}, set())
    assert not talk.session.holds([B.cookie])
    assert counts(ends(talk, effects)) == (1, 0, 0)
    assert talk.session.holds([A.cookie, B.cookie])


@pytest.mark.parametrize(
    "found",
    [
        altered(B),
        Held(B.cookie, B.table, B.priority, None),
        Held(B.cookie, B.table, 9, B._replace(priority=9)),
        Held(B.cookie, B.table, B.priority, B._replace(match=())),
    ],
)
def test_an_altered_flow_is_deleted_and_put_in_one_push_and_no_other_is_touched(found: Held) -> None:
    talk = Talk(A, B).sync()
    effects = audit(talk, *held(A), found)
    assert plan(effects) == ({B.cookie}, {B.cookie})
    assert counts(ends(talk, effects)) == (0, 0, 1)


def test_strange_flows_are_deleted_by_their_cookies_and_each_counts() -> None:
    talk = Talk(A).sync()
    effects = audit(talk, *held(A), STRANGER, STRANGER, Held(OLD, 1, 1, C))
    assert plan(effects) == (set(), {FOREIGN[2], OLD})
    assert counts(ends(talk, effects)) == (0, 3, 0)


def test_strange_flows_stay_if_told_so_but_never_those_of_earlier_programs() -> None:
    talk = Talk(A, keep_foreign=True).sync()
    effects = audit(talk, *held(A), STRANGER, Held(OLD, 1, 1, C), survey=Surveyed(groups=(5,)))
    assert plan(effects) == (set(), {OLD})
    assert counts(ends(talk, effects)) == (0, 1, 0)


def test_a_second_flow_under_one_of_our_cookies_goes_and_ours_is_put_anew() -> None:
    talk = Talk(A, B).sync()
    effects = audit(talk, *held(A, B), altered(B)._replace(priority=77))
    assert plan(effects) == ({B.cookie}, {B.cookie})
    assert counts(ends(talk, effects)) == (0, 1, 0)


def test_all_kinds_are_mended_together_and_told_in_words() -> None:
    talk = Talk(A, B, C).sync()
    effects = audit(talk, altered(A), *held(C), STRANGER, survey=Surveyed(groups=(5,), fragments=False))
    assert plan(effects, others=2) == ({A.cookie, B.cookie}, {A.cookie, FOREIGN[2]})
    (push,) = effects
    assert isinstance(push, Push)
    assert (push.ungroups, push.fragments) == ((5,), True)
    findings = ends(talk, effects)
    assert counts(findings) == (1, 2, 2)
    assert [word.split(":")[0] for word in findings.words] == ["altered", "missing", "extra", "extra", "altered"]
    assert "in_port=2" in findings.words[1]


def test_a_mended_group_or_setting_is_not_mended_again() -> None:
    talk = Talk(A).sync()
    audit(talk, *held(A), survey=Surveyed(groups=(5,), fragments=False))
    assert talk.tell(Committed())[1:] == []
    (push,) = talk.change(2, add=[B])
    assert isinstance(push, Push)
    assert (push.ungroups, push.fragments) == ((), False)


# -- while changes go on


@pytest.mark.parametrize("before", [(), (A,)])
@pytest.mark.parametrize("after", [(), (C,), (A,)])
def test_what_is_changed_during_an_audit_is_taken_no_notice_of(
    before: tuple[Flow, ...], after: tuple[Flow, ...]
) -> None:
    """Of the flow that goes and the one that comes, the switch tells or does not tell, as its reading happens to go."""
    talk = Talk(A, B).sync()
    (inspect,) = talk.tell(Audit())
    assert isinstance(inspect, Inspect)
    talk.tell(Inspected(inspect.audit, held(*before), more=True))
    assert plan(talk.change(1, add=[C], remove=[A])) == ({C.cookie}, {A.cookie})
    talk.tell(Committed())
    assert talk.tell(Inspected(inspect.audit, held(B, *after))) == [Audited(Findings(), mended=True)]


def test_a_repair_waits_for_the_push_that_is_under_way_and_goes_with_what_came_meanwhile() -> None:
    talk = Talk(A, B).sync()
    (inspect,) = talk.tell(Audit())
    assert isinstance(inspect, Inspect)
    talk.change(1, add=[C])
    assert talk.tell(Inspected(inspect.audit, held(A))) == []
    effects = talk.tell(Committed())
    assert plan(effects) == ({B.cookie}, set())
    assert counts(ends(talk, effects)) == (1, 0, 0)


def test_a_missing_flow_that_is_no_longer_wanted_is_mended_by_doing_nothing() -> None:
    talk = Talk(A, B).sync()
    (inspect,) = talk.tell(Audit())
    assert isinstance(inspect, Inspect)
    talk.change(1, add=[C])
    talk.tell(Inspected(inspect.audit, held(A)))
    talk.change(2, remove=[B])
    (outcome,) = talk.tell(Committed())
    assert isinstance(outcome, Audited)
    assert (counts(outcome.findings), outcome.mended) == ((1, 0, 0), True)
    assert talk.session.state is State.SYNCED


def test_the_next_audit_sees_what_this_one_took_no_notice_of() -> None:
    talk = Talk(A).sync()
    (inspect,) = talk.tell(Audit())
    assert isinstance(inspect, Inspect)
    talk.change(1, add=[B])
    talk.tell(Committed(), Inspected(inspect.audit, held(A)))
    assert plan(audit(talk, *held(A))) == ({B.cookie}, set())


def test_an_audit_asked_for_while_out_of_step_begins_when_in_step() -> None:
    talk = Talk(A)
    assert talk.tell(Connected(), Audit()) == []
    assert talk.tell(Reported(rows(A))) == [Inspect(1)]
    talk.change(1, add=[B])
    assert talk.tell(Audit()) == [], "it joins the one under way"


# -- which comes to no end


def test_an_audit_that_cannot_look_ends_and_changes_nothing() -> None:
    talk = Talk(A).sync()
    assert talk.tell(Audit(), Unreadable(1, "timeout")) == [Audited(None, reason="timeout")]
    assert talk.session.state is State.SYNCED
    assert talk.tell(Audit()) == [Inspect(2)]


def test_pieces_of_an_audit_that_ended_do_not_count_in_the_next() -> None:
    talk = Talk(A, B).sync()
    talk.tell(Audit(), Unreadable(1, "timeout"), Audit())
    assert talk.tell(Inspected(1, held(A, B))) == []
    assert plan(talk.tell(Inspected(2, held(A)))) == ({B.cookie}, set())


def test_a_switch_that_goes_ends_the_audit() -> None:
    talk = Talk(A).sync()
    assert talk.tell(Audit(), Disconnected()) == [Audited(None, reason="the switch disconnected")]
    assert talk.tell(Inspected(1, held(A))) == []
    (outcome,) = talk.tell(Audit())
    assert isinstance(outcome, Audited)
    assert not outcome.mended


def test_a_repair_that_is_refused_is_not_mended() -> None:
    talk = Talk(A, B).sync()
    audit(talk, *held(A))
    outcome, wake = talk.tell(Refused("full"))
    assert isinstance(outcome, Audited)
    assert (counts(outcome.findings), outcome.mended, outcome.reason) == ((1, 0, 0), False, "full")
    assert isinstance(wake, Wake)


def test_a_reconnect_during_a_repair_reads_anew() -> None:
    talk = Talk(A, B).sync()
    audit(talk, *held(A))
    (outcome,) = talk.tell(Disconnected())
    assert isinstance(outcome, Audited)
    assert not outcome.mended
    assert plan(talk.tell(Connected(), Reported(rows(A)))) == ({B.cookie}, set())


def test_a_meter_that_changed_during_an_audit_is_not_mended() -> None:
    talk = Talk(A)
    talk.rates[4] = Rate(5, 5)
    talk.sync(Surveyed({4: Rate(5, 5)}))
    (inspect,) = talk.tell(Audit())
    assert isinstance(inspect, Inspect)
    talk.tell(Surveyed({4: Rate(5, 5)}, audit=inspect.audit))
    talk.meter(1, {4: Rate(6, 6)})
    talk.tell(Committed())
    assert talk.tell(Inspected(inspect.audit, held(A))) == [Audited(Findings(), mended=True)]


def test_a_part_of_a_change_that_came_before_the_audit_is_no_drift() -> None:
    talk = Talk(A, B).sync()
    del talk.wanted[B.cookie]
    talk.wanted[C.cookie] = C
    talk.tell(Changed({B.cookie, C.cookie}, 1, more=True))
    assert audit(talk, *held(A, B)) == [Audited(Findings(), mended=True)]
    assert plan(talk.tell(Changed(set(), 1))) == ({C.cookie}, {B.cookie})
