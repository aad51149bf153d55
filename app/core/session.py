"""The conversation with one switch, as events in and effects out: no socket, no clock, no thread.

Whatever happens (a change, a connect, a refusal, an audit) ends the same way: what the switch holds is compared with
what is wanted, and the difference is pushed as one atomic bundle. Changes that come while a bundle is under way wait
for its end and then go together. Half of a change is never pushed: it may let pass what neither end of it does. Long
work goes in slices: between two of them, `Again` lets others have their turn.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from app.core.audit import Comparison, Findings
from app.core.dialogue import (
    Again,
    Audit,
    Audited,
    Changed,
    Committed,
    Connected,
    Disconnected,
    Doubted,
    Effect,
    Event,
    Inspect,
    Inspected,
    Push,
    Read,
    Refused,
    Reported,
    Resume,
    Surveyed,
    Tick,
    Unreadable,
    Wake,
)
from app.core.flow import Flow
from app.core.ledger import Ledger
from app.core.limits import Rate

RETRY_FIRST, RETRY_LAST = 1.0, 30.0  # seconds between a refusal and the next try; doubled each time
Work = Generator[None, None, list[Effect]]


class State(Enum):
    DISCONNECTED = "disconnected"
    READING = "reading"
    SYNCED = "synced"
    PUSHING = "pushing"
    BACKOFF = "backoff"


@dataclass(slots=True)
class Session:
    """What is known of one switch. `wanted` and `rates` are the live program's: cookie -> flow, number -> meter."""

    wanted: Mapping[int, Flow]
    keep_foreign: bool = False
    rates: Mapping[int, Rate] = field(default_factory=dict)
    state: State = State.DISCONNECTED
    wanted_revision: int = 0
    applied_revision: int = 0
    last_error: str | None = None
    retry_at: float | None = None
    _ledger: Ledger = field(init=False)
    _under_way: Push | None = None
    _work: Work | None = None  # that is not done yet
    _in_parts: bool = False  # what is wanted is half of a change
    _rests: bool = False  # the work goes on when that is whole
    _pushing_revision: int = 0
    _delay: float = RETRY_FIRST  # before the next try, should this one be refused
    _audits: int = 0
    _audit: Comparison | None = None
    _audit_asked: bool = False
    _found: list[Findings] = field(default_factory=list)  # for the next plan to mend
    _mending: list[Findings] = field(default_factory=list)  # that the bundle under way mends

    def __post_init__(self) -> None:
        self._ledger = self._blank()

    def handle(self, event: Event, now: float) -> list[Effect]:
        """What to do about an event at time `now` (seconds, monotonic)."""
        match event:
            case Connected():
                self._in_order()
                self.applied_revision = 0  # the switch may have lost since what it had confirmed
                return [*self._end_audit("the switch connected anew"), *self._read()]
            case Disconnected():
                self._rest_in(State.DISCONNECTED)
                return self._end_audit("the switch disconnected")
            case Surveyed(audit=None) if self.state is State.READING:
                self._ledger.take_survey(event)
            case Reported(flows, more) if self.state is State.READING:
                self._ledger.take_report(flows)
                return [] if more else self._begin(self._settle_all())
            case Changed():
                return self._change(event)
            case Committed() if self._under_way is not None:
                done, self._under_way = self._under_way, None
                return self._begin(self._confirm(done))
            case Refused(reason) if self.state is State.READING or self._under_way is not None:
                return [*self._end_audit(reason), *self._back_off(reason, now)]
            case Tick() if self.retry_at is not None and now >= self.retry_at:
                return self._read()
            case Resume() if self._work is not None:
                return self._go_on(self._work)
            case Audit():
                return self._ask_for_audit()
            case Doubted(cookies):
                return self._doubt(cookies)
            case Surveyed(audit=number) | Inspected(audit=number) | Unreadable(audit=number):
                if self._audit is not None and self._audit.number == number:
                    return self._hear_audit(self._audit, event)
        return []  # an answer that came too late

    def holds(self, cookies: Iterable[int]) -> bool:
        """Whether the switch is known to hold all of these flows."""
        return self._ledger.installed.issuperset(cookies)

    # -- reading and changing

    def _blank(self) -> Ledger:
        return Ledger(self.wanted, self.rates, self.keep_foreign)

    def _read(self) -> list[Effect]:
        self._rest_in(State.READING)
        self._ledger = self._blank()
        return [Read()]

    def _settle_all(self) -> Work:
        yield from self._ledger.close_report()
        return (yield from self._settle())

    def _change(self, change: Changed) -> list[Effect]:
        self._in_parts = change.more
        if self.state is not State.DISCONNECTED:  # then all is read anew
            self._ledger.take_change(change)
        if self._audit is not None:
            self._audit.touched |= change.cookies
            self._audit.touched_meters |= change.meters
        if change.more:
            return []
        self.wanted_revision = max(self.wanted_revision, change.revision)
        if self._work is not None and self._rests:
            return self._go_on(self._work)
        return self._settle_if_idle()

    def _doubt(self, cookies: frozenset[int]) -> list[Effect]:
        if self.state in (State.DISCONNECTED, State.READING):  # then all is looked at
            return []
        self._ledger.doubt(cookies)
        if self._audit is not None:
            self._audit.touched |= cookies
        return self._settle_if_idle()

    def _settle_if_idle(self) -> list[Effect]:
        return self._begin(self._settle()) if self.state is State.SYNCED else []

    def _settle(self) -> Work:
        """Push what differs; if nothing does, the wanted revision is in force."""
        self.state = State.PUSHING
        push = yield from self._ledger.plan(self._is_whole)
        self._mending, self._found = self._found, []
        if push:
            self._under_way, self._pushing_revision = push, self.wanted_revision
            return [push]
        mended = self._mended()
        self.state, self.applied_revision = State.SYNCED, self.wanted_revision
        self._in_order()
        return [*mended, *(self._begin_audit() if self._audit_asked else [])]

    def _confirm(self, push: Push) -> Work:
        revision = self._pushing_revision
        yield from self._ledger.confirm(push)
        self.applied_revision = revision
        self._in_order()
        mended = self._mended()
        return [*mended, *(yield from self._settle())]

    def _in_order(self) -> None:
        """Nothing is amiss any more."""
        self._delay, self.last_error = RETRY_FIRST, None

    def _back_off(self, reason: str, now: float) -> list[Effect]:
        self._rest_in(State.BACKOFF)
        self.last_error, self.retry_at = reason, now + self._delay
        self._delay = min(2 * self._delay, RETRY_LAST)
        return [Wake(self.retry_at)]

    # -- long work

    def _begin(self, work: Work) -> list[Effect]:
        self._work = work
        return self._go_on(work)

    def _go_on(self, work: Work) -> list[Effect]:
        self._rests = False
        try:
            next(work)
        except StopIteration as done:
            self._work = None
            effects: list[Effect] = done.value
            return effects
        return [] if self._rests else [Again()]

    def _is_whole(self) -> bool:
        """Whether all of a change has come; the work rests until then."""
        self._rests = self._in_parts
        return not self._in_parts

    def _rest_in(self, state: State) -> None:
        """Nothing is under way any more, and nobody waits for an answer."""
        self.state, self.retry_at, self._under_way, self._work = state, None, None, None

    # -- audits

    def _ask_for_audit(self) -> list[Effect]:
        if self.state is State.DISCONNECTED:
            return [Audited(None, reason="the switch is not connected, or not served yet")]
        if self._audit or self._found or self._mending:
            return []  # what that one will tell is the answer to this one too
        self._audit_asked = True
        return self._begin_audit() if self.state is State.SYNCED else []

    def _begin_audit(self) -> list[Effect]:
        self._audit_asked = False
        self._audits += 1
        self._audit = self._ledger.comparison(self._audits)
        return [Inspect(self._audits)]

    def _hear_audit(self, audit: Comparison, event: Surveyed | Inspected | Unreadable) -> list[Effect]:
        match event:
            case Surveyed(meters, groups, fragments):
                audit.meters, audit.fragments = meters, fragments
                audit.groups = () if self.keep_foreign else tuple(groups)
            case Unreadable(reason=reason):
                return self._end_audit(reason)
            case Inspected(flows=held, more=more):
                audit.look(held, self.wanted)
                return [] if more else self._conclude(audit)
        return []

    def _conclude(self, audit: Comparison) -> list[Effect]:
        self._audit = None
        findings = self._ledger.take_audit(audit)
        if not findings:
            return [Audited(findings, mended=True)]
        self._found.append(findings)
        return self._settle_if_idle()

    def _mended(self) -> list[Effect]:
        mended, self._mending = self._mending, []
        return [Audited(findings, mended=True) for findings in mended]

    def _end_audit(self, reason: str) -> list[Effect]:
        """No audit goes on. What was found and not mended will be found again."""
        found = [*self._mending, *self._found]
        asked = self._audit_asked or self._audit is not None
        self._mending, self._found, self._audit, self._audit_asked = [], [], None, False
        return [Audited(findings, reason=reason) for findings in found] or [Audited(None, reason=reason)] * asked
