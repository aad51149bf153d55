"""What the watch has seen last, for REST and metrics: drops by port, reason and minute; how full zones are; how many
ports are in which state. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

MINUTE = 60
MINUTES = 120
# Reasons that are no spoofing: what a policy or a limit refuses.
POLICY_REASONS = frozenset(("egress", "ingress", "rate_opened", "rate_accepted"))
MOST_PORTS = 2000  # told apart in one minute; what others drop is counted by tenant


class Dropped(NamedTuple):
    """Whose frames were dropped why. `port` None: of ports that are not told apart."""

    tenant: str
    port: str | None
    switch: str  # datapath id
    reason: str


class Drops:
    """Packets by minute, of the last two hours."""

    def __init__(self, minutes: int = MINUTES, most: int = MOST_PORTS) -> None:
        self._minutes, self._most = minutes, most
        self._buckets: dict[int, Counter[Dropped]] = {}  # by the second in which the minute begins
        self.totals: Counter[tuple[str, str, str]] = Counter()  # (tenant, switch, reason) since the process started

    def add(self, now: float, dropped: Dropped, packets: int) -> None:
        """`now` in seconds since 1970."""
        begin = int(now) // MINUTE * MINUTE
        bucket = self._buckets.get(begin)
        if bucket is None:
            self._forget(begin)
            bucket = self._buckets[begin] = Counter()
        if dropped not in bucket and len(bucket) >= self._most:
            dropped = dropped._replace(port=None)
        bucket[dropped] += packets
        self.totals[dropped.tenant, dropped.switch, dropped.reason] += packets

    def between(self, since: float, keep: Callable[[Dropped], bool]) -> Iterator[tuple[int, Dropped, int]]:
        """Begin of the minute, what, how many; the oldest minute first. A minute that has begun before counts whole.

        Whoever takes them may pause meanwhile.
        """
        for begin in sorted(self._buckets):
            if begin + MINUTE > since:
                for each, packets in list(self._buckets.get(begin, {}).items()):
                    if keep(each):
                        yield begin, each, packets

    def forget_tenants(self, gone: Iterable[str]) -> None:
        """Tenants that are no more: their totals go, so that they do not pile up."""
        gone = set(gone)
        for key in [key for key in self.totals if key[0] in gone]:
            del self.totals[key]

    def _forget(self, begin: int) -> None:
        oldest = begin - self._minutes * MINUTE
        for each in [each for each in self._buckets if each <= oldest]:
            del self._buckets[each]


class Fill(NamedTuple):
    """How full a zone of a switch is. None: the switch does not tell; limit 0: there is none."""

    tenant: str
    vlan: int
    zone: int
    switch: str  # datapath id
    connections: int | None
    limit: int | None
    refused: int | None

    @property
    def ratio(self) -> float | None:
        if self.connections is None or not self.limit:
            return None
        return self.connections / self.limit


@dataclass(slots=True)
class Observed:
    """What the last looks found."""

    drops: Drops = field(default_factory=Drops)
    fills: dict[str, tuple[Fill, ...]] = field(default_factory=dict)  # by datapath id
    states: Counter[str] = field(default_factory=Counter)  # of ports
    ports: Counter[str] = field(default_factory=Counter)  # of each tenant
    rules: Counter[str] = field(default_factory=Counter)
    flows: Counter[str] = field(default_factory=Counter)  # of each tenant's ports
    quotas: dict[tuple[str, str], float] = field(default_factory=dict)  # (tenant, resource) -> part that is used
    tables: dict[str, Counter[str]] = field(default_factory=dict)  # flows by datapath id and table
    invalid: dict[str, int] = field(default_factory=dict)  # packets that conntrack calls invalid, by datapath id
    drops_at: str | None = None  # RFC 3339
    fills_at: str | None = None

    def fullest(self) -> list[Fill]:
        """The fullest first; those without a limit last, the larger ones first."""
        fills = [fill for each in self.fills.values() for fill in each]
        return sorted(fills, key=lambda fill: (-(fill.ratio or 0.0), -(fill.connections or 0), fill.zone, fill.switch))
