"""Flows in ovs-ofctl's words, and what OpenFlow 1.5 tells of them, beside what Open vSwitch itself says."""

from __future__ import annotations

import re

import pytest

from app.core import ofctl
from app.core.dialogue import Push
from app.core.flow import Flow, flow, goto
from app.openflow.connection import Connection
from app.openflow.inspection import push
from app.openflow.templates import templates
from app.ovs.idle import NoAnswer, idle_seconds
from tests.wire.samples import samples
from tests.wire.test_decoding import everything
from topology.switch import OpenVSwitch

pytestmark = pytest.mark.switch
LINE = re.compile(r"^ cookie=(0x[0-9a-f]+), duration=[\d.]+s, table=(\d+), n_packets=\d+, n_bytes=\d+, (.*)$")


def dumped(ovs: OpenVSwitch) -> dict[int, str]:
    found = filter(None, map(LINE.match, ovs.ofctl("dump-flows").splitlines()))
    return {int(line[1], 16): line[3] for line in found}


def written(flows: dict[int, Flow]) -> dict[int, str]:
    return {cookie: f"{ofctl.match(each)} actions={ofctl.actions(each)}" for cookie, each in flows.items()}


def test_every_flow_is_written_as_ovs_ofctl_writes_it(ovs: OpenVSwitch, datapath: Connection) -> None:
    ovs.ofctl("del-meters")
    flows, meters = everything()
    push(datapath, Push(flows, meters=meters))
    assert len(flows) > 1500
    assert dumped(ovs) == written(flows)
    assert ofctl.counted(next(iter(flows.values())), 1, 2, 3, 4).startswith("cookie=0x1, duration=2s, table=")


def test_so_are_all_fields_and_actions(ovs: OpenVSwitch, datapath: Connection) -> None:
    flows = {each.cookie: each for each in samples()}
    push(datapath, Push(flows))
    there, mine = dumped(ovs), written(flows)
    assert {cookie: (there[cookie], mine[cookie]) for cookie in flows if there[cookie] != mine[cookie]} == {}


def test_openflow_1_5_tells_how_long_flows_are_idle(ovs: OpenVSwitch, datapath: Connection) -> None:
    some = [flow(60, 10, reg9=1, reg10=way) for way in (1, 2)] + [flow(60, 10, reg9=2), flow(61, 1, goto(62), reg9=1)]
    push(datapath, some_push := Push({each.cookie: each for each in some}))
    assert len(some_push.adds) == 4
    match = templates(5).match(flow(60, 0, reg9=1).match)
    found = idle_seconds(ovs.management("br0"), 60, match, 5)
    assert found.keys() == {some[0].cookie, some[1].cookie}
    assert all(seconds < 60 for seconds in found.values())


def test_a_bridge_without_openflow_1_5_is_no_answer(ovs: OpenVSwitch) -> None:
    ovs.add_bridge("old", dpid=9)
    ovs.vsctl("set", "bridge", "old", "protocols=OpenFlow13,OpenFlow14")
    with pytest.raises(NoAnswer, match=r"OpenFlow 1\.5"):
        idle_seconds(ovs.management("old"), 60, templates(5).match(()), 5)
    with pytest.raises(NoAnswer, match=r"none\.mgmt: No such file"):
        idle_seconds(ovs.management("none"), 60, templates(5).match(()), 5)
