"""Frames are what their names say: scapy, and the kernels of the hosts, read them so."""

from __future__ import annotations

import socket

import pytest

from topology import dhcp, fragments, frames, nd
from topology.labs import SEED
from topology.probes import send

EXT, VM1, VM2 = (SEED.host(name) for name in ("ext", "vm1", "vm2"))
ALL = (
    *(frames.udp(VM1, EXT, family=family, broadcast=everybody) for family in (4, 6) for everybody in (False, True)),
    frames.udp(VM1, EXT, to="224.0.0.251"),
    frames.rarp(VM1),
    frames.unknown(VM1, EXT, 0x88B5),
    frames.tcp_segment(VM1, EXT, 1, 2, seq=3, family=6),
    nd.solicitation(VM1, EXT.ip(6)),
    nd.detection(VM1, VM1.ip(6)),
    nd.advertisement(VM1, VM1.ip(6)),
    nd.advertisement(VM1, VM1.ip(6), to=VM2),
    nd.router_solicitation(VM1),
    nd.router_advertisement(EXT),
    nd.redirect(EXT, VM1),
    nd.report(VM1),
    nd.report(VM1, version=1),
    nd.done(VM1),
    nd.query(EXT),
    *(dhcp.asks(VM1, family) for family in (4, 6)),
    *(dhcp.answers(EXT, VM1, family) for family in (4, 6)),
    *(frame for family in (4, 6) for frame in fragments.whole(VM1, VM2, family)),
)


def test_every_frame_has_a_marker_of_its_own():
    assert all(frame.marker in frame.raw for frame in ALL)
    assert len({frame.marker for frame in ALL}) == len(ALL)


def test_the_types_are_those_of_the_standards():
    from scapy.layers.inet6 import IPv6
    from scapy.layers.l2 import Ether

    def kind(frame: frames.Frame) -> int:
        packet = Ether(frame.raw)[IPv6]
        while not bytes(packet.payload)[:1] or packet.nh != 58:
            packet = packet.payload
        return bytes(packet.payload)[0]

    found = {frame.name: kind(frame) for frame in ALL if Ether(frame.raw).type == 0x86DD and _icmpv6(frame)}
    assert found == {
        "NS": 135, "DAD": 135, "NA": 136, "RS": 133, "RA": 134, "redirect": 137,
        "MLDv2 report": 143, "MLDv1 report": 131, "MLD done": 132, "MLD query": 130,
    }  # fmt: skip


def _icmpv6(frame: frames.Frame) -> bool:
    return frame.raw[20] == 58 or (frame.raw[20] == 0 and frame.raw[54] == 58)


def test_groups_have_the_macs_of_their_addresses():
    assert frames.group_mac("224.128.0.251") == "01:00:5e:00:00:fb"
    assert frames.group_mac("ff02::1:ff00:1") == "33:33:ff:00:00:01"
    assert frames.group_mac("255.255.255.255") == frames.BROADCAST
    assert nd.solicited_node("fd00::12:3456") == "ff02::1:ff12:3456"


@pytest.mark.switch
@pytest.mark.parametrize("family", [4, 6])
def test_a_host_puts_fragments_together(seed, family):
    sent = fragments.whole(VM1, VM2, family, dport=5000)
    with seed.host("vm2").socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("", 5000))
        receiver.settimeout(2)
        send(seed.host("vm1"), *reversed(sent))
        assert len(receiver.recv(4000)) == 3000
    assert "vm2" in seed.frame("vm1", sent[1])


@pytest.mark.switch
def test_a_host_believes_neighbour_discovery(seed):
    assert seed.icmp("vm2", "vm1", family=6)
    send(seed.host("vm1"), nd.advertisement(VM1, VM1.ip(6), lladdr="02:00:00:00:00:77"))
    assert "02:00:00:00:00:77" in seed.host("vm2").run(["ip", "-6", "neigh"]).stdout


@pytest.mark.switch
def test_a_host_answers_a_solicitation(seed):
    with seed.host("vm1").socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as ear:
        ear.settimeout(2)
        send(seed.host("vm1"), nd.solicitation(VM1, VM2.ip(6)))
        while ear.recv(2048)[0] != 136:
            pass
