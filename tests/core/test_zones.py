"""Conntrack zones: handed out once, then resting, and what happens when there are no more."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import zones
from app.core.inventory import Inventory
from app.core.problems import Exhausted
from app.core.values import Port, Tenant
from app.core.zones import Resting, next_zone, seconds_of
from tests.model.invariants import check_replay, tables

REST = 100


def moment(seconds: float) -> str:
    """A time of one day, as the inventory is told it."""
    whole, rest = divmod(round(seconds * 1000), 1000)
    return f"2026-01-01T{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{rest:03}Z"


START = seconds_of(moment(0))


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are four zones."""
    monkeypatch.setattr(zones, "LAST", 4)


def put(inventory: Inventory, name: str, at: float) -> int:
    with inventory.attempt():
        inventory.put(Tenant(name), moment(at))
    return inventory.zone(name)


def drop(inventory: Inventory, name: str, at: float) -> None:
    inventory.delete("tenant", name, now=moment(at))


# -- the inventory


@pytest.mark.usefixtures("few")
def test_a_released_zone_is_handed_out_last_and_only_after_its_rest() -> None:
    inventory = Inventory(REST)
    assert [put(inventory, name, 0) for name in "abc"] == [1, 2, 3]
    drop(inventory, "b", 10)
    assert put(inventory, "d", 500) == 4  # one that nobody ever had comes first
    assert inventory.resting_zones() == {2: moment(10)}
    drop(inventory, "a", 600)
    assert put(inventory, "e", 600) == 2
    with pytest.raises(Exhausted):
        put(inventory, "f", 699)
    assert put(inventory, "f", 700) == 1
    assert inventory.resting_zones() == {}


@pytest.mark.usefixtures("few")
def test_of_those_that_have_rested_the_one_that_rested_longest_is_next() -> None:
    inventory = Inventory(REST)
    for name in "abcd":
        put(inventory, name, 0)
    for at, name in enumerate("cadb", 1):
        drop(inventory, name, at)
    assert list(inventory.resting_zones()) == [3, 1, 4, 2]
    assert [put(inventory, name, 5 + REST) for name in "efgh"] == [3, 1, 4, 2]


@pytest.mark.usefixtures("few")
def test_no_zone_left_is_told_with_what_there_is_and_changes_nothing() -> None:
    inventory = Inventory(REST)
    for name in "abcd":
        put(inventory, name, 0)
    drop(inventory, "a", 10)
    drop(inventory, "b", 20)
    before = tables(inventory)
    with pytest.raises(Exhausted) as refused:
        put(inventory, "e", 50)
    assert tables(inventory) == before
    assert (refused.value.in_use, refused.value.resting, refused.value.next_free) == (2, 2, 60)
    assert str(refused.value) == "no conntrack zone is free: 2 are in use and 2 rest; the next is free in 60 s"


@pytest.mark.usefixtures("few")
def test_when_all_are_in_use_none_will_be_free_by_itself_and_without_rest_a_released_one_is_at_once() -> None:
    inventory = Inventory(0)
    for name in "abcd":
        put(inventory, name, 0)
    with pytest.raises(Exhausted, match="4 are in use and 0 rest; none will be by itself"):
        put(inventory, "e", 0)
    drop(inventory, "b", 0)
    assert put(inventory, "e", 0) == 2


@pytest.mark.usefixtures("few")
def test_a_segments_zone_rests_when_its_last_port_goes() -> None:
    inventory = Inventory(REST)
    put(inventory, "a", 0)
    port = Port("a", "p", "52:54:00:00:00:01", vlan=7)
    inventory.put(port, moment(1))
    assert inventory.zone("a", 7) == 2
    inventory.put(Port("a", "p", "52:54:00:00:00:01", vlan=8), moment(2))
    assert inventory.resting_zones() == {2: moment(2)}
    inventory.delete("port", "a", "p", now=moment(3))
    assert inventory.resting_zones() == {2: moment(2), 3: moment(3)}


@pytest.mark.usefixtures("few")
def test_a_clock_that_was_set_back_lengthens_a_rest_but_never_beyond_one_more() -> None:
    inventory = Inventory(REST)
    for name in "abc":
        put(inventory, name, 3600)
    drop(inventory, "a", 3600)
    assert put(inventory, "d", 10) == 4  # the clock is an hour back: zone 1 is released now
    assert inventory.resting_zones() == {1: moment(10)}
    with pytest.raises(Exhausted, match="the next is free in 95 s"):
        put(inventory, "e", 15)
    with pytest.raises(Exhausted, match="the next is free in 100 s"):
        put(inventory, "e", 5)
    assert put(inventory, "e", 110) == 1


@pytest.mark.usefixtures("few")
def test_zones_that_an_older_version_released_are_found_when_nothing_else_is_left() -> None:
    inventory = Inventory(REST)
    inventory.load("counter", ("zone",), 4)
    inventory.load("zone", ("a", "0"), 2)
    inventory.load("resting", ("1",), moment(0))
    assert [put(inventory, name, 10) for name in "bc"] == [3, 4]


def test_undo_and_replay_leave_the_same_zones_at_rest() -> None:
    inventory, replayed = Inventory(REST), Inventory(REST)
    for name in "abc":
        put(inventory, name, 0)
    drop(inventory, "b", 5)
    for write in inventory.take_journal():
        replayed.load(write.kind, write.id, write.after)
    drop(inventory, "a", 6)
    put(inventory, "d", 7)
    inventory.undo()
    check_replay(inventory, replayed)


# -- whatever happens

steps = st.lists(st.tuples(st.sampled_from("abcdefg"), st.floats(-200, 300)), max_size=40)


@given(steps, st.sampled_from([0, 1, REST]))
def test_no_zone_is_used_by_two_or_handed_out_before_it_has_rested(
    history: list[tuple[str, float]], rest: float
) -> None:
    """Each step makes a tenant that is not there or removes one that is, and moves the clock, sometimes back."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zones, "LAST", 5)
        inventory, released, now = Inventory(rest), dict[int, float](), 7200.0
        for name, passed in history:
            now = max(0.0, now + round(passed, 3))
            if inventory.find("tenant", name):
                zone = inventory.zone(name)
                drop(inventory, name, now)
                released[zone] = now
            else:
                with suppress(Exhausted):
                    zone = put(inventory, name, now)
                    assert now - released.get(zone, -rest) >= rest - 0.001
                    released.pop(zone, None)
                # What was released in the future counts as released now, if anything was handed out.
                if inventory.find("tenant", name):
                    released = {z: min(at, now) for z, at in released.items()}
            used = [inventory.zone(stored.value.name) for stored in inventory.list("tenant")]  # type: ignore[union-attr]
            assert len(set(used)) == len(used)
            assert not set(used) & inventory.resting_zones().keys()
            assert inventory.resting_zones().keys() == released.keys()


@given(st.integers(0, 5), st.sets(st.integers(1, 5)), st.dictionaries(st.integers(1, 5), st.integers(0, 9)))
def test_a_zone_is_refused_only_if_none_is_free(last: int, used: set[int], since: dict[int, int]) -> None:
    resting = Resting()
    for zone, seconds in since.items():
        if zone not in used:
            resting.mark(zone, moment(seconds), True)
    free = {zone for zone in range(1, 6) if zone not in used and START + 9 - resting.since.get(zone, 0) >= 5}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zones, "LAST", 5)
        if free:
            assert next_zone(last, used, resting, 5, START + 9) in free
            return
        with pytest.raises(Exhausted) as refused:
            next_zone(last, used, resting, 5, START + 9)
        assert refused.value.in_use + refused.value.resting == 5


# -- its cost


class Counting(dict[int, object]):
    """How often it is asked whether a zone is in use."""

    asked = 0

    def __contains__(self, zone: object) -> bool:
        self.asked += 1
        return super().__contains__(zone)


@pytest.mark.parametrize("last", [0, 100, 32766])
def test_finding_a_zone_does_not_look_at_all_the_others(last: int) -> None:
    used, resting = Counting(dict.fromkeys(range(1, last + 1))), Resting()
    assert next_zone(last, used, resting, REST, START) == last + 1
    assert used.asked <= 2


def test_exhaustion_is_noticed_without_looking_at_all_zones() -> None:
    used, resting = Counting(dict.fromkeys(range(1, zones.LAST))), Resting()
    resting.mark(zones.LAST, moment(0), True)
    with pytest.raises(Exhausted):
        next_zone(zones.LAST, used, resting, REST, START)
    assert used.asked == 0


# -- time


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-11-22T10:00:00.250Z", 1795341600.25),
        ("2024-02-29T23:59:59Z", 1709251199),
    ],
)
def test_a_moment_is_so_many_seconds_after_1970(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "now", "2026-11-22T10:00:00", "2026-11-22T10:00:00+00:00", "2026-13-01T00:00:00Z"]
)
def test_what_is_no_moment_in_utc_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a time|month"):
        seconds_of(text)
