"""What a scrape gets: a snapshot taken on the hub, made text in a native thread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from app import green
from app.observing.tallies import Family


def text(families: Iterable[Family], is_openmetrics: bool) -> bytes:
    """In the one format or the other. Waits, and does not hold the hub: the families are values."""
    snapshot = tuple(families)
    return green.in_thread(render, snapshot, is_openmetrics)


def render(families: tuple[Family, ...], is_openmetrics: bool) -> bytes:
    """Pure; logs nothing, takes no lock."""
    return bytes((generate_openmetrics if is_openmetrics else generate_latest)(Scrape(families)))


class Scrape:
    """What prometheus_client takes for a registry."""

    def __init__(self, families: tuple[Family, ...]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        for family in self._families:
            yield _metric(family)


def _metric(family: Family) -> Metric:
    if family.kind == "histogram":
        return _histogram(family)
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = kind(family.name, family.help, labels=family.labels)
    for labels, value in family.samples:
        metric.add_metric(labels, value)
    return metric


def _histogram(family: Family) -> Metric:
    metric = HistogramMetricFamily(family.name, family.help, labels=family.labels)
    edges = [str(bound) for bound in family.bounds] + ["+Inf"]
    for labels, counts, total in family.spread:
        seen, buckets = 0, []
        for edge, count in zip(edges, counts, strict=True):
            seen += count
            buckets.append((edge, seen))
        metric.add_metric(labels, buckets=buckets, sum_value=total)
    return metric
