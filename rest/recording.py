"""Writes that leave a note in the audit log, in the same transaction as what they changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from app.core.inventory import Inventory
from app.service import Also, Done, Firewall, Note, Prepared, Record
from rest.changes import told, worth_telling
from rest.heavy import write_heavy
from rest.origin import Origin

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Recorder:
    """How an ordinary request writes."""

    firewall: Firewall
    origin: Origin

    def write(self, change: Callable[[Inventory, str], T], status: Callable[[T], int]) -> T:
        return self.firewall.write(change, self._also(status))

    def write_heavy(
        self, change: Callable[[Inventory, str], T], status: Callable[[T], int], pause: Callable[[], None]
    ) -> T:
        place: Callable[[Prepared], T] = lambda made: self.firewall.place(made, self._also(status))  # noqa: E731
        return write_heavy(self.firewall, change, place, lambda change: self.write(change, status), pause)

    def _also(self, status: Callable[[T], int]) -> Also:
        return lambda done: notes(self.origin, done, status(done.result))

    def act(self, status: int) -> None:
        self.firewall.write(lambda inventory, now: None, lambda done: (_note(self.origin, done, status),))


def notes(origin: Origin, done: Done, status: int) -> Sequence[Record]:
    """What changed nothing leaves no note: orchestrators repeat themselves all day."""
    note = _note(origin, done, status)
    return (note,) if note.writes else ()


def _note(origin: Origin, done: Done, status: int) -> Note:
    return Note(
        time=done.now,
        actor=origin.caller.name,
        role=origin.caller.role or "",
        how=origin.caller.how,
        remote=origin.remote,
        request_id=origin.request_id,
        method=origin.method,
        path=origin.path,
        status=status,
        revision=done.revision,
        writes=worth_telling(done.writes),
        tell=told,
    )
