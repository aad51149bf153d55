"""The audit log and the kept answers: tables beside the inventory's, written in the same transactions."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from app.records import Entry, Note, Page, Record, Reply, Retention, Search, Told

REPLY_HOURS = 24
REPLY_BYTES = 64 << 20
ROW_BYTES = 512  # of an answer beside its body: many have none
PRUNED = 1000  # entries that go with one commit, at most: what is too much goes soon, and no commit waits for it
PAGE_BYTES = 1 << 20  # of changes, after which a page ends
LARGE = 16 << 10  # characters of one entry's changes that are not worth reading
COLUMNS = "id, time, actor, role, how, remote, request_id, method, path, status, revision"


class Table(NamedTuple):
    name: str
    size: str  # in bytes, of a row


AUDIT, REPLIES = Table("audit", "bytes"), Table("reply", f"length(body) + {ROW_BYTES}")


class Records:
    """Writes them through a connection that is inside a transaction. `roll_back` when that came to nothing."""

    def __init__(self, retention: Retention) -> None:
        self._retention = retention
        self._sizes: dict[str, int] = {}  # by table, in bytes; counted once

    def write(self, connection: sqlite3.Connection, records: Iterable[Record]) -> None:
        notes = 0
        last = ""
        for record in records:
            last = record.time
            if isinstance(record, Note):
                self._note(connection, record)
                notes += 1
            else:
                self._reply(connection, record)
        if last:
            self._prune(connection, AUDIT, before(last, self._retention.days * 24), self._retention.size)
            self._prune(connection, REPLIES, before(last, REPLY_HOURS), REPLY_BYTES)

    def roll_back(self) -> None:
        self._sizes.clear()

    def _note(self, connection: sqlite3.Connection, note: Note) -> None:
        changes = note.tell(note.writes)
        text = _dumps(list(changes))
        columns = (note.time, note.actor, note.role, note.how, note.remote, note.request_id, note.method, note.path)
        size = len(text) + 200
        cursor = connection.execute(
            "INSERT INTO audit (time, actor, role, how, remote, request_id, method, path, status, revision, bytes,"
            " changes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*columns, note.status, note.revision, size, text),
        )
        tenants = {tenant for path in (note.path, *(c["path"] for c in changes)) if (tenant := tenant_of(path))}
        rows = [(tenant, cursor.lastrowid) for tenant in sorted(tenants)]
        connection.executemany("INSERT INTO audit_tenant VALUES (?, ?)", rows)
        self._grow(connection, AUDIT, size)

    def _reply(self, connection: sqlite3.Connection, reply: Reply) -> None:
        values = (reply.owner, reply.key, reply.fingerprint, reply.time, reply.revision, reply.status)
        connection.execute(
            "INSERT OR REPLACE INTO reply VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*values, _dumps(reply.headers), reply.body)
        )
        self._grow(connection, REPLIES, len(reply.body) + ROW_BYTES)

    def _grow(self, connection: sqlite3.Connection, table: Table, size: int) -> None:
        if table.name in self._sizes:
            self._sizes[table.name] += size
            return
        row = connection.execute(f"SELECT coalesce(sum({table.size}), 0) FROM {table.name}").fetchone()
        self._sizes[table.name] = row[0]

    def _prune(self, connection: sqlite3.Connection, table: Table, oldest: str, most: int) -> None:
        """Remove what is too old, and then the oldest until the rest fits."""
        if table.name not in self._sizes:
            return
        rows = connection.execute(
            f"SELECT rowid, {table.size}, time FROM {table.name} ORDER BY rowid LIMIT {PRUNED}"
            if table is AUDIT
            else f"SELECT rowid, {table.size}, time FROM {table.name} ORDER BY time LIMIT {PRUNED}"
        )
        gone = []
        for row, size, time in rows:
            if time >= oldest and self._sizes[table.name] <= most:
                break
            gone.append((row,))
            self._sizes[table.name] -= size
        connection.executemany(f"DELETE FROM {table.name} WHERE rowid = ?", gone)
        if table is AUDIT:
            connection.executemany("DELETE FROM audit_tenant WHERE entry = ?", gone)


def entries(connection: sqlite3.Connection, search: Search) -> Page:
    """A page of the audit log."""
    tests = list(_tests(search))
    where = " AND ".join(test for test, _ in tests) or "1"
    values = [value for _, values in tests for value in values]
    order = "DESC" if search.newest_first else "ASC"
    rows = connection.execute(f"SELECT {COLUMNS}, changes FROM audit WHERE {where} ORDER BY id {order}", values)
    found: list[Entry] = []
    more, size = False, 0
    for row in rows:
        if len(found) == search.limit or size > PAGE_BYTES:
            more = True
            break
        changes = _shown(row[-1], search.within)
        found.append(Entry(*row[:-1], changes))
        size += len(row[-1])
    newest = connection.execute("SELECT coalesce(max(id), 0) FROM audit").fetchone()[0]
    return Page(tuple(found), more, newest)


def _shown(text: str, tenant: str | None) -> Told | str:
    if tenant is not None:
        changes = json.loads(text)
        own = [change for change in changes if tenant_of(change["path"]) == tenant]
        text = text if len(own) == len(changes) else _dumps(own)
    return text if len(text) > LARGE else json.loads(text)


def _tests(search: Search) -> Iterator[tuple[str, Sequence[Any]]]:
    if search.after is not None:
        yield f"id {'<' if search.newest_first else '>'} ?", [search.after]
    if search.since is not None:
        yield "time >= ?", [search.since]
    if search.actors:
        yield f"actor IN ({_marks(search.actors)})", sorted(search.actors)
    if search.tenants:
        wanted = _marks(search.tenants)
        yield f"id IN (SELECT entry FROM audit_tenant WHERE tenant IN ({wanted}))", sorted(search.tenants)
    if search.path is not None:
        place = "json_extract(value, '$.path')"
        seen = "" if search.within is None else f" AND ({place} = ? OR substr({place}, 1, ?) = ?)"
        inside = f"SELECT 1 FROM json_each(audit.changes) WHERE ({place} = ? OR substr({place}, 1, ?) = ?){seen}"
        below = search.path.rstrip("/") + "/"
        asked = f"/v1{search.path}", len(below) + 3, f"/v1{below}"
        here = search.path, len(below), below
        # What is not shown is not searched either: names of others would be found by trying.
        own = f"/tenants/{search.within}"
        mine = () if search.within is None else (own, len(own) + 1, f"{own}/")
        yield f"(path = ? OR substr(path, 1, ?) = ? OR EXISTS ({inside}))", [*asked, *here, *mine]


def _marks(values: Iterable[str]) -> str:
    return ", ".join("?" for _ in values)


def reply(connection: sqlite3.Connection, owner: str, key: str, now: str) -> Reply | None:
    """The answer that is kept under a key; None without one, and when it has been kept for a day."""
    row = connection.execute("SELECT * FROM reply WHERE owner = ? AND key = ?", (owner, key)).fetchone()
    if row is None or row[3] < before(now, REPLY_HOURS):
        return None
    return Reply(*row[:6], json.loads(row[6]), row[7])


def tenant_of(path: str) -> str | None:
    """The tenant in a path, with or without its version."""
    parts = path.removeprefix("/v1").split("/")
    return parts[2] if len(parts) > 2 and parts[1] == "tenants" and parts[2] else None


def before(time: str, hours: float) -> str:
    """The time so many hours before another, in the same form."""
    moment = datetime.fromisoformat(time) - timedelta(hours=hours)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _dumps(thing: Any) -> str:
    return json.dumps(thing, separators=(",", ":"), ensure_ascii=False)
