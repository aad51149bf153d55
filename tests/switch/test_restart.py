"""The controller dies, the switch dies, the connection between them breaks: policy stays in force and traffic flows."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from tests.switch.site import SWITCH, Site, eventually
from topology import SEED, frames, matrix, nd
from topology.cable import Cable
from topology.frames import Frame
from topology.probes import send
from topology.sniffer import Sniffer
from topology.streams import Stream

pytestmark = pytest.mark.switch
EXT, VM1, VM2 = (SEED.host(name) for name in ("ext", "vm1", "vm2"))
LIVE = (
    ("server-push", "ext", "vm1", 22),
    ("client-push", "ext", "vm2", 80),
    ("server-push", "vm1", "vm2", 80),
    ("udp", "vm1", "ext", 9000),
)
ANSWERS_ONLY = LIVE[2]
STEADY_GAP = 0.5


def test_kill_minus_9_and_a_start_lose_no_packet_and_send_nothing(dual, record_property):
    streams = [dual.stream(*how) for how in LIVE]
    before, begin = dual.flows(), time.monotonic()
    dual.controller.kill()
    time.sleep(1.5)  # the switch tries to connect meanwhile
    dual.controller.start()
    (switch,) = dual.controller.wait_connected()
    time.sleep(0.6)

    assert switch["status"]["flow_mods"] == 0
    assert "flows pushed" not in dual.controller.log.read_text().rpartition("switch connected")[2]
    _assert_untouched(before, dual.flows(), time.monotonic() - begin)
    gaps = _steady(streams, begin)
    record_property("longest gap", max(gaps))
    print(
        f"\ncontroller killed and started in {time.monotonic() - begin:.1f} s: longest gap {max(gaps):.3f} s, none lost"
    )
    assert matrix.holds(dual.fabric.matrix(family=dual.family))


def test_after_a_restart_a_change_sends_its_own_few_flows(site):
    site.controller.kill()
    site.controller.start()
    site.controller.wait_connected()
    site.put("/v1/tenants/red/groups/ssh/rules/more", {"direction": "ingress", "protocol": "tcp", "port_min": 8022})
    assert site.status()["flow_mods"] == 1


def test_sigterm_ends_within_five_seconds_and_leaves_the_flows(site, record_property):
    stream = site.stream("server-push", "ext", "vm1", 22)
    before, begin = site.flows(), time.monotonic()
    process = site.controller.process
    seconds = site.controller.stop()
    assert seconds < 5.0
    assert process.returncode == 0
    time.sleep(0.6)
    _assert_untouched(before, site.flows(), time.monotonic() - begin)
    _steady([stream], begin)
    record_property("seconds to stop", seconds)
    print(f"\nSIGTERM to end: {seconds:.2f} s")


def test_a_restarted_vswitchd_gets_its_flows_back_and_lets_nothing_through_meanwhile(dual, record_property):
    # The connections are forgotten with the daemon: what goes on must be allowed in the direction in which it does.
    streams = [dual.stream(*how) for how in (*LIVE, ("client-push", "vm1", "vm2", 80)) if how != ANSWERS_ONLY]
    forbidden = _forbidden(dual)
    wanted = dual.cookies()
    with Sniffer(dual.fabric.hosts) as sniffer:
        dual.fabric.ovs.kill_vswitchd(signal.SIGKILL)
        killed = time.monotonic()
        dual.fabric.ovs.start_vswitchd()
        while dual.cookies() != wanted and time.monotonic() < killed + 20:
            _send(dual, forbidden)
        back = time.monotonic() - killed
        for _ in range(20):
            _send(dual, forbidden)
            time.sleep(0.02)
        sniffer.listen(0.3)
        leaked = [(frame.name, who) for source, frame in forbidden if (who := sniffer.saw(frame, 0.0) - {source})]
    assert leaked == []
    assert dual.cookies() == wanted
    # TCP tries again when its time-out, doubled with every try, is over
    assert [stream.name for stream in streams if not stream.alive(within=10)] == []
    assert [stream.report().error for stream in streams] == [None] * len(streams)
    record_property("seconds until the flows were back", back)
    print(f"\nvswitchd killed: flows back after {back:.2f} s, traffic after {time.monotonic() - killed:.2f} s")
    dual.controller.wait_connected()
    assert matrix.holds(dual.fabric.matrix(family=dual.family))


def test_a_connection_that_breaks_and_comes_back_sends_nothing(site, cable):
    streams = [site.stream(*how) for how in LIVE]
    before, begin, sent, met = (
        site.flows(),
        time.monotonic(),
        site.status()["flow_mods"],
        site.logged("switch connected"),
    )
    for again in (1, 2):
        assert cable.pull() == 1
        assert eventually(lambda number=met + again: site.logged("switch connected") == number)
        site.controller.wait_connected()
    time.sleep(0.6)
    assert site.status()["flow_mods"] == sent
    _assert_untouched(before, site.flows(), time.monotonic() - begin)
    _steady(streams, begin)


@pytest.fixture
def cable(site) -> Iterator[Cable]:
    """Between the switch and its controller."""
    with Cable(6654, to=6653) as cable:
        site.fabric.ovs.set_controller("br0", "tcp:127.0.0.1:6654")  # wipes the flows, and they come back
        assert eventually(lambda: site.flows() and site.status()["state"] == "synced")
        yield cable
    site.fabric.ovs.set_controller("br0", SWITCH)
    assert eventually(lambda: site.flows() and site.status()["state"] == "synced")


def _assert_untouched(before, after, elapsed: float) -> None:
    """The very same flows, older by the time that went by."""
    assert [flow.cookie for flow in after] == [flow.cookie for flow in before]
    young = [new for old, new in zip(before, after, strict=True) if new.duration < old.duration + elapsed - 0.5]
    assert young == []


def _steady(streams: list[Stream], begin: float) -> list[float]:
    """The streams' longest gaps since then; fails when there is one, or when anything was lost."""
    settled = time.monotonic() - STEADY_GAP
    gaps = [stream.gap(begin) for stream in streams]
    assert max(gaps) < STEADY_GAP, [(stream.name, gap) for stream, gap in zip(streams, gaps, strict=True)]
    for report in (stream.report() for stream in streams):
        assert [number for number, at in report.sent if number in report.lost and at < settled] == []
    return gaps


def _forbidden(site: Site) -> list[tuple[str, Frame]]:
    family = site.family
    spoofed = [frames.wrong_mac(VM1, EXT, family=family), frames.wrong_address(VM1, EXT, VM2.ip(family))]
    spoofed += [
        frames.arp_wrong_spa(VM1, EXT.address, VM2.address),
        frames.wrong_address_broadcast(VM1, EXT, "10.9.9.9"),
        nd.router_advertisement(VM1),
        nd.advertisement(VM1, VM2.ip(6)),
    ]
    return [
        *(("vm1", frame) for frame in spoofed),
        ("ext", frames.udp(EXT, VM1, family=family)),
        ("ext", frames.tcp_segment(EXT, VM2, 40001, 4711, seq=1, flags="S", family=family)),
        ("vm2", frames.udp(VM2, VM1, family=family)),
    ]


def _send(site: Site, forbidden: list[tuple[str, Frame]]) -> None:
    for source, frame in forbidden:
        send(site.fabric.host(source), frame)
