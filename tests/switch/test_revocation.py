"""Rules are removed under live traffic: exactly their streams stop, in both directions, and come back with the rule."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.switch.conftest import POLICY
from tests.switch.site import Site, both, port, rule
from topology import SEED
from topology.streams import Stream

pytestmark = pytest.mark.switch
INTERVAL = 0.05
CUT_SECONDS = 1.0  # from the answer of the REST call until nothing more arrives
STEADY_GAP = 0.5  # ten intervals: two busy cores carry a dozen streams
RULES = {
    "blue/groups/web/rules/http": ("ingress", "tcp", 80),
    "blue/groups/web/rules/dns": ("ingress", "udp", 5000),
    "red/groups/ssh/rules/ssh": ("ingress", "tcp", 22),
    "red/groups/ssh/rules/out": ("egress", "tcp", 9000),
    "red/groups/ssh/rules/out-udp": ("egress", "udp", 9001),
    "red/groups/ssh/rules/out-web": ("egress", "tcp", 80),
    "red/groups/ssh/rules/out-dns": ("egress", "udp", 5000),
}
HTTP, DNS, SSH, OUT, OUT_UDP, OUT_WEB, OUT_DNS = RULES
# what flows, and the rules without which it may not: opened by and towards VMs, the outside, another tenant
TRAFFIC = (
    ("server-push", "ext", "vm2", 80, {HTTP}),
    ("client-push", "ext", "vm2", 80, {HTTP}),
    ("server-push", "vm1", "vm2", 80, {HTTP, OUT_WEB}),
    ("client-push", "vm1", "vm2", 80, {HTTP, OUT_WEB}),
    ("udp", "ext", "vm2", 5000, {DNS}),
    ("udp", "vm1", "vm2", 5000, {DNS, OUT_DNS}),
    ("server-push", "ext", "vm1", 22, {SSH}),
    ("client-push", "vm2", "vm1", 22, {SSH}),
    ("server-push", "vm1", "ext", 9000, {OUT}),
    ("client-push", "vm1", "ext", 9000, {OUT}),
    ("udp", "vm1", "ext", 9001, {OUT_UDP}),
)


@pytest.fixture(scope="module", params=[4, 6], ids=["IPv4", "IPv6"])
def live(running: Site, request: pytest.FixtureRequest) -> Iterator[list[tuple[Stream, set[str]]]]:
    running.reset(POLICY)
    running.family = request.param
    for name, tenant in (("vm1", "red"), ("vm2", "blue")):
        more = {"egress": "rules"} if name == "vm1" else {}
        host = SEED.host(name)
        running.put(f"/v1/tenants/{tenant}/ports/{name}", port(host, addresses=both(host), **more))
    for path, body in RULES.items():
        running.put(f"/v1/tenants/{path}", rule(*body, family=running.family))
    yield [(running.stream(*how, INTERVAL), needs) for *how, needs in TRAFFIC]
    running.end_streams()
    running.family = 4


@pytest.mark.parametrize("path", RULES)
def test_removing_a_rule_stops_its_streams_at_once_and_no_other_and_adding_it_again_resumes_them(
    running, live, path, record_property
):
    doomed = [stream for stream, needs in live if path in needs]
    spared = [stream for stream, needs in live if path not in needs]
    begin = time.monotonic()
    running.delete(f"/v1/tenants/{path}")
    answered = time.monotonic()
    time.sleep(CUT_SECONDS + 0.3)

    cut = max(stream.report().last_arrival for stream in doomed) - answered
    assert cut < CUT_SECONDS, [(stream.name, stream.report().last_arrival - answered) for stream in doomed]
    gaps = {stream.name: stream.gap(begin) for stream in spared}
    assert max(gaps.values()) < STEADY_GAP, gaps
    assert {stream.name: _lost(stream, begin) for stream in spared if _lost(stream, begin)} == {}

    running.put(f"/v1/tenants/{path}", rule(*RULES[path], family=running.family))
    added = time.monotonic()
    # TCP tries again when its time-out, doubled with every try, is over
    assert [stream.name for stream in doomed if not stream.alive(within=8)] == []
    resumed = time.monotonic() - added
    record_property("cut", cut)
    record_property("longest gap of the others", max(gaps.values()))
    print(
        f"\n{path}: answered in {answered - begin:.3f} s, {len(doomed)} streams cut {cut:+.3f} s after the answer; "
        f"longest gap of {len(spared)} others {max(gaps.values()):.3f} s; resumed within {resumed:.2f} s"
    )


def test_tcp_lost_no_byte_over_all_interruptions(live):
    streams = [stream for stream, _ in live if not stream.name.startswith("udp")]
    assert [stream.report().error for stream in streams] == [None] * len(streams)
    assert {stream.name: _lost(stream, 0.0) for stream in streams if _lost(stream, 0.0)} == {}


def _lost(stream: Stream, since: float) -> list[int]:
    """What was sent since then, but not just now, and has not arrived."""
    report = stream.report()
    lost, settled = set(report.lost), time.monotonic() - STEADY_GAP
    return [number for number, at in report.sent if number in lost and since <= at < settled]
