"""What the REST API gives 1, 20 and 200 clients at once, and what they take from OpenFlow: a big switch is synchronised
meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from benchmarks import hub
from benchmarks.connect import stalls
from benchmarks.report import Row
from benchmarks.site import Site

CROWDS = (1, 20, 200)
# Of the issue: an echo reply is never later than a second, and 20 clients get 99 of 100 reads within 100 ms.
ECHO_MOST = 1.0
READ_P99, READ_CLIENTS = 0.1, 20
COLUMNS = ("reads/s", "p50", "p99", "writes/s", "p50", "p99", "refused", "echo max", "longest hub stall")


class Crowd(NamedTuple):
    clients: int
    result: hub.Result

    def rate(self, method: str) -> float:
        return len(self.result.rest[method]) / self.result.busy.seconds

    def part(self, method: str, share: float) -> float:
        """The seconds within which that share of the answers came; 0 if there was none."""
        ordered = sorted(self.result.rest[method]) or [0.0]
        return ordered[int(share * (len(ordered) - 1))]


def run(site: Site, crowds: Sequence[int] = CROWDS, settle: float = hub.SETTLE) -> Iterator[Crowd]:
    """As `hub.run`, for crowds of these sizes, one after the other."""
    for clients in crowds:
        yield Crowd(clients, hub.run(site, rounds=1, clients=clients, settle=settle))


def report(site: Site, crowds: Sequence[Crowd]) -> Iterator[Row]:
    """The rows of the printed table."""
    stall = stalls(site)
    for crowd in crowds:
        numbers = [
            cell
            for method in ("GET", "PUT")
            for cell in (f"{crowd.rate(method):.0f}", *(f"{1000 * crowd.part(method, p):.0f} ms" for p in (0.5, 0.99)))
        ]
        echo = f"{1000 * max(crowd.result.echo):.0f} ms"
        refused = str(len(crowd.result.rest["refused"]))
        yield f"{crowd.clients} clients", *numbers, refused, echo, stall(crowd.result.busy)


def broken(crowds: Sequence[Crowd]) -> list[str]:
    """What was promised and not kept, in words."""
    late = [
        f"an echo reply came after {max(crowd.result.echo):.2f} s with {crowd.clients} clients"
        for crowd in crowds
        if max(crowd.result.echo) > ECHO_MOST
    ]
    slow = [
        f"99 of 100 reads took up to {crowd.part('GET', 0.99):.3f} s with {crowd.clients} clients"
        for crowd in crowds
        if crowd.clients == READ_CLIENTS and crowd.part("GET", 0.99) > READ_P99
    ]
    return late + slow
