from __future__ import annotations

import pytest

from topology.labs import SEED, Expect, Host, Lab, Probe, expectation, generated, named


def test_the_seed_has_the_ten_rows_of_the_article_in_their_order():
    assert [(row.source, row.target, row.traffic, row.passes) for row in SEED.expectation] == [
        ("vm1", "ext", "everything", True),
        ("vm1", "vm2", "tcp/80", True),
        ("vm1", "vm2", "anything else", False),
        ("vm2", "ext", "everything", True),
        ("vm2", "vm1", "tcp/22", True),
        ("vm2", "vm1", "anything else", False),
        ("ext", "vm1", "tcp/22", True),
        ("ext", "vm1", "anything else", False),
        ("ext", "vm2", "tcp/80", True),
        ("ext", "vm2", "anything else", False),
    ]


def test_anything_else_probes_the_other_service_the_other_protocol_and_ping():
    row = SEED.expectation[2]
    assert [str(probe) for probe in row.probes] == ["tcp/22", "udp/80", "tcp/4711", "udp/4711", "icmp"]


def test_anything_else_never_probes_what_the_same_pair_is_granted():
    for rows in (SEED.expectation, generated(2, 2).expectation):
        granted = {(row.source, row.target, probe) for row in rows if row.passes for probe in row.probes}
        denied = {(row.source, row.target, probe) for row in rows if not row.passes for probe in row.probes}
        assert not granted & denied


def test_a_line_that_is_no_row_is_refused():
    with pytest.raises(ValueError, match="not a row"):
        expectation("vm1 -> vm2 tcp/80 yes")


@pytest.mark.parametrize("text", ["tcp", "icmp/3", "sctp/9", ""])
def test_a_probe_that_means_nothing_is_refused(text):
    with pytest.raises(ValueError, match="not a probe"):
        Probe.parse(text)


def test_a_generated_lab_is_deterministic_and_unique_in_every_address():
    lab = generated(100, 50)
    assert lab == generated(100, 50)
    assert len(lab.hosts) == 5001
    for field in ("name", "mac", "address", "interface", "ofport"):
        assert len({getattr(host, field) for host in lab.hosts}) == 5001
    assert len(lab.tenants) == 100


def test_labs_are_found_by_name():
    assert named("seed") is SEED
    assert named("2x3") == generated(2, 3)
    with pytest.raises(ValueError, match="no lab"):
        named("cathedral")


def test_a_lab_that_contradicts_itself_is_refused():
    vm = Host("vm", "52:54:00:00:00:01", "10.0.0.1", tenant="red")
    with pytest.raises(ValueError, match="uplinks"):
        Lab("bad", (vm,), ("vm",))
    with pytest.raises(ValueError, match="share a name"):
        Lab("bad", (vm, vm), ())
    with pytest.raises(ValueError, match="unknown hosts"):
        Lab("bad", (vm,), (), (Expect("vm", "ghost", "icmp", True, (Probe("icmp"),)),))


@pytest.mark.parametrize("field", [{"mac": "52:54:00:00:00:0A"}, {"address": "10.0.0"}, {"interface": "x" * 16}])
def test_a_host_that_cannot_exist_is_refused(field):
    with pytest.raises(ValueError):  # noqa: PT011 - each field has its own words
        Host(**{"name": "vm", "mac": "52:54:00:00:00:01", "address": "10.0.0.1"} | field)
