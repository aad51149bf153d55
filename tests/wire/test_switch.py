"""The conversation with a real Open vSwitch; ovs-ofctl is the second witness."""

from __future__ import annotations

import os
import re
import signal
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import eventlet
import pytest

from app.core.flow import Flow, flow, goto, output, set_field
from app.openflow.bundle import DISCARD
from app.openflow.connection import Connection
from app.openflow.switch_io import (
    Gone,
    Refused,
    SwitchPort,
    TimedOut,
    ports,
    push,
    read_flows,
)
from tests.wire import dial
from tests.wire.samples import samples
from topology.switch import OpenVSwitch

pytestmark = pytest.mark.switch
LINE = re.compile(r" cookie=(0x[0-9a-f]+), (?:table=(\d+), )?(?:priority=(\d+),?)?(.*)")


def many(count: int) -> dict[int, Flow]:
    flows = [
        flow(40 + number % 3, 100 + number % 7, set_field("reg5", number), goto(60), reg3=number,
             eth_type=0x0800, ip_proto=6, ipv4_src=(number << 8, 0xFFFFFF00), tcp_dst=number & 0xFFFF)
        for number in range(count)
    ]  # fmt: skip
    return {each.cookie: each for each in flows}


def dumped(ovs: OpenVSwitch) -> dict[tuple[int, int, int], str]:
    """What ovs-ofctl sees: (table, priority, cookie) to the rest of the line."""
    found = {}
    for line in ovs.ofctl("--no-stats", "dump-flows").splitlines():
        cookie, table, priority, rest = LINE.fullmatch(line).groups()
        found[int(table or 0), int(priority or 0x8000), int(cookie, 16)] = rest.strip()
    return found


def identities(datapath: Connection) -> set[tuple[int, int, int]]:
    return {(each.table, each.priority, each.cookie) for each in read_flows(datapath)}


def test_every_field_and_action_arrives_as_it_is_meant(ovs: OpenVSwitch, datapath: Connection) -> None:
    wanted = samples()
    push(datapath, list(wanted), [])
    assert dumped(ovs) == {(each.table, each.priority, each.cookie): text for each, text in wanted.items()}


def test_reading_sees_what_ovs_ofctl_sees(ovs: OpenVSwitch, datapath: Connection) -> None:
    flows = many(5000)
    assert push(datapath, flows, []).flow_mods == 5000
    assert identities(datapath) == set(dumped(ovs)) == {(f.table, f.priority, c) for c, f in flows.items()}


def test_deleting_by_cookie_deletes_just_that_flow(datapath: Connection) -> None:
    flows = many(20)
    push(datapath, flows, [])
    gone, *rest = flows
    assert push(datapath, [], [gone]).flow_mods == 1
    assert {each.cookie for each in read_flows(datapath)} == set(rest)


def test_adds_and_deletes_go_together(datapath: Connection) -> None:
    before = flow(1, 5, output(1), reg1=1)
    after = flow(1, 5, output(2), reg1=1)  # the same slot
    push(datapath, [before], [])
    push(datapath, [after], [before.cookie])
    assert [each.cookie for each in read_flows(datapath)] == [after.cookie]


@pytest.mark.parametrize("bad", [flow(20, 1, goto(30), tcp_dst=1), flow(20, 1, goto(10), reg1=1)])
def test_one_bad_flow_stops_all_and_is_named(datapath: Connection, bad: Flow) -> None:
    flows = many(1000)
    old = flow(1, 1, reg1=1)
    push(datapath, [old], [])
    with pytest.raises(Refused) as refusal:
        push(datapath, [*list(flows.values())[:500], bad, *list(flows.values())[500:]], [old.cookie])
    assert str(bad) in str(refusal.value)
    assert refusal.value.count == 1
    assert [each.cookie for each in read_flows(datapath)] == [old.cookie]


def test_a_refused_bundle_is_discarded(datapath: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    said, send = [], datapath.send
    monkeypatch.setattr(datapath, "send", lambda message: said.append(message) or send(message))
    with pytest.raises(Refused):
        push(datapath, [flow(20, 1, tcp_dst=1)], [])
    request = struct.unpack_from("!H", said[-1], len(said[-1]) - 4)[0]
    assert (len(said), request) == (2, DISCARD)


def test_many_bad_flows_are_counted_and_a_few_are_named(datapath: Connection) -> None:
    with pytest.raises(Refused, match=r"and 97 more") as refusal:
        push(datapath, [flow(20, 1, tcp_dst=number) for number in range(100)], [])
    assert refusal.value.count == 100
    assert read_flows(datapath) == []


def test_what_cannot_be_written_leaves_no_bundle_behind(datapath: Connection) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        push(datapath, [Flow(1, 1, (), (("output", 1 << 40),))], [])
    assert push(datapath, many(3), []).flow_mods == 3


def test_nothing_to_change_sends_nothing(datapath: Connection) -> None:
    before = datapath.xid
    assert push(datapath, {}, []) == (0, 0.0)
    assert datapath.xid == before


def test_ids_wrap_around(datapath: Connection) -> None:
    datapath.xid = 0xFFFFFFFF - 50
    for _ in range(3):
        push(datapath, many(100), [])
    assert len(read_flows(datapath)) == 100


def test_conversations_do_not_disturb_one_another(datapath: Connection) -> None:
    flows = list(many(8000).items())
    work = [eventlet.spawn(push, datapath, dict(flows[part::4]), []) for part in range(4)]
    work += [eventlet.spawn(read_flows, datapath) for _ in range(4)]
    assert [each.wait().flow_mods for each in work[:4]] == [2000] * 4
    assert all(len(each.wait()) <= 8000 for each in work[4:])
    assert len(read_flows(datapath)) == 8000
    assert datapath.conversations == []


def test_others_get_the_hub_during_a_big_push(datapath: Connection) -> None:
    turns = 0

    def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            eventlet.sleep(0)

    counter = eventlet.spawn(count)
    push(datapath, many(5000), [])
    pushed, turns = turns, 0
    read_flows(datapath)
    counter.kill()
    assert pushed >= 10  # 5000 flows are 13 pieces of 64 kB
    assert turns >= 10


def test_ports_are_listed_with_their_state(ovs: OpenVSwitch, datapath: Connection) -> None:
    ip("link add tap-a address 02:00:00:00:00:0a type veth peer tap-b")
    ip("link set tap-a up")
    try:
        ovs.add_port("br0", "tap-a")
        assert not listed(datapath)["tap-a"].live  # the other end is down
        ip("link set tap-b up")
        eventually(lambda: listed(datapath)["tap-a"].live)
        found = listed(datapath)
        assert found["tap-a"].ofport == ovs.ofport("tap-a")
        assert found["tap-a"].hw_addr == "02:00:00:00:00:0a"
    finally:
        ovs.del_port("br0", "tap-a")
        ip("link del tap-a")
    assert set(listed(datapath)) == {"br0", *(f"p{number}" for number in range(30))}
    assert listed(datapath)["br0"].ofport == 0xFFFFFFFE


def ip(command: str) -> None:
    subprocess.run(["ip", *command.split()], check=True)


def listed(datapath: Connection) -> dict[str, SwitchPort]:
    return {each.name: each for each in ports(datapath)}


def eventually(truth: Callable[[], bool]) -> None:
    with eventlet.Timeout(10):
        while not truth():
            eventlet.sleep(0.05)


def test_a_closed_connection_is_gone(datapath: Connection) -> None:
    datapath.close()
    with pytest.raises(Gone):
        read_flows(datapath, seconds=2)
    with pytest.raises(Gone):
        push(datapath, many(3), [], seconds=2)


def test_a_connection_that_closes_meanwhile_is_noticed_at_once(ovs: OpenVSwitch, datapath: Connection) -> None:
    with frozen(ovs):
        eventlet.spawn_after(0.3, datapath.close)
        with eventlet.Timeout(2), pytest.raises(Gone):
            read_flows(datapath, seconds=30)


def test_a_frozen_switch_is_not_waited_for(ovs: OpenVSwitch, datapath: Connection) -> None:
    with frozen(ovs), eventlet.Timeout(5):
        with pytest.raises(TimedOut):
            read_flows(datapath, seconds=0.3)
        with pytest.raises(TimedOut):
            push(datapath, many(10), [], seconds=0.3)
    assert read_flows(datapath) == []  # the late answers of the first disturb nobody, and nothing was committed


def test_a_switch_that_does_not_read_is_not_waited_for(ovs: OpenVSwitch, datapath: Connection) -> None:
    flows = many(50_000)  # more than the sockets and the send queue hold
    with frozen(ovs), eventlet.Timeout(60), pytest.raises(TimedOut):  # rendering takes its time; waiting would not end
        push(datapath, flows, [], seconds=0.5)


@contextmanager
def frozen(ovs: OpenVSwitch) -> Iterator[None]:
    pid = ovs.pid("ovs-vswitchd")
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_ten_thousand_ports_are_listed(ovs: OpenVSwitch) -> None:
    ovs.add_bridge("br1", dpid=8)
    ovs.add_many_ports("br1", 10_000, "q")
    with dial.dial(ovs.management("br1"), 5) as datapath:
        eventually(lambda: len({each.ofport for each in ports(datapath)}) == 10_001)
