"""A port's flows are put on the switch anew on demand: in one push, whatever else goes on."""

from __future__ import annotations

from app.core.dialogue import Audit, Committed, Doubted, Inspect, Inspected, Push, Surveyed
from tests.core.talk import A, B, C, Talk
from tests.core.test_session_audit import held


def doubt(*cookies: int) -> Doubted:
    return Doubted(frozenset(cookies))


def test_flows_in_doubt_are_deleted_and_added_in_one_push() -> None:
    talk = Talk(A, B).sync()
    assert talk.tell(doubt(A.cookie)) == [Push({A.cookie: A}, (A.cookie,))]
    assert not talk.session.holds([A.cookie])
    assert talk.tell(Committed()) == []
    assert talk.session.holds([A.cookie, B.cookie])


def test_what_the_switch_is_not_believed_to_hold_is_no_doubt() -> None:
    talk = Talk(A).sync()
    assert talk.tell(doubt(C.cookie)) == []
    assert Talk(A).tell(doubt(A.cookie)) == []


def test_a_doubt_during_a_push_goes_with_the_next_one() -> None:
    talk = Talk(A).sync()
    (push,) = talk.change(2, add=[B])
    assert isinstance(push, Push)
    assert talk.tell(doubt(A.cookie, B.cookie)) == []
    assert talk.tell(Committed()) == [Push({A.cookie: A}, (A.cookie,))]
    assert talk.session.applied_revision == 2


def test_a_flow_that_goes_meanwhile_is_not_put_back() -> None:
    talk = Talk(A, B).sync()
    talk.change(2, remove=[B])
    talk.tell(doubt(A.cookie, B.cookie))
    (push,) = talk.tell(Committed())
    assert isinstance(push, Push)
    assert push.adds == {A.cookie: A}


def test_an_audit_under_way_takes_no_notice_of_flows_in_doubt() -> None:
    talk = Talk(A, B).sync()
    (inspect,) = talk.tell(Audit())
    assert isinstance(inspect, Inspect)
    assert talk.tell(doubt(A.cookie)) == [Push({A.cookie: A}, (A.cookie,))]
    talk.tell(Committed())
    (over,) = talk.tell(Surveyed({}, (), True, inspect.audit), Inspected(inspect.audit, held(B)))
    assert not over.findings  # type: ignore[union-attr]
