"""The switch of the floods: an attacker's and a neighbour's VM under a firewall, and a bridge beside it without one."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from topology import SEED, Fabric, Host, Lab, realise
from topology.controller import Controller
from topology.namespaces import Attached, create

OPENFLOW, PLAIN = 6653, "br1"
EXT, MALLORY, ALICE = (SEED.host(name) for name in ("ext", "vm1", "vm2"))
PLAIN_VM = replace(MALLORY, name="p1", interface="p1", tenant=None, groups=())
PLAIN_OUT = replace(EXT, name="p0", interface="p0")
LAB = Lab("flood", SEED.hosts, SEED.uplinks)
PORT, TABLE = 80, 30_000  # of the neighbour's server; entries that the whole connection table has


@dataclass(slots=True)
class Place:
    controller: Controller
    fabric: Fabric
    plain: dict[str, Attached]

    def limit(self, limits: dict[str, int | None]) -> None:
        tenant = f"/v1/tenants/{MALLORY.tenant}"
        reply = self.controller.ask("PATCH", f"{tenant}?wait=10s", {"limits": limits})
        assert reply.status == 200, reply
        self.fabric.ovs.settle()

    def zone(self) -> int:
        return int(self.controller.get(f"/v1/tenants/{MALLORY.tenant}")["status"]["conntrack_zone"])

    def entries(self) -> int:
        """How many the attacker has; counted, not listed, where a limit makes the switch count."""
        counted = re.search(
            r"limit=[1-9]\d*,count=(\d+)", self.fabric.ovs.appctl("dpctl/ct-get-limits", f"zone={self.zone()}")
        )
        if counted:
            return int(counted[1])
        return self.listed(self.zone())

    def listed(self, zone: int) -> int:
        return self.fabric.ovs.appctl("dpctl/dump-conntrack", f"zone={zone}").count("orig=")


@contextlib.contextmanager
def place(directory: Path, table: int = TABLE) -> Iterator[Place]:
    """Everything runs; the switch's connection table has room for so many."""
    directory.mkdir(parents=True, exist_ok=True)
    settings = {"control_socket": str(directory / "ovs" / "vswitchd.ctl")}
    with (
        Controller(directory, LAB.uplinks, openflow=OPENFLOW, settings=settings) as controller,
        realise(LAB, f"tcp:127.0.0.1:{OPENFLOW}", directory / "ovs") as fabric,
        contextlib.ExitStack() as stack,
    ):
        controller.wait_connected()
        controller.load(list(_policy()))
        fabric.ovs.appctl("dpctl/ct-set-maxconns", str(table))
        plain = {host.name: stack.enter_context(_plugged(fabric, host)) for host in (PLAIN_OUT, PLAIN_VM)}
        fabric.ovs.ofctl("add-flow", "in_port=2,actions=output:1", bridge=PLAIN)
        for pair in ((EXT, ALICE), (ALICE, EXT), (MALLORY, EXT)):
            fabric.icmp(*(host.name for host in pair))  # neighbours are known
        yield Place(controller, fabric, plain)


@contextlib.contextmanager
def _plugged(fabric: Fabric, host: Host) -> Iterator[Attached]:
    """A machine on the bridge that has no firewall and no controller."""
    if PLAIN not in fabric.ovs.vsctl("list-br").split():
        fabric.ovs.add_bridge(PLAIN)
    attached = create(host, f"{fabric.host(EXT.name).namespace}-{host.name}")
    try:
        fabric.ovs.add_port(PLAIN, host.interface, 1 if host is PLAIN_OUT else 2)
        yield attached
    finally:
        attached.close()


def _policy() -> Iterator[dict[str, Any]]:
    web = [
        {"key": protocol, "direction": "ingress", "protocol": protocol, "port_min": PORT} for protocol in ("tcp", "udp")
    ]
    for host in LAB.ports():
        tenant = f"/v1/tenants/{host.tenant}"
        yield {"path": tenant, "body": {}}
        yield {"path": f"{tenant}/groups/web", "body": {"rules": web}}
        binding = {"switch": "0000000000000001", "interface": host.interface}
        port = {"mac": host.mac, "addresses": [host.address], "groups": ["web"], "binding": binding}
        yield {"path": f"{tenant}/ports/{host.name}", "body": port}
