"""The audit log and kept answers: durable with the change they tell of or not at all, and never without end."""

import sqlite3

import pytest

from app.core.inventory import Inventory
from app.core.values import Tenant
from app.records import Note, Reply, Retention, Search
from app.service import StoreUnavailable
from app.store import Store, records
from app.store.committer import Committer
from tests.store.histories import NOW, putting


def note(n=0, time="2026-11-22T10:00:00.000Z", changes=(), **members):
    said = {"actor": "ci", "role": "admin", "how": "token", "remote": "192.0.2.1", "request_id": f"req-{n}"}
    said |= {"method": "PUT", "path": f"/v1/tenants/t{n}", "status": 201, "revision": n}
    return Note(time=time, **said | {"tell": lambda writes: changes} | members)


def change(path, size=0):
    return {"op": "add", "path": path, "before": None, "after": {"text": "x" * size}}


def reply(key="k", time="2026-11-22T10:00:00.000Z", size=0, owner="token/ci"):
    return Reply(owner, key, "f", time, 7, 201, {"ETag": '"7"'}, "x" * size)


def ids(store, **search):
    return [entry.request_id for entry in store.entries(Search(**search)).entries]


@pytest.fixture
def store(tmp_path):
    store = Store.open(tmp_path)
    yield store
    store.close()


def test_an_entry_is_there_after_the_next_opening_as_it_was_written(tmp_path):
    store = Store.open(tmp_path)
    store.commit([], 1, [note(5, changes=[change("/tenants/acme")])])
    store.close()
    store = Store.open(tmp_path)
    (entry,) = store.entries(Search()).entries
    assert (entry.id, entry.actor, entry.remote, entry.status, entry.revision) == (1, "ci", "192.0.2.1", 201, 5)
    assert entry.changes == [change("/tenants/acme")]
    store.close()


def test_a_change_that_cannot_be_stored_leaves_no_entry_and_no_answer(store):
    store._connection.execute("CREATE TRIGGER no BEFORE UPDATE ON progress BEGIN SELECT RAISE(ABORT, 'disk'); END")
    with pytest.raises(StoreUnavailable):
        store.commit([], 1, [note(1), reply()])
    store._connection.execute("DROP TRIGGER no")
    assert ids(store) == []
    assert store.reply("token/ci", "k", NOW) is None


def test_an_entry_that_cannot_be_told_undoes_its_change(store):
    inventory = store.load()
    inventory.put(Tenant("acme"), NOW)
    broken = note(1, tell=lambda writes: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        store.commit([inventory.take_journal()], inventory.revision, [broken])
    assert store.load().list("tenant") == []
    store.commit([], 1, [note(2)])
    assert ids(store) == ["req-2"]


def test_an_entry_tells_what_its_own_change_wrote(store):
    inventory = Inventory()
    committer = Committer(store, inventory, lambda writes, revision: None)
    made = committer.write(
        putting(Tenant("acme")),
        lambda done: [Note(done.now, *["x"] * 3, None, *["x"] * 3, 1, done.revision, done.writes, tell)],
    )
    assert [entry.changes for entry in store.entries(Search()).entries] == [[{"path": "/tenants/acme"}]]
    assert made.revision == 1
    assert committer.close(5)


def tell(writes):
    return [{"path": f"/tenants/{write.id[0]}"} for write in writes if write.kind == "tenant"]


def test_a_record_that_fails_undoes_its_own_change_only(store):
    inventory = Inventory()
    committer = Committer(store, inventory, lambda writes, revision: None)
    with pytest.raises(ZeroDivisionError):
        committer.write(putting(Tenant("acme")), lambda done: 1 / 0)
    committer.write(putting(Tenant("other")))
    assert [stored.value.name for stored in inventory.list("tenant")] == ["other"]
    assert inventory.revision == 1
    assert committer.close(5)


def test_something_is_recorded_though_nothing_changed(store):
    inventory = Inventory()
    told = []
    committer = Committer(store, inventory, lambda *arguments: told.append(arguments))
    committer.write(lambda inventory, now: None, lambda done: [note(1)])
    assert ids(store) == ["req-1"]
    assert told == []
    assert committer.close(5)


def test_old_entries_go_and_their_ids_never_come_back(tmp_path):
    store = Store.open(tmp_path, retention=Retention(days=2))
    for n, day in enumerate((1, 2, 3, 4)):
        store.commit([], n, [note(n, f"2026-11-0{day}T10:00:00.000Z", [change(f"/tenants/t{n}")])])
    assert ids(store) == ["req-1", "req-2", "req-3"]
    assert ids(store, tenants=frozenset({"t0"})) == []
    store.commit([], 9, [note(9, "2027-01-01T10:00:00.000Z")])
    assert [entry.id for entry in store.entries(Search()).entries] == [5]
    assert store._connection.execute("SELECT count(*) FROM audit_tenant").fetchone() == (1,)
    store.close()


def test_the_oldest_entries_go_when_all_take_too_much(tmp_path):
    store = Store.open(tmp_path, retention=Retention(size=10_000))
    for n in range(20):
        store.commit([], n, [note(n, changes=[change("/tenants/acme", 1000)])])
    kept = ids(store)
    assert kept == [f"req-{n}" for n in range(20 - len(kept), 20)]
    assert 6 <= len(kept) <= 8
    store.close()
    store = Store.open(tmp_path, retention=Retention(size=3000))
    store.commit([], 21, [note(20)])
    assert len(ids(store)) < len(kept)
    store.close()


def test_one_commit_removes_no_more_than_it_has_time_for(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "PRUNED", 3)
    store = Store.open(tmp_path, retention=Retention(days=2))
    store.commit([], 1, [note(n, "2026-11-01T10:00:00.000Z") for n in range(10)])
    left = []
    for n in range(10, 15):
        store.commit([], n, [note(n)])
        left.append(len(ids(store)))
    assert left == [8, 6, 4, 4, 5]
    store.close()


def test_a_page_ends_where_it_would_get_too_big(store, monkeypatch):
    monkeypatch.setattr(records, "PAGE_BYTES", 2500)
    store.commit([], 1, [note(n, changes=[change("/tenants/acme", 1000)]) for n in range(5)])
    page = store.entries(Search())
    assert (len(page.entries), page.more, page.newest) == (3, True, 5)
    assert ids(store, after=page.entries[-1].id) == ["req-3", "req-4"]


def test_an_answer_is_kept_for_its_owner_for_a_day(store):
    store.commit([], 1, [reply(size=5)])
    found = store.reply("token/ci", "k", "2026-11-23T09:59:59.000Z")
    assert found == reply(size=5)
    assert store.reply("token/other", "k", NOW) is None
    assert store.reply("token/ci", "k", "2026-11-23T10:00:01.000Z") is None
    store.commit([], 2, [reply(time="2026-11-24T10:00:00.000Z")])
    assert store.reply("token/ci", "k", "2026-11-24T10:00:01.000Z").time == "2026-11-24T10:00:00.000Z"


def test_answers_take_only_so_much(store, monkeypatch):
    monkeypatch.setattr(records, "REPLY_BYTES", 10 * (1000 + records.ROW_BYTES))
    for n in range(20):
        store.commit([], n, [reply(f"k{n}", f"2026-11-22T10:00:{n:02}.000Z", 1000)])
    kept = [n for n in range(20) if store.reply("token/ci", f"k{n}", NOW)]
    assert kept == list(range(10, 20))


def test_the_log_is_read_while_a_change_is_being_committed(store):
    store.commit([], 1, [note(1)])
    store._connection.execute("BEGIN IMMEDIATE")
    try:
        assert ids(store) == ["req-1"]
    finally:
        store._connection.execute("ROLLBACK")


def test_a_log_that_cannot_be_read_says_so(store, monkeypatch):
    monkeypatch.setattr(records, "entries", lambda *arguments: (_ for _ in ()).throw(sqlite3.OperationalError("io")))
    with pytest.raises(StoreUnavailable, match="cannot be read: io"):
        store.entries(Search())
