"""What every exchange with a switch has in common: the conversation, the statistics, the complaints.

Used by `switch_io` and its siblings. All of it waits for the switch, so it belongs into a greenlet of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from struct import Struct
from typing import Any, Protocol

from app.core.flow import Flow
from app.openflow import replies
from app.openflow.conversation import Conversation, Refused, SwitchTrouble
from app.openflow.replies import Malformed

SECONDS = 30.0
MOST = 4_000_000  # more entries are not an answer but an attack on our memory

EXPERIMENTER, GET_CONFIG_REQUEST, SET_CONFIG, MULTIPART_REQUEST, BARRIER_REQUEST = 4, 7, 9, 18, 20
NICIRA = 0x2320  # the vendor number of Open vSwitch's own messages

HEADER = Struct("!BBHI")  # version, type, length, xid
EXPERIMENT = Struct("!BBHIII")  # the header of a vendor's message: ..., vendor, subtype
_REQUEST = Struct("!BBHIHH4x")


class Confused(SwitchTrouble):
    """The switch's answer cannot be read."""


@contextmanager
def conversation(datapath: Any, xids: int, seconds: float) -> Iterator[Conversation]:
    """Talk to the switch for at most `seconds`, under `xids` numbers of our own. Raises Confused for nonsense."""
    try:
        with Conversation(datapath, xids, seconds) as talk:
            yield talk
    except Malformed as error:
        raise Confused(str(error)) from error


def multipart(datapath: Any, talk: Conversation, kind: int, which: bytes) -> Iterator[memoryview]:
    """Ask for statistics under the conversation's first number; the content of every reply. Raises Refused."""
    length = _REQUEST.size + len(which)
    version = datapath.ofproto.OFP_VERSION
    talk.say(_REQUEST.pack(version, MULTIPART_REQUEST, length, talk.first, kind, 0) + which)
    more = True
    while more:
        message = talk.until(talk.first)
        raise_complaints(talk)
        entries, more = replies.body(message)
        yield entries


def barrier(datapath: Any, xid: int) -> bytes:
    """A barrier request: its reply says that all that was said before it is done."""
    return HEADER.pack(datapath.ofproto.OFP_VERSION, BARRIER_REQUEST, HEADER.size, xid)


class Said(Protocol):
    """What was said to a switch: `subject` tells what one of its transaction ids was about."""

    def subject(self, xid: int) -> Flow | int | str | None: ...


def raise_complaints(talk: Conversation, said: Said | None = None) -> None:
    """Raise Refused if the switch has refused something of this conversation; `said` names what it was about."""
    if not talk.complaints:
        return
    about = [said.subject(complaint.about) if said else None for complaint in talk.complaints]
    # an error about a bundle itself only repeats that one of its parts failed
    told = [pair for pair in zip(talk.complaints, about, strict=True) if pair[1] is not None]
    told = told or list(zip(talk.complaints, about, strict=True))
    text = "; ".join(complaint.text + _of(subject) for complaint, subject in told[:3])
    rest = f" (and {talk.count - len(told[:3])} more)" if talk.count > len(told[:3]) and len(told) > 3 else ""
    raise Refused([complaint for complaint, _ in told], talk.count, text + rest)


def _of(subject: Flow | int | str | None) -> str:
    if subject is None:
        return ""
    return f" for deleting cookie {subject:#018x}" if isinstance(subject, int) else f" for {subject}"
