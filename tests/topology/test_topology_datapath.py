from __future__ import annotations

import pytest

from topology import datapath

pytestmark = pytest.mark.switch
TWO_PASSES = """
    priority=9,arp,actions=NORMAL
    priority=1,ip,actions=ct(table=1,zone=5)
    table=1,ip,actions=ct(commit,zone=5,exec(set_field:0x7->ct_label,set_field:9->ct_mark)),NORMAL
"""


def test_a_dump_flows_line_becomes_a_match_and_actions():
    flow = datapath.parse_flow(
        "recirc_id(0x2a),in_port(3),ct_state(+est+trk),eth(src=52:54:00:00:00:01),eth_type(0x0800),"
        "ipv4(proto=6,frag=no), packets:12, bytes:800, used:0.1s, actions:ct(commit,zone=1),recirc(0x2b)"
    )
    assert flow.match["ipv4"] == "proto=6,frag=no"
    assert flow.match["in_port"] == "3"
    assert (flow.recirc_id, flow.packets, flow.next_recirc_ids) == (42, 12, (43,))
    assert flow.actions == "ct(commit,zone=1),recirc(0x2b)"


def test_a_dump_conntrack_line_becomes_a_connection():
    found = datapath.parse_connection(
        "tcp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=4,dport=80),reply=(src=10.0.0.2,dst=10.0.0.1,sport=80,dport=4),"
        "zone=7,mark=3,labels=0x100000002,protoinfo=(state=ESTABLISHED)"
    )
    assert (found.protocol, found.zone, found.mark, found.labels) == ("tcp", 7, 3, 0x1_0000_0002)
    assert found.original == {"src": "10.0.0.1", "dst": "10.0.0.2", "sport": "4", "dport": "80"}
    assert (found.reply["sport"], found.state) == ("80", "ESTABLISHED")


def test_a_switched_path_recirculates_never(seed):
    assert seed.icmp("vm1", "vm2")
    held = datapath.flows(seed.ovs)
    assert held
    assert datapath.recirculations(held) == 0


def test_a_tracked_path_recirculates_once_per_pass_through_conntrack(seed):
    seed.ovs.program(TWO_PASSES)
    assert seed.tcp("vm1", "vm2", 80)
    port = datapath.port_numbers(seed.ovs)["vm1"]
    assert datapath.recirculations(datapath.flows(seed.ovs), port) == 1


def test_connections_are_read_by_zone_with_mark_and_label(seed):
    seed.ovs.program(TWO_PASSES)
    assert seed.tcp("vm1", "vm2", 81)
    mine = [found for found in datapath.connections(seed.ovs, 5) if found.original.get("dport") == "81"]
    assert [(found.protocol, found.zone, found.mark, found.labels) for found in mine] == [("tcp", 5, 9, 7)]
    assert datapath.connections(seed.ovs, 6) == []
