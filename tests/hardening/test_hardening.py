"""Whatever strangers send to the OpenFlow port, the real switch that was connected before stays served."""

from __future__ import annotations

import random
import socket
import struct
import time

import pytest

from tests.hardening import strangers
from tests.hardening.process import Manager, until
from tests.hardening.strangers import FLOW, PORT_DESC, Switch, answering, call, is_hung_up, message, multipart, port
from topology.switch import OpenVSwitch

pytestmark = pytest.mark.switch

FLOW_ENTRY = "!HBxIIHHHHH2xQQQHH4x"
ZERO_PROPERTY = struct.pack("!HH28x", 0, 0)


def flow_entry(length: int, tail: bytes = b"") -> bytes:
    return struct.pack(FLOW_ENTRY, length, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 4) + tail


def test_an_endless_hello_ends_only_its_own_connection(manager: Manager) -> None:
    with manager.keeps_serving(7), call() as peer:
        peer.sendall(strangers.ENDLESS_HELLO)
        assert is_hung_up(peer)


NO_SWITCH = {
    "a huge HELLO": struct.pack("!BBHI", 5, 0, 65535, 1),
    "length 0": struct.pack("!BBHI", 5, 0, 0, 1),
    "length 7": struct.pack("!BBHI", 5, 0, 7, 1),
    "features before HELLO": message(strangers.FEATURES_REPLY, bytes(24)),
    "ports before HELLO": multipart(PORT_DESC, port()),
    "HTTP": b"GET / HTTP/1.1\r\nHost: controller\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(600),
    "a flow-mod": message(strangers.HELLO) + message(14, bytes(48)),
    "a huge packet-in": message(strangers.HELLO) + struct.pack("!BBHI", 5, 10, 65535, 1),
}


@pytest.mark.parametrize("what", NO_SWITCH)
def test_who_is_no_switch_is_hung_up_on(manager: Manager, what: str) -> None:
    with manager.keeps_serving(7), call() as peer:
        peer.sendall(NO_SWITCH[what])
        assert is_hung_up(peer)


LYING_REPLIES = {
    "flow of 0": (FLOW, flow_entry(0)),
    "flow of 55": (FLOW, flow_entry(55)),
    "flow of more than there is": (FLOW, flow_entry(80)),
    "one byte": (FLOW, b"\0"),
    "port property of 0": (PORT_DESC, port(properties=ZERO_PROPERTY)),
    "port of 0": (PORT_DESC, struct.pack("!IH2x6s2x16sII", 1, 0, bytes(6), b"x", 0, 0)),
}


@pytest.mark.parametrize("what", LYING_REPLIES)
def test_lengths_that_lie_in_replies_hurt_nobody_else(manager: Manager, what: str) -> None:
    about, body = LYING_REPLIES[what]
    with manager.keeps_serving(7), Switch(0x66, answering(about, body)) as liar:
        if about == PORT_DESC:
            assert liar.hung_up()
        else:
            until(lambda: manager.said("lost 66: Confused"))
    manager.lines[:] = [each for each in manager.lines if "lost 66" not in each[1]]


UNASKED = {
    **{f"multipart {kind}": multipart(kind, bytes(64)) for kind in (0, 1, 4, 7, 12, 17)},
    "group with an endless bucket": multipart(7, struct.pack("!HBxI HHBBxxIHHI", 32, 0, 1, *[0] * 8)),
    "experimenter": message(4, struct.pack("!II", 0x2320, 0) + bytes(40)),
    "packet-in": message(10, bytes(64)),
    "bundle reply": message(33, bytes(8)),
    "role status with an endless property": message(30, struct.pack("!IB3xQHH", 1, 0, 0, 0, 0)),
}


@pytest.mark.parametrize("what", UNASKED)
def test_replies_nobody_asked_for_are_not_even_read(manager: Manager, what: str) -> None:
    with manager.keeps_serving(7), Switch(0x67) as talker:
        manager.wait_served(0x67)
        talker.peer.sendall(UNASKED[what] * 20)
        manager.wait_served(0x67)  # it may go on


def test_a_port_status_with_an_endless_property_ends_its_connection(manager: Manager) -> None:
    with manager.keeps_serving(7), Switch(0x68) as liar:
        manager.wait_served(0x68)
        liar.peer.sendall(message(12, bytes(8) + port(properties=ZERO_PROPERTY)))
        assert liar.hung_up()


def test_port_events_of_a_sound_switch_arrive(manager: Manager) -> None:
    with Switch(0x69) as switch:
        manager.wait_served(0x69)
        switch.peer.sendall(message(12, bytes(8) + port()))
        until(lambda: manager.said("port b'tap1'"))


def test_messages_that_break_off_are_forgotten(manager: Manager) -> None:
    whole = message(strangers.HELLO, struct.pack("!HHI", 1, 8, 1 << 5)) + multipart(PORT_DESC, port() * 20)
    with manager.keeps_serving(7):
        for length in range(1, len(whole), 37):
            strangers.send(whole[:length])


def test_garbage_is_neither_obeyed_nor_written_down(manager: Manager) -> None:
    dice = random.Random(6653)
    before = len(manager.log)
    with manager.keeps_serving(7):
        for _ in range(300):
            strangers.send(dice.randbytes(dice.randrange(1, 3000)))
        for _ in range(300):
            kind = dice.choice((0, 1, 2, 3, 6, 10, 12, 19))
            strangers.send(message(strangers.HELLO) + message(kind, dice.randbytes(dice.randrange(200)), version=5))
    assert len(manager.log) - before < 20_000


def test_a_flood_of_echoes_is_shared_out_fairly(manager: Manager) -> None:
    with manager.keeps_serving(7), Switch(0x6A) as flooder:
        manager.wait_served(0x6A)
        flooder.peer.settimeout(1)
        end = time.monotonic() + 2
        while time.monotonic() < end:
            try:
                flooder.peer.sendall(message(strangers.ECHO_REQUEST) * 1000)
            except TimeoutError:
                break


def test_a_thousand_silent_connections_keep_nobody_out(manager: Manager, ovs: OpenVSwitch) -> None:
    resident = manager.descriptors()
    silent: list[socket.socket] = []
    try:
        with manager.keeps_serving(7):
            silent += (call() for _ in range(1000))
            silent[-1].sendall(message(strangers.HELLO, struct.pack("!HHI", 1, 8, 1 << 5)))
            silent[-2].sendall(message(strangers.HELLO) + struct.pack("!BBHI", 5, 6, 32, 1))  # never goes on
            ovs.add_bridge("br1", dpid=8, controller="tcp:127.0.0.1:6653")
            manager.wait_served(8, seconds=12)
            assert manager.descriptors() < 256 // 2
            until(lambda: manager.descriptors() <= resident + 1, seconds=15)  # after the deadline for a handshake
            manager.wait_served(8)
    finally:
        for peer in silent:
            peer.close()
        ovs.vsctl("del-br", "br1")
