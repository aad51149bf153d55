"""The database's tables, and the steps that lead to them from every earlier version."""

from __future__ import annotations

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
