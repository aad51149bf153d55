"""Lists of connections: made one at a time, shared for two seconds, bounded."""

from __future__ import annotations

import warnings

import pytest

from app.bridges import listing
from app.bridges.listing import Lists
from app.core.flushes import Zone
from tests.core.test_connections import ICMP, TCP, UDP

with warnings.catch_warnings(action="ignore"):
    import eventlet


class Switch:
    """Answers after a while, and knows how many ask at once."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.now = self.most = 0
        self.lines = [TCP, UDP, "nonsense", ICMP]
        self.trouble: Exception | None = None

    def ask(self, zone: int) -> list[str]:
        self.asked.append(zone)
        self.now += 1
        self.most = max(self.most, self.now)
        eventlet.sleep(0.02)
        self.now -= 1
        if self.trouble:
            raise self.trouble
        return self.lines


@pytest.fixture
def switch() -> Switch:
    return Switch()


def together(lists: Lists, *asked: tuple[int, bool]) -> list[listing.Listing]:
    return [each.wait() for each in [eventlet.spawn(lists.get, Zone(zone), fresh) for zone, fresh in asked]]


def test_all_who_ask_share_one_list_and_the_switch_is_asked_for_one_zone_at_a_time(switch):
    lists = Lists(switch.ask)
    found = together(lists, (5, False), (5, False), (6, False), (5, False), (6, False))
    assert sorted(switch.asked) == [5, 6]
    assert switch.most == 1
    assert found[0] is found[1] is found[3]
    assert [connection.protocol for connection in found[0].in_order()] == [1, 6, 17]
    assert (found[0].unreadable, found[0].left_out) == (1, 0)


def test_who_needs_a_fresh_list_gets_one_that_was_begun_after_asking_and_shares_that(switch):
    lists = Lists(switch.ask)
    old = lists.get(Zone(5))
    new = together(lists, (5, True), (5, True), (5, False))
    assert len(switch.asked) == 3
    assert old is not new[0]
    assert new[1] is new[2]


def test_after_a_flush_and_after_two_seconds_a_list_is_made_anew(switch, monkeypatch):
    lists = Lists(switch.ask)
    lists.get(Zone(5))
    lists.forget(Zone(5))
    lists.get(Zone(5))
    assert len(switch.asked) == 2
    monkeypatch.setattr(listing, "SHARED", 0.01)
    eventlet.sleep(0.02)
    lists.get(Zone(5))
    assert len(switch.asked) == 3
    eventlet.sleep(0.05)
    assert lists._kept.keys() <= {Zone(5)}


def test_what_was_being_read_during_a_flush_is_not_kept(switch):
    lists = Lists(switch.ask)
    reading = eventlet.spawn(lists.get, Zone(5))
    eventlet.sleep(0.005)
    lists.forget(Zone(5))
    assert reading.wait().unreadable == 1
    lists.get(Zone(5))
    assert len(switch.asked) == 2


def test_nothing_is_kept_when_it_is_old(switch, monkeypatch):
    monkeypatch.setattr(listing, "SHARED", 0.01)
    lists = Lists(switch.ask)
    lists.get(Zone(5))
    eventlet.sleep(0.05)
    assert lists._kept == {}


def test_a_failure_is_everybodys_own_and_is_not_kept(switch):
    lists = Lists(switch.ask)
    lists.get(Zone(5))
    switch.trouble = OSError("gone")
    with pytest.raises(OSError, match="gone"):
        lists.get(Zone(5), is_fresh=True)
    with pytest.raises(OSError, match="gone"):
        lists.get(Zone(5))
    switch.trouble = None
    assert lists.get(Zone(5)).unreadable == 1


def test_who_waited_while_a_switch_failed_does_not_ask_it_again(switch):
    switch.trouble = OSError("stands still")
    lists, said = Lists(switch.ask), []

    def ask(zone: int, is_fresh: bool) -> None:
        try:
            lists.get(Zone(zone), is_fresh)
        except OSError as error:
            said.append(str(error))

    for each in [eventlet.spawn(ask, zone, fresh) for zone in (5, 6, 5) for fresh in (False, True)]:
        each.wait()
    assert said == ["stands still"] * 6
    assert switch.asked == [5]
    switch.trouble = None
    assert lists.get(Zone(5)).unreadable == 1


def test_what_is_too_much_is_left_out_and_counted(switch, monkeypatch):
    monkeypatch.setattr(listing, "MOST", 2)
    found = Lists(switch.ask).get(Zone(5))
    assert (len(list(found.in_order())), found.unreadable, found.left_out) == (2, 0, 2)


def test_others_get_the_hub_while_a_long_list_is_read(switch):
    switch.lines = [TCP.replace("sport=1000", f"sport={port}") for port in range(1, 20_001)]
    turns = 0

    def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            eventlet.sleep(0)

    counter = eventlet.spawn(count)
    eventlet.sleep(0)
    before = turns
    found = Lists(lambda zone: switch.lines).get(Zone(5))
    counter.kill()
    assert len(found.runs) == 100
    assert turns - before >= 99
