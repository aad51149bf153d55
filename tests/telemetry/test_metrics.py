"""/metrics: what is there under which names and labels, in both formats, and what never becomes a label."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from app.observing.metrics import render
from app.observing.tallies import Count, Family, Meters, Spread
from tests.core.world import DPID
from tests.telemetry.world import families

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"


@pytest.fixture
def found(tmp_path: Path) -> tuple[Family, ...]:
    (tmp_path / "store").write_bytes(b"x" * 100)
    return tuple(families(tmp_path / "store"))


def samples(text: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    sampled: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in read_text(text):
        for sample in family.samples:
            sampled.setdefault(sample.name, []).append((sample.labels, sample.value))
    return sampled


def test_every_metric_has_a_value_in_this_world_and_a_name_of_its_own(found: tuple[Family, ...]) -> None:
    assert [family.name for family in found if not family.samples and not family.spread] == []
    names = [family.name for family in found]
    assert len(names) == len(set(names))


def test_names_follow_the_conventions(found: tuple[Family, ...]) -> None:
    for family in found:
        assert re.fullmatch(r"ovswarden_[a-z0-9_]+[a-z0-9]", family.name)
        assert family.help
        assert not family.help.endswith(".")
        if family.kind == "counter":
            assert not family.name.endswith("_total"), "the format adds it"
        if family.kind == "histogram":
            assert family.name.endswith(("_seconds", "_size"))


def test_labels_are_bounded_things_only(found: tuple[Family, ...]) -> None:
    allowed = {
        "backend", "cause", "code", "direction", "hash", "hub", "kind", "method", "op", "osken", "python", "reason",
        "resource", "result", "route", "state", "switch", "table", "tenant", "type", "version",
    }  # fmt: skip
    assert {label for family in found for label in family.labels} <= allowed
    both = {family.name for family in found if {"tenant", "switch"} <= set(family.labels)}
    assert both == {
        "ovswarden_conntrack_entries", "ovswarden_conntrack_limit", "ovswarden_spoof_dropped_packets",
    }  # fmt: skip


def test_both_formats_say_the_same(found: tuple[Family, ...]) -> None:
    plain, open_metrics = (render(found, is_open).decode() for is_open in (False, True))
    assert open_metrics.endswith("# EOF\n")
    read = {s.name: s.value for family in read_openmetrics(open_metrics) for s in family.samples}
    assert read.keys() == samples(plain).keys()


def test_switches_have_their_names_and_numbers_add_up(found: tuple[Family, ...]) -> None:
    sampled = samples(render(found, False).decode())
    assert sampled["ovswarden_switch_connected"] == [({"switch": "host-1"}, 1)]
    assert DPID not in render(found, False).decode()
    assert sampled["ovswarden_switch_revision_lag"] == [({"switch": "host-1"}, 2)]
    assert sampled["ovswarden_conntrack_entries"] == [({"tenant": "acme", "switch": "host-1"}, 100)]
    assert sampled["ovswarden_conntrack_limit"] == [({"tenant": "acme", "switch": "host-1"}, 200)]
    assert sampled["ovswarden_denied_packets_total"] == [
        ({"tenant": "acme", "direction": "egress"}, 5), ({"tenant": "acme", "direction": "ingress"}, 6)
    ]  # fmt: skip
    assert sampled["ovswarden_spoof_dropped_packets_total"][0][0]["reason"] == "ipv4"
    assert sampled["ovswarden_store_bytes"] == [({"backend": "sqlite"}, 100)]
    assert sampled["ovswarden_tokens_expiring"] == [({}, 1)]


def test_a_histogram_counts_into_its_buckets() -> None:
    spread = Spread("ovswarden_x_seconds", "x", "method", bounds=(0.1, 1.0))
    for value in (0.05, 0.1, 0.5, 3.0):
        spread.observe(value, "GET")
    sampled = samples(render((spread.family(),), False).decode())
    buckets = {labels["le"]: value for labels, value in sampled["ovswarden_x_seconds_bucket"]}
    assert buckets == {"0.1": 2, "1.0": 3, "+Inf": 4}
    assert sampled["ovswarden_x_seconds_count"] == [({"method": "GET"}, 4)]
    assert sampled["ovswarden_x_seconds_sum"][0][1] == pytest.approx(3.65)


def test_a_tenant_that_is_gone_leaves_no_series() -> None:
    meters = Meters()
    meters.flushes.add("acme", "manual")
    meters.flushes.add("other", "manual")
    meters.assertions["acme"] = {"failed": 1}
    meters.forget("tenant", "acme")
    assert list(meters.flushes.values) == [("other", "manual")]
    assert meters.assertions == {}


def test_a_counter_without_labels_is_there_from_the_start() -> None:
    assert Count("ovswarden_x", "x").family().samples == (((), 0.0),)


def test_the_document_has_every_metric_with_its_labels(found: tuple[Family, ...]) -> None:
    rows = dict(re.findall(r"^\| `(ovswarden_\w+)` \| \w+ \| ([^|]*) \|", DOCUMENT.read_text(), re.MULTILINE))
    named = {family.name + ("_total" if family.kind == "counter" else ""): family.labels for family in found}
    assert rows.keys() == named.keys()
    for name, labels in named.items():
        assert tuple(re.findall(r"`(\w+)`", rows[name])) == labels, name
