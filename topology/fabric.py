"""A lab made real: namespaces, veth pairs and a private Open vSwitch in the current network namespace."""

from __future__ import annotations

import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from topology import matrix, probes, streams
from topology.frames import Frame, Segment
from topology.labs import Family, Host, Lab
from topology.namespaces import Attached, create, unique_prefix
from topology.prefixes import sort_by_address
from topology.switch import OpenVSwitch

BRIDGE = "br0"
DPID = 1


class Fabric:
    """A running lab. Made by `realise`; everything it started ends with it."""

    def __init__(self, lab: Lab, ovs: OpenVSwitch, bridge: str = BRIDGE) -> None:
        self.lab = lab
        self.ovs = ovs
        self.bridge = bridge
        self._prefix = unique_prefix()
        self._attached: dict[str, Attached] = {}
        self._streams: list[streams.Stream] = []

    # -- hosts -----------------------------------------------------------------------------------------------

    def host(self, name: str) -> Attached:
        """The running host of that name. Raises KeyError."""
        return self._attached[name]

    @property
    def hosts(self) -> dict[str, Attached]:
        """All running hosts by name."""
        return dict(self._attached)

    def attach(self, host: Host) -> Attached:
        """Plug one more machine into the bridge, whether or not anybody registered it."""
        if host.name in self._attached:
            raise ValueError(f"a host {host.name!r} is attached already")
        machine = self._attached[host.machine] if host.machine else None
        attached = create(host, f"{self._prefix}-{host.name}", machine)
        self._attached[host.name] = attached
        if host.trunk:
            trunk = self._attached[host.trunk]
            attached.share(trunk)
            attached.ofport = trunk.ofport
        else:
            attached.ofport = self.ovs.add_port(self.bridge, host.interface, host.ofport, iface_id=host.name)
        return attached

    def detach(self, name: str) -> None:
        """Unplug a machine and end it: its port leaves the bridge first, as when a VM is deleted."""
        attached = self._attached.pop(name)
        try:
            if not attached.host.trunk:
                self.ovs.del_port(self.bridge, attached.host.interface)
        finally:
            attached.close()

    def forget(self) -> None:
        """Empty the hosts' ARP and ND caches and the switch's MAC table: forged frames poison them."""
        for attached in self._attached.values():
            attached.flush_neighbours()
        self.ovs.appctl("fdb/flush", self.bridge)

    # -- traffic ---------------------------------------------------------------------------------------------

    def tcp(self, source: str, target: str, port: int, timeout: float = probes.TIMEOUT, family: Family = 4) -> bool:
        """Whether a TCP connection opens and one byte comes back over it."""
        return probes.tcp(self.host(source), self.host(target), port, timeout, family)

    def udp(self, source: str, target: str, port: int, timeout: float = probes.TIMEOUT, family: Family = 4) -> bool:
        """Whether a datagram is answered."""
        return probes.udp(self.host(source), self.host(target), port, timeout, family)

    def udp_oneway(
        self, source: str, target: str, port: int, timeout: float = probes.TIMEOUT, family: Family = 4, size: int = 16
    ) -> bool:
        """Whether a datagram of `size` bytes reaches the target, answered or not."""
        return probes.udp_oneway(self.host(source), self.host(target), port, timeout, family, size)

    def icmp(self, source: str, target: str, timeout: float = probes.TIMEOUT, family: Family = 4) -> bool:
        """Whether an echo request is answered."""
        return probes.icmp(self.host(source), self.host(target), timeout, family)

    def frame(self, source: str, frame: Frame, window: float = 0.4) -> frozenset[str]:
        """Send a frame from a host's interface; the names of the other hosts it reached in `window` s."""
        return probes.frame(self._attached, source, frame, window)

    def overhear(self, name: str, port: int) -> Segment:
        """The next TCP segment of `port` that arrives at a host; `frames.into_connection` continues it."""
        return probes.overhear(self.host(name), port)

    def stream(
        self, kind: str, source: str, target: str, port: int, interval: float = 0.05, **more: Any
    ) -> streams.Stream:
        """Start live traffic; see `streams.Stream`. It stops with the fabric at the latest."""
        started = streams.Stream(kind, self.host(source), self.host(target), port, interval, **more)
        self._streams.append(started)
        return started

    def matrix(self, lab: Lab | None = None, family: Family = 4) -> tuple[matrix.Outcome, ...]:
        """Probe every row of the lab's expectation (default: of this lab), in parallel."""
        return matrix.measure(self._attached, (lab or self.lab).expectation, family)

    def close(self) -> None:
        """End streams and hosts. Asks nothing of the switch, which may be dead by now."""
        with ExitStack() as stack:  # one that fails must not keep the others alive
            for attached in self._attached.values():  # the last one first, so a machine after its NICs
                stack.callback(attached.close)
            for stream in self._streams:
                stack.callback(stream.close)


@contextmanager
def realise(
    lab: Lab,
    controller: str | None = "tcp:127.0.0.1:6653",
    directory: str | Path | None = None,
    *,
    hosts: Sequence[str] | None = None,
    dpid: int = DPID,
    fail_mode: str = "secure",
) -> Iterator[Fabric]:
    """Build the lab in the current network namespace and take it down again, whatever happens in between.

    `hosts` names the hosts to realise (default: all); `directory` keeps the switch's database, sockets and
    logs (default: a temporary one). SIGTERM is raised through as SystemExit, so that it takes the lab down
    too.
    """
    with ExitStack() as stack:
        stack.enter_context(_sigterm_raises())
        place = directory or stack.enter_context(tempfile.TemporaryDirectory(prefix="ow-"))
        Path(place).mkdir(parents=True, exist_ok=True)
        ovs = stack.enter_context(OpenVSwitch(place))
        fabric = Fabric(lab, ovs)
        stack.callback(fabric.close)
        ovs.add_bridge(BRIDGE, dpid, None, fail_mode)
        sort_by_address(ovs, BRIDGE)
        if controller is not None:
            ovs.set_controller(BRIDGE, controller)
        for host in lab.hosts:
            if hosts is None or host.name in hosts:
                fabric.attach(host)
        yield fabric


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return

    def leave(number: int, _frame: Any) -> None:
        raise SystemExit(128 + number)

    before: Callable[..., Any] | int | None = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
