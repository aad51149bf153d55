"""A question to a switch and the wait for its answers, in a greenlet of its own."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from os_ken.base import app_manager  # noqa: F401 - os-ken imports in a circle that can only be entered here
from os_ken.controller.handler import DEAD_DISPATCHER

from app import green
from app.openflow.replies import ERROR, HEADER, Complaint, complaint

LAST_WORD = 1.0  # seconds in which something may still be said when time is over, a discard for instance
SHOWN = 20  # complaints kept; the rest are counted
UNHEARD = 64  # answers that wait to be heard, of at most 64 kB each; then the connection is not read any further
HEAD = 12  # bytes of an error message that say what it is and what it is about


class SwitchTrouble(Exception):
    """The switch did not do what it was asked."""


class Gone(SwitchTrouble):
    """The connection ended."""


class TimedOut(SwitchTrouble):
    """No answer in time. What was asked may still happen."""


class Refused(SwitchTrouble):
    """The switch answered with errors; `errors` holds the first few, `count` says how many came."""

    def __init__(self, errors: list[Complaint], count: int, text: str) -> None:
        super().__init__(text)
        self.errors, self.count = errors, count


class Conversation:
    """A block of transaction ids on one connection; whatever answers one of them is ours.

        with Conversation(datapath, xids=1, seconds=10) as talk:
            talk.say(request(talk.first))
            reply = talk.until(talk.first)

    Never from the greenlet that handles os-ken's events: it waits.
    """

    def __init__(self, datapath: Any, xids: int, seconds: float) -> None:
        self._datapath = datapath
        self._deadline = time.monotonic() + seconds
        self._heard = green.Queue()
        self._room = green.Semaphore(UNHEARD)
        self._over = False
        self._told: set[int] = set()  # what errors were about
        self.first = datapath.xid + 1
        if self.first + xids > datapath.ofproto.MAX_XID:
            self.first = 1
        self.xids = range(self.first, self.first + xids)
        datapath.xid = self.xids[-1]
        self.complaints: list[Complaint] = []
        self.count = 0

    def __enter__(self) -> Conversation:
        self._datapath.conversations.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._datapath.conversations.remove(self)
        self._over = True
        self._room.release()  # for the connection's reader, should it wait

    # -- for the connection -------------------------------------------------------------------------------------------

    def hear(self, message: bytes) -> None:
        """Take an answer. Waits when too many wait to be heard: whoever answers without end fills the network only.

        Errors do not wait, for we may be about to send more while they come, and the switch may not read while it
        cannot write: one for each of our numbers is kept, and counted are all.
        """
        _, kind, _, about = HEADER.unpack_from(message)
        if kind == ERROR:
            self.count += 1
            if about not in self._told:
                self._told.add(about)
                self._heard.put(message[:HEAD])
            return
        self._room.acquire()
        if not self._over:
            self._heard.put(message)

    def hang_up(self) -> None:
        self._heard.put(None)

    # -- for who asks -------------------------------------------------------------------------------------------------

    def say(self, message: bytes) -> None:
        """Queue bytes for the switch, waiting while it reads slower than we write. Raises Gone, TimedOut."""
        with green.Timeout(max(LAST_WORD, self._deadline - time.monotonic()), False):
            if self._datapath.state == DEAD_DISPATCHER or not self._datapath.send(message):
                raise Gone("the connection was closed")
            return
        raise TimedOut("the switch did not read in time")

    @staticmethod
    def pause() -> None:
        """Let others have the hub, between two pieces of work."""
        green.sleep(0)

    def until(self, xid: int) -> bytes:
        """Wait for the next message under this id, be it an error; errors go to `complaints`, whatever their id.

        Raises Gone, TimedOut, Malformed.
        """
        while True:
            message = self._next()
            _, kind, _, about = HEADER.unpack_from(message)
            if kind == ERROR and len(self.complaints) < SHOWN:
                self.complaints.append(complaint(message))
            if about == xid:
                return message

    def _next(self) -> bytes:
        left = self._deadline - time.monotonic()
        if left <= 0:  # whoever goes on answering does not get more time either
            raise TimedOut("the switch did not come to an end in time")
        try:
            message: bytes | None = self._heard.get(timeout=left)
        except green.QueueEmpty:
            raise TimedOut("the switch did not answer in time") from None
        if message is None:
            raise Gone("the connection was closed")
        if HEADER.unpack_from(message)[1] != ERROR:
            self._room.release()
        return message
