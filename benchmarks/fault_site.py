"""The lab of the fault matrix: both families, a cable to the controller that can be cut, a small disk for its state."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.watch import Probe, forbidden
from topology import SEED, Fabric, Host, Lab, frames, realise
from topology.cable import Cable
from topology.controller import Controller

DPID = "0000000000000001"
SWITCH = f"/v1/switches/{DPID}"
OPENFLOW, CABLE = 6653, 6654
DISK_MEGABYTES = 8
EXT, VM1, VM2 = (SEED.host(name) for name in ("ext", "vm1", "vm2"))
VM3 = Host("vm3", "52:54:00:33:33:33", "192.168.0.3", tenant="red", groups=("ssh",), ofport=4, address6="fd00::3")
VM4 = replace(VM3, name="vm4", interface="vm4", mac="52:54:00:44:44:44", address="192.168.0.4", ofport=5)
VM4 = replace(VM4, address6="fd00::4")
LAB = Lab("faults", (*SEED.hosts, VM3), SEED.uplinks)
SERVICES = {"ssh": [("tcp", 22)], "web": [("tcp", 80), ("udp", 53)]}


class NotHere(RuntimeError):
    """The machine does not have what this cell needs."""


@dataclass(frozen=True, slots=True)
class Live:
    """A stream. `forwards`: it goes on even when the switch forgets its connections, because who sends may send."""

    kind: str
    source: str
    target: str
    port: int
    family: int
    forwards: bool = True

    @property
    def how(self) -> tuple[Any, ...]:
        return self.kind, self.source, self.target, self.port, self.family


LIVE = (
    Live("server-push", "ext", "vm1", 22, 4),
    Live("client-push", "ext", "vm2", 80, 6),
    Live("server-push", "vm1", "vm2", 80, 4, forwards=False),
    Live("client-push", "vm2", "vm1", 22, 6),
    Live("client-push", "vm1", "vm3", 22, 4),
    Live("udp", "vm1", "ext", 9000, 4),
    Live("udp", "vm3", "vm2", 53, 6),
    Live("udp", "ext", "vm2", 53, 4),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One fault. `work` makes it happen and takes it back, and gives what there is to say."""

    name: str
    work: Callable[[FaultSite, float], str]
    datapath_runs: bool = True
    keeps_connections: bool = True


@dataclass
class FaultSite:
    """What the cells work on."""

    fabric: Fabric
    controller: Controller
    cable: Cable
    disk: Path
    directory: Path
    probes: tuple[Probe, ...] = field(default_factory=lambda: forbidden(EXT, VM1, VM2))
    control: Probe = field(default_factory=lambda: ("vm1", frames.udp(VM1, EXT, name="control")))

    def again(self, environment: Mapping[str, str] | None = None) -> None:
        """Start a controller with this environment in place of the stopped one; it need not be connected yet."""
        self.controller = controller(self.directory, self.disk, environment)
        self.controller.start()

    def status(self) -> dict[str, Any]:
        return self.controller.get(SWITCH)["status"]  # type: ignore[no-any-return]

    def cookies(self) -> list[int]:
        return sorted(cookie for cookie, _ in self.flows())

    def flows(self) -> list[tuple[int, str]]:
        """Cookie, and table, match and actions of each flow."""
        lines = self.fabric.ovs.ofctl("--no-stats", "--no-names", "dump-flows").splitlines()
        split = (re.match(r"\s*(?:cookie=(0x[0-9a-f]+), )?(.*actions=.*)", line) for line in lines)
        return [(int(found[1] or "0", 16), found[2]) for found in split if found]

    def put(self, path: str, body: Any) -> int:
        """PUT and wait until it is in force; the status of the answer."""
        return self.controller.ask("PUT", f"{path}?wait=10s", body).status

    def opens(self, source: str, target: str, port: int, seconds: float = 2.0) -> bool:
        """Whether a new TCP connection opens, as soon as the datapath has followed the tables."""
        self.fabric.ovs.settle()
        return self.fabric.tcp(source, target, port, seconds)


def until(truth: Callable[[], Any], what: str, seconds: float = 15.0) -> float:
    """Wait for it; the seconds it took. AssertionError when it does not happen."""
    begin = time.monotonic()
    while not truth():
        if time.monotonic() > begin + seconds:
            raise AssertionError(f"did not happen within {seconds:g} s: {what}")
        time.sleep(0.02)
    return time.monotonic() - begin


def body(host: Host, **more: Any) -> dict[str, Any]:
    """What registers a host as a port, under its addresses of both families."""
    usual = {
        "binding": {"switch": DPID, "interface": host.interface}, "mac": host.mac,
        "addresses": [host.address, host.ip(6)], "groups": list(host.groups),
    }  # fmt: skip
    return usual | more


def rules(group: str, *more: int) -> list[dict[str, Any]]:
    """Both families; the services of the group, and more TCP ports."""
    wanted = [*SERVICES[group], *(("tcp", port) for port in more)]
    return [
        {"key": f"{protocol}{port}-{family.lower()}", "direction": "ingress", "ethertype": family, "protocol": protocol,
         "port_min": port}
        for protocol, port in wanted
        for family in ("IPv4", "IPv6")
    ]  # fmt: skip


def policy() -> list[dict[str, Any]]:
    """As `Controller.load` takes it."""
    found = []
    for host in LAB.ports():
        tenant = f"/v1/tenants/{host.tenant}"
        found.append({"path": tenant, "body": {}})
        found += [{"path": f"{tenant}/groups/{name}", "body": {"rules": rules(name)}} for name in host.groups]
        found.append({"path": f"{tenant}/ports/{host.name}", "body": body(host)})
    return found


def controller(directory: Path, disk: Path, environment: Mapping[str, str] | None = None) -> Controller:
    settings = {"state_dir": str(disk / "state")}
    return Controller(directory, LAB.uplinks, openflow=OPENFLOW, settings=settings, environment=environment)


@contextlib.contextmanager
def fault_site(directory: Path) -> Iterator[FaultSite]:
    """Everything runs and is in step."""
    disk = directory / "disk"
    disk.mkdir(parents=True)
    (directory / "state").symlink_to(disk / "state")  # where the token is looked for
    with contextlib.ExitStack() as stack:
        stack.enter_context(_small_disk(disk))
        cable = stack.enter_context(Cable(CABLE, to=OPENFLOW))
        fabric = stack.enter_context(realise(LAB, f"tcp:127.0.0.1:{CABLE}", directory / "ovs"))
        site = FaultSite(fabric, controller(directory, disk), cable, disk, directory)
        stack.callback(lambda: site.controller.stop())
        site.controller.start()
        site.controller.wait_connected()
        site.controller.load(policy())
        fabric.ovs.settle()
        yield site


@contextlib.contextmanager
def _small_disk(place: Path) -> Iterator[None]:
    """A file system of a few megabytes, where that is allowed."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m,mode=0755", "ovswarden-faults", str(place)]
    if subprocess.run(mount, capture_output=True).returncode:
        yield
        return
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def is_small_disk(place: Path) -> bool:
    return os.path.ismount(place)
