"""Keeps one switch's program up to date, in turns: a change that touches hundreds of policies holds nobody up."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from app import green
from app.core.inventory import Write
from app.core.program import Program
from app.core.values import SwitchPort
from app.openflow.replies import PortChange

PIECE = 20  # writes of a long change that are taken in one go; a port that is new takes half a millisecond
AT_ONCE = 8  # steps of settling that are done without a pause; a usual change needs no more
DONE = object()
LONG = 100  # writes that are more than this are taken in pieces
TURN = 500  # ports looked up in one go
MOST_NEWS = 100_000  # port changes that wait for a program; Open vSwitch has 65 279 ports


class Upkeep:
    """`said` is called when the program has changed; with True, if more of the same change follows. `failed` is called,
    in place of an exception, when the program cannot be kept. `dress` makes of what the switch says of a port what is
    known of it. `revision` is the one of the inventory that the program takes up entirely."""

    def __init__(
        self,
        program: Program,
        revision: int,
        dress: Callable[[SwitchPort], SwitchPort],
        said: Callable[[bool], None],
        failed: Callable[[], None],
    ) -> None:
        self._program, self._dress, self._said, self._failed = program, dress, said, failed
        self.revision = revision
        self._told = self._reaching = revision  # the last one there is, and the one of the change that is under way
        self._writes: deque[Write] = deque()  # of a long change, and of those behind it; still to be taken
        self._news: deque[PortChange | int] = deque()  # an int is an ofport of whose interface more is known now
        self._busy = self._again = False  # in the midst of a change; and there is more to settle
        self._compiling = False
        self._turn = 0

    def begin(self) -> None:
        """The switch's ports are about to be asked for, and `compile` or `give_up` follows."""
        self._busy = self._compiling = True
        self._again = False
        self._take_writes(len(self._writes))
        self._turn += 1  # the compiling does what is being done now
        self._news.clear()

    def give_up(self) -> None:
        """There is nothing to compile after all: the switch is gone. What was compiled stays."""
        if self._compiling:
            self._compiling = self._busy = False
            self._news.clear()
            self._settle()

    def compile(self, ports: Iterable[tuple[int, str, str, bool]]) -> Iterator[None]:
        """Take the switch's ports as they are now. Pauses. What happens since `begin` is taken up at the end."""
        dressed: list[SwitchPort] = []
        for count, port in enumerate(ports, 1):
            dressed.append(self._dress(SwitchPort(*port)))
            if count % TURN == 0:
                yield
        yield from self._program.compile(dressed)
        self._compiling = self._busy = False
        self._take_news()

    def follow(self, writes: Sequence[Write], revision: int) -> None:
        """The inventory changed, and has this revision now."""
        self._told = revision
        if self._writes:
            self._writes.extend(writes)
            return
        self._writes.extend(writes)
        if not self._busy and len(writes) > LONG:
            self._busy = True
            green.spawn(self._take_in_turns, self._turn)
        elif not self._take_writes(len(self._writes)):
            return
        elif self._busy:
            self._again = True
        else:
            self._settle()

    def catch_up(self) -> None:
        """Take at once what waits. For a copy in a fork: nobody is told."""
        self._program.take(self._writes)
        self._writes.clear()

    def port_changed(self, change: PortChange) -> bool:
        """A port came, changed or went. False if so much has changed that nobody can follow."""
        self._news.append(change)
        if not self._busy:
            self._take_news()
        return len(self._news) <= MOST_NEWS

    def interfaces_changed(self, ofports: Iterable[int]) -> None:
        """More is known of the interfaces at these ports, or something else."""
        self._news.extend(ofports)
        if not self._busy:
            self._take_news()

    # -- within

    def _take_in_turns(self, turn: int) -> None:
        """What is taken is told as it comes, as with settling; a connect in between takes the rest at once."""
        while turn == self._turn and self._writes:
            if not self._take_writes(PIECE):
                return
            self._said(True)
            green.sleep(0)
        if turn == self._turn:
            self._busy = False
            self._take_news()

    def _take_writes(self, most: int) -> bool:
        """Have the program follow that many of the writes that wait. False if it cannot; that is told."""
        piece = [self._writes.popleft() for _ in range(min(most, len(self._writes)))]
        try:
            self._program.take(piece)
        except Exception:
            self._writes.clear()
            self._failed()
            return False
        return True

    def _take_news(self) -> None:
        try:
            while self._news:
                self._take(self._news.popleft())
        except Exception:
            self._failed()
            return
        self._settle()

    def _take(self, change: PortChange | int) -> None:
        if isinstance(change, int):
            port = self._program.ports.get(change)
            if port is not None:
                self._program.plug(self._dress(port))
        elif change.kind == "removed":
            self._program.unplug(change.port.ofport)
        else:
            self._program.plug(self._dress(SwitchPort(*change.port)))

    def _settle(self) -> None:
        """Bring up to date what stands in some revision; what comes meanwhile is for the next time."""
        self._again, self._reaching = False, self._told
        steps = self._program.settle()
        try:
            done = len(list(islice(steps, AT_ONCE))) < AT_ONCE
        except Exception:
            self._failed()
            return
        if done:
            self._done()
        else:
            self._busy = True
            self._said(True)
            green.spawn(self._go_on, steps, self._turn)

    def _go_on(self, steps: Iterator[None], turn: int) -> None:
        try:
            while turn == self._turn and next(steps, DONE) is not DONE:
                self._said(True)
                green.sleep(0)
        except Exception:
            self._failed()
            return
        if turn != self._turn:
            return
        self._done()
        if not self._busy and (self._again or self._news):
            self._take_news()

    def _done(self) -> None:
        self._busy, self.revision = False, self._reaching
        self._said(False)
