"""What is counted while the process runs: counters and distributions by label. Pure, and for the hub's thread alone.

prometheus_client's own counters hold locks, which eventlet makes green and native threads must not share; so numbers
are plain here, and become that library's families only when somebody scrapes (`app.observing.metrics`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from app.observing.observed import Fill

LONG = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
Labels = tuple[str, ...]


class Family(NamedTuple):
    """A metric at one moment. `samples` are labels and value; those of a histogram are labels, counts and sum."""

    kind: str  # gauge, counter, histogram, info
    name: str
    help: str
    labels: Labels
    samples: tuple[tuple[Labels, float], ...] = ()
    spread: tuple[tuple[Labels, tuple[int, ...], float], ...] = ()
    bounds: tuple[float, ...] = ()


class Count:
    """Goes up only."""

    def __init__(self, name: str, help: str, *labels: str) -> None:
        self.name, self.help, self.labels = name, help, labels
        self.values: dict[Labels, float] = {} if labels else {(): 0.0}

    def add(self, *labels: str, by: float = 1) -> None:
        self.values[labels] = self.values.get(labels, 0.0) + by

    def forget(self, label: str, value: str) -> None:
        """What has this label is no more."""
        if label in self.labels:
            at = self.labels.index(label)
            for key in [key for key in self.values if key[at] == value]:
                del self.values[key]

    def family(self) -> Family:
        return Family("counter", self.name, self.help, self.labels, tuple(self.values.items()))


class Spread:
    """How observations are distributed."""

    def __init__(self, name: str, help: str, *labels: str, bounds: tuple[float, ...] = LONG) -> None:
        self.name, self.help, self.labels, self.bounds = name, help, labels, bounds
        self._counts: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}
        if not labels:
            self._begin(())

    def observe(self, value: float, *labels: str) -> None:
        counts = self._counts.get(labels) or self._begin(labels)
        counts[bisect_left(self.bounds, value)] += 1
        self._sums[labels] += value

    def forget(self, label: str, value: str) -> None:
        if label in self.labels:
            at = self.labels.index(label)
            for key in [key for key in self._counts if key[at] == value]:
                del self._counts[key], self._sums[key]

    def family(self) -> Family:
        spread = tuple((labels, tuple(counts), self._sums[labels]) for labels, counts in self._counts.items())
        return Family("histogram", self.name, self.help, self.labels, (), spread, self.bounds)

    def _begin(self, labels: Labels) -> list[int]:
        self._sums[labels] = 0.0
        self._counts[labels] = [0] * (len(self.bounds) + 1)
        return self._counts[labels]


class Meters:
    """All that is counted as it happens. Label values are bounded: switches, tenants, routes, codes; nothing that a
    client or a VM can make up."""

    def __init__(self) -> None:
        self.connects = Count("ovswarden_switch_connects", "Connections of a switch", "switch")
        self.disconnects = Count("ovswarden_switch_disconnects", "Connections of a switch that ended", "switch")
        self.realize = Spread(
            "ovswarden_realize_seconds", "From a durable write to its confirmation by the switch", "switch"
        )
        self.flushes = Count(
            "ovswarden_conntrack_flushes", "Orders to forget connections of a tenant", "tenant", "cause"
        )
        self.flushed = Count(
            "ovswarden_conntrack_flushed_entries", "Connections that were named in such orders", "tenant", "cause"
        )
        self.unread = Count(
            "ovswarden_conntrack_read_failures", "Connection tables that a switch did not tell", "switch"
        )
        self.requests = Count("ovswarden_http_requests", "Requests answered", "method", "route", "code")
        self.request_seconds = Spread(
            "ovswarden_http_request_seconds", "From a request's head to its whole answer", "method", "route"
        )
        self.rejected = Count("ovswarden_http_rejected", "Requests refused, by the problem's code", "code")
        self.commits = Spread("ovswarden_store_commit_seconds", "One durable commit of a batch of changes", "backend")
        self.batches = Spread("ovswarden_store_batch_size", "Changes in a commit", "backend", bounds=SIZES)
        self.store_errors = Count("ovswarden_store_errors", "Commits that failed", "backend")
        self.stalls = Spread("ovswarden_hub_stall_seconds", "How late the event loop came to a timer")
        self.disagreements = Count(
            "ovswarden_trace_disagreements", "Traces in which model and switch said different things", "switch"
        )
        self.assertions: dict[str, Mapping[str, int]] = {}  # tenant -> result -> how many; of `app.observing.standing`

    def families(self) -> Iterator[Family]:
        for each in vars(self).values():
            if isinstance(each, Count | Spread):
                yield each.family()
        samples = [((t, result), float(n)) for t, each in self.assertions.items() for result, n in each.items()]
        about = "Assertions of a tenant as they were judged after its last change"
        yield Family("gauge", "ovswarden_assertions", about, ("tenant", "result"), tuple(samples))

    def forget(self, label: str, value: str) -> None:
        """A tenant or a switch that is no more leaves no series behind."""
        for each in vars(self).values():
            if isinstance(each, Count | Spread):
                each.forget(label, value)
        if label == "tenant":
            self.assertions.pop(value, None)


def gauge(name: str, help: str, labels: Labels, samples: Mapping[Labels, float]) -> Family:
    return Family("gauge", name, help, labels, tuple(samples.items()))


def of_fills(fills: list[Fill]) -> Iterator[Family]:
    """A tenant's zones on a switch together."""
    used: dict[Labels, float] = {}
    limits: dict[Labels, float] = {}
    for fill in fills:
        key = (fill.tenant, fill.switch)
        if fill.connections is not None:
            used[key] = used.get(key, 0.0) + fill.connections
        if fill.limit:
            limits[key] = limits.get(key, 0.0) + fill.limit
    labels = ("tenant", "switch")
    yield gauge("ovswarden_conntrack_entries", "Connections of a tenant on a switch", labels, used)
    yield gauge("ovswarden_conntrack_limit", "Most connections of a tenant on a switch", labels, limits)
