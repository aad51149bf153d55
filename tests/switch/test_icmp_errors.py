"""ICMP errors pass when they are about a connection that there is, and only then."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import pytest

from tests.switch.site import Site, rule
from topology import SEED, frames
from topology.frames import Frame, ip
from topology.labs import Host, Probe
from topology.listeners import Listener
from topology.namespaces import INET

pytestmark = pytest.mark.switch
EXT, VM1, VM2 = (SEED.host(name) for name in ("ext", "vm1", "vm2"))
CLOSED = 4999


@pytest.mark.parametrize("target", [EXT, VM2], ids=lambda host: host.name)
def test_a_vm_hears_that_its_own_datagram_was_refused(dual, target):
    if target is VM2:
        dual.put("/v1/tenants/blue/groups/web/rules/udp", rule("ingress", "udp", CLOSED, family=dual.family))
    with dual.fabric.host("vm1").socket(INET[dual.family], socket.SOCK_DGRAM) as client:
        client.settimeout(3)
        client.connect((target.ip(dual.family), CLOSED))
        client.send(b"?")
        with pytest.raises(ConnectionRefusedError):
            client.recv(1)


def test_the_outside_hears_that_its_admitted_datagram_was_refused(dual):
    dual.put("/v1/tenants/blue/groups/web/rules/udp", rule("ingress", "udp", CLOSED, family=dual.family))
    with dual.fabric.host("ext").socket(INET[dual.family], socket.SOCK_DGRAM) as client:
        client.settimeout(3)
        client.connect((VM2.ip(dual.family), CLOSED))
        client.send(b"?")
        with pytest.raises(ConnectionRefusedError):
            client.recv(1)


def test_a_crafted_error_passes_only_when_it_is_about_a_connection_that_exists(dual):
    with dual.fabric.host("vm1").socket(INET[dual.family], socket.SOCK_DGRAM) as client:
        client.bind((VM1.ip(dual.family), 41000))
        client.sendto(b"?", (EXT.ip(dual.family), CLOSED))
        with contextlib.suppress(OSError):
            client.settimeout(0.5)
            client.recv(1)
        about_it = _unreachable(dual, VM1, 41000)
        about_nothing = _unreachable(dual, VM1, 41001)
        about_another_vms = _unreachable(dual, VM2, 41000)
        assert dual.reached("ext", about_it, about_nothing, about_another_vms) == [{"vm1"}, set(), set()]


def test_an_error_about_a_connection_that_is_judged_again_passes_while_the_connection_may(dual):
    rules = "/v1/tenants/red/groups/ssh/rules"
    for key, port in (("udp", 5353), ("another", 5354)):
        dual.put(f"{rules}/{key}", rule("ingress", "udp", port, family=dual.family))
    with (
        Listener(dual.fabric.host("vm1"), [Probe("udp", 5353)], dual.family),
        dual.fabric.host("ext").socket(INET[dual.family], socket.SOCK_DGRAM) as client,
    ):
        client.bind((EXT.ip(dual.family), 42000))
        client.settimeout(3)
        client.sendto(b"?", (VM1.ip(dual.family), 5353))
        assert client.recv(1) == b"?"
    from_opener = _unreachable(dual, VM1, 5353, 42000)
    from_answerer = _unreachable(dual, EXT, 42000, 5353, teller=VM1)
    dual.delete(f"{rules}/another")  # the policy is tighter, so it has a new epoch
    assert dual.reached("ext", from_opener) == [{"vm1"}]
    assert dual.reached("vm1", from_answerer) == [{"ext"}]
    dual.delete(f"{rules}/udp")
    assert dual.leaks("ext", from_opener) == []
    assert dual.leaks("vm1", from_answerer) == []


def test_a_vm_hears_that_its_datagram_was_too_big_and_hears_it_only_about_its_own(dual):
    """Path MTU discovery depends on it (RFC 1191, RFC 8201)."""
    with dual.fabric.host("vm1").socket(INET[dual.family], socket.SOCK_DGRAM) as client:
        client.bind((VM1.ip(dual.family), 43000))
        client.sendto(b"?", (EXT.ip(dual.family), CLOSED))
        too_big = _too_big(dual)
        about_it, about_nothing = (_unreachable(dual, VM1, port, error=too_big) for port in (43000, 43001))
        assert dual.reached("ext", about_it, about_nothing) == [{"vm1"}, set()]


def _too_big(site: Site) -> Any:
    from scapy.layers.inet import ICMP
    from scapy.layers.inet6 import ICMPv6PacketTooBig

    return ICMP(type=3, code=4, nexthopmtu=1400) if site.family == 4 else ICMPv6PacketTooBig(mtu=1400)


def _unreachable(
    site: Site, victim: Host, port: int, remote_port: int = CLOSED, teller: Host = EXT, error: Any = None
) -> Frame:
    """The teller says that a datagram from the victim's `port` found nobody at its own `remote_port`, or an `error`."""
    from scapy.layers.inet import ICMP, UDP
    from scapy.layers.inet6 import ICMPv6DestUnreach

    there, here = teller.ip(site.family), victim.ip(site.family)
    error = error or (ICMP(type=3, code=3) if site.family == 4 else ICMPv6DestUnreach(code=4))
    body = ip(site.family, there, here) / error / ip(site.family, here, there) / UDP(sport=port, dport=remote_port)
    return frames.ethernet(f"error about port {port} of {victim.name}", teller.mac, victim.mac, body)
