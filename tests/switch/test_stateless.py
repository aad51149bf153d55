"""Stateless rules: both directions pass without conntrack, and stateful traffic of the same port does not notice."""

from __future__ import annotations

import time

import pytest

from tests.switch.site import Site, rule
from topology import SEED, datapath, frames
from topology.labs import Probe
from topology.listeners import Listener
from topology.namespaces import INET
from topology.probes import send

pytestmark = pytest.mark.switch
EXT, VM1, VM2 = (SEED.host(name) for name in ("ext", "vm1", "vm2"))
DNS = 5300
RULE = "/v1/tenants/blue/groups/web/rules/dns"
STEADY_GAP = 0.5


def _serve(site: Site, **more: object) -> None:
    site.put(RULE, rule("ingress", "udp", DNS, family=site.family, stateful=False, **more))


def _entries(site: Site) -> list[datapath.Connection]:
    return [entry for entry in datapath.connections(site.fabric.ovs) if str(DNS) in entry.original.values()]


@pytest.mark.parametrize("source", ["ext", "vm1"])
def test_a_service_under_load_leaves_no_conntrack_entry(dual, source):
    """The asked VM keeps none; a VM that asks is stateful itself, and has its own."""
    _serve(dual)
    with Listener(dual.fabric.host("vm2"), [Probe("udp", DNS)], dual.family):
        answered = 0
        for _ in range(200):
            with dual.fabric.host(source).socket(INET[dual.family], 2) as client:
                client.settimeout(1)
                client.connect((VM2.ip(dual.family), DNS))
                client.send(b"?")
                answered += client.recv(1) == b"?"
    assert answered == 200
    zones = {entry.zone for entry in _entries(dual)}
    asked = dual.port_status("/v1/tenants/blue/ports/vm2")["conntrack_zone"]
    assert asked not in zones
    assert bool(zones) is (source == "vm1")


def test_what_the_mirror_does_not_name_is_refused(dual):
    """The reply direction is open for the service's port only; the service opens nothing by being asked."""
    _serve(dual)
    dual.patch("/v1/tenants/blue/ports/vm2", {"egress": "rules"})
    family = dual.family
    reply = frames.udp(VM2, EXT, family=family, sport=DNS, dport=7)
    assert dual.reached("vm2", reply) == [{"ext"}]
    others = (
        frames.udp(VM2, EXT, family=family, sport=DNS + 1, dport=7),
        frames.udp(VM2, EXT, family=family, dport=DNS),
    )
    assert dual.leaks("vm2", *others) == []
    assert dual.leaks("ext", frames.udp(EXT, VM2, family=family, sport=DNS, dport=7)) == []


def test_it_takes_effect_and_goes_without_disturbing_stateful_traffic_of_the_port(dual):
    streams = [dual.stream(kind, "ext", "vm2", 80) for kind in ("server-push", "client-push")]
    begin = time.monotonic()
    question = frames.udp(EXT, VM2, family=dual.family, dport=DNS)
    assert dual.leaks("ext", question) == []
    _serve(dual)
    assert dual.reached("ext", question) == [{"vm2"}]
    dual.delete(RULE)
    assert dual.leaks("ext", question) == []
    assert max(stream.gap(begin) for stream in streams) < STEADY_GAP
    assert _entries(dual) == []


def test_a_stateful_connection_becomes_stateless_and_back_under_live_traffic(dual):
    dual.put(RULE, rule("ingress", "udp", DNS, family=dual.family))
    stream = dual.stream("udp", "ext", "vm2", DNS)
    begin = time.monotonic()
    _serve(dual)
    assert stream.alive()
    dual.put(RULE, rule("ingress", "udp", DNS, family=dual.family))
    assert stream.alive()
    assert stream.gap(begin) < STEADY_GAP


def test_an_echo_service_is_stateless_too(dual):
    protocol, request = ("icmp", 8) if dual.family == 4 else ("icmpv6", 128)
    body = {"direction": "ingress", "protocol": protocol, "icmp_type": request, "stateful": False}
    dual.put("/v1/tenants/blue/groups/web/rules/ping", body | {"ethertype": f"IPv{dual.family}"})
    assert dual.fabric.icmp("ext", "vm2", 2, dual.family)
    assert [entry for entry in datapath.connections(dual.fabric.ovs) if "icmp" in entry.protocol] == []
    assert not dual.fabric.icmp("ext", "vm1", 0.5, dual.family)


def test_both_ends_stateless_track_nothing_at_all(dual):
    _serve(dual)
    out = rule("egress", "udp", DNS, family=dual.family, stateful=False)
    dual.put("/v1/tenants/red/groups/ssh/rules/dns", out)
    dual.patch("/v1/tenants/red/ports/vm1", {"egress": "rules"})
    assert dual.fabric.udp("vm1", "vm2", DNS, 2, dual.family)
    assert _entries(dual) == []


def test_stateless_questions_need_no_recirculation_and_few_datapath_flows_however_many(dual):
    """They match the bits of the source port that tell it from a DHCP server's: at most 16 prefixes."""
    _serve(dual)
    dual.fabric.ovs.settle()
    asked = [frames.udp(EXT, VM2, family=dual.family, sport=2000 + n, dport=DNS) for n in range(50)]
    send(dual.fabric.host("ext"), *asked)
    time.sleep(0.2)
    port = datapath.port_numbers(dual.fabric.ovs)["ext"]
    eth_type = {4: "0x0800", 6: "0x86dd"}[dual.family]
    held = [
        f for f in datapath.flows(dual.fabric.ovs) if f.match.get("eth_type") == eth_type and "proto=17" in str(f.match)
    ]
    ours = [flow for flow in held if flow.match.get("in_port") == str(port)]
    assert 0 < len(ours) <= 16, ours
    assert datapath.recirculations(ours) == 0
