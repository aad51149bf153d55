"""Does anything that a stranger or a client sends hurt? Fuzz of the REST API and of the OpenFlow port at the same time.

A real switch is guarded meanwhile; nothing that is sent names it. So it must stay connected, and get no flow-mod.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.fuzz_openflow import record
from benchmarks.hub import helper
from benchmarks.report import Row
from topology import Lab, labs, realise
from topology.controller import Controller

DPID = "00c0ffee00000abc"
TENANT, HOSTS = "kept", ("ext", "vm1")
LOOK = 1.0  # seconds between two looks
WARM = 0.25  # the part of the run after which memory should not grow
MAY_GROW, NOISE = 0.1, 8.0  # the share, and MiB, that count as no growth
REST, OPENFLOW = ("127.0.0.1", 8080), 6653
COLUMNS = ("",)


@dataclass(frozen=True, slots=True)
class Result:
    """What was sent, and what the controller was like meanwhile. Memory in MiB; slowest: seconds of GET /livez."""

    seconds: float
    rest: dict[str, Any]
    strangers: dict[str, int]
    warm: float
    end: float
    slowest: float
    flow_mods: int
    wrong: tuple[str, ...]


def run(directory: Path, seconds: float, seed: int = 0) -> Result:
    """Both kinds of fuzz for so long."""
    lab = Lab("fuzz", tuple(labs.SEED.host(name) for name in HOSTS), labs.SEED.uplinks)
    with Controller(directory, lab.uplinks, REST, OPENFLOW) as controller, ExitStack() as stack:
        ovs = directory / "ovs"
        fabric = stack.enter_context(realise(lab, f"tcp:127.0.0.1:{OPENFLOW}", ovs, dpid=int(DPID, 16)))
        controller.wait_connected()
        _register(controller, lab)
        record(fabric.ovs.management("br0"), directory / "samples")
        before, wrong = _flow_mods(controller), list[str]()
        seen: list[float] = []
        with (
            helper("benchmarks.fuzz_rest", *REST, directory / "state" / "admin.token", TENANT, seed) as rest,
            helper("benchmarks.fuzz_openflow", directory / "samples", seed) as strangers,
        ):
            slowest = _look_after(controller, time.monotonic() + seconds, seen, wrong)
        wrong += _check(controller, before, rest[0])
        sent = _flow_mods(controller) - before
    warm, end = max(seen[: max(int(WARM * len(seen)), 1)]), seen[-1]
    if end > warm * (1 + MAY_GROW) + NOISE:
        wrong.append(f"memory grew from {warm:.0f} to {end:.0f} MiB")
    return Result(seconds, rest[0], strangers[0], warm, end, slowest, sent, tuple(wrong))


def _register(controller: Controller, lab: Lab) -> None:
    (host,) = lab.ports()
    controller.put(f"/v1/tenants/{TENANT}", {})
    binding = {"switch": DPID, "interface": host.interface}
    controller.put(
        f"/v1/tenants/{TENANT}/ports/{host.name}", {"mac": host.mac, "addresses": [host.address], "binding": binding}
    )
    controller.settle()


def _look_after(controller: Controller, end: float, seen: list[float], wrong: list[str]) -> float:
    """Until the end, or until the controller has ended; the slowest answer."""
    slowest = 0.0
    while time.monotonic() < end:
        process = controller.process
        assert process is not None
        if process.poll() is not None:
            wrong.append(f"the controller ended: {controller.tail()}")
            return slowest
        begin = time.monotonic()
        try:
            if controller.ask("GET", "/livez").status != 200:
                wrong.append("not alive")
        except OSError as error:
            wrong.append(f"/livez: {error}")
        slowest = max(slowest, time.monotonic() - begin)
        seen.append(_memory(process.pid))
        time.sleep(LOOK)
    return slowest


def _check(controller: Controller, before: int, rest: dict[str, Any]) -> Iterator[str]:
    log = controller.log.read_text(errors="replace")
    yield from (f"REST: {failure}" for failure in rest["failures"])
    if "Traceback" in log:
        yield f"an exception: {log[log.index('Traceback') :][:1500]}"
    if any("switch disconnected" in line and DPID in line for line in log.splitlines()):
        yield "the real switch was disconnected"
    status = controller.get(f"/v1/switches/{DPID}")["status"]
    if status["state"] != "synced":
        yield f"the real switch is {status['state']}"
    if status["flow_mods"] != before:
        yield f"{status['flow_mods'] - before} flow-mods were sent to the real switch"


def _flow_mods(controller: Controller) -> int:
    return int(controller.get(f"/v1/switches/{DPID}")["status"]["flow_mods"])


def _memory(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), 0.0)


def report(result: Result) -> Iterator[Row]:
    """The rows of the printed table."""
    counts, tried = result.rest["counts"], result.strangers
    yield "REST requests", f"{sum(counts.values())}: {_told(counts)}"
    yield "strangers at the OpenFlow port", f"{sum(tried.values())}: {_told(tried)}"
    yield "memory", f"{result.warm:.0f} MiB after {WARM * result.seconds:.0f} s, {result.end:.0f} MiB in the end"
    yield "slowest GET /livez", f"{1000 * result.slowest:.0f} ms"
    yield "flow-mods to the real switch", f"{result.flow_mods} (aim 0)"
    yield from (("WRONG", text) for text in result.wrong)


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
