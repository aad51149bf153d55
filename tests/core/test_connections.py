"""What Open vSwitch 3.1 prints of its connections, read strictly."""

from __future__ import annotations

import pytest

from app.core.connections import Connection, Half, Icmp, Listing, parse, read
from app.core.pipeline import Role

LABEL = "labels=0x4000000030000000200000001"
TCP = (
    "tcp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=1000,dport=80),reply=(src=10.0.0.2,dst=10.0.0.1,sport=80,dport=1000),"
    f"zone=5,timeout=29,mark=9,{LABEL},protoinfo=(state=ESTABLISHED)"
)
UDP = (
    "udp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=1001,dport=53),reply=(src=10.0.0.2,dst=10.0.0.1,sport=53,dport=1001),"
    "zone=5,timeout=59"
)
ICMP = (
    "icmp,orig=(src=10.0.0.1,dst=10.0.0.2,id=77,type=8,code=0),reply=(src=10.0.0.2,dst=10.0.0.1,id=77,type=0,code=0),"
    "zone=5,timeout=59"
)
ICMPV6 = (
    "icmpv6,orig=(src=2001:db8::1,dst=2001:db8::2,id=5,type=128,code=0),"
    "reply=(src=2001:db8::2,dst=2001:db8::1,id=5,type=129,code=0),zone=5,labels=0x1"
)
GRE = "47,orig=(src=10.0.0.1,dst=10.0.0.2,sport=0,dport=0),reply=(src=10.0.0.2,dst=10.0.0.1,sport=0,dport=0),zone=5"
SCTP = GRE.replace("47", "sctp", 1)
KERNEL = (
    "sctp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=5,dport=6,packets=3,bytes=400),reply=(src=10.0.0.2,dst=10.0.0.1,"
    "sport=6,dport=5,packets=2,bytes=300),start=2026-11-22T15:02:11.123,zone=5,timeout=9,"
    "protoinfo=(state=COOKIE_WAIT,vtag_orig=1,vtag_reply=2)"
)
EVERY = (TCP, UDP, ICMP, ICMPV6, GRE, SCTP, KERNEL)


def read_one(line: str) -> Connection:
    connection = parse(line)
    assert connection is not None, line
    return connection


def test_a_tcp_connection_is_read_with_zone_state_timeout_and_label():
    tcp = read_one(TCP)
    assert tcp[1:8] == (5, 6, "10.0.0.1", "10.0.0.2", 1000, 80, None)
    assert (tcp.state, tcp.timeout) == ("ESTABLISHED", 29)
    assert tcp.half(Role.INITIATOR) == Half(epoch=1, rule=3)
    assert tcp.half(Role.RESPONDER) == Half(epoch=2, rule=4)


def test_what_has_no_state_no_label_or_no_timeout_says_so():
    assert (read_one(UDP).state, read_one(UDP).label, read_one(UDP).timeout) == ("", 0, 59)
    assert read_one(ICMPV6).timeout is None


def test_icmp_has_type_code_and_id_instead_of_ports():
    assert (read_one(ICMP).protocol, read_one(ICMP).icmp) == (1, Icmp(8, 0, 77))
    assert (read_one(ICMPV6).protocol, read_one(ICMPV6).icmp) == (58, Icmp(128, 0, 5))
    assert read_one(ICMPV6).source == "2001:db8::1"


def test_protocols_without_a_name_are_numbers_and_those_without_ports_have_zeros():
    assert (read_one(GRE).protocol, read_one(GRE).sport, read_one(GRE).dport) == (47, 0, 0)
    assert read_one(SCTP).protocol == 132


def test_counters_and_times_of_the_kernel_datapath_are_passed_over():
    assert (read_one(KERNEL).sport, read_one(KERNEL).dport, read_one(KERNEL).state) == (5, 6, "COOKIE_WAIT")


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "tcp",
        TCP + ")",
        TCP + ",surprise=1",
        TCP + ",zone",
        " " + TCP,
        TCP.replace("tcp", "quic", 1),
        TCP.replace("tcp", "256", 1),
        TCP.replace("10.0.0.1", "10.0.0.256"),
        TCP.replace("src=10.0.0.1", "src=2001:db8::1", 1),
        TCP.replace("sport=1000", "sport=70000"),
        TCP.replace("zone=5", "zone=70000"),
        TCP.replace("zone=5", "zone=x"),
        TCP.replace("timeout=29", "timeout="),
        TCP.replace("labels=0x4", "labels=0x" + 32 * "f"),
        TCP.replace("state=ESTABLISHED", "mood=fine"),
        ICMP.replace("type=8", "type=300"),
        "tcp,orig=(Unsupported address family: 7. HEX:",
    ],
)
def test_what_cannot_be_read_is_not_guessed(wrong):
    assert parse(wrong) is None


def test_every_line_cut_short_is_unreadable_or_says_what_it_still_says():
    whole = {line: read_one(line) for line in EVERY}
    for line, connection in whole.items():
        for end in range(line.index(")", line.index("reply="))):
            assert parse(line[:end]) is None, line[:end]
        assert connection.source in line


def test_a_zone_is_read_in_ordered_runs_and_what_is_not_of_it_is_counted():
    other = UDP.replace("zone=5", "zone=6")
    runs = list(read([TCP, ICMP, "nonsense", UDP, other, GRE], zone=5, run=3))
    assert [run.unreadable for run in runs] == [1, 1]
    listing = Listing(tuple(run.connections for run in runs))
    assert [connection.protocol for connection in listing.in_order()] == [1, 6, 17, 47]


def test_keys_are_unique_and_give_one_order_whatever_the_order_of_the_dump():
    lines = [TCP.replace("sport=1000", f"sport={port}") for port in (9, 80, 443, 65535)] + list(EVERY)
    keys = [read_one(line).key for line in lines]
    assert len(set(keys)) == len(keys)
    forth, back = (
        [each.key for run in read(order, 5, run=100) for each in run.connections] for order in (lines, lines[::-1])
    )
    assert forth == back == sorted(forth)
