"""Which conntrack zones one switch has to empty, and when: nobody may find what another tenant left behind.

A zone that a tenant gets is emptied before the first flow leads into it; one that it gave back, when no flow leads
there any more; one that nobody owns, when the switch connects. One that is in use is never emptied: what a switch holds
when it connects was in use until then: a connect or a restart flushes nothing else. Should an entry survive all that,
it carries an epoch that is never used again (`app.core.pipeline`), and is judged like a new connection.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from app.core.flushes import Zone
from app.core.inventory import Write


class Hygiene:
    """What one switch owes. Remembers over its reconnects; pure but for what `pay` is given."""

    def __init__(self) -> None:
        self._gained: set[int] = set()  # to be emptied before flows lead there
        self._released: set[int] = set()  # to be emptied when none do
        self._emptied: set[int] = set()  # since they were released: no flow has led there since

    def follow(self, writes: Iterable[Write]) -> None:
        """The inventory changed."""
        for write in writes:
            if write.kind == "zone":
                self._emptied -= {write.before, write.after}
                if write.before is not None:
                    self._gained.discard(write.before)
                    self._released.add(write.before)
                if write.after is not None:
                    self._gained.add(write.after)

    def meet(self, resting: Iterable[int]) -> None:
        """The switch connected; these zones are nobody's. Each is emptied once, however often the switch comes."""
        self._released |= set(resting) - self._emptied

    def before_push(self, wanted: Collection[int]) -> list[Zone]:
        """The zones to empty before flows that lead into the `wanted` ones are sent."""
        return [Zone(zone) for zone in sorted(self._gained.intersection(wanted))]

    def after_push(self, wanted: Collection[int]) -> list[Zone]:
        """The zones to empty now that flows lead into the `wanted` ones only.

        Who got a zone and has no port here yet: its zone is emptied now, or else when the first one comes.
        """
        return [Zone(zone) for zone in sorted(self._released.difference(wanted))]

    def done(self, zone: Zone) -> None:
        """A zone was emptied."""
        self._gained.discard(zone.number)
        self._released.discard(zone.number)
        self._emptied.add(zone.number)

    def pay(
        self,
        zones: Iterable[Zone],
        still: Callable[[Zone], bool],
        flush: Callable[[Zone], float],
        sleep: Callable[[float], None],
    ) -> Iterator[Zone]:
        """Empty zones, one at a time, those that are `still` to be emptied when their turn comes.

        Emptying one is a walk through the whole table in vswitchd's main thread, which everybody else needs too: after
        each there is a pause as long as `flush` says that it took, in seconds. What `flush` raises ends it; the rest is
        still owed.
        """
        took = 0.0
        for zone in zones:
            if took:
                sleep(took)
            took = 0.0
            if still(zone):
                took = flush(zone)
                self.done(zone)
                yield zone


class Handovers:
    """The zones that were handed out since the process started, for switches that it has not met yet.

    What such a switch holds is from before: no flow leads into those zones for their present owners.
    """

    def __init__(self) -> None:
        self._gains: dict[int, Write] | None = {}

    def follow(self, writes: Iterable[Write]) -> None:
        """The inventory changed."""
        for write in writes:
            if self._gains is not None and write.kind == "zone":
                self._gains.pop(write.before, None)
                if write.after is not None:
                    self._gains[write.after] = write

    def for_newcomer(self) -> list[Write]:
        """What a switch that comes for the first time has missed."""
        return list((self._gains or {}).values())

    def forget(self) -> None:
        """A switch that was here is forgotten: from now on one that seems new may not be, and use those zones."""
        self._gains = None
