"""The seed's ten rows: with real packets, and as trace tells them."""

from __future__ import annotations

import pytest

from topology import SEED, matrix
from topology.labs import Expect, Probe

pytestmark = pytest.mark.switch


def test_the_ten_rows_hold_with_real_packets(site):
    outcomes = site.fabric.matrix()
    assert len(outcomes) == 10
    assert matrix.holds(outcomes), matrix.table(outcomes)


def test_trace_says_of_every_probe_what_real_packets_did(site):
    for outcome in site.fabric.matrix():
        told = [_traced(site, outcome.expect, probe) for probe in outcome.expect.probes]
        assert [trace["verdict"] == "allow" for trace in told] == list(outcome.found), outcome.expect
        assert all(
            trace["delivered_to"] == ([outcome.expect.target] if outcome.expect.passes else []) for trace in told
        )


def test_trace_names_the_rule_that_let_real_packets_through(site):
    admitted = {(row.source, row.target): _traced(site, row, row.probes[0]) for row in SEED.expectation if row.passes}
    rules = {pair: trace["decided_by"]["rule"] for pair, trace in admitted.items()}
    assert rules == {
        ("vm1", "ext"): None,
        ("vm2", "ext"): None,
        ("vm1", "vm2"): "blue/web/http",
        ("vm2", "vm1"): "red/ssh/ssh",
        ("ext", "vm1"): "red/ssh/ssh",
        ("ext", "vm2"): "blue/web/http",
    }


def _traced(site, row: Expect, probe: Probe) -> dict:
    tenant = SEED.host(row.source).tenant or SEED.host(row.target).tenant
    query = f"src={_end(row.source)}&dst={_end(row.target)}&proto={probe.kind}"
    query += f"&dport={probe.port}" if probe.port else "&icmp_type=8"
    return site.controller.get(f"/v1/tenants/{tenant}/trace?{query}")


def _end(name: str) -> str:
    host = SEED.host(name)
    return f"{host.tenant}/{name}" if host.tenant else f"ip:{host.address}"
