"""What a real Open vSwitch answers: some of its flows, their counters, how it treats fragments."""

from __future__ import annotations

import pytest

from app.core.flow import flow, output
from app.openflow.connection import Connection
from app.openflow.switch_io import Which, match_fragments, push, read_flows
from tests.wire.dial import dial
from topology.switch import OpenVSwitch

pytestmark = pytest.mark.switch
EXACT = (1 << 64) - 1
DROPS = [
    flow(table, 5, output(1), in_port=port, reg9=reason) for table in (70, 71) for port in (1, 2) for reason in (1, 2)
]
UNHEARD_OF = f"{'ff' * 12}88cc{'00' * 46}"  # an Ethernet frame


def fragments(ovs: OpenVSwitch) -> str:
    return ovs.ofctl("get-frags").strip()


def test_reading_can_be_narrowed_to_a_cookie(datapath: Connection) -> None:
    push(datapath, DROPS, [])
    cookie = DROPS[3].cookie
    assert [each.cookie for each in read_flows(datapath, Which(cookie=cookie, cookie_mask=EXACT))] == [cookie]


def test_reading_can_be_narrowed_to_a_table_and_a_port(datapath: Connection) -> None:
    push(datapath, DROPS, [])
    which = Which(70, flow(70, 0, in_port=2).match)
    assert {each.cookie for each in read_flows(datapath, which)} == {DROPS[2].cookie, DROPS[3].cookie}


def test_packets_are_counted_where_they_match(ovs: OpenVSwitch, datapath: Connection) -> None:
    hit, missed = flows = [flow(0, 5, in_port=port) for port in (1000, 1001)]
    push(datapath, flows, [])
    for _ in range(3):
        ovs.ofctl("packet-out", f"in_port=1000,packet={UNHEARD_OF},actions=TABLE")
    counted = {each.cookie: each.packets for each in read_flows(datapath)}
    assert counted == {hit.cookie: 3, missed.cookie: 0}


def test_the_switch_is_told_to_match_fragments(ovs: OpenVSwitch, datapath: Connection) -> None:
    ovs.ofctl("set-frags", "normal")
    for _ in range(2):  # once more changes nothing
        match_fragments(datapath)
        assert fragments(ovs).endswith("nx-match")


@pytest.mark.parametrize("version", [4, 5])
def test_fragments_stay_matched_over_connections(ovs: OpenVSwitch, version: int) -> None:
    with dial(ovs.management("br0"), version) as datapath:
        match_fragments(datapath)
    assert fragments(ovs).endswith("nx-match")
    with dial(ovs.management("br0"), version) as datapath:  # a handshake does not take it back
        read_flows(datapath)
        assert fragments(ovs).endswith("nx-match")
