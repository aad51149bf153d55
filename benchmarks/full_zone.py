"""A zone with very many connections, at its limit: what do others notice, how fast are changes and the zone's release?

The switch's main thread forwards the packets of this lab, so the longest gap of another tenant's stream of a datagram
every 10 ms tells how long it was held. Open vSwitch itself writes down what was a second or longer.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.flood import LIMITED, deluge
from benchmarks.flood_site import ALICE, EXT, MALLORY, PORT, Place, place
from benchmarks.report import Row
from topology.labs import Probe
from topology.listeners import Listener
from topology.probes import ask
from topology.streams import Stream

BEAT = 0.01
RATE = 20_000.0
TRICKLE = 2_000.0  # datagrams a second that keep the zone at its limit
CHANGES = 20
COLUMNS = ("result", "main thread held", "log")
TENANT = f"/v1/tenants/{MALLORY.tenant}"
GROUP = f"/v1/tenants/{ALICE.tenant}/groups/web/rules"
LONG = re.compile(r"Unreasonably long (\d+)ms poll interval")


@dataclass(frozen=True, slots=True)
class Step:
    """What was done, what came out, for how long others' packets stood still, and what the log says (seconds)."""

    name: str
    result: str
    held: float
    logged: float


@dataclass(slots=True)
class Result:
    steps: list[Step]
    entries: int
    failed: int


def run(directory: Path, connections: int, opened: int = 200) -> Result:
    """Everything, in one go; `opened` new connections of the other tenant."""
    with place(directory, table=max(4 * connections, 10_000)) as site:
        stream = site.fabric.stream("udp", EXT.name, ALICE.name, PORT, BEAT)
        assert stream.started(10), stream.report().error
        measured = _Measured(site, stream)
        steps, failed = measured.steps, [0]
        limits = {"connections": connections, "new_connections_per_second": 0, "new_connections_burst": None}
        measured("nothing", lambda: _pause(2))
        site.limit(limits)
        measured(f"{connections} connections", lambda: _fill(site, connections))
        entries = site.entries()
        with deluge(site, LIMITED, TRICKLE, 600):
            measured(f"{opened} new connections of another tenant", lambda: _open(site, opened, failed))
            measured(f"{CHANGES} rules of another tenant", lambda: _rules(site))
            measured("its use of its limit, by REST", lambda: _asked(site, TENANT))
            measured("a page of its connections, by REST", lambda: _asked(site, f"{TENANT}/conntrack?limit=100"))
            measured("a count of them by state, by REST", lambda: _asked(site, f"{TENANT}/conntrack/summary"))
            measured("its limit raised by one", lambda: _limit(site, limits | {"connections": connections + 1}))
        measured("its tenant goes, zone released", lambda: _release(site))
        stream.close()
        return Result(steps, entries, failed[0])


@dataclass(slots=True)
class _Measured:
    """Does a step, and notes what others noticed."""

    site: Place
    stream: Stream
    steps: list[Step]

    def __init__(self, site: Place, stream: Stream) -> None:
        self.site, self.stream, self.steps = site, stream, []

    def __call__(self, name: str, work: Callable[[], str]) -> None:
        begin, before = time.monotonic(), len(self._long())
        result = work()
        time.sleep(0.3)
        held = self.stream.gap(begin)
        self.steps.append(Step(name, result, held, max(self._long()[before:], default=0.0)))

    def _long(self) -> list[float]:
        log = (self.site.fabric.ovs.directory / "ovs-vswitchd.log").read_text(errors="replace")
        return [int(found) / 1000 for found in LONG.findall(log)]


def _pause(seconds: float) -> str:
    time.sleep(seconds)
    return "for comparison"


def _fill(site: Place, connections: int) -> str:
    begin = time.monotonic()
    with deluge(site, LIMITED, RATE, 600):
        while site.entries() < connections:
            assert time.monotonic() < begin + 120, f"{site.entries()} of {connections} connections"
            time.sleep(0.2)
    return f"in {time.monotonic() - begin:.1f} s"


def _open(site: Place, count: int, failed: list[int]) -> str:
    source, target, probe = site.fabric.host(EXT.name), site.fabric.host(ALICE.name), Probe("tcp", PORT)
    took = []
    with Listener(target, (probe,)):
        for _ in range(count):
            begin = time.perf_counter()
            failed[0] += not ask(source, target, probe, 3.0)
            took.append(time.perf_counter() - begin)
    return f"{failed[0]} failed, {_spread(took)}"


def _rules(site: Place) -> str:
    took = []
    for number in range(CHANGES):
        rule = {"direction": "ingress", "protocol": "tcp", "port_min": 20000 + number}
        took.append(_timed(site, "PUT", f"{GROUP}/extra-{number}?wait=10s", rule))
    return f"in force after {_spread(took)}"


def _asked(site: Place, path: str) -> str:
    begin = time.perf_counter()
    reply = site.controller.ask("GET", path)
    return f"{reply.status} in {1000 * (time.perf_counter() - begin):.0f} ms"


def _limit(site: Place, limits: dict[str, int | None]) -> str:
    begin = time.perf_counter()
    site.limit(limits)
    return f"in {1000 * (time.perf_counter() - begin):.0f} ms"


def _release(site: Place) -> str:
    """Its tenant is deleted; the answer, and when the zone was empty."""
    zone, begin = site.zone(), time.monotonic()
    took = _timed(site, "DELETE", f"{TENANT}?cascade=true")
    while (left := site.listed(zone)) and time.monotonic() < begin + 60:
        time.sleep(0.5)  # counting them holds the main thread, too
    return f"answered in {1000 * took:.0f} ms, {left} entries after {time.monotonic() - begin:.1f} s"


def _timed(site: Place, method: str, path: str, body: Any = None) -> float:
    begin = time.perf_counter()
    reply = site.controller.ask(method, path, body)
    assert reply.status in (200, 201, 204), (path, reply)
    return time.perf_counter() - begin


def _spread(seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    return f"median {1000 * ordered[len(ordered) // 2]:.1f}, slowest {1000 * ordered[-1]:.1f} ms"


def report(result: Result) -> Iterator[Row]:
    """The rows of the printed table; `COLUMNS` are their heads."""
    for step in result.steps:
        yield step.name, step.result, f"{step.held:.2f} s", f"{step.logged:.1f} s" if step.logged else "nothing"
