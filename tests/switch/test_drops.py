"""What a port's guards have dropped, told by reason; the switch counts it. Policies' drops: `test_guardrails`."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.switch.conftest import DUAL
from tests.switch.site import Site, eventually
from topology import SEED, dhcp, frames, nd
from topology.frames import Frame
from topology.probes import send

pytestmark = pytest.mark.switch
EXT, VM1, VM2 = (SEED.host(name) for name in ("ext", "vm1", "vm2"))
PORT, OTHER = "/v1/tenants/red/ports/vm1", "/v1/tenants/blue/ports/vm2"
SETTLED = 1.5  # seconds, after which Open vSwitch has counted what it saw
FORGED: dict[str, list[Frame]] = {
    "mac": [frames.wrong_mac(VM1, EXT), frames.arp(VM1, EXT.address, mac=VM2.mac)],
    "ethertype": [frames.unknown(VM1, EXT, 0x88CC), frames.tagged(frames.udp(VM1, EXT), 5)],
    "arp": [frames.arp_wrong_spa(VM1, EXT.address, VM2.address), frames.rarp(VM1, sha=VM2.mac)],
    "ipv4": [frames.wrong_address(VM1, EXT, VM2.address), frames.wrong_address(VM1, EXT, "192.168.0.99")],
    "ipv6": [frames.wrong_address(VM1, EXT, VM2.ip(6))],
    "nd": [
        nd.router_advertisement(VM1),
        nd.advertisement(VM1, VM2.ip(6)),
        nd.solicitation(VM1, EXT.ip(6), hop_limit=64),
    ],
    "mld": [nd.query(VM1)],
    "dhcp": [dhcp.answers(VM1, EXT), dhcp.answers(VM1, EXT, 6)],
}


REASONS = (*FORGED, "egress", "ingress")  # guards, then what policies do not let out or in


@pytest.fixture
def guarded(running: Site) -> Site:
    """Both families, so that every guard has something to guard."""
    running.reset(DUAL)
    return running


def drops(site: Site, path: str = PORT) -> dict[str, int] | None:
    return site.port_status(path)["drops"]


def forge(site: Site, *forged: Frame) -> None:
    for frame in forged:
        send(site.fabric.hosts["vm1"], frame)


def test_the_reasons_are_told_in_the_order_of_the_guards(guarded):
    assert tuple(drops(guarded)) == REASONS


@pytest.mark.parametrize("reason", FORGED)
def test_what_a_guard_drops_is_counted_under_its_reason(guarded, reason):
    before = drops(guarded)
    forge(guarded, *FORGED[reason] * 2)
    expected = before | {reason: before[reason] + 2 * len(FORGED[reason])}
    assert eventually(lambda: drops(guarded) == expected, 5), (before, drops(guarded), expected)


def test_honest_frames_are_not_counted_and_other_ports_neither(guarded):
    before, other = drops(guarded), drops(guarded, OTHER)
    assert guarded.passes(("vm1", "ext", 80))
    forge(guarded, frames.udp(VM1, EXT), frames.arp(VM1, EXT.address), nd.solicitation(VM1, EXT.ip(6)))
    forge(guarded, *FORGED["mac"])
    time.sleep(SETTLED)
    assert drops(guarded) == before | {"mac": before["mac"] + len(FORGED["mac"])}
    assert drops(guarded, OTHER) == other


def test_a_port_that_is_not_plugged_in_has_no_counters(guarded):
    body = next(document["body"] for document in DUAL if document["path"] == PORT)
    guarded.put(PORT, body | {"binding": None})
    assert drops(guarded) is None
    guarded.put(PORT, body)
    assert drops(guarded) == dict.fromkeys(REASONS, 0)  # its flows are new


def test_a_disabled_port_has_no_counters(guarded):
    body = next(document["body"] for document in DUAL if document["path"] == PORT)
    guarded.put(PORT, body | {"enabled": False})
    assert drops(guarded) is None


def test_a_switch_that_does_not_answer_is_not_waited_for(guarded):
    with frozen(guarded):
        start = time.monotonic()
        assert drops(guarded) is None
        assert time.monotonic() - start < 3
    assert eventually(lambda: drops(guarded) is not None)


@contextmanager
def frozen(site: Site) -> Iterator[None]:
    pid = site.fabric.ovs.pid("ovs-vswitchd")
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
