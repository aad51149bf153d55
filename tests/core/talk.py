"""A session and its live program, to be told events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from app.core.dialogue import Again, Changed, Connected, Effect, Event, Push, Reported, Resume, Surveyed
from app.core.flow import OWNER, OWNER_SHIFT, Flow, flow, goto
from app.core.limits import Rate
from app.core.session import Session, State

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
        self.rates: dict[int, Rate] = {}
        self.session = Session(self.wanted, keep_foreign, self.rates)
        self.now = 100.0

    def tell(self, *events: Event) -> list[Effect]:
        """What the last of these events brings about, without pauses."""
        effects: list[Effect] = []
        for event in events:
            effects = self.session.handle(event, self.now)
            while Again() in effects:
                effects.remove(Again())
                effects += self.session.handle(Resume(), self.now)
        return effects

    def change(
        self, revision: int, add: Iterable[Flow] = (), remove: Iterable[Flow] = (), meters: Iterable[int] = ()
    ) -> list[Effect]:
        added, removed = by_cookie(*add), by_cookie(*remove)
        self.wanted.update(added)
        for cookie in removed:
            del self.wanted[cookie]
        return self.tell(Changed(added.keys() | removed.keys(), revision, set(meters)))

    def meter(self, revision: int, rates: Mapping[int, Rate | None]) -> list[Effect]:
        for number, rate in rates.items():
            if rate is None:
                del self.rates[number]
            else:
                self.rates[number] = rate
        return self.tell(Changed(set(), revision, set(rates)))

    def sync(self, survey: Surveyed | None = None) -> Talk:
        self.tell(Connected(), survey or Surveyed(), Reported(rows(*self.wanted.values())))
        assert self.session.state is State.SYNCED
        return self


def plan(effects: list[Effect], others: int = 0) -> tuple[set[int], set[int]]:
    """Cookies added and deleted by the one push among `effects`, which does so many `others` things."""
    (push,) = effects
    assert isinstance(push, Push)
    assert push.adds == {c: f for c, f in push.adds.items() if c == f.cookie}
    assert len(push.deletes) == len(set(push.deletes))
    assert len(push) == len(push.adds) + len(push.deletes) + others > 0
    return set(push.adds), set(push.deletes)
