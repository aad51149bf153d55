"""What a switch says of itself and what it would take: a real Open vSwitch whose datapath is made to look poor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.openflow.connection import Connection
from app.openflow.description import describe
from app.openflow.probing import can_flush, lacking, meters
from topology.switch import OpenVSwitch

pytestmark = pytest.mark.switch
FLOW = "cookie=0x7,table=3,priority=5,actions=drop"
ORIGINAL = "the original tuple of IPv4 connections"
ORIGINAL6 = "the original tuple of IPv6 connections"

# what the datapath cannot do -> what the probe says that it lacks
POOR = {
    "ct_state": ["ct_state", "conntrack zones", "ct_zone", "ct_label", "ct_mark", "commits with a ct_mark",
                 "commits with a ct_label", "ct_clear", ORIGINAL, ORIGINAL6],
    "ct_zone": ["conntrack zones", "ct_zone", "commits with a ct_mark", "commits with a ct_label"],
    "ct_label": ["ct_label", "commits with a ct_label"],
    "ct_mark": ["ct_mark", "commits with a ct_mark"],
    "ct_orig_tuple": [ORIGINAL],
    "ct_orig_tuple6": [ORIGINAL6],
}  # fmt: skip


@contextmanager
def without(ovs: OpenVSwitch, feature: str, bridge: str = "br0") -> Iterator[None]:
    """The bridge's datapath as if it did not have this (`ovs-appctl dpif/show-dp-features` has the names)."""
    ovs.appctl("dpif/set-dp-features", bridge, feature, "false")
    try:
        yield
    finally:
        ovs.appctl("dpif/set-dp-features", bridge, feature, "true")


def test_an_able_switch_lacks_nothing(datapath: Connection) -> None:
    assert lacking(datapath) == []
    assert meters(datapath) > 0
    assert can_flush(datapath)


@pytest.mark.parametrize("feature", POOR)
def test_what_the_datapath_cannot_do_is_named(ovs: OpenVSwitch, datapath: Connection, feature: str) -> None:
    with without(ovs, feature):
        assert [need.name for need in lacking(datapath)] == POOR[feature]
    assert lacking(datapath) == []


@pytest.mark.parametrize("feature", ["ct_clear", "ct_timeout", "ct_eventmask", "ct_state_nat"])
def test_what_nobody_needs_or_openflow_does_not_tell_is_not_missed(
    ovs: OpenVSwitch, datapath: Connection, feature: str
) -> None:
    with without(ovs, feature):
        assert lacking(datapath) == []


def test_asking_installs_and_removes_nothing(ovs: OpenVSwitch, datapath: Connection) -> None:
    ovs.ofctl("add-flow", FLOW)
    before = ovs.ofctl("dump-flows", "--no-stats")
    for _ in range(3):  # a bundle that was left open would be in the way
        lacking(datapath)
        can_flush(datapath)
    assert ovs.ofctl("dump-flows", "--no-stats") == before


def test_asking_about_flushes_flushes_nothing(ovs: OpenVSwitch, datapath: Connection) -> None:
    packet = (
        "ff" * 6 + "020000000001" + "0800" + "4500002000000000401166cb0a0000010a000002" + "00010002000c0000" + "00" * 4
    )
    ovs.ofctl("packet-out", f"in_port=1000,packet={packet},actions=ct(commit,zone=9)")
    held = ovs.appctl("dpctl/dump-conntrack")
    assert "zone=9" in held
    can_flush(datapath)
    assert ovs.appctl("dpctl/dump-conntrack").count("zone=9") == held.count("zone=9")


def test_a_switch_describes_itself(ovs: OpenVSwitch, datapath: Connection) -> None:
    said = describe(datapath)
    assert said.hardware == "Open vSwitch"
    assert said.software == ovs.appctl("version").split()[3]


def test_control_characters_of_a_description_are_not_passed_on(ovs: OpenVSwitch, datapath: Connection) -> None:
    ovs.vsctl("set", "bridge", "br0", 'other_config:dp-desc="\x1b[2Jhello"')
    try:
        assert describe(datapath).datapath == "?[2Jhello"
    finally:
        ovs.vsctl("remove", "bridge", "br0", "other_config", "dp-desc")
