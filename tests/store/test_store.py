"""The database file: what is committed is there after the next opening; one process at a time."""

import os
import sqlite3
import stat
import subprocess
import sys
import tempfile

import pytest
from hypothesis import given, settings

from app.core.inventory import Inventory
from app.core.values import Tenant
from app.errors import StartError
from app.service import StoreUnavailable
from app.store import Store
from tests.store.histories import NOW, content, histories, putting, replay, sample


def committed(store, history, inventory=None):
    inventory = replay(inventory or store.load(), history)
    store.commit([inventory.take_journal()], inventory.revision)
    return inventory


def reopened(directory, **options):
    store = Store.open(directory, **options)
    try:
        return store.load()
    finally:
        store.close()


def test_a_fresh_store_is_empty_private_and_stays_so(tmp_path):
    directory = tmp_path / "deep" / "state"
    Store.open(directory).close()
    assert content(reopened(directory)) == content(Inventory())
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {file.name: stat.S_IMODE(file.stat().st_mode) for file in directory.iterdir()} == {
        "ovswarden.db": 0o600,
        "lock": 0o600,
    }


def test_the_files_of_an_open_store_are_private(tmp_path):
    store = Store.open(tmp_path)
    committed(store, sample())
    assert (tmp_path / "ovswarden.db-wal").exists()
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


@settings(max_examples=60, deadline=None)
@given(histories, histories)
def test_an_inventory_is_the_same_after_the_next_opening(first, second):
    with tempfile.TemporaryDirectory() as directory:
        for history in (first, second):
            store = Store.open(directory)
            inventory = committed(store, history)
            store.close()
            assert content(reopened(directory)) == content(inventory)


def test_each_commit_is_durable_without_a_close(tmp_path):
    store = Store.open(tmp_path)
    inventory = store.load()
    for change in sample():
        committed(store, [change], inventory)
        assert content(store.load()) == content(inventory)
    assert store._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_second_process_is_refused_and_told_who_holds_the_directory(tmp_path):
    store = Store.open(tmp_path)
    code = "import sys; from app.store import Store; from app.errors import StartError\n"
    code += "try: Store.open(sys.argv[1])\nexcept StartError as error: print(error.exit_message)"
    command = [sys.executable, "-c", code, str(tmp_path)]
    refused = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f"in use by another ovswarden (pid {os.getpid()})" in refused
    assert refused.count("\n") == 1
    store.close()
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == ""


def test_a_directory_that_cannot_be_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match=r"state_dir .*/file/x cannot be used: Not a directory"):
        Store.open(tmp_path / "file" / "x")


def test_a_start_that_was_cut_short_while_creating_leaves_no_trace(tmp_path):
    (tmp_path / "ovswarden.db.new").write_bytes(b"half")
    (tmp_path / "ovswarden.db.new-wal").write_bytes(b"half")
    Store.open(tmp_path).close()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["lock", "ovswarden.db"]


def test_a_deleted_database_is_noticed_before_anything_is_acknowledged(tmp_path):
    store = Store.open(tmp_path)
    inventory = committed(store, sample())
    (tmp_path / "ovswarden.db").unlink()
    inventory.put(Tenant("late"), NOW)
    with pytest.raises(StoreUnavailable):
        store.commit([inventory.take_journal()], inventory.revision)


def test_another_program_that_holds_the_database_only_delays_it(tmp_path):
    store = Store.open(tmp_path)
    inventory = committed(store, sample())
    store._connection.execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(tmp_path / "ovswarden.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    inventory.put(Tenant("late"), NOW)
    journal = inventory.take_journal()
    with pytest.raises(StoreUnavailable, match="locked"):
        store.commit([journal], inventory.revision)
    other.execute("ROLLBACK")
    store.commit([journal], inventory.revision)
    assert content(store.load()) == content(inventory)


# -- disk full


def fill_up(store, inventory):
    """Write until the disk is full; the last inventory that was committed."""
    for n in range(200):
        before = content(inventory)
        inventory.put(Tenant(f"big-{n}", "x" * 8000), NOW)
        try:
            store.commit([inventory.journal], inventory.revision)
        except StoreUnavailable:
            inventory.undo()
            return before
        inventory.take_journal()
    raise AssertionError("the disk was never full")


def test_a_full_disk_refuses_and_keeps_what_was_committed(tmp_path):
    store = Store.open(tmp_path)
    inventory = committed(store, sample())
    store._connection.execute("PRAGMA max_page_count = 40")
    last = fill_up(store, inventory)
    assert content(store.load()) == last
    store._connection.execute("PRAGMA max_page_count = 100000")
    more = committed(store, [putting(Tenant("late"))], store.load())
    store.close()
    assert content(reopened(tmp_path)) == content(more)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
def test_a_really_full_disk_refuses_and_recovers_when_there_is_space(tmp_path):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "ovswarden-test", tmp_path], check=True)
    try:
        store = Store.open(tmp_path)
        last = fill_up(store, committed(store, sample()))
        assert content(store.load()) == last
        subprocess.run(["mount", "-o", "remount,size=4m", tmp_path], check=True)
        more = committed(store, [putting(Tenant("late"))], store.load())
        store.close()
        assert content(reopened(tmp_path)) == content(more)
    finally:
        subprocess.run(["umount", "-l", tmp_path], check=True)
