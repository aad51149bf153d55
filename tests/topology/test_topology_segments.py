"""Hosts that share a wire by VLAN tags, machines with several NICs, and both families."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from topology import Fabric, frames, realise
from topology.labs import Host, Lab
from topology.sniffer import Sniffer

pytestmark = pytest.mark.switch
MAC = "52:54:00:00:0a:01"
TWINS = {"address": "10.0.0.1", "address6": "fd00:a::1"}
LAB = Lab(
    "segments",
    (
        Host("ext", "52:54:00:e0:00:fe", "192.168.0.254", ofport=1, address6="fd00::fe"),
        Host("ext.10", MAC, **TWINS, trunk="ext", tag=10),
        Host("ext.20", MAC, **TWINS, trunk="ext", tag=20),
        Host("vm", "52:54:00:00:00:02", "192.168.0.2", tenant="red", ofport=2, address6="fd00::2"),
        Host("vm.10", "52:54:00:00:00:03", "10.0.0.2", tenant="red", address6="fd00:a::2", trunk="vm", tag=10),
        Host("vm.20", "52:54:00:00:00:03", "10.0.0.2", tenant="blue", address6="fd00:a::2", trunk="vm", tag=20),
        Host("vm+", "52:54:00:00:00:04", "192.168.1.2", tenant="red", ofport=3, machine="vm"),
    ),
    ("ext",),
)
EXT, VM = LAB.host("ext"), LAB.host("vm")


@pytest.fixture(scope="module")
def lab() -> Iterator[Fabric]:
    with realise(LAB, controller=None) as fabric:
        fabric.ovs.program("actions=NORMAL")
        yield fabric


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("pair", [("ext", "vm"), ("vm", "ext"), ("ext.10", "vm.10"), ("vm.20", "ext.20")])
def test_each_segment_is_reached_under_the_same_addresses(lab, pair, family):
    assert lab.tcp(*pair, 80, family=family)
    assert lab.udp(*pair, 80, family=family)
    assert lab.udp_oneway(*pair, 81, family=family, size=1400)
    assert lab.icmp(*pair, family=family)


@pytest.mark.parametrize("family", [4, 6])
def test_streams_of_one_5_tuple_flow_in_both_segments(lab, family):
    streams = [lab.stream("client-push", f"ext.{tag}", f"vm.{tag}", 80, family=family, sport=7777) for tag in (10, 20)]
    assert all(stream.started() and stream.alive() for stream in streams)
    lab.ovs.ofctl("add-flow", "priority=40000,in_port=1,dl_vlan=10,actions=drop")
    lab.ovs.settle()
    assert [stream.alive() for stream in streams] == [False, True]
    lab.ovs.ofctl("del-flows", "dl_vlan=10")
    lab.ovs.settle()
    assert streams[0].alive(3)
    for stream in streams:
        stream.close()


def test_a_sniffer_tells_with_which_tag_a_frame_arrived(lab):
    lab.ovs.ofctl("add-flow", "priority=50000,in_port=1,actions=output:2")  # NORMAL takes a priority tag off
    lab.ovs.settle()
    honest = frames.udp(EXT, VM)
    for frame, where in (
        (honest, {"vm"}),
        (frames.tagged(honest, 10), {"vm.10"}),
        (frames.tagged(honest, 0), {"vm.0"}),
        (frames.tagged(frames.tagged(honest, 7), 20), {"vm.20"}),
    ):
        assert lab.frame("ext", frame) == where, frame.name
    lab.ovs.ofctl("--strict", "del-flows", "priority=50000,in_port=1")
    lab.ovs.settle()


def test_a_frame_of_a_host_behind_a_trunk_is_tagged_on_the_wire_only(lab):
    target = LAB.host("vm.10")
    frame = frames.udp(LAB.host("ext.10"), target, mac="52:54:00:00:0a:77")
    with Sniffer({"vm.10": lab.host("vm.10")}) as behind:
        assert _first_nics(lab.frame("ext.10", frame)) == {"vm.10"}
        assert behind.saw(frame) == {"vm.10"}


def _first_nics(heard: frozenset[str]) -> set[str]:
    """A plain switch floods to all of them."""
    return {name for name in heard if not name.startswith("vm+")}


def test_a_machine_has_its_nics_in_one_namespace(lab):
    first, second = lab.host("vm"), lab.host("vm+")
    assert (first.namespace, first.nic, second.nic) == (second.namespace, "eth0", "eth1")
    assert "192.168.1.2" in first.run(["ip", "address", "show", "eth1"]).stdout
