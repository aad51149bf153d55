"""A switch with thousands of ports connects, connects again, and gets one port and one rule more.

The peer is `ovs-ofctl --bundle add-flows` of the very same flows into the same emptied bridge, in turns with us.
"""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.report import Row
from benchmarks.site import Site
from benchmarks.world import Put

ROUNDS = 3
CHANGES = 15
APART = 0.05  # seconds between two changes


@dataclass(slots=True)
class Span:
    """A part of the run: what it took, and of which parts that is made up."""

    seconds: float
    start: float
    end: float
    parts: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Changes:
    """One kind of change, made several times: seconds until confirmed and flow-mods of each."""

    span: Span
    seconds: list[float] = field(default_factory=list)
    flow_mods: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Result:
    """What `run` found; the spans of `connects` and the seconds of `peer` were measured in turns."""

    writes: int
    loading: Span
    flows: int
    memory: float
    connects: list[Span]
    peer: list[float]
    dropped: Span
    restarted: Span
    sent_again: int
    port: Changes
    rule: Changes


def run(site: Site, rounds: int = ROUNDS, count: int = CHANGES) -> Result:
    """Everything, in one go. Leaves the controller running."""
    site.controller.start()
    began = time.time()
    writes, seconds = site.load()
    loading = Span(seconds, began, time.time())
    connected(site, site.connect())
    flows = site.controller.directory / "flows"
    number = dump(site, flows)
    connects, peer = [], []
    for _ in range(rounds):
        site.controller.stop()
        peer.append(by_ofctl(site, flows))
        site.disconnect()
        connects.append(first_connect(site))
    memory = site.memory()
    sent = site.status()["flow_mods"]
    dropped = connected(site, site.reconnect())
    sent_again = site.status()["flow_mods"] - sent
    site.controller.stop()
    said = time.time()
    site.controller.start()
    restarted = connected(site, said)
    sent_again += site.status()["flow_mods"]
    world = site.world
    port = changes(site, (world.port(world.ports + n) for n in range(count)))
    rule = changes(site, (world.extra_rule(n) for n in range(count)))
    return Result(
        writes, loading, number, memory, connects, peer, dropped, restarted, sent_again, port, rule
    )  # fmt: skip


def connected(site: Site, said: float, until: str = "switch in step") -> Span:
    """Wait until that is logged; the time from the switch's first answer, the features, until then.

    What is before that is the switch's alone: Open vSwitch 3.1 reads our HELLO up to half a second late.
    """
    tcp = site.marks.switch("handshake", after=said)
    start = site.marks.switch("named", after=tcp)
    main = site.marks.switch("main", after=start)
    compiled = site.marks.logged("program compiled", after=main)
    end = site.marks.logged(until, after=compiled)
    return Span(end - start, start, end, {"hello": start - tcp, "compile": compiled - start})


def first_connect(site: Site) -> Span:
    """A controller that has just loaded its state meets a switch without flows."""
    site.controller.start()
    span = connected(site, site.connect())
    push = site.status()["last_push"]
    span.parts["push"] = push["seconds"]
    return span


def by_ofctl(site: Site, flows: Path) -> float:
    """The peer: seconds to put the same flows into the same bridge, emptied."""
    site.disconnect()
    target = f"unix:{site.ovs.management('br0')}"
    start = time.perf_counter()
    subprocess.run(
        ["ovs-ofctl", "-vconsole:emer", "-O", "OpenFlow14", "--bundle", "add-flows", target, str(flows)], check=True
    )
    return time.perf_counter() - start


def dump(site: Site, path: Path) -> int:
    """Write the bridge's flows so that `ovs-ofctl add-flows` reads them; how many there are."""
    lines = site.ovs.ofctl("--no-names", "--no-stats", "dump-flows").splitlines()
    flows = [line.strip() for line in lines if "actions=" in line]
    path.write_text("\n".join(flows) + "\n")
    return len(flows)


def changes(site: Site, puts: Iterator[Put]) -> Changes:
    """Make each change by REST and wait until the switch has confirmed it."""
    client, began = site.client(), time.time()
    made = Changes(Span(0, began, began))
    for path, body in puts:
        before = site.status()["flow_mods"]
        made.seconds.append(client.timed("PUT", f"{path}?wait=10s", body))
        made.flow_mods.append(site.status()["flow_mods"] - before)
        time.sleep(APART)
    client.close()
    made.span.end = time.time()
    return made


def report(site: Site, result: Result) -> Iterator[Row]:
    """The rows of the printed table."""
    best, peer = min(result.connects, key=lambda span: span.seconds), min(result.peer)
    push, stall = min(span.parts["push"] for span in result.connects), stalls(site)
    rate = result.writes / result.loading.seconds
    yield "load by REST", f"{result.writes} writes, 16 clients, {rate:.0f} writes/s", stall(result.loading)
    yield "flows", f"{result.flows} for {site.world.ports} ports of {site.world.tenants} tenants", ""
    each = ", ".join(f"{span.seconds:.2f}" for span in result.connects)
    yield "connect to commit", f"{best.seconds:.2f} s (of {each})", stall(*result.connects)
    yield "  ports and compile", f"{best.parts['compile']:.2f} s", ""
    yield "  push", f"{best.parts['push']:.2f} s", ""
    each = ", ".join(f"{seconds:.2f}" for seconds in result.peer)
    yield "ovs-ofctl --bundle add-flows", f"{peer:.2f} s (of {each})", ""
    yield "push / ovs-ofctl", f"{push / peer:.2f} (aim < 1.0)", ""
    yield "connect to commit / ovs-ofctl", f"{best.seconds / peer:.2f} (aim <= 2.0)", ""
    yield "peak memory", f"{result.memory:.0f} MiB", ""
    yield "TCP reconnect to in step", f"{result.dropped.seconds:.2f} s", stall(result.dropped)
    yield "restart: connect to in step", f"{result.restarted.seconds:.2f} s", stall(result.restarted)
    yield "flow-mods of both", f"{result.sent_again} (aim 0)", ""
    for name, made in (("one port more", result.port), ("one rule more", result.rule)):
        median, least, most = (1000 * f(made.seconds) for f in (statistics.median, min, max))
        mods = "/".join(str(number) for number in sorted(set(made.flow_mods)))
        text = f"median {median:.1f} ms ({least:.1f}..{most:.1f}; aim <= 20), {mods} flow-mods each"
        yield name, text, stall(made.span)


def stalls(site: Site) -> Callable[..., str]:
    """The longest stall of the hub within spans, as text; with the part of it in which we were computing."""

    def text(*spans: Span) -> str:
        found = [mark for span in spans for mark in site.marks.stalls(span.start, span.end)]
        worst = max(found, key=lambda mark: mark["seconds"], default={"seconds": 0.0, "cpu": 0.0})
        return f"{1000 * worst['seconds']:.0f} ms ({1000 * min(worst['cpu'], worst['seconds']):.0f} on CPU)"

    return text
