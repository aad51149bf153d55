"""Databases of every version that was ever written are read, and brought to the newest one, or left alone."""

import json
import sqlite3
import stat

import pytest

from app.core.inventory import Inventory
from app.core.values import Tenant
from app.errors import StartError
from app.records import Search
from app.store import Store
from app.store.schema import STEPS, sql
from tests.store.histories import (
    NOW,
    content,
    replay,
    sample,
    sample_of_version_1,
    sample_of_version_2,
    sample_of_version_3,
)
from tests.store.test_store import committed, reopened


def renamed(connection):
    """A step in Python: every tenant gets a description."""
    for id, document in connection.execute("SELECT id, document FROM item WHERE kind = 'tenant'").fetchall():
        body = json.loads(document)
        body["value"]["description"] = "migrated"
        connection.execute("UPDATE item SET document = ? WHERE id = ?", (json.dumps(body), id))


NEWER = (*STEPS, sql("CREATE TABLE note (text TEXT) STRICT"), renamed)


def test_version_1_as_it_was_written_then_is_read_now(version_1):
    assert content(reopened(version_1)) == content(replay(Inventory(), sample_of_version_1()))


def test_version_2_as_it_was_written_then_is_read_now(version_2):
    assert content(reopened(version_2)) == content(replay(Inventory(), sample_of_version_2()))


def test_version_3_as_it_was_written_then_is_read_now(version_3):
    assert content(reopened(version_3)) == content(replay(Inventory(), sample_of_version_3()))


def test_version_4_as_it_was_written_then_is_read_now(version_4):
    store = Store.open(version_4)
    assert content(store.load()) == content(replay(Inventory(), sample()))
    (entry,) = store.entries(Search()).entries
    assert (entry.request_id, entry.path, entry.changes[0]["path"]) == ("req-7", "/v1/tenants/t7", "/tenants/acme")
    answer = store.reply("token/ci", "k", NOW)
    assert (answer.status, answer.headers) == (201, {"ETag": '"7"'})
    store.close()


def test_a_new_database_has_the_tables_that_version_4_had(version_4, tmp_path):
    """What a version wrote stays as it was: who changes a table adds a step."""
    Store.open(tmp_path / "new").close()
    assert tables(tmp_path / "new") == tables(version_4)


def tables(directory):
    connection = sqlite3.connect(directory / "ovswarden.db")
    found = set(connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall())
    connection.close()
    return found


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_database_of_an_older_version_goes_on_as_one_of_this(version, request):
    directory = request.getfixturevalue(f"version_{version}")
    store = Store.open(directory)
    inventory = committed(store, sample())
    store.close()
    assert (directory / f"ovswarden.db.v{version}").exists()
    assert content(reopened(directory)) == content(inventory)
    assert inventory.find("port", "acme", "api-1")
    assert inventory.limits("stark").connections == 20000
    assert inventory.get("tenant", "acme").value.quota.ports == 100
    assert inventory.find("token", "ci")
    # A program of that version finds a newer one.
    with pytest.raises(StartError, match=rf"has version {len(STEPS)}, this ovswarden knows up to {version}: "):
        Store.open(directory, steps=STEPS[:version])


def test_zones_that_are_for_fragments_now_are_given_up(version_1):
    connection = sqlite3.connect(version_1 / "ovswarden.db", isolation_level=None)
    for id, number in (('["acme","0"]', 65535), ('["umbrella","7"]', 32768), ('["zone"]', 40000)):
        row = json.dumps({"schema": 1, "number": number}), id
        assert connection.execute("UPDATE item SET document = ? WHERE id = ?", row).rowcount == 1
    connection.close()
    inventory = reopened(version_1)
    assert [inventory.zone("acme"), inventory.zone("umbrella"), inventory.zone("umbrella", 7)] == [1, 2, 3]
    inventory.put(Tenant("next"), NOW)
    assert inventory.zone("next") == 4


def test_an_older_version_is_backed_up_and_migrated(version_1):
    inventory = reopened(version_1, steps=NEWER)
    assert inventory.get("tenant", "acme").value.description == "migrated"
    assert content(reopened(version_1, steps=NEWER)) == content(inventory)
    backup = version_1 / "ovswarden.db.v1"
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    (version_1 / "ovswarden.db").unlink()
    backup.rename(version_1 / "ovswarden.db")
    assert content(reopened(version_1)) == content(replay(Inventory(), sample_of_version_1()))


def test_an_older_backup_is_not_overwritten(version_1):
    (version_1 / "ovswarden.db.v1").write_text("precious")
    reopened(version_1, steps=NEWER)
    assert (version_1 / "ovswarden.db.v1").read_text() == "precious"
    assert (version_1 / "ovswarden.db.v1.2").exists()


def test_an_empty_database_is_migrated_without_a_backup(tmp_path):
    reopened(tmp_path)
    reopened(tmp_path, steps=NEWER)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["lock", "ovswarden.db"]


def test_a_newer_version_is_refused_untouched(version_1):
    reopened(version_1, steps=NEWER)
    before = (version_1 / "ovswarden.db").read_bytes()
    with pytest.raises(StartError, match=f"has version {len(NEWER)}, this ovswarden knows up to {len(STEPS)}"):
        Store.open(version_1)
    assert (version_1 / "ovswarden.db").read_bytes() == before


def test_a_migration_that_would_fail_leaves_everything_as_it_was(version_1):
    before = {file.name: file.read_bytes() for file in version_1.iterdir()}
    with pytest.raises(StartError, match=f"from version 1 to {len(STEPS) + 1}: no such table: nowhere"):
        Store.open(version_1, steps=(*STEPS, sql("DELETE FROM item", "DELETE FROM nowhere")))
    after = {file.name: file.read_bytes() for file in version_1.iterdir() if file.name != "lock"}
    assert after == before
