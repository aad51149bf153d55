"""What may be flushed, by type: never without a zone, never what would end ovs-vswitchd."""

from __future__ import annotations

import pytest

from app.core.addresses import network
from app.core.connections import Icmp
from app.core.filters import Filter
from app.core.flushes import MOST_TUPLES, Tuple, Zone, exact, tuples
from app.core.parsing import Invalid
from app.core.values import AddressPair, Port
from tests.core.test_connections import GRE, ICMP, ICMPV6, SCTP, TCP, UDP, read_one

MAC = "52:54:00:00:00:01"
A, B = frozenset([network("10.0.0.1")]), frozenset([network("10.0.0.2")])


@pytest.mark.parametrize("number", [0, -1, 65536])
def test_no_zone_is_everybodys(number):
    with pytest.raises(Invalid):
        Zone(number)


@pytest.mark.parametrize(
    "wrong",
    [
        {"protocol": 58},
        {"protocol": 58, "source": "2001:db8::1", "destination": "2001:db8::2", "icmp": Icmp(128, 0, 1)},
        {"protocol": 0, "source": "10.0.0.1"},
        {"protocol": 256},
        {"protocol": 6, "sport": 0},
        {"protocol": 47, "dport": 80},
        {"protocol": 6, "source": "10.0.0.1", "destination": "2001:db8::1"},
        {"protocol": 1, "source": "10.0.0.1"},
        {"protocol": 1, "source": "10.0.0.1", "destination": "10.0.0.2", "icmp": Icmp(3, 1, 0)},
        {"protocol": 17, "icmp": Icmp(8, 0, 1)},
    ],
)
def test_what_would_mean_more_than_it_says_or_end_the_switch_cannot_be_said(wrong):
    with pytest.raises(Invalid):
        Tuple(**wrong)


def test_a_listed_connection_is_said_exactly():
    assert exact(read_one(TCP)) == Tuple(6, "10.0.0.1", "10.0.0.2", 1000, 80)
    assert exact(read_one(ICMP)) == Tuple(1, "10.0.0.1", "10.0.0.2", icmp=Icmp(8, 0, 77))
    assert exact(read_one(GRE)) == Tuple(47, "10.0.0.1", "10.0.0.2")
    assert exact(read_one(SCTP)) == Tuple(132, "10.0.0.1", "10.0.0.2")


def test_icmpv6_and_ports_that_are_zero_are_left_alone():
    assert exact(read_one(ICMPV6)) is None
    assert exact(read_one(ICMPV6.replace("2001:db8::", "10.0.0.").replace("128", "0").replace("129", "0"))) is None
    assert exact(read_one(UDP.replace("sport=1001", "sport=0"))) is None
    assert exact(read_one(SCTP.replace("dport=0", "dport=9"))) is None


def test_addresses_ports_and_protocol_become_tuples_and_no_protocol_the_usual_ones():
    assert tuples(Filter(sources=A, destinations=B, dports=frozenset([80]), protocols=frozenset([6])), ()) == [
        Tuple(6, "10.0.0.1", "10.0.0.2", None, 80)
    ]
    assert tuples(Filter(sources=A), ()) == [Tuple(each, "10.0.0.1") for each in (6, 17, 132)]


def test_two_families_never_meet_in_a_tuple():
    mixed = frozenset([network("2001:db8::9"), network("10.0.0.9")])
    asked = Filter(sources=A, destinations=mixed, protocols=frozenset([6]))
    assert tuples(asked, ()) == [Tuple(6, "10.0.0.1", "10.0.0.9")]


def test_a_port_is_its_addresses_at_either_end():
    port = Port("acme", "vm1", MAC, ("10.0.0.1",))
    found = tuples(Filter(ports=frozenset(["vm1"]), protocols=frozenset([6])), [port])
    own = ("10.0.0.1", "fe80::5054:ff:fe00:1")
    assert set(found) == {Tuple(6, end) for end in own} | {Tuple(6, None, end) for end in own}
    narrowed = tuples(Filter(ports=frozenset(["vm1"]), destinations=B, protocols=frozenset([6])), [port])
    assert narrowed == [Tuple(6, "10.0.0.1", "10.0.0.2")]


@pytest.mark.parametrize(
    "asked",
    [
        Filter(),
        Filter(states=frozenset(["ESTABLISHED"])),
        Filter(rules=frozenset(["web/ssh"])),
        Filter(epochs=frozenset(["old"])),
        Filter(sources=frozenset([network("10.0.0.0/24")])),
        Filter(protocols=frozenset([1])),
        Filter(protocols=frozenset([58])),
        Filter(sports=frozenset([0])),
        Filter(sports=frozenset(range(1, MOST_TUPLES + 2))),
    ],
)
def test_what_no_tuple_says_needs_a_list(asked):
    assert tuples(asked, ()) is None


@pytest.mark.parametrize("more", [{"spoof_guard": "off"}, {"allowed_address_pairs": (AddressPair("10.1.0.0/16"),)}])
def test_a_port_of_many_addresses_needs_a_list(more):
    port = Port("acme", "vm1", MAC, ("10.0.0.1",), **more)
    assert tuples(Filter(ports=frozenset(["vm1"])), [port]) is None
