"""What grew, whose it was, when it is told: counters, drops by minute, zones near their limit."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from app.core.inventory import Inventory
from app.core.values import Tenant
from app.events import Events
from app.observing import watch as watching
from app.observing.counts import Counted, Increase
from app.observing.observed import MINUTE, Dropped, Drops, Fill, Observed
from app.observing.watch import Watch
from app.service import ZoneUse
from tests.core.world import DPID, NOW

VM1 = Dropped("acme", "vm1", DPID, "ipv4")


# -- counters


def test_the_first_reading_counts_only_what_is_younger_than_the_process() -> None:
    grown = Increase[int]().since([(1, Counted(5, 1000)), (2, Counted(7, 3)), (3, Counted(9))], age=10)
    assert grown == {2: 7}


def test_later_readings_count_what_was_added_and_what_began_anew() -> None:
    counters = Increase[int]()
    counters.since([(1, Counted(5, 1000)), (2, Counted(7, 1000))], age=10)
    grown = counters.since([(1, Counted(8, 1010)), (2, Counted(2, 4)), (3, Counted(1, 1010))], age=20)
    assert grown == {1: 3, 2: 2, 3: 1}
    assert counters.since([(1, Counted(8)), (2, Counted(2)), (3, Counted(1))], age=30) == {}


# -- drops


def test_drops_are_kept_by_minute_for_two_hours() -> None:
    drops = Drops()
    for minute in range(130):
        drops.add(minute * MINUTE + 7, VM1, 1)
    kept = list(drops.between(0, lambda dropped: True))
    assert len(kept) == 120
    assert kept[0] == (10 * MINUTE, VM1, 1)
    assert drops.totals["acme", DPID, "ipv4"] == 130
    assert len(list(drops.between(128 * MINUTE + 30, lambda dropped: True))) == 2


def test_a_flood_of_ports_is_counted_by_tenant_beyond_a_bound() -> None:
    drops = Drops(most=3)
    for number in range(10):
        drops.add(0, VM1._replace(port=f"vm{number}"), 2)
    kept = {dropped.port: packets for _, dropped, packets in drops.between(0, lambda dropped: True)}
    assert kept == {"vm0": 2, "vm1": 2, "vm2": 2, None: 14}


# -- events of drops and zones


class Clock:
    now = 1000.0

    def time(self) -> float:
        return self.now

    monotonic = time


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(watching, "time", clock)
    return clock


class World:
    """A watch of one switch whose zones hold what `use` says."""

    def __init__(self) -> None:
        self.inventory = Inventory()
        self.inventory.put(Tenant("acme"), NOW)
        self.zone = self.inventory.zone("acme")
        self.events, self.observed = Events(), Observed()
        self.use = ZoneUse(0, 100, 0)
        bridge: Any = SimpleNamespace(
            connected=True,
            program=SimpleNamespace(zones=lambda: {self.zone}),
            side=SimpleNamespace(has_control=False),
        )
        self.watch = Watch(
            10, {DPID: bridge}, self.inventory, self.events, self.observed, lambda dpid, zones: {self.zone: self.use}
        )
        self.looks = watching.Looks(bridge)

    def see(self, connections: int | None, refused: int | None = 0) -> list[str]:
        """The types of the events that a look at the zones brings."""
        self.use, before = ZoneUse(connections, 100, refused), self.events.last
        self.watch._see_zones(DPID, self.looks)
        return [event.type for event in self.events.since(before)]


def test_drops_are_told_at_once_and_then_once_a_minute_while_they_go_on(clock: Clock) -> None:
    world = World()
    for _ in range(13):
        world.watch._note({VM1: 5})
        clock.now += 10
    told = [(event.data["packets"], event.data["window_s"]) for event in world.events.since()]
    assert told == [(5, 10), (30, 60), (30, 60)]
    assert {event.data["port"] for event in world.events.since()} == {"vm1"}


def test_after_a_quiet_minute_drops_are_told_at_once_again(clock: Clock) -> None:
    world = World()
    world.watch._note({VM1: 5})
    for _ in range(7):
        clock.now += 10
        world.watch._note({})
    world.watch._note({VM1: 1})
    assert [event.data["packets"] for event in world.events.since()] == [5, 1]


def test_what_a_policy_refuses_is_in_the_series_and_no_spoofing(clock: Clock) -> None:
    world = World()
    for reason in ("egress", "ingress", "rate_opened", "rate_accepted"):
        world.watch._note({VM1._replace(reason=reason): 4})
    assert world.events.since() == []
    assert len(list(world.observed.drops.between(0, lambda dropped: True))) == 4


def test_many_ports_at_once_do_not_flood_the_ring(clock: Clock) -> None:
    world = World()
    grown = {VM1._replace(port=f"vm{number}"): number + 1 for number in range(1000)}
    world.watch._note(grown)
    assert len(world.events.since()) == watching.MOST_EVENTS
    assert world.events.since()[0].data["packets"] == 1000, "those with most come first"
    world.watch._note({})
    assert len(world.events.since()) == 2 * watching.MOST_EVENTS, "the others have their turn"


def test_a_zone_is_told_of_as_it_fills_and_again_only_after_it_emptied() -> None:
    world = World()
    assert world.see(84) == []
    assert world.see(85) == ["zone.near-limit"]
    assert world.see(82) == world.see(90) == [], "it did not become much emptier"
    assert world.see(100) == ["zone.full"]
    assert world.see(88) == []
    assert world.see(79) == []
    assert world.see(86) == ["zone.near-limit"]
    (fill,) = world.observed.fills[DPID]
    assert fill == Fill("acme", 0, world.zone, DPID, 86, 100, 0)


def test_a_zone_that_refuses_packets_is_full_whatever_it_counts() -> None:
    world = World()
    assert world.see(50, refused=7) == [], "it had refused them before anybody looked"
    assert world.see(60, refused=9) == ["zone.full"]
    assert world.events.since()[-1].data["refused"] == 2


def test_a_zone_that_is_not_told_of_is_shown_without_a_ratio() -> None:
    world = World()
    assert world.see(None, refused=None) == []
    assert world.observed.fullest()[0].ratio is None


def test_the_fullest_zone_comes_first_and_those_without_a_limit_last() -> None:
    observed = Observed()
    fills = [Fill("a", 0, zone, DPID, count, limit, 0) for zone, count, limit in ((1, 9, 0), (2, 5, 10), (3, 9, 10))]
    observed.fills[DPID] = tuple(fills)
    assert [fill.zone for fill in observed.fullest()] == [3, 2, 1]
