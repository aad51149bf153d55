"""How many new connections a second a switch port may open, and how many it may accept: meters, and who meets them.

A meter is met by the packets of connections that were just allowed and that nobody knows yet, and by nothing else. What
is known, what answers and what is judged again after a change of policy never meets one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from app.core.flow import Flow, Wanted, flow, goto, meter, move
from app.core.fragments import Fragments
from app.core.limits import Rate
from app.core.pipeline import LABEL, LABEL_BITS, OFPORT_BITS, Priority, Reg, Role, Verdict
from app.core.plugged import Plugged, Seat, seat_number
from app.core.verdicts import NEW, SOURCE, TARGET

OFPORT = (1 << OFPORT_BITS) - 1


class Rates:
    """The meters of one switch. Those behind one interface, a port and its sub-ports, share two of them."""

    def __init__(self, fragments: Fragments) -> None:
        self.wanted: dict[int, Rate] = {}
        self._fragments = fragments
        self._rates: defaultdict[int, dict[Seat, Rate]] = defaultdict(dict)  # by ofport
        self._dirty: set[int] = set()

    def change(self, seat: Seat, plugged: Plugged | None) -> None:
        """Somebody else sits there now, or nobody, or under another rate."""
        ofport = seat[0]
        rates = self._rates[ofport]
        rates.pop(seat, None)
        if plugged is not None and plugged.enabled and plugged.rate is not None:
            rates[seat] = plugged.rate
        if not rates:
            del self._rates[ofport]
        self._place(ofport, min(rates.values(), default=None))

    def take_dirty(self) -> set[int]:
        """The meters that came, went or changed since it was asked last."""
        dirty, self._dirty = self._dirty, set()
        return dirty

    def _place(self, ofport: int, rate: Rate | None) -> None:
        for number in meters_of(ofport):
            if self.wanted.get(number) == rate:
                continue
            self._dirty.add(number)
            if rate is None:
                del self.wanted[number]
            else:
                self.wanted[number] = rate
        self._fragments.place(("rate", ofport), port_flows(ofport) if rate else ())


def meters_of(ofport: int) -> tuple[int, int]:
    """The numbers of a switch port's meters: for what it opens, and for what it accepts."""
    number = 2 * (ofport & OFPORT)
    return number, number + 1


def port_flows(ofport: int) -> Iterator[Flow]:
    """First packets of connections meet the meter of who opens them, and of who accepts them."""
    opens, accepts = meters_of(ofport)
    sender: Wanted = {"in_port": ofport}
    receiver: Wanted = {Reg.DST_PORT: (seat_number((ofport, 0)), OFPORT)}
    for party, role, number, port in (
        (SOURCE, Role.INITIATOR, opens, sender),
        (TARGET, Role.RESPONDER, accepts, receiver),
    ):
        unknown: Wanted = {
            Reg.VERDICT: int(Verdict.ALLOWED),
            "ct_state": NEW,
            "ct_mark": 0,
            "ct_label": (0, ((1 << LABEL_BITS) - 1) << LABEL[role].epoch),
        }
        accept = meter(number), move(Reg.RULE, party.rule, 32), goto(party.then)
        yield flow(party.accept, Priority.DENY, *accept, **unknown, **port)
