"""Counters of a switch that only go up, read now and then: what came since the last time. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, NamedTuple, TypeVar

from app.core.pipeline import OFPORT_BITS, Reason, Reg
from app.core.plugged import seat_number
from app.core.program import Program
from app.core.rates import meters_of
from app.observing.observed import Dropped

K = TypeVar("K", bound=Hashable)
Id = tuple[str, ...]
OFPORT = (1 << OFPORT_BITS) - 1


class Counted(NamedTuple):
    """One reading. `seconds`: how long the counter has been there; None if the switch does not tell."""

    packets: int
    seconds: float | None = None


class Increase(Generic[K]):
    """What counters have grown by. Those that begin anew, as a flow that is installed again, are counted from zero.

    At the first reading only what is younger than the process counts: the rest was there before.
    """

    def __init__(self) -> None:
        self._before: dict[K, int] | None = None

    def since(self, readings: Iterable[tuple[K, Counted]], age: float) -> dict[K, int]:
        """By key, without those that did not grow; `age` of the process in seconds. The next one begins here."""
        now = dict(readings)
        before, grown = self._before, {}
        for key, (packets, seconds) in now.items():
            if before is None:
                more = packets if seconds is not None and seconds < age else 0
            else:
                last = before.get(key, 0)
                more = packets - last if packets >= last else packets
            if more:
                grown[key] = more
        self._before = {key: counted.packets for key, counted in now.items()}
        return grown


def dropped_by(program: Program, dpid: str, cookies: Iterable[int]) -> dict[int, Dropped]:
    """Whose drops these flows of table DROPPED count, by cookie; without those that are nobody's, or gone."""
    matches: dict[int, dict[str, int]] = {}
    for cookie in cookies:
        flow = program.wanted.get(cookie)
        match = {name: value for name, value, _ in flow.match} if flow else {}
        if Reg.CALL in match:
            matches[cookie] = match
    ofports = {_ofport(match) for match in matches.values()}
    senders: dict[tuple[int, int], Id] = {}
    receivers: dict[int, Id] = {}
    for seat, owner in program.owners.items():
        plugged = program.plugged(seat) if seat[0] in ofports else None
        if plugged is not None:
            senders[seat[0], plugged.segment] = receivers[seat_number(seat)] = owner
    found = {}
    for cookie, match in matches.items():
        here = _ofport(match), match.get(Reg.SEGMENT, 0)
        owner = receivers.get(match[Reg.DST_PORT]) if Reg.DST_PORT in match else senders.get(here)
        if owner:
            found[cookie] = Dropped(owner[0], owner[1], dpid, Reason(match[Reg.CALL]).name.lower())
    return found


def _ofport(match: dict[str, int]) -> int:
    """Of the port that sent what was dropped, or for which it was."""
    return match.get(Reg.DST_PORT, 0) & OFPORT or match.get("in_port", 0)


def limited_by(program: Program, dpid: str) -> dict[int, Dropped]:
    """Whose new connections a meter has refused, by its number."""
    found: dict[int, Dropped] = {}
    if not program.meters:  # no tenant has a rate, which is usual: nothing is looked at
        return found
    for (ofport, _), owner in program.owners.items():
        for name, number in zip(("rate_opened", "rate_accepted"), meters_of(ofport), strict=True):
            if number in program.meters:
                found.setdefault(number, Dropped(owner[0], owner[1], dpid, name))
    return found
