"""Writes that take long are computed beside the hub, and put in place as a whole."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from app.clock import utc_now
from app.core.inventory import Inventory, Write
from app.core.problems import Moved
from app.core.reach.assertions import keeping
from app.service import Firewall, Prepared

T = TypeVar("T")
Change = Callable[[Inventory, str], T]
TRIES = 3
PIECE = 100  # writes
SECONDS = 50.0  # on a busy host the copy has its turn last


class _Pieces(NamedTuple):
    """What a copy made, pickled in pieces: to read all of it at once would keep the others waiting."""

    result: bytes
    writes: list[bytes]
    base: int
    revision: int
    now: str

    def read(self, pause: Callable[[], None]) -> Prepared:
        writes: list[Write] = []
        for piece in self.writes:
            pause()
            writes += pickle.loads(piece)
        pause()
        return Prepared(pickle.loads(self.result), tuple(writes), self.base, self.revision, self.now)


def write_heavy(
    firewall: Firewall,
    change: Change[T],
    place: Callable[[Prepared], T],
    write: Callable[[Change[T]], T],
    pause: Callable[[], None],
) -> T:
    """`write(change)` for what takes long, and whose result can be pickled.

    It is done to a copy, and checked and judged there; what that wrote is put in place by `place`, if nothing else was
    written meanwhile. After some such tries it is computed in place: somebody who writes all the time must not keep
    another from it.
    """
    for _ in range(TRIES):
        made = firewall.aside(lambda: _make(firewall.inventory, keeping(change)), SECONDS).read(pause)
        try:
            return place(made)
        except Moved:
            continue
    return write(change)


def _make(inventory: Inventory, change: Change[Any]) -> _Pieces:
    """In a copy: nothing has to be taken back."""
    base, mark, now = inventory.revision, len(inventory.journal), utc_now()
    result = change(inventory, now)
    writes = inventory.journal[mark:]
    pieces = [pickle.dumps(writes[n : n + PIECE]) for n in range(0, len(writes), PIECE)]
    return _Pieces(pickle.dumps(result), pieces, base, inventory.revision, now)
