"""Do REST and OpenFlow wait for each other? A big switch is synchronised again and again under a crowd of REST clients.

Beside it a second, fake switch measures its echo round trips, and the observer how long the hub stands still.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.connect import Span, connected, stalls
from benchmarks.report import Row
from benchmarks.site import OPENFLOW, Site
from topology.controller import ROOT

CLIENTS = 20
ROUNDS = 3
SETTLE = 1.0  # seconds for the helpers to be under way


@dataclass(slots=True)
class Result:
    """Round trips of echo requests and seconds of REST requests, of a quiet time and of the busy one."""

    quiet: Span
    busy: Span
    quiet_echo: list[float]
    echo: list[float]
    rest: dict[str, list[float]]
    syncs: list[Span]


@contextlib.contextmanager
def helper(module: str, *arguments: object) -> Iterator[list[Any]]:
    """A helper's process for the length of the block; then the list has what it printed."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    said: list[Any] = []
    try:
        yield said
        process.send_signal(signal.SIGTERM)
        said.append(json.loads(process.communicate(timeout=60)[0]))
    finally:
        process.kill()
        process.wait()


def run(site: Site, rounds: int = ROUNDS, clients: int = CLIENTS, settle: float = SETTLE) -> Result:
    """The controller runs, has its policy, and the switch is in step; so it is left."""
    token = site.controller.directory / "state" / "admin.token"
    with helper("benchmarks.fake_switch", OPENFLOW) as echoed:
        quiet = _span(lambda: time.sleep(2 * settle))
    syncs: list[Span] = []

    def sync() -> None:
        time.sleep(settle)
        for _ in range(rounds):
            site.ovs.ofctl("del-flows")
            # It is never quite in step while others write: what counts is the first push, of all flows.
            syncs.append(connected(site, site.reconnect(), until="flows pushed"))
        time.sleep(settle)

    with (
        helper("benchmarks.fake_switch", OPENFLOW) as busy_echoed,
        helper("benchmarks.crowd", *site.controller.rest, token, clients, site.world.tenants) as crowd,
    ):
        busy = _span(sync)
    return Result(quiet, busy, echoed[0], busy_echoed[0], crowd[0], syncs)


def _span(work: Any) -> Span:
    start = time.time()
    work()
    return Span(time.time() - start, start, time.time())


def report(site: Site, result: Result) -> Iterator[Row]:
    """The rows of the printed table."""
    stall, seconds = stalls(site), result.busy.seconds
    yield "echo, quiet", spread(result.quiet_echo), stall(result.quiet)
    yield "echo, busy", spread(result.echo), stall(result.busy)
    for method, name in (("GET", "REST reads"), ("PUT", "REST writes")):
        taken = result.rest[method]
        yield f"{name}, {CLIENTS} clients", f"{spread(taken)}, {len(taken) / seconds:.0f}/s", ""
    each = ", ".join(f"{span.seconds:.2f}" for span in result.syncs)
    yield "all flows again, meanwhile", f"{each} s", stall(*result.syncs)


def spread(seconds: list[float]) -> str:
    """Median, 95th percentile and maximum, in milliseconds."""
    ordered = sorted(seconds) or [0.0]
    p50, p95 = (1000 * ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.95))
    return f"p50 {p50:.1f}  p95 {p95:.1f}  max {1000 * ordered[-1]:.1f} ms"
