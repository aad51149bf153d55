"""A port that is off neither sends nor receives, at once, and goes on where it was when it is on again."""

from __future__ import annotations

import time

import pytest

from topology import SEED, frames, nd

pytestmark = pytest.mark.switch
EXT, VM1, VM2 = (SEED.host(name) for name in ("ext", "vm1", "vm2"))
PORT = "/v1/tenants/red/ports/vm1"
CUT_SECONDS, STEADY_GAP = 1.0, 0.5


def test_a_port_is_silenced_at_once_both_ways_and_resumes(dual):
    streams = [
        dual.stream("server-push", "ext", "vm1", 22),
        dual.stream("client-push", "ext", "vm1", 22),
        dual.stream("client-push", "vm2", "vm1", 22),
        dual.stream("udp", "vm1", "ext", 4711),
    ]
    spared = dual.stream("server-push", "ext", "vm2", 80)
    begin = time.monotonic()
    dual.patch(PORT, {"enabled": False})
    answered = time.monotonic()
    time.sleep(CUT_SECONDS + 0.3)
    late = [stream.report().last_arrival - answered for stream in streams]
    assert max(late) < CUT_SECONDS, late
    dual.patch(PORT, {"enabled": True})
    assert [stream.alive(8) for stream in streams] == [True] * len(streams)
    assert spared.gap(begin) < STEADY_GAP
    print(f"\nsilent {max(late):+.3f} s after the answer; longest gap of another port {spared.gap(begin):.3f} s")


def test_a_port_that_is_off_says_and_hears_nothing_at_all(dual):
    dual.patch(PORT, {"enabled": False})
    family = dual.family
    said = (
        frames.udp(VM1, EXT, family=family), frames.udp(VM1, VM2, family=family, dport=80), frames.rarp(VM1),
        frames.arp(VM1, VM1.address), nd.solicitation(VM1, EXT.ip(6)), nd.report(VM1), nd.router_solicitation(VM1),
    )  # fmt: skip
    assert dual.leaks("vm1", *said) == []
    heard = (
        frames.udp(EXT, VM1, family=family, dport=22),
        frames.tcp_segment(EXT, VM1, 5, 22, seq=1, flags="S", family=family),
        frames.arp(EXT, VM1.address), nd.solicitation(EXT, VM1.ip(6)), nd.router_advertisement(EXT, to=VM1),
    )  # fmt: skip
    assert dual.leaks("ext", *heard) == []
    everybody = (frames.arp(EXT, EXT.address), nd.router_advertisement(EXT), nd.query(EXT))
    assert dual.reached("ext", *everybody) == [{"vm2"}] * len(everybody)


def test_what_is_for_a_port_that_is_off_is_not_sent_outside_and_its_mac_stays_reserved(dual):
    dual.patch(PORT, {"enabled": False})
    assert dual.leaks("vm2", frames.udp(VM2, VM1, family=dual.family, dport=22)) == []
    assert dual.leaks("ext", frames.udp(EXT, VM2, family=dual.family, mac=VM1.mac, dport=80)) == []
    reply = dual.controller.ask("PUT", "/v1/tenants/blue/ports/thief", {"mac": VM1.mac, "addresses": []})
    assert reply.status == 409


def test_a_port_can_be_registered_off(dual):
    body = dual.controller.get(PORT)
    dual.delete(PORT)
    dual.put(PORT, {key: body[key] for key in ("binding", "mac", "addresses", "groups")} | {"enabled": False})
    assert dual.blocked(("ext", "vm1", 22), ("vm1", "ext", 4711))
    dual.patch(PORT, {"enabled": True})
    assert dual.passes(("ext", "vm1", 22), ("vm1", "ext", 4711)) == [True, True]
