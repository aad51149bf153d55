"""The seed's ten rows in both families: with real packets, and as trace tells them."""

from __future__ import annotations

import pytest

from topology import SEED, matrix
from topology.labs import Expect, Probe

pytestmark = pytest.mark.switch


def test_the_ten_rows_hold_with_real_packets(site):
    outcomes = site.fabric.matrix()
    assert len(outcomes) == 10
    assert matrix.holds(outcomes), matrix.table(outcomes)


def test_the_ten_rows_hold_in_either_family_when_both_are_allowed(dual):
    outcomes = dual.fabric.matrix(family=dual.family)
    assert matrix.holds(outcomes), matrix.table(outcomes)


def test_rules_for_one_family_say_nothing_about_the_other(site):
    """An IPv4 policy, VMs with addresses of both: what IPv6 may do is what nobody has to allow."""
    for tenant, name in (("red", "vm1"), ("blue", "vm2")):
        path = f"/v1/tenants/{tenant}/ports/{name}"
        site.patch(path, {"addresses": [SEED.host(name).address, SEED.host(name).ip(6)]})
    for outcome in site.fabric.matrix(family=6):
        assert outcome.passes is (outcome.expect.target == "ext"), outcome


def test_trace_says_of_every_probe_what_real_packets_did(dual):
    for outcome in dual.fabric.matrix(family=dual.family):
        told = [_traced(dual, outcome.expect, probe) for probe in outcome.expect.probes]
        assert [trace["verdict"] == "allow" for trace in told] == list(outcome.found), outcome.expect
        assert all(
            trace["delivered_to"] == ([outcome.expect.target] if outcome.expect.passes else []) for trace in told
        )


def test_trace_names_the_rule_that_let_real_packets_through(dual):
    admitted = {(row.source, row.target): _traced(dual, row, row.probes[0]) for row in SEED.expectation if row.passes}
    rules = {pair: trace["decided_by"]["rule"] for pair, trace in admitted.items()}
    six = "6" if dual.family == 6 else ""
    assert rules == {
        ("vm1", "ext"): None,
        ("vm2", "ext"): None,
        ("vm1", "vm2"): f"blue/web/http{six}",
        ("vm2", "vm1"): f"red/ssh/ssh{six}",
        ("ext", "vm1"): f"red/ssh/ssh{six}",
        ("ext", "vm2"): f"blue/web/http{six}",
    }


def _traced(site, row: Expect, probe: Probe) -> dict:
    tenant = SEED.host(row.source).tenant or SEED.host(row.target).tenant
    protocol = "icmpv6" if (probe.kind, site.family) == ("icmp", 6) else probe.kind
    query = f"src={_end(row.source, site)}&dst={_end(row.target, site)}&proto={protocol}"
    query += f"&dport={probe.port}" if probe.port else f"&icmp_type={8 if site.family == 4 else 128}"
    if SEED.host(row.source).tenant:
        query += f"&ip={SEED.host(row.source).ip(site.family)}"
    return site.controller.get(f"/v1/tenants/{tenant}/trace?{query}")


def _end(name: str, site) -> str:
    host = SEED.host(name)
    return f"{host.tenant}/{name}" if host.tenant else f"ip:{host.ip(site.family)}"
