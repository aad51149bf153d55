"""Which zones a switch empties, and when."""

from __future__ import annotations

import pytest

from app.bridges.hygiene import Handovers, Hygiene
from app.core.flushes import Zone
from app.core.inventory import Write


def gains(zone: int) -> Write:
    return Write("zone", ("blue", "0"), None, zone)


def loses(zone: int) -> Write:
    return Write("zone", ("red", "0"), zone, None)


def test_what_a_switch_holds_when_it_connects_is_in_use_and_stays():
    hygiene = Hygiene()
    hygiene.meet([])
    assert hygiene.before_push({1, 2, 3}) == []
    assert hygiene.after_push({1, 2, 3}) == []


def test_a_zone_that_a_tenant_gets_is_emptied_before_flows_lead_there_and_once():
    hygiene = Hygiene()
    hygiene.follow([gains(4), Write("port", ("blue", "vm2"), None, None)])
    assert hygiene.before_push({1}) == []
    assert hygiene.before_push({1, 4}) == [Zone(4)]
    hygiene.done(Zone(4))
    assert hygiene.before_push({1, 4}) == []
    assert hygiene.after_push({1}) == []


def test_a_zone_that_is_given_back_is_emptied_when_no_flow_leads_there():
    hygiene = Hygiene()
    hygiene.follow([loses(4)])
    assert hygiene.after_push({4}) == []
    assert hygiene.after_push({1}) == [Zone(4)]


def test_who_gets_a_zone_at_once_after_another_finds_it_empty():
    hygiene = Hygiene()
    hygiene.follow([loses(4), gains(4)])
    assert hygiene.before_push({4}) == [Zone(4)]
    hygiene.done(Zone(4))
    assert hygiene.after_push({4}) == []
    assert hygiene.after_push(set()) == []


def test_resting_zones_are_emptied_once_however_often_the_switch_connects():
    hygiene = Hygiene()
    hygiene.meet([7, 8])
    assert hygiene.after_push({1}) == [Zone(7), Zone(8)]
    hygiene.done(Zone(7))
    hygiene.meet([7, 8])
    assert hygiene.after_push({1}) == [Zone(8)]


def test_a_zone_that_was_used_again_is_emptied_again():
    hygiene = Hygiene()
    hygiene.meet([7])
    hygiene.done(Zone(7))
    hygiene.follow([gains(7)])
    hygiene.done(Zone(7))
    hygiene.follow([loses(7)])
    assert hygiene.after_push(set()) == [Zone(7)]


def test_zones_are_emptied_one_at_a_time_with_pauses_and_those_that_are_used_by_then_not_at_all():
    hygiene, done = Hygiene(), []
    hygiene.meet([5, 6, 7, 8])

    def flush(zone: Zone) -> float:
        done.append(zone)
        return zone.number / 100

    zones = hygiene.after_push(set())
    paid = list(hygiene.pay(zones, lambda zone: zone != Zone(6), flush, done.append))
    assert done == [Zone(5), 0.05, Zone(7), 0.07, Zone(8)]
    assert paid == [Zone(5), Zone(7), Zone(8)]
    assert hygiene.after_push(set()) == [Zone(6)]


def test_what_the_switch_did_not_do_is_still_owed():
    hygiene = Hygiene()
    hygiene.follow([gains(5), gains(6)])

    def flush(zone: Zone) -> float:
        if zone == Zone(6):
            raise TimeoutError
        return 0.1

    with pytest.raises(TimeoutError):
        list(hygiene.pay(hygiene.before_push({5, 6}), lambda zone: True, flush, lambda seconds: None))
    assert hygiene.before_push({5, 6}) == [Zone(6)]


def test_a_switch_that_comes_late_empties_the_zones_that_were_handed_out_before():
    handovers, hygiene = Handovers(), Hygiene()
    handovers.follow([gains(4), gains(5), loses(5), loses(9)])
    hygiene.follow(handovers.for_newcomer())
    assert hygiene.before_push({1, 4, 5, 9}) == [Zone(4)]


def test_once_a_switch_was_forgotten_none_is_taken_for_new():
    handovers = Handovers()
    handovers.follow([gains(4)])
    handovers.forget()
    handovers.follow([gains(5)])
    assert handovers.for_newcomer() == []
