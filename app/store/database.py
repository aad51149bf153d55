"""The database file: opened once and exclusively, read once, then only written. Blocking; the hub is not
known here.
"""

from __future__ import annotations

import itertools
import json
import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TypeVar

from app.core.indexes import Id
from app.core.inventory import Inventory, Write
from app.core.zones import DAY
from app.documents import encode
from app.errors import StartError
from app.records import Page, Record, Reply, Retention, Search
from app.service import StoreUnavailable
from app.store import records as recording
from app.store.inspection import SIDE_FILES, Contents, connect, inspect, read
from app.store.lock import Lock
from app.store.schema import STEPS, Step, migrate

T = TypeVar("T")
NAME = "ovswarden.db"
PUT = "INSERT INTO item VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET document = excluded.document"
DELETE = "DELETE FROM item WHERE kind = ? AND id = ?"


class Store:
    """An open database. One thread at a time may use it, not always the same. It never logs or yields."""

    def __init__(
        self, path: Path, lock: Lock, connection: sqlite3.Connection, contents: Contents, retention: Retention
    ) -> None:
        self.path, self._lock, self._connection = path, lock, connection
        self._records = recording.Records(retention)
        self._contents: Contents | None = contents
        self._inode = path.stat().st_ino

    @classmethod
    def open(
        cls, directory: str | os.PathLike[str], steps: tuple[Step, ...] = STEPS, retention: Retention | None = None
    ) -> Store:
        """Open the database of a state directory, and create either if absent.

        `StartError` if the directory is in use or unusable, and if the database is damaged or of a newer
        version; then nothing in it was changed. An older version is migrated, after a backup
        ``ovswarden.db.v<N>`` beside it.
        """
        path = Path(directory) / NAME
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = Lock(path.parent)
        except OSError as error:
            raise StartError(f"state_dir {directory} cannot be used: {error.strerror}") from error
        try:
            return cls._open(path, lock, steps, retention or Retention())
        except (OSError, sqlite3.Error) as error:
            lock.release()
            raise StartError(f"{path} cannot be opened: {error}") from error
        except BaseException:
            lock.release()
            raise

    @classmethod
    def _open(cls, path: Path, lock: Lock, steps: tuple[Step, ...], retention: Retention) -> Store:
        if not any(Path(f"{path}{suffix}").exists() for suffix in ("", *SIDE_FILES)):
            _create(path, steps)
        contents = inspect(path, steps)
        if contents.version < len(steps) and not contents.empty:
            _back_up(path, contents.version)
        connection = _connect(path)
        try:
            if contents.version < len(steps):
                migrate(connection, steps)
            return cls(path, lock, connection, contents, retention)
        except BaseException:
            connection.close()
            raise

    def load(self, zone_rest: float = DAY) -> Inventory:
        """Everything that was committed, as a new inventory, with the seconds that a released zone rests."""
        contents = self._contents or read(self._connection)
        # What was read while opening serves once; it would only grow old.
        self._contents = None
        inventory = Inventory(zone_rest)
        for kind, rows in contents.rows.items():
            for id, content in rows.items():
                inventory.load(kind, id, content)
        inventory.revision = contents.revision
        return inventory

    def commit(self, changes: Sequence[Sequence[Write]], revision: int, records: Sequence[Record] = ()) -> None:
        """Make changes durable with what is recorded of them, all or none: when this returns they survive the loss of
        power.

        `StoreUnavailable` if that cannot be had; the same call may succeed later, when there is space again.
        """
        last = {(write.kind, write.id): write.after for writes in changes for write in writes}
        put = [(kind, _id(id), _text(kind, content)) for (kind, id), content in last.items() if content is not None]
        gone = [(kind, _id(id)) for (kind, id), content in last.items() if content is None]
        self._contents = None
        try:
            self._check_file()
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(DELETE, gone)
            self._connection.executemany(PUT, put)
            self._connection.execute("UPDATE progress SET revision = ?", (revision,))
            self._records.write(self._connection, records)
            self._connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            self._roll_back()
            raise StoreUnavailable(f"the change could not be stored in {self.path}: {error}") from error
        except BaseException:
            self._roll_back()
            raise

    def entries(self, search: Search) -> Page:
        """A page of the audit log. Any thread may ask, also while another commits; so with `reply`."""
        return self._ask(lambda connection: recording.entries(connection, search))

    def reply(self, owner: str, key: str, now: str) -> Reply | None:
        """The answer that is kept under a caller's idempotency key."""
        return self._ask(lambda connection: recording.reply(connection, owner, key, now))

    def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        try:
            with closing(connect(self.path, "ro")) as connection:
                return question(connection)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"{self.path} cannot be read: {error}") from error

    def close(self) -> None:
        """Give file and directory free. Nothing waits for this: what was committed is durable already."""
        self._connection.close()
        self._lock.release()

    def _check_file(self) -> None:
        # SQLite would go on writing to a file that was deleted or replaced, and the next start would not see
        # it.
        if self.path.stat().st_ino != self._inode:
            raise OSError("the file was replaced while in use")

    def _roll_back(self) -> None:
        # Raises nothing: what went wrong first is what the caller is told.
        self._records.roll_back()
        try:
            # After some errors SQLite has rolled back by itself.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            # A connection whose rollback fails is of no more use; a new one begins at the last commit.
            # Without one, the next commit fails too, and comes here again.
            self._connection.close()
            with suppress(sqlite3.Error, StartError):
                self._connection = _connect(self.path)


def _id(id: Id) -> str:
    return json.dumps(id, separators=(",", ":"))


def _text(kind: str, content: Any) -> str:
    return json.dumps(encode(kind, content), separators=(",", ":"), ensure_ascii=False)


def _connect(path: Path) -> sqlite3.Connection:
    connection = connect(path, "rw")
    try:
        if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
            raise StartError(f"{path} cannot be opened: the file system does not support write-ahead logging")
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def _create(path: Path, steps: tuple[Step, ...]) -> None:
    """An empty database under its name only when it is whole: a start that is cut short leaves none."""
    draft = path.with_name(f"{NAME}.new")
    for suffix in ("", *SIDE_FILES):
        Path(f"{draft}{suffix}").unlink(missing_ok=True)
    _make_private(draft)
    connection = _connect(draft)
    try:
        migrate(connection, steps)
    finally:
        # The last connection to close moves everything from the log into the file.
        connection.close()
    _settle(draft, path)


def _back_up(path: Path, version: int) -> None:
    """A copy of the database beside it, under the first free name; an older backup is not overwritten."""
    names = itertools.chain([f"{NAME}.v{version}"], (f"{NAME}.v{version}.{n}" for n in itertools.count(2)))
    free = next(name for name in names if not path.with_name(name).exists())
    draft = path.with_name(f"{NAME}.backup")
    draft.unlink(missing_ok=True)
    _make_private(draft)
    connection = connect(path, "rw")
    try:
        connection.execute("VACUUM INTO ?", (str(draft),))
    finally:
        connection.close()
    _settle(draft, path.with_name(free))


def _make_private(path: Path) -> None:
    # Before SQLite, which would let everybody read it. The side files follow the mode of their database.
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _settle(draft: Path, path: Path) -> None:
    """Give a finished file its name, durably."""
    for name in (draft, path.parent):
        fd = os.open(name, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        if name == draft:
            draft.rename(path)
