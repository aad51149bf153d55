"""ICMP errors pass when they are about a connection that there is, and only then."""

from __future__ import annotations

import contextlib
import socket

import pytest

from topology import SEED, frames
from topology.frames import Frame
from topology.labs import Host, Probe
from topology.listeners import Listener

pytestmark = pytest.mark.switch
EXT, VM1, VM2 = (SEED.host(name) for name in ("ext", "vm1", "vm2"))
CLOSED = 4999


@pytest.mark.parametrize("target", [EXT, VM2], ids=lambda host: host.name)
def test_a_vm_hears_that_its_own_datagram_was_refused(site, target):
    if target is VM2:
        rule = {"direction": "ingress", "protocol": "udp", "port_min": CLOSED}
        site.put("/v1/tenants/blue/groups/web/rules/udp", rule)
    with site.fabric.host("vm1").socket(kind=socket.SOCK_DGRAM) as client:
        client.settimeout(3)
        client.connect((target.address, CLOSED))
        client.send(b"?")
        with pytest.raises(ConnectionRefusedError):
            client.recv(1)


def test_the_outside_hears_that_its_admitted_datagram_was_refused(site):
    rule = {"direction": "ingress", "protocol": "udp", "port_min": CLOSED}
    site.put("/v1/tenants/blue/groups/web/rules/udp", rule)
    with site.fabric.host("ext").socket(kind=socket.SOCK_DGRAM) as client:
        client.settimeout(3)
        client.connect((VM2.address, CLOSED))
        client.send(b"?")
        with pytest.raises(ConnectionRefusedError):
            client.recv(1)


def test_a_crafted_error_passes_only_when_it_is_about_a_connection_that_exists(site):
    with site.fabric.host("vm1").socket(kind=socket.SOCK_DGRAM) as client:
        client.bind((VM1.address, 41000))
        client.sendto(b"?", (EXT.address, CLOSED))
        with contextlib.suppress(OSError):
            client.settimeout(0.5)
            client.recv(1)
        about_it = _unreachable(VM1, 41000)
        about_nothing = _unreachable(VM1, 41001)
        about_another_vms = _unreachable(VM2, 41000)
        assert site.reached("ext", about_it, about_nothing, about_another_vms) == [{"vm1"}, set(), set()]


def test_an_error_about_a_connection_that_is_judged_again_passes_while_the_connection_may(site):
    rules = "/v1/tenants/red/groups/ssh/rules"
    for key, port in (("udp", 5353), ("another", 5354)):
        site.put(f"{rules}/{key}", {"direction": "ingress", "protocol": "udp", "port_min": port})
    with (
        Listener(site.fabric.host("vm1"), [Probe("udp", 5353)]),
        site.fabric.host("ext").socket(kind=socket.SOCK_DGRAM) as client,
    ):
        client.bind((EXT.address, 42000))
        client.settimeout(3)
        client.sendto(b"?", (VM1.address, 5353))
        assert client.recv(1) == b"?"
    from_opener = _unreachable(VM1, 5353, 42000)
    from_answerer = _unreachable(EXT, 42000, 5353, teller=VM1)
    site.delete(f"{rules}/another")  # the policy is tighter, so it has a new epoch
    assert site.reached("ext", from_opener) == [{"vm1"}]
    assert site.reached("vm1", from_answerer) == [{"ext"}]
    site.delete(f"{rules}/udp")
    assert site.leaks("ext", from_opener) == []
    assert site.leaks("vm1", from_answerer) == []


def _unreachable(victim: Host, port: int, remote_port: int = CLOSED, teller: Host = EXT) -> Frame:
    """The teller says that a datagram from the victim's `port` found nobody at its own `remote_port`."""
    from scapy.layers.inet import ICMP, IP, UDP

    quoted = IP(src=victim.address, dst=teller.address) / UDP(sport=port, dport=remote_port)
    body = IP(src=teller.address, dst=victim.address) / ICMP(type=3, code=3) / quoted
    return frames.ethernet(f"port unreachable, port {port} of {victim.name}", teller.mac, victim.mac, body)
