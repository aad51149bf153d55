"""The one writer: what it acknowledges is durable, what it shows is durable, and the hub goes on meanwhile."""

import threading
import time
from itertools import pairwise

import eventlet
import pytest
from eventlet import tpool

from app.core.inventory import Inventory
from app.core.problems import NotFound
from app.core.values import Group, Port, Rule, Tenant
from app.service import StoreUnavailable
from app.store import Store
from app.store.committer import BATCH, Committer
from tests.store.histories import content, deleting, putting, replay, sample


class Scripted:
    """A store that takes each commit when told to, or refuses it."""

    def __init__(self):
        self.batches, self.revisions, self.open = [], [], threading.Event()
        self.open.set()
        self.refuse = None

    def commit(self, changes, revision, records):
        assert self.open.wait(10)
        if self.refuse is not None:
            raise self.refuse
        self.batches.append(changes)
        self.revisions.append(revision)


class World:
    def __init__(self, store=None):
        self.store, self.inventory, self.told = store or Scripted(), Inventory(), []
        self.committer = Committer(self.store, self.inventory, lambda *told: self.told.append(told))

    def ask(self, change):
        return eventlet.spawn(self.committer.write, change)


@pytest.fixture
def world():
    world = World()
    yield world
    world.store.open.set()
    assert world.committer.close(5)


def hold(world, name="first"):
    """A change that is being committed, and stays so until `world.store.open` is set."""
    world.store.open.clear()
    first = world.ask(putting(Tenant(name)))
    eventlet.sleep(0.05)
    return first


def test_a_write_returns_what_the_change_returned_with_the_time_it_was_given(world):
    stored = world.committer.write(putting(Tenant("acme")))
    assert stored == world.inventory.get("tenant", "acme")
    assert stored.created_at.endswith("Z")
    assert world.store.revisions == [stored.revision] == [1]


def test_nothing_is_seen_told_or_acknowledged_before_it_is_durable(world):
    first = hold(world)
    assert content(world.inventory) == content(Inventory())
    assert not first.dead
    assert world.told == []
    world.store.open.set()
    assert first.wait().revision == world.inventory.revision == 1


def test_the_callers_go_on_after_the_controller_was_told(world):
    seen = world.ask(putting(Tenant("acme"))).link
    told = []
    seen(lambda greenlet: told.append(len(world.told)))
    eventlet.sleep(0.1)
    assert told == [1]


def test_what_arrives_during_a_commit_forms_the_next_batch_in_order(world):
    hold(world)
    waiting = [world.ask(putting(Tenant(f"t{n}"))) for n in range(10)]
    eventlet.sleep(0)
    assert world.inventory.list("tenant") == []
    world.store.open.set()
    assert [greenlet.wait().revision for greenlet in waiting] == list(range(2, 12))
    assert [len(changes) for changes in world.store.batches] == [1, 10]
    assert [revision for _, revision in world.told] == [1, 11]
    names = [write.id[0] for writes, _ in world.told for write in writes if write.kind == "tenant"]
    assert names == ["first", *(f"t{n}" for n in range(10))]


def test_a_batch_is_bounded(world):
    hold(world)
    waiting = [world.ask(putting(Tenant(f"t{n}"))) for n in range(BATCH + 1)]
    eventlet.sleep(0)
    world.store.open.set()
    for greenlet in waiting:
        greenlet.wait()
    assert max(len(changes) for changes in world.store.batches) <= BATCH
    assert sum(len(changes) for changes in world.store.batches) == BATCH + 2


def test_a_change_that_is_refused_fails_its_own_caller_only(world):
    hold(world)

    def half(inventory, now):
        inventory.put(Tenant("half"), now)
        raise ZeroDivisionError

    good, bad, broken = world.ask(putting(Tenant("good"))), world.ask(deleting(Tenant("none"))), world.ask(half)
    last = world.ask(putting(Tenant("last")))
    eventlet.sleep(0)
    world.store.open.set()
    assert (good.wait().revision, last.wait().revision) == (2, 3)
    for greenlet, error in ((bad, NotFound), (broken, ZeroDivisionError)):
        with pytest.raises(error):
            greenlet.wait()
    assert [stored.value.name for stored in world.inventory.list("tenant")] == ["first", "good", "last"]


@pytest.mark.parametrize("failure", [StoreUnavailable("disk full"), MemoryError("no memory")])
def test_a_batch_that_cannot_be_stored_changes_nothing_and_every_caller_hears_of_it(world, failure):
    for change in sample():
        world.committer.write(change)
    before, told = content(world.inventory), len(world.told)
    hold(world)
    world.store.refuse = failure
    waiting = [
        world.ask(putting(Group("acme", "web"))),
        world.ask(deleting(Port("umbrella", "vm.2", "52:54:00:00:00:02"))),
        world.ask(deleting(Tenant("none"))),
        world.ask(putting(Tenant("late"))),
    ]
    world.store.open.set()
    for greenlet in waiting:
        with pytest.raises(StoreUnavailable, match=str(failure)):
            greenlet.wait()
    assert content(world.inventory) == before
    assert len(world.told) == told
    world.store.refuse = None
    assert world.committer.write(putting(Tenant("late"))).revision == before["revision"] + 1


def test_a_write_that_changes_nothing_costs_no_commit(world):
    first = world.committer.write(putting(Tenant("acme")))
    assert world.committer.write(putting(Tenant("acme"))) == first
    assert len(world.store.batches) == len(world.told) == 1


def test_a_caller_that_gives_up_before_its_turn_has_changed_nothing(world):
    hold(world)
    with pytest.raises(eventlet.Timeout), eventlet.Timeout(0.05):
        world.committer.write(putting(Tenant("impatient")))
    world.store.open.set()
    world.committer.write(putting(Tenant("last")))
    assert [stored.value.name for stored in world.inventory.list("tenant")] == ["first", "last"]


def test_close_settles_what_is_queued_and_refuses_the_rest(world):
    first, second = hold(world), world.ask(putting(Tenant("second")))
    eventlet.sleep(0)
    closing = eventlet.spawn(world.committer.close, 5)
    eventlet.sleep(0)
    with pytest.raises(StoreUnavailable, match="stopping"):
        world.committer.write(putting(Tenant("late")))
    world.store.open.set()
    assert closing.wait() is True
    assert (first.wait().revision, second.wait().revision) == (1, 2)


def test_close_does_not_wait_for_ever(world):
    first, second = hold(world), world.ask(putting(Tenant("second")))
    eventlet.sleep(0)
    assert world.committer.close(0.05) is False
    with pytest.raises(StoreUnavailable, match="stopping"):
        second.wait()
    world.store.open.set()
    assert first.wait().revision == 1


def test_a_controller_that_fails_over_a_commit_stops_the_writer_visibly(capfd):
    world = World()
    world.committer._on_committed = lambda writes, revision: 1 / 0
    assert world.committer.refusal is None
    # Durable it is, so acknowledged it is.
    assert world.committer.write(putting(Tenant("acme"))).revision == 1
    eventlet.sleep(0)
    assert "ZeroDivisionError" in world.committer.refusal
    with pytest.raises(StoreUnavailable, match="the writer has failed"):
        world.committer.write(putting(Tenant("late")))


def test_the_hub_goes_on_while_two_thousand_write(tmp_path, record_property):
    tpool.setup()
    store = Store.open(tmp_path)
    world = World(store)
    ticks, running = [time.monotonic()], True

    def tick():
        while running:
            eventlet.sleep(0.005)
            ticks.append(time.monotonic())

    ticker = eventlet.spawn(tick)
    rule = (Rule("ssh", "ingress", protocol=6, ports=(22, 22)),)

    def three_rows(n):
        def change(inventory, now):
            inventory.put(Tenant(f"t{n}"), now)
            inventory.put(Group(f"t{n}", "g", rules=rule), now)
            inventory.put(Port(f"t{n}", "p", f"52:54:00:00:{n >> 8:02x}:{n & 255:02x}", groups=("g",)), now)

        return change

    waiting = [world.ask(three_rows(n)) for n in range(2000)]
    # Starting 2000 greenlets takes a while of its own, which is not the writer's.
    eventlet.sleep(0)
    ticks[:] = [time.monotonic()]
    for greenlet in waiting:
        greenlet.wait()
    running = False
    ticker.wait()
    assert world.committer.close(5)
    worst = max(later - earlier for earlier, later in pairwise(ticks))
    record_property("worst_stall_ms", round(worst * 1000, 1))
    record_property("batches", len(world.told))
    assert len(world.told) < 2000
    assert len(ticks) > len(world.told) / 2
    store.close()
    assert content(Store.open(tmp_path).load()) == content(world.inventory)


def test_a_whole_history_through_writer_and_store_is_there_afterwards(tmp_path):
    store = Store.open(tmp_path)
    world = World(store)
    for change in sample():
        world.committer.write(change)
    world.committer.close(5)
    store.close()
    inventory = Store.open(tmp_path).load()
    assert [s.value for s in inventory.list("port")] == [s.value for s in replay(Inventory(), sample()).list("port")]
    assert content(inventory) == content(world.inventory)
