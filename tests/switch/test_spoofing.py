"""Who lies about its addresses reaches nobody."""

from __future__ import annotations

import pytest

from topology import SEED, frames
from topology.frames import Frame, Segment
from topology.labs import Host

pytestmark = pytest.mark.switch
EXT, VM1, VM2 = (SEED.host(name) for name in ("ext", "vm1", "vm2"))
STRANGER = "192.168.0.99"


def test_honest_frames_do_arrive_so_that_silence_means_something(site):
    honest = (
        frames.udp(VM1, EXT),
        frames.udp(VM1, EXT, broadcast=True),
        frames.arp(VM1, EXT.address),
        frames.arp(VM1, EXT.address, reply_to=EXT),
    )
    assert site.reached("vm1", *honest) == [{"ext"}] * 4


FORGED = (
    frames.wrong_mac(VM1, EXT),
    frames.wrong_mac(VM1, EXT, claimed=VM2.mac),
    frames.wrong_mac(VM1, VM2, claimed=EXT.mac),
    frames.wrong_address(VM1, EXT, STRANGER),
    frames.wrong_address(VM1, EXT, VM2.address),
    frames.wrong_address(VM1, VM2, EXT.address),
    frames.wrong_address(VM1, EXT, "0.0.0.0"),
    frames.wrong_address_broadcast(VM1, EXT, STRANGER),
    frames.wrong_address_broadcast(VM1, EXT, VM2.address),
    frames.udp(VM1, EXT, mac=VM2.mac, address=VM2.address, name="all of VM2's addresses"),
    frames.arp_wrong_spa(VM1, EXT.address, VM2.address),
    frames.arp_wrong_spa(VM1, VM2.address, EXT.address),
    frames.arp_wrong_spa(VM1, EXT.address, VM2.address, reply_to=EXT),
    frames.arp_wrong_spa(VM1, VM2.address, EXT.address, reply_to=VM2),
    frames.arp_wrong_spa(VM1, EXT.address, "0.0.0.0"),
    frames.arp_wrong_spa(VM1, STRANGER, STRANGER),
    frames.arp_wrong_sha(VM1, EXT.address),
    frames.arp_wrong_sha(VM1, EXT.address, VM2.mac),
    frames.arp_wrong_sha(VM1, EXT.address, VM2.mac, reply_to=EXT),
    frames.arp_wrong_sha(VM1, VM2.address, EXT.mac, reply_to=VM2),
    frames.arp(VM1, EXT.address, mac=VM2.mac, sha=VM1.mac, name="ARP under another Ethernet source"),
)


def test_a_forged_frame_reaches_nobody(site):
    assert site.leaks("vm1", *FORGED) == []


def _ipv6(target: str) -> Frame:
    from scapy.layers.inet import UDP
    from scapy.layers.inet6 import IPv6

    return frames.ethernet("IPv6", VM1.mac, target, IPv6(src="fe80::1", dst="fe80::2") / UDP(sport=1, dport=2))


ENDS = bytes.fromhex((EXT.mac + VM1.mac).replace(":", ""))
UNKNOWN = Frame("unknown type", ENDS + b"\x88\xb5marker of 88b5", b"marker of 88b5")
OTHERS = (
    _ipv6(EXT.mac),
    _ipv6(VM2.mac),
    _ipv6("33:33:00:00:00:01"),
    frames.tagged(frames.udp(VM1, EXT), 0),
    frames.tagged(frames.udp(VM1, EXT), 7),
    frames.tagged(frames.udp(VM1, VM2, dport=80), 7),
    frames.tagged(frames.arp(VM1, EXT.address), 7),
    UNKNOWN,
)


def test_what_is_neither_plain_ip_of_its_own_nor_arp_reaches_nobody(site):
    assert site.leaks("vm1", *OTHERS) == []


def test_a_frame_of_another_vlan_reaches_no_vm_and_a_priority_tag_is_none(site):
    plain = frames.udp(EXT, VM2, dport=80), frames.arp(EXT, VM1.address), frames.arp(EXT, EXT.address)
    assert site.leaks("ext", *(frames.tagged(frame, 7) for frame in plain)) == []
    assert site.reached("ext", *(frames.tagged(frame, 0) for frame in plain)) == [set(), {"vm1"}, {"vm1", "vm2"}]


def test_the_other_vm_cannot_speak_within_an_established_connection(dual):
    dual.stream("server-push", "ext", "vm1", 22)
    towards_ext = dual.fabric.overhear("ext", 22)
    towards_vm1 = dual.fabric.overhear("vm1", 22)
    forged = [frames.into_connection(VM2, EXT, towards_ext), frames.into_connection(VM2, VM1, towards_vm1)]
    forged += [_continued(VM2, EXT, towards_ext, VM1.ip(dual.family), mac) for mac in (VM1.mac, EXT.mac)]
    assert dual.leaks("vm2", *forged) == []


def test_the_outside_cannot_speak_under_a_local_mac_within_an_established_connection(dual):
    dual.stream("server-push", "vm1", "vm2", 80)
    forged = [
        _continued(EXT, target, dual.fabric.overhear(target.name, 80), victim.ip(dual.family), victim.mac)
        for target, victim in ((VM1, VM2), (VM2, VM1))
    ]
    assert dual.leaks("ext", *forged) == []


def test_the_outside_cannot_use_a_local_mac(site):
    forged = (
        frames.arp(EXT, VM1.address, mac=VM2.mac),
        frames.arp(EXT, VM1.address, mac=VM2.mac, reply_to=VM1),
        frames.udp(EXT, VM2, mac=VM1.mac, dport=80),
    )
    assert site.leaks("ext", *forged) == []


def _continued(sender: Host, target: Host, heard: Segment, address: str, mac: str) -> Frame:
    """What the connection expects next, under somebody else's address and MAC."""
    numbers = {"seq": heard.next_seq, "ack": heard.ack, "family": frames.family_of(address)}
    return frames.tcp_segment(sender, target, heard.sport, heard.dport, address=address, mac=mac, **numbers)
