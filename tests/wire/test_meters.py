"""Meters and groups of a real Open vSwitch; ovs-ofctl is the second witness."""

from __future__ import annotations

import re

import pytest

from app.core.flow import flow, goto, meter, output
from app.core.limits import Rate
from app.openflow.connection import Connection
from app.openflow.meters import delete_groups, delete_meters, groups, meter_drops, meters, set_meters
from app.openflow.switch_io import Refused, push, read_flows
from topology.switch import OpenVSwitch

pytestmark = pytest.mark.switch
UNHEARD_OF = f"{'ff' * 12}88cc{'00' * 46}"  # an Ethernet frame
THREE = {2: Rate(5, 10), 3: Rate(1_000_000, 1), 131_069: Rate(1, 4_000_000_000)}
# What nobody of us makes: another unit, no burst, no counters, two bands, a band that does not drop.
STRANGE = {
    20: "kbps,burst,stats,band=type=drop,rate=5,burst_size=5",
    21: "pktps,stats,band=type=drop,rate=5",
    22: "pktps,burst,band=type=drop,rate=5,burst_size=5",
    23: "pktps,burst,stats,band=type=drop,rate=5,burst_size=5,type=drop,rate=9,burst_size=9",
}


@pytest.fixture(autouse=True)
def empty(ovs: OpenVSwitch, datapath: Connection) -> None:
    ovs.ofctl("del-meters")
    ovs.ofctl("del-groups")


def shown(ovs: OpenVSwitch) -> dict[int, str]:
    found = re.findall(r"meter=(\d+) (.*)bands=\n(.*)", ovs.ofctl("dump-meters"))
    return {int(number): flags + band for number, flags, band in found}


def test_what_was_set_is_there_as_ovs_ofctl_sees_it(ovs: OpenVSwitch, datapath: Connection) -> None:
    assert meters(datapath) == {}
    set_meters(datapath, THREE)
    assert meters(datapath) == THREE
    assert shown(ovs) == {
        number: f"pktps burst stats type=drop rate={rate.per_second} burst_size={rate.burst}"
        for number, rate in THREE.items()
    }


def test_a_meter_is_replaced_and_its_flows_stay(datapath: Connection) -> None:
    set_meters(datapath, THREE)
    flows = [flow(1, number, meter(2), output(number)) for number in range(1, 4)]
    push(datapath, flows, [])
    set_meters(datapath, {2: Rate(7, 7), 4: Rate(8, 8)}, replace={2})
    assert meters(datapath) == THREE | {2: Rate(7, 7), 4: Rate(8, 8)}
    assert len(read_flows(datapath)) == 3


def test_a_meter_goes_and_takes_its_flows_along(datapath: Connection) -> None:
    set_meters(datapath, THREE)
    metered, other = flow(1, 1, meter(2), output(1)), flow(1, 2, meter(3), output(1))
    push(datapath, [metered, other], [])
    delete_meters(datapath, [2, 77])
    assert meters(datapath).keys() == {3, 131_069}
    assert [each.cookie for each in read_flows(datapath)] == [other.cookie]


def test_a_refused_meter_is_named_and_others_are_set(datapath: Connection) -> None:
    set_meters(datapath, {5: Rate(1, 1)})
    with pytest.raises(Refused, match=r"for meter 5; .*for meter 0"):
        set_meters(datapath, {4: Rate(2, 2), 5: Rate(2, 2), 0: Rate(2, 2), 6: Rate(2, 2)})
    assert meters(datapath) == {4: Rate(2, 2), 5: Rate(1, 1), 6: Rate(2, 2)}
    with pytest.raises(Refused, match="for meter 9"):
        set_meters(datapath, {9: Rate(1, 1)}, replace=[9])


def test_a_flow_whose_meter_is_not_there_is_refused(datapath: Connection) -> None:
    with pytest.raises(Refused):
        push(datapath, [flow(1, 1, meter(3), goto(2))], [])


def test_meters_of_others_are_strange(ovs: OpenVSwitch, datapath: Connection) -> None:
    for number, how in STRANGE.items():
        ovs.ofctl("add-meter", f"meter={number},{how}")
    assert meters(datapath) == dict.fromkeys(STRANGE, Rate(0, 0))
    set_meters(datapath, dict.fromkeys(STRANGE, Rate(3, 4)), replace=STRANGE)
    assert meters(datapath) == dict.fromkeys(STRANGE, Rate(3, 4))


def test_open_vswitchs_own_meters_are_left_alone(ovs: OpenVSwitch, datapath: Connection) -> None:
    ovs.ofctl("add-meter", "meter=controller,pktps,stats,band=type=drop,rate=5")
    try:
        assert meters(datapath) == {}
    finally:
        ovs.ofctl("del-meter", "meter=controller")


def test_what_a_meter_drops_is_counted(ovs: OpenVSwitch, datapath: Connection) -> None:
    set_meters(datapath, {number: Rate(1, 3) for number in range(2, 30)})
    push(datapath, [flow(0, 1, meter(2), output(2))], [])
    for _ in range(8):
        ovs.ofctl("packet-out", f"in_port=1000,packet={UNHEARD_OF},actions=TABLE")
    drops = meter_drops(datapath, [2, 3, 99])
    assert drops.keys() == {2, 3}
    assert 3 <= drops[2] <= 5
    assert drops[3] == 0
    assert meter_drops(datapath, [*range(2, 30), 99]) == dict.fromkeys(range(2, 30), 0) | {2: drops[2]}
    assert meter_drops(datapath, []) == {}


def test_ten_thousand_meters_are_set_read_and_deleted(datapath: Connection) -> None:
    many = {number: Rate(number, number + 1) for number in range(1, 10_001)}
    set_meters(datapath, many)
    assert meters(datapath) == many
    delete_meters(datapath, many)
    assert meters(datapath) == {}


def test_groups_are_found_and_deleted(ovs: OpenVSwitch, datapath: Connection) -> None:
    assert groups(datapath) == []
    for number in (1, 7, 4_000_000_000):
        ovs.ofctl("add-group", f"group_id={number},type=all,bucket=output:1,bucket=output:2")
    assert sorted(groups(datapath)) == [1, 7, 4_000_000_000]
    delete_groups(datapath, [7, 8])
    assert sorted(groups(datapath)) == [1, 4_000_000_000]
