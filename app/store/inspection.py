"""Reading a database that may be damaged, without changing a byte of it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from app.core.indexes import Id
from app.core.inventory import KINDS, LEDGER
from app.documents import DecodeError, decode
from app.errors import StartError
from app.store.consistency import contradictions
from app.store.schema import APPLICATION_ID, Step, migrate, version

HEADER_BYTES = 100
SIDE_FILES = ("-wal", "-shm")
RECORDS = {"audit", "audit_tenant", "reply"}
# What SQLite reports when the file is at fault, not its surroundings (permissions, a full disk, a lock).
DAMAGE_CODES = frozenset((sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_SCHEMA))


class DamageError(Exception):
    """The database is not one that ovswarden left behind."""


@dataclass(frozen=True, slots=True)
class Contents:
    """All that a database holds, decoded and found consistent. `version` is what the file has, before
    migration.
    """

    revision: int
    rows: dict[str, dict[Id, Any]]
    version: int

    @property
    def empty(self) -> bool:
        return not any(self.rows.values())


def inspect(path: Path, steps: tuple[Step, ...]) -> Contents:
    """What the database holds, seen as after its migration. `StartError` if it is damaged, too new or
    unreadable.
    """
    if not path.exists():
        raise _damaged(path, f"{path.name} is gone, but files that belong to it are there")
    if path.stat().st_size < HEADER_BYTES:
        # To SQLite this is an empty database.
        raise _damaged(path, "it is empty or cut short")
    try:
        with _untouched(path), closing(connect(path, "ro")) as connection:
            return _inspect(path, connection, steps)
    except DamageError as damage:
        raise _damaged(path, str(damage)) from damage
    except sqlite3.Error as error:
        if (getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF) in DAMAGE_CODES:
            raise _damaged(path, str(error)) from error
        raise StartError(f"{path} cannot be read: {error}") from error


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """A connection in autocommit mode that never creates the file. `mode` is "ro" or "rw"."""
    uri = f"file:{quote(str(path))}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=5, isolation_level=None, check_same_thread=False)


def read(connection: sqlite3.Connection) -> Contents:
    """The decoded and consistent contents of a database of the newest version. `DamageError` if they are not
    that.
    """
    rows: dict[str, dict[Id, Any]] = {kind: {} for kind in (*KINDS.values(), *LEDGER)}
    for kind, id_text, document in connection.execute("SELECT kind, id, document FROM item"):
        try:
            id = _id(json.loads(id_text))
            content = decode(kind, id, json.loads(document))
        except (DecodeError, ValueError, TypeError, RecursionError) as error:
            raise DamageError(f"{kind} {id_text}: {error}") from error
        rows[kind][id] = content
    _check_tables(connection)
    found = connection.execute("SELECT revision FROM progress").fetchall()
    if len(found) != 1:
        raise DamageError("its revision is missing")
    wrong = list(contradictions(rows, found[0][0]))
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise DamageError(wrong[0] + more)
    return Contents(found[0][0], rows, version(connection))


def _check_tables(connection: sqlite3.Connection) -> None:
    """Those that are not read at the start would be missed by the first write, which nobody would understand."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    for name in sorted(RECORDS - tables):
        raise DamageError(f"the table {name} is missing")


def _id(parts: Any) -> Id:
    if not isinstance(parts, list) or not parts or not all(isinstance(part, str) for part in parts):
        raise DecodeError("its id is not a list of names")
    return tuple(parts)


def _inspect(path: Path, connection: sqlite3.Connection, steps: tuple[Step, ...]) -> Contents:
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise DamageError("it is another program's SQLite file")
    found = version(connection)
    if found > len(steps):
        message = f"{path} has version {found}, this ovswarden knows up to {len(steps)}: start a newer ovswarden"
        raise StartError(message)
    if found < 1:
        raise DamageError("it has no version")
    report = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if report != "ok":
        raise DamageError(report.replace("\n", " "))
    if found == len(steps):
        return read(connection)
    # The steps are tried on a copy in memory first: what they would make of the file is checked before it is
    # touched.
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as rehearsal:
        connection.backup(rehearsal)
        try:
            migrate(rehearsal, steps)
        except Exception as error:
            raise DamageError(f"it cannot be brought from version {found} to {len(steps)}: {error}") from error
        contents = read(rehearsal)
    return Contents(contents.revision, contents.rows, found)


@contextmanager
def _untouched(path: Path) -> Iterator[None]:
    """A reader of a WAL database leaves side files behind: remove those that were not there."""
    side_files = [Path(f"{path}{suffix}") for suffix in SIDE_FILES]
    absent = [file for file in side_files if not file.exists()]
    try:
        yield
    finally:
        for file in absent:
            file.unlink(missing_ok=True)


def _damaged(path: Path, why: str) -> StartError:
    return StartError(
        f"{path} is damaged: {why}. Nothing was changed; restore a backup, or move it away to start empty"
    )
