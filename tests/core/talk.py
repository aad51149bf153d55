"""A session and its live program, to be told events."""

from __future__ import annotations

from collections.abc import Iterable

from app.core.flow import OWNER, OWNER_SHIFT, Flow, flow, goto
from app.core.session import Changed, Connected, Effect, Event, Push, Reported, Session, State

A, B, C = (flow(10, priority, goto(20), in_port=priority) for priority in (1, 2, 3))
FOREIGN = (0, 0, 7)  # table, priority, cookie
OLD = OWNER << OWNER_SHIFT | 1  # ours, of an earlier program


def rows(*flows: Flow) -> list[tuple[int, int, int]]:
    return [(f.table, f.priority, f.cookie) for f in flows]


def by_cookie(*flows: Flow) -> dict[int, Flow]:
    return {f.cookie: f for f in flows}


class Talk:
    """A session and its live program."""

    def __init__(self, *wanted: Flow, keep_foreign: bool = False) -> None:
        self.wanted = by_cookie(*wanted)
        self.session = Session(self.wanted, keep_foreign)
        self.now = 100.0

    def tell(self, *events: Event) -> list[Effect]:
        """What the last of these events brings about."""
        effects: list[Effect] = []
        for event in events:
            effects = self.session.handle(event, self.now)
        return effects

    def change(self, revision: int, add: Iterable[Flow] = (), remove: Iterable[Flow] = ()) -> list[Effect]:
        added, removed = by_cookie(*add), by_cookie(*remove)
        self.wanted.update(added)
        for cookie in removed:
            del self.wanted[cookie]
        return self.tell(Changed(added.keys() | removed.keys(), revision))

    def sync(self) -> Talk:
        self.tell(Connected(), Reported(rows(*self.wanted.values())))
        assert self.session.state is State.SYNCED
        return self


def plan(effects: list[Effect]) -> tuple[set[int], set[int]]:
    """Cookies added and deleted by the one push among `effects`."""
    (push,) = effects
    assert isinstance(push, Push)
    assert push.adds == {c: f for c, f in push.adds.items() if c == f.cookie}
    assert len(push.deletes) == len(set(push.deletes))
    assert len(push) == len(push.adds) + len(push.deletes) > 0
    return set(push.adds), set(push.deletes)
