"""A network namespace with one interface, and ways to do things inside it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from topology.labs import Host

T = TypeVar("T")
RUN = Path("/run/netns")
INTERFACE = "eth0"  # the host's end of its veth pair; eth1... are further NICs of the machine
INET = {4: socket.AF_INET, 6: socket.AF_INET6}
CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)  # os.setns and os.unshare exist from Python 3.12


def inside(namespace: str, work: Callable[[], T]) -> T:
    """Call `work` in a thread that has entered the namespace, and give (or raise) what it gives (or raises).

    setns(2) moves one thread only, and a socket stays in the namespace it was opened in: so one process can
    hold sockets of every host, on one clock, without an agent in each.
    """
    outcome: list[tuple[bool, Any]] = []

    def body() -> None:
        try:
            _enter(namespace)
            outcome.append((True, work()))
        except BaseException as error:
            outcome.append((False, error))

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    succeeded, value = outcome[0]
    if not succeeded:
        raise value
    return value


def _enter(namespace: str) -> None:
    descriptor = os.open(RUN / namespace, os.O_RDONLY)
    try:
        _check(_LIBC.setns(descriptor, CLONE_NEWNET), f"setns {namespace}")
    finally:
        os.close(descriptor)


@contextmanager
def isolated() -> Iterator[None]:
    """Move the calling thread into a new, empty network namespace with `lo` up, and back afterwards.

    Threads and processes started meanwhile live there too: room for one more userspace datapath.
    """
    with open("/proc/thread-self/ns/net") as before:
        _check(_LIBC.unshare(CLONE_NEWNET), "unshare")
        try:
            _ip("link set lo up")
            yield
        finally:
            _check(_LIBC.setns(before.fileno(), CLONE_NEWNET), "setns")


def _check(result: int, call: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


class Attached:
    """A host of a realised lab. `host` is its value, `namespace` its name under /run/netns, `nic` its interface there.

    With a `machine` it is that host's further NIC, and lives in its namespace.
    """

    def __init__(self, host: Host, namespace: str, ofport: int = 0, machine: Attached | None = None) -> None:
        self.host = host
        self.namespace = machine.namespace if machine else namespace
        self.ofport = ofport
        self.nic = machine._next_nic() if machine else INTERFACE
        self._nics = 1
        self._machine = machine
        self._linked = False
        self._children: list[subprocess.Popen[Any]] = []

    def run(
        self, argv: Sequence[str], *, check: bool = True, timeout: float = 30, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside and wait for it; output is captured as text. Raises like subprocess.run."""
        options = {"capture_output": True, "text": True, **options}
        return subprocess.run(self._command(argv), check=check, timeout=timeout, **options)

    def popen(self, argv: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
        """Start a command inside; it is killed at the latest when the host goes."""
        child = subprocess.Popen(self._command(argv), **options)
        self._children.append(child)
        return child

    def python(self, work: str | Callable[[], T]) -> T | str:
        """Call a function inside (a thread of this process), or run Python text and give its output."""
        if callable(work):
            return inside(self.namespace, work)
        return self.run([sys.executable, "-c", work]).stdout

    def socket(self, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM, proto: int = 0) -> socket.socket:
        """A socket of this host, usable from any thread of this process."""
        return inside(self.namespace, lambda: socket.socket(family, kind, proto))

    def share(self, trunk: Attached) -> None:
        """Begin to carry its frames, tagged, on the trunk's wire; until this host goes."""
        ends = (self.host.interface, trunk.namespace, trunk.nic, str(self.host.tag))
        carrier = subprocess.Popen(
            [sys.executable, "-m", "topology.trunk", *ends],
            stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        )  # fmt: skip
        self._children.append(carrier)
        if carrier.stdout is None or carrier.stdout.readline() != "up\n":
            raise OSError(f"host {self.host.name} cannot share the wire of {trunk.host.name}")

    def _next_nic(self) -> str:
        self._nics += 1
        return f"eth{self._nics - 1}"

    def flush_neighbours(self) -> None:
        """Forget every neighbour's MAC."""
        _ip("neigh flush all", namespace=self.namespace)

    def close(self) -> None:
        """Kill what still runs inside and delete the namespace, its veth pair with it. Twice is fine."""
        for child in self._children:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            child.wait()
        if self._linked:  # the kernel would do it with the namespace, but some time later
            subprocess.run(["ip", "link", "delete", "dev", self.host.interface], capture_output=True)
        if self._machine is not None:
            return
        for pid in self._inhabitants():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        subprocess.run(["ip", "netns", "delete", self.namespace], capture_output=True)

    def _inhabitants(self) -> list[int]:
        listed = subprocess.run(["ip", "netns", "pids", self.namespace], capture_output=True, text=True)
        return [pid for word in listed.stdout.split() if (pid := int(word)) != os.getpid()]

    def _command(self, argv: Sequence[str]) -> list[str]:
        return ["ip", "netns", "exec", self.namespace, *argv]


def create(host: Host, namespace: str, machine: Attached | None = None) -> Attached:
    """Make the namespace, and the veth pair whose switch end is `host.interface` in the current namespace.

    A NIC of a `machine` goes into that one's namespace. Checksums are computed by the sender (no tx offload): a
    userspace datapath would otherwise pass on wrong ones. Raises subprocess.CalledProcessError and leaves nothing
    behind.
    """
    attached = Attached(host, namespace, machine=machine)
    try:
        if machine is None:
            _ip(f"netns add {namespace}")
            inside(namespace, _quiet)
        nic = attached.nic
        pair = f"{host.interface} type veth peer name {nic} address {host.mac} netns {attached.namespace}"
        _ip(f"link add name {pair}")
        attached._linked = True
        _silence(host.interface)
        _ip(f"link set dev {host.interface} up")
        addresses = [f"addr add {host.address}/{host.prefix} dev {nic}"]
        if host.address6:
            addresses.append(f"addr add {host.address6}/{host.prefix6} dev {nic} nodad")
        _ip("link set lo up", f"link set dev {nic} up", *addresses, namespace=attached.namespace)
        attached.run(["ethtool", "-K", nic, "tx", "off"])
    except BaseException:
        attached.close()
        raise
    return attached


def _quiet() -> None:
    """IPv6 stays on, without its start-up chatter (DAD, router solicitations) that delays and blurs tests, and no
    forged advertisement changes a host's routes."""
    for knob, value in (("accept_dad", "0"), ("router_solicitations", "0"), ("autoconf", "0"), ("accept_ra", "0")):
        for scope in ("default", "all"):
            with contextlib.suppress(OSError):
                Path(f"/proc/sys/net/ipv6/conf/{scope}/{knob}").write_text(value)


def _silence(interface: str) -> None:
    """The switch end is no host: it must not speak IPv6 to the machine at the other end."""
    with contextlib.suppress(OSError):
        Path(f"/proc/sys/net/ipv6/conf/{interface}/disable_ipv6").write_text("1")


def _ip(*commands: str, namespace: str | None = None) -> None:
    where = ["-n", namespace] if namespace else []
    subprocess.run(["ip", *where, "-batch", "-"], input="\n".join(commands), check=True, capture_output=True, text=True)


def unique_prefix() -> str:
    """A prefix for namespaces of this run: /run/netns is shared by every lab of the machine."""
    return f"ow{os.getpid():x}{time.monotonic_ns() & 0xFFFF:04x}"
