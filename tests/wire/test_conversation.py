"""What waits to be heard in a conversation is bounded, and so is its time."""

from __future__ import annotations

import struct
import warnings
from types import SimpleNamespace
from typing import Any

import pytest

from app.openflow.conversation import SHOWN, UNHEARD, Conversation, TimedOut

with warnings.catch_warnings(action="ignore"):
    import eventlet

BARRIER_REPLY, ERROR = 21, 1


def datapath() -> Any:
    return SimpleNamespace(xid=0, ofproto=SimpleNamespace(MAX_XID=1 << 32), conversations=[], state="main")


def message(kind: int, xid: int, body: bytes = b"") -> bytes:
    return struct.pack("!BBHI", 5, kind, 8 + len(body), xid) + body


def complaint(xid: int) -> bytes:
    return message(ERROR, xid, struct.pack("!HH", 1, 1) + bytes(60_000))


def test_the_connection_is_not_read_on_while_too_many_answers_wait() -> None:
    with Conversation(datapath(), 1, 5) as talk:
        taken = []

        def read() -> None:
            for number in range(UNHEARD * 3):
                talk.hear(message(BARRIER_REPLY, talk.first))
                taken.append(number)

        reader = eventlet.spawn(read)
        eventlet.sleep(0)
        assert len(taken) == UNHEARD
        for _ in range(UNHEARD * 3):
            talk.until(talk.first)
        reader.wait()
        assert len(taken) == UNHEARD * 3


def test_a_conversation_that_ends_lets_the_connection_go_on() -> None:
    with Conversation(datapath(), 1, 5) as talk:
        reader = eventlet.spawn(lambda: [talk.hear(message(BARRIER_REPLY, talk.first)) for _ in range(UNHEARD + 1)])
        eventlet.sleep(0)
    with eventlet.Timeout(2):
        reader.wait()


def test_complaints_never_wait_for_they_come_while_we_are_still_talking() -> None:
    with Conversation(datapath(), 10, 5) as talk:
        for _ in range(UNHEARD * 3):
            talk.hear(complaint(talk.first + 3))
        talk.hear(message(BARRIER_REPLY, talk.first + 9))
        talk.until(talk.first + 9)
        assert talk.count == UNHEARD * 3
        assert [each.about for each in talk.complaints] == [talk.first + 3]


def test_complaints_are_cut_short_and_kept_once_for_each_number() -> None:
    with Conversation(datapath(), 100, 5) as talk:
        for xid in [*talk.xids] * 3:
            talk.hear(complaint(xid))
        assert sum(len(each) for each in talk._heard.queue) == 12 * 100
        talk.until(talk.xids[-1])
        assert len(talk.complaints) == SHOWN
        assert talk.count == 300


def test_who_answers_on_and_on_gets_no_more_time() -> None:
    with Conversation(datapath(), 1, 0.02) as talk:
        for _ in range(UNHEARD):
            talk.hear(message(BARRIER_REPLY, talk.first))
        talk.until(talk.first)
        eventlet.sleep(0.03)
        with pytest.raises(TimedOut):  # although another answer is there
            talk.until(talk.first)
