"""A switch with two ports and the cost of each packet that it forwards, as exactly as the machine allows.

The userspace datapath counts processor cycles only in threads that poll, and most drivers for those need DPDK. AF_XDP
ports are polled too, and Linux has them: packets arrive by one, in full batches, and leave by a port that throws them
away. So most of what is counted is the datapath's. The other means is all that forwarding costs between two ordinary
interfaces: mostly the kernel's share.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from topology import OpenVSwitch
from topology.bursts import pour

UPLINK, VM = "up0", "vm0"
OFPORT = {UPLINK: 1, VM: 10}
FAR = "far-"  # prefix of the other end of a port's cable
CORE = max(os.sched_getaffinity(0))
AT_ONCE = 1000  # no more than half of an AF_XDP ring
DUMMY_QUEUE = 100  # what a dummy port takes at once
TRIES = 5
SETTLE = 0.01  # seconds until what was sent is through


@dataclass(frozen=True, slots=True)
class Means:
    """How the cost is measured: the types of the interface by which packets arrive and of the other one."""

    name: str
    unit: str
    fed: str
    other: str
    thread: str


POLLED = Means("datapath alone", "cycles", "afxdp", "dummy-pmd", "pmd thread")
WHOLE = Means("kernel included", "ns", "system", "system", "main thread")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a thread of the datapath has spent on how many packets."""

    cost: float
    packets: int
    recirculations: int

    def __sub__(self, before: Reading) -> Reading:
        return Reading(
            self.cost - before.cost, self.packets - before.packets, self.recirculations - before.recirculations
        )

    @property
    def per_packet(self) -> float:
        return self.cost / max(self.packets, 1)


class Measured(OpenVSwitch):
    """Open vSwitch with dummy ports."""

    def start_vswitchd(self) -> None:
        self._daemon("ovs-vswitchd", self.database, f"--unixctl={self.unixctl}", "--enable-dummy")


@dataclass(frozen=True, slots=True)
class Bench:
    """The bridge `br0`, with UPLINK and VM; packets are measured that arrive by the port `fed`."""

    ovs: OpenVSwitch
    means: Means
    fed: str

    def send(self, port: str, frames: Sequence[bytes]) -> None:
        """Have the frames arrive by a port, in bursts that it takes, and wait until they are through."""
        for start in range(0, len(frames), AT_ONCE):
            burst = frames[start : start + AT_ONCE]
            if port == self.fed or self.means is WHOLE:
                pour(FAR + port, burst, *((0, 0.0) if self.means is POLLED else ()))
            else:
                self._inject(port, burst)
            time.sleep(SETTLE)

    def measure(self, frames: Sequence[bytes], times: int) -> Reading:
        """Have the frames arrive `times` times, without pause; what that costs. The best of several tries: other work
        on the machine only adds."""
        return min((self._measure(frames, times) for _ in range(TRIES)), key=lambda reading: reading.per_packet)

    def _measure(self, frames: Sequence[bytes], times: int) -> Reading:
        before = self.read()
        with _on_the_core():
            pour(FAR + self.fed, (frame for _ in range(times) for frame in frames), at_once=0)
        time.sleep(SETTLE)
        return self.read() - before

    def read(self) -> Reading:
        """The counters of the thread that forwards, since it began."""
        text = self.ovs.appctl("dpif-netdev/pmd-stats-show")
        mine = next(part for part in re.split(r"^(?=\S)", text, flags=re.M) if part.startswith(self.means.thread))

        def number(name: str) -> int:
            found = re.search(rf"{name}: (\d+)", mine)
            return int(found[1]) if found else 0

        cost = number("processing cycles") if self.means is POLLED else self._processor_time()
        return Reading(cost, number("packets received"), number("packet recirculations"))

    def cache_every_flow(self, wanted: bool) -> None:
        """Whether each flow gets into the datapath's exact match cache at once, or (as usual) every hundredth time."""
        self.ovs.vsctl("set", "open_vswitch", ".", f"other_config:emc-insert-inv-prob={1 if wanted else 100}")

    def _inject(self, port: str, frames: Sequence[bytes]) -> None:
        for start in range(0, len(frames), DUMMY_QUEUE):
            arguments = [port, *(frame.hex() for frame in frames[start : start + DUMMY_QUEUE])]
            with socket.socket(socket.AF_UNIX) as control:
                control.connect(str(self.ovs.unixctl))
                control.sendall(json.dumps({"id": 0, "method": "netdev-dummy/receive", "params": arguments}).encode())
                control.recv(4096)

    def _processor_time(self) -> float:
        pid = self.ovs.pid("ovs-vswitchd")
        return float(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0])


@contextlib.contextmanager
def bench(directory: Path, means: Means, fed: str = UPLINK) -> Iterator[Bench]:
    """The switch in the current network namespace, without controller. Raises SwitchError where the kernel has no
    AF_XDP and that is asked for."""
    other = VM if fed == UPLINK else UPLINK
    ports = [(fed, means.fed), (other, means.other)]
    cables = [port for port, kind in ports if kind != "dummy-pmd"]
    with Measured(directory) as ovs, _cables(cables):
        ovs.vsctl("set", "open_vswitch", ".", f"other_config:pmd-cpu-mask={1 << CORE:#x}")
        ovs.add_bridge("br0", dpid=1)
        for port, kind in ports:
            options = ["options:xdp-mode=generic"] if kind == "afxdp" else []
            request = ["--", "set", "interface", port, f"type={kind}", f"ofport_request={OFPORT[port]}", *options]
            ovs.vsctl("add-port", "br0", port, *request)
            ovs.ofport(port)
        yield Bench(ovs, means, fed)


@contextlib.contextmanager
def _cables(ports: Sequence[str]) -> Iterator[None]:
    """A veth pair for each port; nobody speaks at either end."""
    try:
        for port in ports:
            _ip("link", "add", port, "type", "veth", "peer", "name", FAR + port)
            for end in (port, FAR + port):
                with contextlib.suppress(OSError):
                    Path(f"/proc/sys/net/ipv6/conf/{end}/disable_ipv6").write_text("1")
                _ip("link", "set", end, "up")
        yield
    finally:
        for port in ports:
            subprocess.run(["ip", "link", "delete", port], capture_output=True)


@contextlib.contextmanager
def _on_the_core() -> Iterator[None]:
    """Send from the core that polls: batches gather while we have it, and we are still while it is polled on."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {CORE})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
