"""What was computed on a copy of the inventory is put in place as a whole, and nobody waits for all of it at once."""

import copy

import eventlet
import pytest

from app.core import inventory as core
from app.core.indexes import SLICE, Indexes
from app.core.inventory import TURN, Inventory
from app.core.problems import Moved
from app.core.values import Group, Port, Rule, Tenant
from app.records import Done, Prepared
from app.service import StoreUnavailable
from app.store.committer import AT_ONCE, Committer
from tests.store.histories import content, putting

NOW = "2026-11-22T15:02:11.000Z"
PORTS = 3 * AT_ONCE


class Kept:
    """A store without a disk."""

    def __init__(self):
        self.commits, self.refuse = [], None

    def commit(self, changes, revision, records):
        if self.refuse:
            raise self.refuse
        self.commits.append((changes, revision, records))


class World:
    def __init__(self):
        self.store, self.inventory, self.told = Kept(), Inventory(), []
        self.committer = Committer(self.store, self.inventory, lambda *told: self.told.append(told))


@pytest.fixture
def world():
    world = World()
    rules = (Rule("ssh", "ingress", protocol=6, ports=(22, 22)),)
    world.committer.write(lambda inventory, now: [inventory.put(v, now) for v in (Tenant("acme"), Tenant("blue"))])
    world.committer.write(putting(Group("acme", "web", rules=rules)))
    yield world
    assert world.committer.close(5)


def port(n):
    return Port("acme", f"p{n}", f"52:54:00:00:{n >> 8:02x}:{n & 255:02x}", (f"10.0.{n >> 8}.{n & 255}",), ("web",))


def many(inventory, now):
    for n in range(PORTS):
        inventory.put(port(n), now)
    return "done"


def none(inventory, now):
    for stored in inventory.list("port", "acme"):
        inventory.delete("port", *stored.value.id, now=now)


def prepared(inventory, change=many):
    """As a forked process makes it."""
    twin, now = copy.deepcopy(inventory), NOW
    base = twin.revision
    result = change(twin, now)
    return Prepared(result, tuple(twin.journal), base, twin.revision, now), twin


def test_it_is_as_if_the_change_had_been_made_here(world):
    made, twin = prepared(world.inventory)
    assert world.committer.place(made) == "done"
    assert content(world.inventory) == content(twin)
    assert world.told[-1] == (list(made.writes), made.revision)
    assert world.store.commits[-1][:2] == ([list(made.writes)], made.revision)
    # and it goes on from there
    world.committer.write(putting(Tenant("next")))
    world.committer.write(none)
    assert world.inventory.list("port") == []
    assert world.inventory.find("tenant", "next")


def test_what_is_recorded_of_it_is_durable_with_it(world):
    made, _ = prepared(world.inventory)
    asked = []
    world.committer.place(made, lambda done: asked.append(done) or ["note"])
    assert asked == [Done("done", made.writes, made.revision, NOW)]
    assert world.store.commits[-1][2] == ["note"]


def test_nothing_is_computed_or_taken_back_here(world, monkeypatch):
    """Each row is placed once, in a copy."""
    made, _ = prepared(world.inventory)
    placed = []
    usual = core.place
    monkeypatch.setattr(core, "place", lambda tables, *row: placed.append(tables) or usual(tables, *row))
    tables = world.inventory._tables
    world.committer.place(made)
    assert len(placed) == len(made.writes)
    assert not any(each is tables for each in placed)


@pytest.mark.parametrize("change", [many, none])
def test_a_large_change_holds_the_hub_for_a_few_rows_at_a_time(world, monkeypatch, change):
    """In every turn that others get, at most so many rows and entries of indexes were written since the last one; and
    what they see meanwhile is what was before, whole."""
    if change is none:
        world.committer.place(prepared(world.inventory)[0])
    made, twin = prepared(world.inventory, change)
    before, after = len(world.inventory.list("port")), len(twin.list("port"))
    work, most, seen, turns = [0], 0, set(), 0
    mark, copied = Indexes.mark, core.copied
    monkeypatch.setattr(Indexes, "mark", lambda *row: work.__setitem__(0, work[0] + 1) or mark(*row))

    def counted(index):
        for _ in copied(index):
            work[0] += min(len(index), SLICE)
            yield
        return dict(index)

    monkeypatch.setattr(core, "copied", counted)
    placing = eventlet.spawn(world.committer.place, made)
    while not placing.dead:
        eventlet.sleep(0)
        most, turns, work[0] = max(most, work[0]), turns + (work[0] > 0), 0
        seen.add((world.inventory.revision, len(world.inventory.list("port"))))
    placing.wait()
    assert most <= TURN + SLICE
    assert turns >= len(made.writes) // TURN
    assert seen == {(made.base, before), (made.revision, after)}


def test_what_was_made_from_something_else_is_refused(world):
    made, _ = prepared(world.inventory)
    world.committer.write(putting(Tenant("meanwhile")))
    before, commits = content(world.inventory), len(world.store.commits)
    with pytest.raises(Moved):
        world.committer.place(made)
    assert content(world.inventory) == before
    assert len(world.store.commits) == commits


def test_it_is_refused_too_if_something_is_written_before_its_turn(world):
    made, _ = prepared(world.inventory)
    first = eventlet.spawn(world.committer.write, putting(Tenant("first")))
    placing = eventlet.spawn(world.committer.place, made)
    first.wait()
    with pytest.raises(Moved):
        placing.wait()
    assert world.inventory.list("port") == []


def test_what_is_written_while_it_is_put_in_place_comes_after_it(world):
    made, _ = prepared(world.inventory)
    placing = eventlet.spawn(world.committer.place, made)
    later = [eventlet.spawn(world.committer.write, putting(Tenant(f"t{n}"))) for n in range(3)]
    assert placing.wait() == "done"
    assert [each.wait().revision for each in later] == [made.revision + n for n in (1, 2, 3)]
    assert len(world.inventory.list("port")) == PORTS


def test_it_changes_nothing_if_it_cannot_be_stored(world):
    made, _ = prepared(world.inventory)
    before = content(world.inventory)
    world.store.refuse = StoreUnavailable("disk full")
    with pytest.raises(StoreUnavailable):
        world.committer.place(made)
    assert content(world.inventory) == before
