"""The article's fear: one tenant's VM opens connections without end. What does another tenant on the bridge notice?

In turns, for the same time and at the same rate: no flood; a flood over another bridge of the same switch that has no
firewall, which shows what the processor is worth; a flood without limits; a flood with limits. The switch's whole
connection table is made small, so that it does run full where nothing limits it.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.flood_site import ALICE, EXT, MALLORY, PLAIN_OUT, PORT, Place, place
from benchmarks.report import Row
from topology.controller import ROOT

LIMITS = {"connections": 2000, "new_connections_per_second": 500, "new_connections_burst": 1000}
NO_LIMITS = {"connections": 0, "new_connections_per_second": 0, "new_connections_burst": None}
QUIET, BASELINE, UNLIMITED, LIMITED = "quiet", "flood elsewhere, no firewall", "flood, no limits", "flood, limits"
PHASES = (QUIET, BASELINE, UNLIMITED, LIMITED)
STALL = 1.0  # seconds without anything that count as a stall, at ten datagrams a second
KEPT = (("server-push", 7001), ("client-push", 7002), ("udp", 7003))  # what the attacker has before it floods
COLUMNS = ("flood", "failed", "slowest", "stalled", "longest gap", "throughput", "entries", "attacker's own")


@dataclass(frozen=True, slots=True)
class Phase:
    """What happened in one phase of one round. Seconds, and bytes a second."""

    sent: int
    took: tuple[float, ...]
    failed: int
    gaps: tuple[float, ...]
    bulk: float
    entries: int
    kept: int

    @property
    def stalled(self) -> int:
        return sum(gap > STALL for gap in self.gaps)


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything. `seconds` and `connections` are those of all rounds of one phase together."""

    seconds: float = 60.0
    rounds: int = 3
    connections: int = 1000
    streams: int = 100
    rate: float = 20_000.0


def run(directory: Path, size: Size, phases: Sequence[str] = PHASES) -> dict[str, list[Phase]]:
    """The phases in turns; what of one round stands at the same place belongs together."""
    found: dict[str, list[Phase]] = {name: [] for name in phases}
    with place(directory) as site:
        for _ in range(size.rounds):
            for name in phases:
                site.limit(LIMITS if name == LIMITED else NO_LIMITS)
                site.fabric.ovs.appctl("dpctl/flush-conntrack")
                found[name].append(_phase(site, name, size))
    return found


def _phase(site: Place, name: str, size: Size) -> Phase:
    seconds = size.seconds / size.rounds
    kept = [site.fabric.stream(kind, MALLORY.name, EXT.name, port, 0.2) for kind, port in KEPT]
    try:
        missing = [stream.name for stream in kept if not stream.started(10)]
        assert not missing, missing
        with _company(site, size, seconds) as company, deluge(site, name, size.rate, 10 * seconds) as sending:
            told = _measured(company, seconds)
            entries = site.entries()
            sending.terminate() if sending else None
            sent = int(sending.communicate(timeout=10)[0]) if sending else 0
        alive = sum(stream.alive(5) for stream in kept)
    finally:
        for stream in kept:
            stream.close()
    return Phase(sent, tuple(told["took"]), told["failed"], tuple(told["gaps"]), told["bulk"], entries, alive)


@contextlib.contextmanager
def _company(site: Place, size: Size, seconds: float) -> Iterator[subprocess.Popen[str]]:
    """The neighbour and who talks to it, ready to be measured."""
    source, target = (site.fabric.host(host.name).namespace for host in (EXT, ALICE))
    count = size.connections // size.rounds
    command = [
        sys.executable, "-m", "topology.company", source, target, ALICE.address,
        *map(str, (PORT, size.streams, count, seconds)),
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", "the neighbour's streams did not start"
        yield process
    finally:
        process.kill()
        process.wait()


def _measured(company: subprocess.Popen[str], seconds: float) -> dict[str, Any]:
    told, _ = company.communicate("go\n", timeout=seconds + 120)
    return json.loads(told)  # type: ignore[no-any-return]


@contextlib.contextmanager
def deluge(site: Place, name: str, rate: float, seconds: float) -> Iterator[subprocess.Popen[str] | None]:
    if name == QUIET:
        yield None
        return
    vm, out = (site.plain["p1"], PLAIN_OUT) if name == BASELINE else (site.fabric.host(MALLORY.name), EXT)
    ends = [vm.nic, vm.host.mac, vm.host.address, out.mac, out.address, str(rate), str(seconds)]
    command = [sys.executable, "-m", "topology.deluge", *ends]
    process = vm.popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def broken(found: dict[str, list[Phase]]) -> list[str]:
    """What the limits did not keep."""
    phases = found[LIMITED]
    wrong = []
    if failed := sum(phase.failed for phase in phases):
        wrong.append(f"{failed} new connections failed")
    if stalled := sum(phase.stalled for phase in phases):
        wrong.append(f"{stalled} streams stalled")
    if any(phase.kept < len(KEPT) for phase in phases):
        wrong.append("the attacker's own connections ended")
    if (share := ratio(found, LIMITED)) < 0.9:
        wrong.append(f"throughput is {share:.2f} of what the processor leaves")
    if max(phase.entries for phase in phases) > LIMITS["connections"]:
        wrong.append("the attacker has more entries than its limit")
    return wrong


def ratio(found: dict[str, list[Phase]], name: str) -> float:
    """Throughput against that of the same round while the flood goes elsewhere."""
    return median(one.bulk / max(other.bulk, 1) for one, other in zip(found[name], found[BASELINE], strict=True))


def report(found: dict[str, list[Phase]]) -> Iterator[Row]:
    """The rows of the printed table; `COLUMNS` are their heads."""
    for name, phases in found.items():
        made = sum(len(phase.took) for phase in phases)
        bulk = median(phase.bulk for phase in phases) * 8 / 1e6
        gaps = [gap for phase in phases for gap in phase.gaps]
        slowest = max(took for phase in phases for took in phase.took)
        yield (
            name,
            f"{sum(phase.sent for phase in phases)}",
            f"{sum(phase.failed for phase in phases)} of {made}",
            f"{1000 * slowest:.0f} ms",
            f"{max(phase.stalled for phase in phases)} of {len(phases[0].gaps)}",
            f"{max(gaps):.2f} s",
            f"{bulk:.0f} Mbit/s, {ratio(found, name):.2f}",
            f"{max(phase.entries for phase in phases)}",
            f"{min(phase.kept for phase in phases)} of {len(KEPT)}",
        )
