"""What switches, and those who pose as one, do to others: nothing."""

from __future__ import annotations

import os
import signal
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest

from app.core.pipeline import LOCAL
from tests.hardening.strangers import MULTIPART_REQUEST, Switch, message, plain_answer
from tests.model.full_house import full_house
from tests.switch.relay import Relay
from tests.switch.site import DPID, Site, eventually, rule
from topology import SEED, frames
from topology.bursts import pour, varied

pytestmark = pytest.mark.switch
PACKET_IN, FLOW_MOD, FEATURES_REPLY, MULTIPART, BARRIER, CONTROL = 10, 14, 6, 19, 20, 33
CONFIG_REQUEST, CONFIG_REPLY, BARRIER_REPLY = 7, 8, 21
COMMIT = 4
ALT = "/v1/tenants/red/groups/ssh/rules/alt"
SECOND = 0x2
VM1, EXT = SEED.host("vm1"), SEED.host("ext")


@dataclass
class Obedient:
    """A switch that says yes to everything, unless it is told to be silent, and counts what it was made to commit."""

    commits: int = 0
    silent: threading.Event = field(default_factory=threading.Event)

    def answer(self, kind: int, body: bytes, xid: int) -> bytes:
        if self.silent.is_set():
            return b""
        if kind == CONFIG_REQUEST:
            return message(CONFIG_REPLY, struct.pack("!HH", 3, 128), xid)
        if kind == BARRIER:
            return message(BARRIER_REPLY, b"", xid)
        if kind == CONTROL:
            number, step, flags = struct.unpack("!IHH", body)
            self.commits += step == COMMIT
            return message(CONTROL, struct.pack("!IHH", number, step + 1, flags), xid)
        return plain_answer(kind, body, xid) if kind == MULTIPART_REQUEST else b""


@contextmanager
def second_switch(site: Site) -> Iterator[Obedient]:
    """It has the interface tap1, to which a port with the group that all tests here change is bound."""
    other = Obedient()
    with Switch(SECOND, other.answer):
        site.controller.wait_connected(2)
        binding = {"switch": f"{SECOND:016x}", "interface": "tap1"}
        body = {"binding": binding, "mac": "02:00:00:00:00:77", "addresses": ["192.168.0.77"], "groups": ["ssh"]}
        site.put("/v1/tenants/red/ports/far", body)
        yield other


def applied(site: Site, dpid: str) -> int:
    return site.status(dpid)["applied_revision"]


def test_no_flow_sends_packets_to_the_controller(site: Site) -> None:
    house = full_house().program
    outputs = {action[1] for flow in house.wanted.values() for action in flow.actions if action[0] == "output"}
    assert outputs <= {*house.ports, LOCAL, 0xFFFFFFF8}
    assert "CONTROLLER" not in site.fabric.ovs.ofctl("dump-flows")


def test_no_packet_arrives_while_unknown_traffic_floods_the_bridge(site: Site) -> None:
    ovs = site.fabric.ovs
    with Relay() as relay:
        ovs.set_controller("br0", relay.target)
        assert eventually(lambda: relay.sent[FEATURES_REPLY] == 1)
        assert eventually(lambda: site.status()["state"] == "synced" and relay.told[CONTROL])
        forged = frames.udp(VM1, EXT, mac="02:66:66:66:00:00").raw
        unknown = frames.unknown(VM1, EXT, 0x88B5).raw
        stranger = frames.udp(EXT, VM1).raw
        for _ in range(2):
            for source, sample, at in (
                ("vm1", forged, 10),
                ("vm1", unknown, 12),
                ("ext", stranger, 4),
                ("ext", stranger, 36),
            ):
                host = site.fabric.host(source)
                sent = pour(
                    host.nic, varied(sample, at, range(0x0600, 0x0A00)), opened=lambda f, k, h=host: h.socket(f, k)
                )
                assert sent == 0x400
            # and not even when a foreign flow asks for it
            ovs.ofctl("add-flow", "table=0,priority=65535,actions=CONTROLLER:65535")
            ovs.settle()
        assert site.status()["connected"]
        assert relay.sent[MULTIPART] > 2
        assert (relay.sent[PACKET_IN], relay.told[13]) == (0, 0)
        ovs.set_controller("br0", "tcp:127.0.0.1:6653")
        site.controller.wait_connected()


def test_a_switch_that_stands_still_does_not_hold_up_another(site: Site) -> None:
    daemon = site.fabric.ovs.pid("ovs-vswitchd")
    with second_switch(site) as other:
        os.kill(daemon, signal.SIGSTOP)
        try:
            still, commits = applied(site, DPID), other.commits
            for number in range(8022, 8027):
                reply = site.controller.ask("PUT", f"{ALT}?wait=50ms", rule("ingress", "tcp", number))
                revision = int(reply.headers["X-Revision"])
                assert eventually(lambda wanted=revision: applied(site, f"{SECOND:016x}") >= wanted)
                assert DPID in site.controller.get(f"/v1/revisions/{revision}?wait=0s")["lagging"]
            assert other.commits == commits + 5
            assert applied(site, DPID) == still  # it did not answer in between
        finally:
            os.kill(daemon, signal.SIGCONT)
        site.controller.settle()
    assert site.passes(("ext", "vm1", 8026)) == [True]


def test_a_switch_that_answers_nothing_any_more_does_not_hold_up_another(site: Site) -> None:
    with second_switch(site) as other:
        other.silent.set()
        for number in range(8022, 8027):
            reply = site.controller.ask("PUT", f"{ALT}?wait=50ms", rule("ingress", "tcp", number))
            revision = int(reply.headers["X-Revision"])
            assert eventually(lambda wanted=revision: applied(site, DPID) >= wanted)
        assert applied(site, f"{SECOND:016x}") < revision
        assert site.passes(("ext", "vm1", 8026)) == [True]


def test_of_two_switches_with_one_datapath_id_the_newer_wins_but_not_for_ever(site: Site) -> None:
    with ExitStack() as stack:
        rivals = [stack.enter_context(Switch(int(DPID, 16), Obedient().answer)) for _ in range(5)]
        assert eventually(lambda: site.logged("duplicate_datapath_id"))
        assert eventually(lambda: sum(rival.hung_up(0.01) for rival in rivals) >= 4)
        warnings = {each["code"]: each["detail"] for each in site.status()["warnings"]}
        assert "two bridges" in warnings["duplicate_datapath_id"]
        replaced = site.controller.get("/v1/events?type=switch.duplicate")["items"]
        assert len(replaced) == 3  # of which the real one may have been the newer, too
    site.controller.wait_connected()
    site.controller.settle()
    assert site.passes(("ext", "vm1", 22)) == [True]
