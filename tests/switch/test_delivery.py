"""Who hears what: a frame reaches the owner of its address, an announcement the registered ports, nothing the rest."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from tests.switch.site import port, rule
from topology import SEED, frames
from topology.frames import BROADCAST, Frame
from topology.labs import Host
from topology.probes import Sniffer

pytestmark = pytest.mark.switch
NOBODY: set[str] = set()
EXT, VM1, VM2 = (SEED.host(name) for name in ("ext", "vm1", "vm2"))
STRAY = Host("stray", "52:54:00:55:55:55", "192.168.0.55", tenant="green")
NOT_THERE = "192.168.0.99"


# -- a port that nobody registered


@pytest.fixture
def stray(site) -> Iterator[str]:
    site.fabric.attach(STRAY)
    yield STRAY.name
    site.fabric.detach(STRAY.name)


def test_an_unregistered_port_reaches_nobody(site, stray):
    sent = [frames.udp(STRAY, EXT, broadcast=True), frames.arp(STRAY, STRAY.address), discover(STRAY)]
    for target in (EXT, VM1, VM2):
        sent.append(frames.udp(STRAY, target, dport=80))
        sent.append(frames.udp(STRAY, target, mac=VM2.mac, address=VM2.address))
        sent.append(frames.arp(STRAY, target.address))
    assert site.leaks(stray, *sent) == []


def test_an_unregistered_port_hears_nothing(site, stray):
    from_outside = (
        frames.udp(EXT, STRAY),
        frames.udp(EXT, STRAY, broadcast=True),
        frames.arp(EXT, STRAY.address),
        frames.arp(EXT, EXT.address),
        offer(BROADCAST),
    )
    assert [stray in who for who in site.reached("ext", *from_outside)] == [False] * 5
    from_a_vm = (frames.udp(VM1, STRAY), frames.arp(VM1, STRAY.address), frames.arp(VM1, VM1.address))
    assert site.reached("vm1", *from_a_vm) == [{"ext"}] * 3


def test_unknown_unicast_from_outside_reaches_nobody(site):
    nowhere = Host("nowhere", "52:54:00:77:77:77", NOT_THERE)
    assert site.leaks("ext", frames.udp(EXT, nowhere)) == []
    assert site.reached("vm1", frames.udp(VM1, nowhere)) == [{"ext"}]


def test_nothing_is_forwarded_by_learning(site):
    assert [flow.text for flow in site.flows() if "normal" in flow.actions.lower()] == []


def test_a_datagram_in_fragments_passes_whole_or_not_at_all(site):
    def answered(source: str, target: Host) -> bool:
        ping = ["ping", "-c", "1", "-W", "2", "-s", "4000", target.address]
        return site.fabric.host(source).run(ping, check=False).returncode == 0

    assert answered("vm1", EXT)
    with Sniffer({"vm1": site.fabric.host("vm1")}) as sniffer:
        assert not answered("ext", VM1)
        heard = sniffer.listen(0.1)
    assert [raw for _, raw in heard if raw[12:14] == b"\x08\x00"] == []


@pytest.mark.parametrize(
    ("low", "high", "size", "arrives"), [(0, 1023, 4000, False), (0, 6000, 100, True), (0, 65535, 4000, True)]
)
@pytest.mark.parametrize("source", ["ext", "vm1"])
def test_a_datagram_in_fragments_is_not_taken_for_one_to_port_0(site, source, low, high, size, arrives):
    site.put("/v1/tenants/blue/groups/web/rules/udp", rule("ingress", "udp", low, high))
    with (
        site.fabric.host("vm2").socket(kind=socket.SOCK_DGRAM) as receiver,
        site.fabric.host(source).socket(kind=socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind((VM2.address, 5353))
        receiver.settimeout(2.0 if arrives else 0.5)
        sender.sendto(bytes(size), (VM2.address, 5353))
        heard = 0
        with contextlib.suppress(TimeoutError):
            heard = len(receiver.recv(5000))
    assert heard == (size if arrives else 0)


# -- ARP


@pytest.mark.parametrize(("asker", "owner"), [("ext", "vm1"), ("ext", "vm2"), ("vm1", "vm2"), ("vm2", "vm1")])
def test_an_arp_request_reaches_the_owner_only(site, asker, owner):
    request = frames.arp(SEED.host(asker), SEED.host(owner).address)
    assert site.reached(asker, request) == [{owner}]


def test_an_arp_request_for_an_address_that_is_not_local_leaves_by_the_uplink_only(site):
    assert site.reached("vm1", frames.arp(VM1, NOT_THERE)) == [{"ext"}]
    assert site.reached("ext", frames.arp(EXT, NOT_THERE)) == [NOBODY]


def test_an_arp_reply_reaches_whom_it_is_addressed_to(site):
    assert site.reached("vm1", frames.arp(VM1, VM2.address, reply_to=VM2)) == [{"vm2"}]
    assert site.reached("ext", frames.arp(EXT, VM2.address, reply_to=VM2)) == [{"vm2"}]


def test_gratuitous_arp_from_outside_reaches_every_vm(site):
    assert site.reached("ext", frames.arp(EXT, EXT.address)) == [{"vm1", "vm2"}]
    everybody = Host("everybody", BROADCAST, EXT.address)
    assert site.reached("ext", frames.arp(EXT, EXT.address, reply_to=everybody)) == [{"vm1", "vm2"}]


def test_gratuitous_arp_from_a_vm_leaves_by_the_uplink_only(site):
    assert site.reached("vm1", frames.arp(VM1, VM1.address)) == [{"ext"}]


def test_an_arp_probe_of_a_vm_for_its_own_address_leaves_by_the_uplink_only(site):
    assert site.reached("vm1", frames.arp(VM1, VM1.address, spa="0.0.0.0")) == [{"ext"}]


# -- DHCP, before the VM has an address


@pytest.mark.parametrize("addresses", [[], [VM1.address]], ids=["none registered", "one registered"])
def test_dhcp_works_before_the_vm_has_an_address(site, addresses):
    site.put("/v1/tenants/red/ports/vm1", port(VM1, addresses=addresses))
    assert site.reached("vm1", discover(VM1)) == [{"ext"}]
    assert site.reached("ext", offer(VM1.mac)) == [{"vm1"}]
    assert site.reached("ext", offer(BROADCAST)) == [{"vm1", "vm2"}]


def test_a_vm_is_no_dhcp_server_to_others(site):
    for target in (VM2.mac, BROADCAST):
        assert "vm2" not in site.reached("vm1", offer(target, server=VM1))[0]


def test_a_dhcp_message_under_another_mac_reaches_nobody(site):
    assert site.reached("vm1", discover(VM1, mac=VM2.mac)) == [NOBODY]


def discover(host: Host, mac: str | None = None) -> Frame:
    from scapy.layers.dhcp import BOOTP, DHCP
    from scapy.layers.inet import IP, UDP

    ask = BOOTP(chaddr=bytes.fromhex(host.mac.replace(":", ""))) / DHCP(options=[("message-type", "discover"), "end"])
    body = IP(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=67) / ask
    return frames.ethernet("DHCP discover", mac or host.mac, BROADCAST, body)


def offer(to: str, server: Host = EXT) -> Frame:
    from scapy.layers.dhcp import BOOTP, DHCP
    from scapy.layers.inet import IP, UDP

    answer = BOOTP(op=2, yiaddr=VM1.address) / DHCP(options=[("message-type", "offer"), "end"])
    target = "255.255.255.255" if to == BROADCAST else VM1.address
    body = IP(src=server.address, dst=target) / UDP(sport=67, dport=68) / answer
    return frames.ethernet("DHCP offer", server.mac, to, body)
