"""Allowed traffic that must not stop, and a constant stream of forbidden frames that must not arrive."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from topology import Fabric, Host, frames, nd
from topology.frames import Frame
from topology.namespaces import Attached, inside
from topology.sniffer import Sniffer
from topology.streams import Stream

Probe = tuple[str, Frame]  # the host that sends it
SETTLED = 0.5  # seconds in which what was sent has arrived, or is lost
PAUSE = 0.004  # seconds between two probes


@dataclass(frozen=True, slots=True)
class Seen:
    """What a cell did to the traffic. Of TCP a number is only lost when its stream broke; what had to be sent again is
    counted as segments, which a busy machine causes, too. `heard` are honest frames: that the ears work.
    """

    sent: int
    lost: int
    gap: float
    broken: tuple[str, ...]
    resent: int
    probes: int
    leaked: Counter[str]
    heard: int


class Watch:
    """Streams and probes from the start of this object until `close`; `seen` tells what happened meanwhile."""

    def __init__(self, fabric: Fabric, live: Iterable[tuple], probes: Sequence[Probe], control: Probe) -> None:
        self._fabric = fabric
        self._resent, self.begin = _resent(fabric), time.monotonic()
        self._streams: list[Stream] = []
        for kind, source, target, port, family in live:
            self._streams.append(fabric.stream(kind, source, target, port, 0.02, family=family))
        self._probing = Probing(fabric, probes, control)
        for stream in self._streams:
            if not stream.started(15):
                self.close()
                raise RuntimeError(f"{stream.name} did not start: {stream.report().error}")
        self.begin = time.monotonic()

    def alive(self, seconds: float) -> list[str]:
        """Wait until every stream goes on; the names of those that do not."""
        end = time.monotonic() + seconds
        return [s.name for s in self._streams if not s.alive(max(end - time.monotonic(), 0.1))]

    def close(self) -> Seen:
        """End everything; what was seen from the beginning until half a second ago."""
        time.sleep(SETTLED)
        end = time.monotonic() - SETTLED
        resent = _resent(self._fabric) - self._resent
        probes, leaked, heard = self._probing.close()
        reports = {stream.name: stream.close() for stream in self._streams}
        sent = [
            (report, number) for report in reports.values() for number, at in report.sent if self.begin <= at <= end
        ]
        missing = {id(report): set(report.lost) for report in reports.values()}
        lost = sum(number in missing[id(report)] for report, number in sent)
        gap = max((report.gap(self.begin, end) for report in reports.values()), default=0.0)
        broken = tuple(f"{name}: {report.error}" for name, report in reports.items() if report.error)
        return Seen(len(sent), lost, gap, broken, resent, probes, leaked, heard)


class Probing:
    """Sends the probes in turns, for ever, and counts those that arrive anywhere but where they came from."""

    def __init__(self, fabric: Fabric, probes: Sequence[Probe], control: Probe) -> None:
        self._done = threading.Event()
        self._sent, self._heard = 0, 0
        self._leaked: Counter[str] = Counter()
        self._known = {frame.marker: (source, frame) for source, frame in (*probes, control)}
        self._control = control[1].marker
        self._sniffer = Sniffer(fabric.hosts)
        self._out = {source: _opened(fabric.host(source)) for source, _ in self._known.values()}
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._send, self._listen)]
        for thread in self._threads:
            thread.start()

    def close(self) -> tuple[int, Counter[str], int]:
        """How many were sent; which arrived, how often; how often the honest one did."""
        self._done.set()
        for thread in self._threads:
            thread.join()
        for out in self._out.values():
            out.close()
        self._sniffer.__exit__()
        return self._sent, self._leaked, self._heard

    def _send(self) -> None:
        for source, frame in itertools.cycle(self._known.values()):
            if self._done.wait(PAUSE):
                return
            with suppress(OSError):  # the interface is gone for the moment
                self._out[source].send(frame.raw)
                self._sent += frame.marker != self._control

    def _listen(self) -> None:
        while not self._done.is_set():
            for where, raw in self._take():
                for marker, (source, frame) in self._known.items():
                    if marker in raw and raw[:12] == frame.raw[:12] and where.partition(".")[0] != source:
                        if marker == self._control:
                            self._heard += 1
                        else:
                            self._leaked[f"{frame.name} {source}->{where}"] += 1

    def _take(self) -> list[tuple[str, bytes]]:
        try:
            return self._sniffer.take(0.2)
        except OSError:  # an interface has just gone
            return []


def forbidden(ext: Host, vm1: Host, vm2: Host) -> tuple[Probe, ...]:
    """Forged by a VM, or honest and admitted by no rule; both families."""
    found: list[Probe] = []
    for family in (4, 6):
        found += [
            ("vm1", frames.wrong_mac(vm1, ext, family=family)),
            ("vm1", frames.wrong_address(vm1, ext, vm2.ip(family))),
            ("vm2", frames.wrong_address(vm2, vm1, ext.ip(family))),
            ("ext", frames.udp(ext, vm1, family=family, dport=4711)),
            ("vm2", frames.udp(vm2, vm1, family=family, dport=4711)),
            ("ext", frames.tcp_segment(ext, vm2, 40001, 4711, seq=1, flags="S", family=family)),
            ("ext", frames.tcp_segment(ext, vm1, 40002, 80, seq=1, flags="A", family=family)),
        ]
    return (
        *found,
        ("vm1", frames.arp_wrong_spa(vm1, ext.address, vm2.address)),
        ("vm1", frames.wrong_address_broadcast(vm1, ext, "10.9.9.9")),
        ("vm1", nd.router_advertisement(vm1)),
        ("vm1", nd.advertisement(vm1, vm2.ip(6))),
        ("vm2", frames.tagged(frames.udp(vm2, ext, name="tagged"), 7)),
    )


def _opened(host: Attached) -> socket.socket:
    raw = host.socket(socket.AF_PACKET, socket.SOCK_RAW)
    raw.bind((host.nic, 0))
    return raw


def _resent(fabric: Fabric) -> int:
    """TCP segments that the hosts have sent again so far."""
    return sum(inside(host.namespace, _retransmissions) for host in fabric.hosts.values())


def _retransmissions() -> int:
    names, values = (
        line.split() for line in Path("/proc/thread-self/net/snmp").read_text().splitlines() if line.startswith("Tcp:")
    )
    return int(values[names.index("RetransSegs")])
