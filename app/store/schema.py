"""The database's tables, and the steps that lead to them from every earlier version."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable

Step = Callable[[sqlite3.Connection], None]

# "OvsW": tells our database from any other SQLite file.
APPLICATION_ID = 0x4F767357


def sql(*statements: str) -> Step:
    """A step of plain statements. (`executescript` would commit what comes before it.)"""

    def step(connection: sqlite3.Connection) -> None:
        for statement in statements:
            connection.execute(statement)

    return step


def fewer_zones(connection: sqlite3.Connection) -> None:
    """Zones from 32768 on are for fragments now: what is in use of them moves to free ones below."""
    last = 32767
    rows = connection.execute("SELECT id, document FROM item WHERE kind = 'zone'").fetchall()
    zones = {id: json.loads(document)["number"] for id, document in rows}
    if len(zones) > last:
        raise ValueError(f"{len(zones)} conntrack zones are in use; there are {last} now")
    free = iter(sorted(set(range(1, last + 1)) - set(zones.values())))
    for id, zone in zones.items():
        if zone > last:
            _renumber(connection, "zone", id, next(free))
    counter = connection.execute("""SELECT document FROM item WHERE kind = 'counter' AND id = '["zone"]'""").fetchone()
    if counter and json.loads(counter[0])["number"] > last:
        _renumber(connection, "counter", '["zone"]', last)


def _renumber(connection: sqlite3.Connection, kind: str, id: str, number: int) -> None:
    document = json.dumps({"schema": 1, "number": number}, separators=(",", ":"))
    connection.execute("UPDATE item SET document = ? WHERE kind = ? AND id = ?", (document, kind, id))


# Step n (from 1) takes user_version n - 1 to n. A step that was released is never changed.
STEPS: tuple[Step, ...] = (
    sql(
        f"PRAGMA application_id = {APPLICATION_ID}",
        # What the inventory holds. id: a JSON list; document: see app.documents.
        "CREATE TABLE item (kind TEXT NOT NULL, id TEXT NOT NULL, document TEXT NOT NULL,"
        " PRIMARY KEY (kind, id)) STRICT",
        # One row: the inventory's revision at the last commit.
        "CREATE TABLE progress (one INTEGER PRIMARY KEY CHECK (one = 1), revision INTEGER NOT NULL) STRICT",
        "INSERT INTO progress VALUES (1, 0)",
    ),
    # The same tables, with documents of schema 2.
    fewer_zones,
    # The same tables, with documents of schema 3, and with rows for the zones that rest.
    sql(),
    # Documents of schema 4; the audit log, and answers that are kept under idempotency keys: see app.store.records.
    sql(
        "CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, actor TEXT NOT NULL,"
        " role TEXT NOT NULL, how TEXT NOT NULL, remote TEXT, request_id TEXT NOT NULL, method TEXT NOT NULL,"
        " path TEXT NOT NULL, status INTEGER NOT NULL, revision INTEGER NOT NULL, bytes INTEGER NOT NULL,"
        " changes TEXT NOT NULL) STRICT",
        "CREATE INDEX audit_time ON audit (time)",
        # The tenants that an entry is about.
        "CREATE TABLE audit_tenant (tenant TEXT NOT NULL, entry INTEGER NOT NULL, PRIMARY KEY (tenant, entry))"
        " STRICT, WITHOUT ROWID",
        "CREATE INDEX audit_tenant_entry ON audit_tenant (entry)",
        "CREATE TABLE reply (owner TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, time TEXT NOT NULL,"
        " revision INTEGER NOT NULL, status INTEGER NOT NULL, headers TEXT NOT NULL, body TEXT NOT NULL,"
        " PRIMARY KEY (owner, key)) STRICT",
        "CREATE INDEX reply_time ON reply (time)",
    ),
)


def version(connection: sqlite3.Connection) -> int:
    return connection.execute("PRAGMA user_version").fetchone()[0]  # type: ignore[no-any-return]


def migrate(connection: sqlite3.Connection, steps: tuple[Step, ...]) -> None:
    """Run the steps that the database lacks, all in one transaction or none."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in steps[version(connection) :]:
            step(connection)
        connection.execute(f"PRAGMA user_version = {len(steps)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
