"""What ovswarden puts on a switch with one VM, for policies that the datapath is then measured under."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.datapath import OFPORT, UPLINK, VM
from benchmarks.world import DPID
from topology import OpenVSwitch
from topology.controller import Controller, ControllerError
from topology.labs import Host

OPENFLOW = 6653
SERVER = Host(VM, "52:54:00:60:84:01", "10.1.0.1", ofport=OFPORT[VM], tenant="t")
OUTSIDE = Host(UPLINK, "52:54:00:e0:00:fe", "10.9.0.254", ofport=OFPORT[UPLINK])
Rules = list[dict[str, Any]]


@contextmanager
def guarded(directory: Path, ovs: OpenVSwitch) -> Iterator[Controller]:
    """The controller of `br0`, for the length of the block; the switch loses its flows with it."""
    with Controller(directory, uplinks=[UPLINK], openflow=OPENFLOW) as controller:
        ovs.set_controller("br0", f"tcp:127.0.0.1:{OPENFLOW}")
        controller.wait_connected()
        yield controller
        ovs.vsctl("del-controller", "br0")


def allow(controller: Controller, rules: Rules) -> None:
    """The VM is plugged, its group has these rules, and the switch has confirmed it."""
    binding = {"switch": DPID, "interface": VM}
    port = {"mac": SERVER.mac, "addresses": [SERVER.address], "groups": ["web"], "binding": binding}
    for path, body in (("", {}), ("/groups/web", {"rules": rules}), (f"/ports/{VM}?wait=10s", port)):
        reply = controller.ask("PUT", f"/v1/tenants/{SERVER.tenant}{path}", body)
        if reply.status not in (200, 201):
            raise ControllerError(f"{path}: {reply.status} {reply.body}")


def flows_for(directory: Path, ovs: OpenVSwitch, policies: Iterable[Rules]) -> list[str]:
    """The flows of each policy, as `OpenVSwitch.program` takes them."""
    with guarded(directory, ovs) as controller:
        return [_dumped(controller, ovs, rules) for rules in policies]


def _dumped(controller: Controller, ovs: OpenVSwitch, rules: Rules) -> str:
    allow(controller, rules)
    lines = ovs.ofctl("--no-names", "--no-stats", "dump-flows").splitlines()
    return "\n".join(line.strip() for line in lines if "actions=" in line)
