"""Scans of ports and of addresses: how many datapath flows they leave, and what bounds the number.

Open vSwitch makes one datapath flow for all packets that differ only in bits that nothing had to look at. Of ports it
looks at as many leading bits as tell the packet from every rule, so the rules bound it: one flow for each branch
that turns off the way to a port that a rule admits. See docs/performance.md.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import bursts
from benchmarks.datapath import FAR, UPLINK, VM, WHOLE, Bench, bench
from benchmarks.policies import OUTSIDE, SERVER, allow, guarded
from benchmarks.report import Row
from benchmarks.world import RULES
from topology import OpenVSwitch, datapath
from topology.bursts import pour

PORTS, ADDRESSES = 65_535, 4_096
LOOK = 0.25  # seconds between two looks at the datapath
POLICY_TABLE = 60
PORT_BITS = 16
COLUMNS = ("packets", "per second", "seen", "datapath flows: most", "after", "policy flows", "masks")
Scan = tuple[str, str, Callable[[], Iterable[bytes]]]  # its name, where it comes from, its frames


@dataclass(frozen=True, slots=True)
class Result:
    """What was sent, how much of it the datapath saw, and the datapath flows at the most and in the end."""

    name: str
    sent: int
    seconds: float
    seen: int
    most: int
    after: int


@dataclass(frozen=True, slots=True)
class Policy:
    """What a scan can be told apart by: flows of the table POLICY, and how many different masks those have."""

    flows: int
    masks: int


def scans(ports: int = PORTS, addresses: int = ADDRESSES) -> list[Scan]:
    every = range(1, ports + 1)
    return [
        (f"{ports} TCP ports of one VM", UPLINK, lambda: bursts.tcp_scan(OUTSIDE, SERVER, every)),
        (f"{ports} UDP ports of one VM", UPLINK, lambda: bursts.udp_scan(OUTSIDE, SERVER, every)),
        (f"{addresses} addresses by a VM", VM, lambda: bursts.address_scan(SERVER, OUTSIDE, addresses)),
        (f"{addresses} addresses by a VM, ARP", VM, lambda: bursts.arp_scan(SERVER, addresses)),
    ]


def run(directory: Path, chosen: Sequence[Scan]) -> tuple[Policy, list[Result]]:
    """Each scan against a switch whose datapath is empty."""
    for place in (directory / "ovs", directory / "controller"):
        place.mkdir(parents=True)
    with bench(directory / "ovs", WHOLE) as switch, guarded(directory / "controller", switch.ovs) as controller:
        allow(controller, RULES)
        return policy(switch.ovs), [_scan(switch, *scan) for scan in chosen]


def policy(ovs: OpenVSwitch) -> Policy:
    """Counted in what the switch holds."""
    lines = [line for line in ovs.ofctl("--no-stats", "dump-flows").splitlines() if f"table={POLICY_TABLE}," in line]
    matches = [line.partition("priority=")[2].partition(" ")[0].split(",")[1:] for line in lines]
    return Policy(len(matches), len({tuple(map(_mask, match)) for match in matches}))


def _mask(field: str) -> str:
    """A field without its value: `tp_dst=0x1f40/0xffc0` and `tp_dst=0x1f00/0xffc0` have one mask."""
    return re.sub(r"=[^/]*", "=", field)


def _scan(switch: Bench, name: str, port: str, make: Callable[[], Iterable[bytes]]) -> Result:
    switch.ovs.settle()
    switch.ovs.appctl("dpctl/flush-conntrack")
    before, most, done = switch.read(), [0], threading.Event()

    def look() -> None:
        while not done.wait(LOOK):
            most.append(len(datapath.flows(switch.ovs)))

    watch = threading.Thread(target=look)
    watch.start()
    try:
        began = time.perf_counter()
        sent = pour(FAR + port, make())
        seconds = time.perf_counter() - began
    finally:
        done.set()
        watch.join()
    after = len(datapath.flows(switch.ovs))
    return Result(name, sent, seconds, (switch.read() - before).packets, max(*most, after), after)


def report(found: Policy, results: Sequence[Result]) -> Iterator[Row]:
    """The rows of the printed table; `COLUMNS` are their heads."""
    for result in results:
        counts = (result.sent, result.sent / result.seconds, result.seen, result.most, result.after)
        yield result.name, *(f"{count:.0f}" for count in (*counts, found.flows, found.masks))
