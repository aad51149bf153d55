"""Reading what a switch sends: nothing hangs, nothing escapes as another exception than Malformed."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.openflow import replies
from app.openflow.checks import FROM_SWITCH, SMALL, Stage, messages, parse_worthy
from app.openflow.replies import Malformed

HELLO = struct.pack("!BBHI HHI", 5, 0, 16, 1, 1, 8, 0b110000)


def message(kind: int, body: bytes = b"", version: int = 5) -> bytes:
    return struct.pack("!BBHI", version, kind, 8 + len(body), 1) + body


def port(length: int = 72, properties: bytes = struct.pack("!HH28x", 0, 32)) -> bytes:
    return struct.pack("!IH2x6s2x16sII", 7, length, b"\2\0\0\0\0\7", b"tap7", 0, 0) + properties


@given(st.binary(max_size=300))
def test_any_bytes_are_walked_to_an_end(junk: bytes) -> None:
    for walk in (replies.flows, lambda each: replies.ports(4, each), lambda each: replies.ports(5, each)):
        with suppress(Malformed):
            list(walk(memoryview(junk)))
    for read in (replies.body, replies.complaint, replies.switch_flags):
        with suppress(Malformed):
            read(junk)


@given(st.sampled_from(Stage), st.sampled_from(sorted(FROM_SWITCH)), st.binary(max_size=200))
def test_any_message_is_judged(stage: Stage, kind: int, body: bytes) -> None:
    with suppress(Malformed):
        assert parse_worthy(stage, 5, message(kind, body)) in (True, False)


@given(st.lists(st.binary(max_size=40), max_size=20), st.integers(1, 100))
def test_messages_come_whole_however_they_are_cut(bodies: list[bytes], step: int) -> None:
    sent = [message(2, body) for body in bodies]
    stream, buffer, received = b"".join(sent), bytearray(), []
    for start in range(0, len(stream), step):
        buffer += stream[start : start + step]
        received += messages(buffer, SMALL)
    assert received == sent
    assert not buffer


@pytest.mark.parametrize("length", [0, 7, SMALL + 1, 65535])
def test_an_impossible_length_is_noticed_at_once(length: int) -> None:
    with pytest.raises(Malformed):
        list(messages(bytearray(struct.pack("!BBHI", 5, 0, length, 1)), SMALL))


@pytest.mark.parametrize(
    "elements",
    [struct.pack("!HHI", 1, 0, 0), struct.pack("!HHI", 1, 3, 0), struct.pack("!HHI", 1, 9, 0), b"\0", b"\0\1\0"],
)
def test_a_hello_that_would_hang_os_ken_is_refused(elements: bytes) -> None:
    with pytest.raises(Malformed):
        parse_worthy(Stage.GREETING, 5, message(0, elements))


def test_the_hello_of_a_switch_passes() -> None:
    assert parse_worthy(Stage.GREETING, 5, HELLO)
    assert parse_worthy(Stage.GREETING, 5, message(0))


@pytest.mark.parametrize("kind", [2, 6, 10, 19])
def test_hello_comes_first(kind: int) -> None:
    with pytest.raises(Malformed):
        parse_worthy(Stage.GREETING, 5, message(kind, bytes(24)))


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("kind", sorted(set(range(256)) - FROM_SWITCH))
def test_what_only_a_controller_sends_ends_the_connection(stage: Stage, kind: int) -> None:
    with pytest.raises(Malformed):
        parse_worthy(stage, 5, message(kind, bytes(64)))


@pytest.mark.parametrize(
    "entry",
    [
        port(length=0), port(length=39), port(length=41), port(length=80), port()[:30],
        port(properties=struct.pack("!HH28x", 0, 0)), port(properties=struct.pack("!HH28x", 0, 3)),
        port(properties=struct.pack("!HH28x", 0, 40)),
    ],
)  # fmt: skip
def test_ports_whose_lengths_do_not_add_up_never_reach_os_ken(entry: bytes) -> None:
    with pytest.raises(Malformed):
        parse_worthy(Stage.DESCRIBING, 5, message(19, struct.pack("!HH4x", 13, 0) + entry))
    with pytest.raises(Malformed):
        parse_worthy(Stage.SERVED, 5, message(12, bytes(8) + entry))


def test_sound_ports_reach_os_ken() -> None:
    assert parse_worthy(Stage.DESCRIBING, 5, message(19, struct.pack("!HH4x", 13, 0) + port() * 3))
    assert parse_worthy(Stage.SERVED, 5, message(12, bytes(8) + port()))


@pytest.mark.parametrize("kind", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 0xFFFF])
def test_statistics_nobody_asked_for_never_reach_os_ken(kind: int) -> None:
    for stage in (Stage.DESCRIBING, Stage.SERVED):
        assert not parse_worthy(stage, 5, message(19, struct.pack("!HH4x", kind, 0) + bytes(64)))


def installed(packets: int, match: bytes = struct.pack("!HH4x", 1, 4)) -> bytes:
    return struct.pack("!HBxIIHHHHH2xQQQ", 48 + len(match), 70, 3, 4, 5, 0, 0, 0, 0, 6, packets, 7) + match


def test_counters_are_read_whatever_a_flow_matches() -> None:
    entries = installed(1) + installed(1 << 40, struct.pack("!HHII4x", 1, 12, 0x80000004, 9)) + installed(3)
    read = list(replies.flows(memoryview(entries)))
    assert [each.packets for each in read] == [1, 1 << 40, 3]
    assert read[1] == (70, 5, 6, 1 << 40, 7, 3)


def test_the_flags_of_a_configuration_are_read() -> None:
    assert replies.switch_flags(message(8, struct.pack("!HH", 3, 128))) == 3


@pytest.mark.parametrize("stage", [Stage.DESCRIBING, Stage.SERVED])
def test_a_configuration_never_reaches_os_ken(stage: Stage) -> None:
    assert not parse_worthy(stage, 5, message(8, bytes(4)))


def test_packets_nobody_asked_for_never_reach_os_ken() -> None:
    assert not parse_worthy(Stage.SERVED, 5, message(10, bytes(64)))


def test_a_port_is_live_when_neither_side_has_shut_it() -> None:
    def read(config: int, state: int) -> bool:
        raw = struct.pack("!IH2x6s2x16sII", 7, 40, bytes(6), b"tap7", config, state)
        return next(replies.ports(5, memoryview(raw))).live

    assert [read(0, 0), read(1, 0), read(0, 1), read(0, 4)] == [True, False, False, True]
