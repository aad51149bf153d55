"""A real switch with many ports and a controller under observation, in one directory."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.client import Client, put_all
from benchmarks.marks import Marks
from benchmarks.world import DPID, FIRST_OFPORT, PREFIX, World
from topology import OpenVSwitch
from topology.controller import MANAGER, Controller

SPARE = 32  # switch ports that no port is bound to at first
UPLINK = "uplink0"
CLIENTS_MOST = 256  # REST clients that are served at once
OPENFLOW = 6653
OBSERVER = "benchmarks/observer.py"


@dataclass(slots=True)
class Site:
    """`connect` and `disconnect` say when the switch knows its controller; the controller itself runs apart."""

    world: World
    ovs: OpenVSwitch
    controller: Controller
    marks: Marks

    def connect(self) -> float:
        """Give the switch its controller; when that was said."""
        said = time.time()
        self.ovs.set_controller("br0", f"tcp:127.0.0.1:{OPENFLOW}")
        return said

    def disconnect(self) -> None:
        """Take the controller away, and all flows."""
        self.ovs.vsctl("del-controller", "br0")
        self.ovs.ofctl("del-flows")

    def reconnect(self) -> float:
        """Have the switch drop its connection and make a new one; when that was said."""
        said = time.time()
        self.ovs.appctl("bridge/reconnect", "br0")
        return said

    def client(self) -> Client:
        return Client(self.controller.rest, self.controller.token)

    def load(self) -> tuple[int, float]:
        """The whole policy by REST, 16 clients at once: writes and seconds."""
        writes, seconds = 0, 0.0
        for puts in (self.world.owners(), self.world.groups(), self.world.all_ports()):
            batch = list(puts)
            writes += len(batch)
            seconds += put_all(self.controller.rest, self.controller.token, batch)
        return writes, seconds

    def status(self) -> dict[str, Any]:
        """The switch's status of the REST API."""
        client = self.client()
        try:
            return client.ask("GET", f"/v1/switches/{DPID}")["status"]  # type: ignore[no-any-return]
        finally:
            client.close()

    def memory(self) -> float:
        """The most resident memory that the controller had so far, in MiB."""
        assert self.controller.process is not None
        lines = Path(f"/proc/{self.controller.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


@contextlib.contextmanager
def site(directory: Path, world: World) -> Iterator[Site]:
    """The switch with all its ports, without controller; the controller is not started yet."""
    ovs_directory = directory / "ovs"
    ovs_directory.mkdir(parents=True)
    with OpenVSwitch(ovs_directory) as ovs:
        ovs.add_bridge("br0", dpid=int(DPID, 16))
        ovs.add_many_ports("br0", world.ports + SPARE, PREFIX, FIRST_OFPORT)
        ovs.add_many_ports("br0", 1, UPLINK.removesuffix("0"), 1)
        marks = Marks(directory / "marks", directory / "controller.log")
        controller = Controller(
            directory,
            uplinks=[UPLINK],
            openflow=OPENFLOW,
            settings={"log_format": "json", "rest_connections": str(CLIENTS_MOST)},
            command=(str(MANAGER), OBSERVER),
            environment={"OVSWARDEN_MARKS": str(marks.marks)},
        )
        try:
            yield Site(world, ovs, controller, marks)
        finally:
            controller.stop()
