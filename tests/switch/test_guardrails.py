"""Guardrails with real packets: before any group is asked, at once, and nobody else notices. And what policies drop."""

from __future__ import annotations

import time

import pytest

from tests.switch import scans
from tests.switch.site import Site, eventually, rule
from tests.switch.test_scans import _scan
from topology import SEED, frames
from topology.probes import send

pytestmark = pytest.mark.switch
EXT, VM1, VM2 = (SEED.host(name) for name in ("ext", "vm1", "vm2"))
RAILS = "/v1/guardrails"
RED, BLUE = "/v1/tenants/red/ports/vm1", "/v1/tenants/blue/ports/vm2"
SETTLED = 1.5  # seconds, after which Open vSwitch has counted what it saw
CUT_SECONDS, STEADY_GAP = 1.0, 0.5


def _guard(site: Site, name: str, priority: int, action: str, *match: object, **more: object) -> None:
    direction, protocol, number = match
    body = rule(str(direction), str(protocol), int(str(number)), family=site.family, **more)
    site.put(f"{RAILS}/{name}", {"priority": priority, "action": action, **body})


def _host(site: Site, name: str) -> str:
    return f"{SEED.host(name).ip(site.family)}/{32 if site.family == 4 else 128}"


def test_the_first_guardrail_that_matches_decides_and_groups_the_rest(dual):
    """Deny under an allow rule, allow under that, allow without a rule; each goes as it came."""
    http, closed = [("ext", "vm2", 80), ("vm1", "vm2", 80)], [("ext", "vm2", 81), ("ext", "vm1", 81)]
    assert dual.passes(*http) == [True, True]
    assert dual.blocked(*closed)
    _guard(dual, "no-http", 20, "deny", "ingress", "tcp", 80)
    assert dual.blocked(*http)
    assert dual.passes(("ext", "vm1", 22)) == [True]
    _guard(dual, "but-ext", 10, "allow", "ingress", "tcp", 80, remote_cidr=_host(dual, "ext"))
    assert dual.passes(http[0]) == [True]
    assert dual.blocked(http[1])
    _guard(dual, "open", 30, "allow", "ingress", "tcp", 81, tenants=["blue"])
    assert dual.passes(closed[0]) == [True]
    assert dual.blocked(closed[1]), "it is blue's alone"
    for name in ("no-http", "but-ext", "open"):
        dual.delete(f"{RAILS}/{name}")
    assert dual.passes(*http) == [True, True]
    assert dual.blocked(*closed)


def test_what_a_guardrail_denies_is_cut_at_once_and_nothing_else(dual):
    """Opened by VMs, under the default that lets everything out, and towards them; one that a guardrail admitted."""
    _guard(dual, "open", 30, "allow", "ingress", "tcp", 81)
    doomed = [
        dual.stream("server-push", "ext", "vm2", 80),
        dual.stream("client-push", "vm1", "ext", 9000),
        dual.stream("client-push", "ext", "vm2", 81),
    ]
    spared = [
        dual.stream("client-push", "vm1", "vm2", 80),
        dual.stream("server-push", "ext", "vm1", 22),
        dual.stream("client-push", "vm1", "ext", 9001),
    ]
    begin = time.monotonic()
    _guard(dual, "no-http", 10, "deny", "ingress", "tcp", 80, remote_cidr=_host(dual, "ext"))
    _guard(dual, "no-out", 11, "deny", "egress", "tcp", 9000, tenants=["red"])
    dual.delete(f"{RAILS}/open")
    answered = time.monotonic()
    time.sleep(CUT_SECONDS + 0.3)
    late = {stream.name: stream.report().last_arrival - answered for stream in doomed}
    assert max(late.values()) < CUT_SECONDS, late
    gaps = {stream.name: stream.gap(begin) for stream in spared}
    assert max(gaps.values()) < STEADY_GAP, gaps
    for name in ("no-http", "no-out"):
        dual.delete(f"{RAILS}/{name}")
    assert [stream.name for stream in doomed[:2] if not stream.alive(within=8)] == []
    assert not doomed[2].alive(within=0.5)


def test_what_passes_without_conntrack_meets_guardrails_too(dual):
    service = rule("ingress", "udp", 5300, family=dual.family, stateful=False)
    dual.put("/v1/tenants/blue/groups/web/rules/dns", service)
    question = frames.udp(EXT, VM2, family=dual.family, dport=5300)
    assert dual.reached("ext", question) == [{"vm2"}]
    _guard(dual, "no-dns", 10, "deny", "ingress", "udp", 5300)
    assert dual.leaks("ext", question) == []
    dual.delete(f"{RAILS}/no-dns")
    assert dual.reached("ext", question) == [{"vm2"}]


def _policy_drops(site: Site) -> dict[str, tuple[int, int]]:
    told = {path: site.drops(path) for path in (RED, BLUE)}
    return {path: (drops["egress"], drops["ingress"]) for path, drops in told.items()}


def test_what_policies_drop_is_counted_by_port_and_direction_exactly(dual):
    """Six that no rule lets in, five that a guardrail does not, four that no rule lets out; what passes is not."""
    dual.patch(RED, {"egress": "rules"})
    dual.put("/v1/tenants/red/groups/ssh/rules/out", rule("egress", "udp", 9, family=dual.family))
    dual.put("/v1/tenants/blue/groups/web/rules/udp", rule("ingress", "udp", 9, family=dual.family))
    _guard(dual, "no-six", 10, "deny", "ingress", "udp", 6, tenants=["blue"])
    dual.put("/v1/tenants/blue/groups/web/rules/six", rule("ingress", "udp", 6, family=dual.family))
    dual.fabric.ovs.settle()
    time.sleep(SETTLED)
    before = _policy_drops(dual)
    family = dual.family
    sent = {
        "ext": [*_many(6, EXT, VM2, 7, family), *_many(5, EXT, VM2, 6, family), *_many(3, EXT, VM2, 9, family)],
        "vm1": [*_many(4, VM1, VM2, 8, family), *_many(2, VM1, VM2, 9, family)],
    }
    for name, those in sent.items():
        send(dual.fabric.host(name), *those)
    (red_out, red_in), (blue_out, blue_in) = before[RED], before[BLUE]
    expected = {RED: (red_out + 4, red_in), BLUE: (blue_out, blue_in + 11)}
    assert eventually(lambda: _policy_drops(dual) == expected, 5), (before, _policy_drops(dual))
    time.sleep(SETTLED)
    assert _policy_drops(dual) == expected


def _many(count, source, target, dport, family):
    return [frames.udp(source, target, family=family, sport=2000 + n, dport=dport) for n in range(count)]


def test_a_scan_of_all_ports_leaves_few_datapath_flows_under_guardrails_too(dual):
    """As without them (`test_scans`), and at most 16 prefixes more for each further port that is told apart."""
    _guard(dual, "no-telnet", 10, "deny", "ingress", "tcp", 23)
    _guard(dual, "db", 11, "allow", "ingress", "tcp", 5432, remote_cidr=_host(dual, "ext"), tenants=["red"])
    assert _scan(dual, "ext", scans.ports(EXT, VM1, dual.family, "tcp")) <= 4 * 16 + 8
