"""A hosting company as the dashboard shows it: five tenants on three switches, and some that misbehave.

A few machines are real, with namespaces and packets; the others are ports without a wire.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.switch.site import SWITCH, Site
from topology import frames
from topology.controller import Controller
from topology.fabric import realise
from topology.labs import Host, Lab
from topology.probes import send

SWITCHES = {"host-1": ("br0", 1), "host-2": ("br1", 2), "host-3": ("br2", 3)}
EXT = Host("ext", "52:54:00:e0:00:fe", "10.20.255.254", 16, ofport=1)
WEB, API = (
    Host(name, f"52:54:00:20:00:{n:02x}", f"10.20.0.{n}", 16, "acme", groups, ofport=n)
    for n, name, groups in ((11, "web-1", ("base", "web")), (21, "api-1", ("api", "base")))
)
CRAWLER = Host("crawler-1", "52:54:00:20:01:02", "10.20.1.2", 16, "hooli", ("base",), ofport=32)
VM = Host("vm-9", "52:54:00:20:02:09", "10.20.2.9", 16, "umbrella", ("base",), ofport=39)
LAB = Lab("company", (EXT, WEB, API, CRAWLER, VM), ("ext",), ())
REAL = {host.name for host in LAB.hosts}

ACME = {"web": 3, "api": 3, "db": 2, "cache": 1, "queue": 1, "batch": 1, "bastion": 1}
OTHERS = {"umbrella": ("vm", 12), "initech": ("app", 14), "hooli": ("crawler", 9), "globex": ("node", 7)}
LIMITS = {"acme": 400, "umbrella": 400, "initech": 200, "hooli": 200, "globex": 200}
FILLED = ((WEB, 296), (VM, 81), (CRAWLER, 172))


def allow(key: str, port: int, **remote: str) -> dict[str, Any]:
    return {"key": key, "direction": "ingress", "protocol": "tcp", "port_min": port, **remote}


GROUPS: Mapping[str, Mapping[str, list[dict[str, Any]]]] = {
    "acme": {
        "bastion": [allow("ssh", 22, remote_cidr="198.51.100.0/24")],
        "base": [allow("admin", 22, remote_group="bastion")],
        "web": [allow("https", 443), allow("http", 80)],
        "batch": [],
        "api": [allow("from-web", 8080, remote_group="web")],
        "db": [allow("from-api", 5432, remote_group="api"), allow("from-batch", 5432, remote_group="batch")],
        "cache": [allow("from-api", 6379, remote_group="api")],
        "queue": [allow("from-api", 5672, remote_group="api"), allow("from-batch", 5672, remote_group="batch")],
    },
    **{name: {"base": [allow("https", 443)]} for name in OTHERS},
}  # fmt: skip


@contextmanager
def company(place: Path, **settings: str) -> Iterator[Site]:
    """The whole company, its policy in force on all switches."""
    switch = place / "switch"
    told = {
        "ovsdb": f"unix:{switch}/db.sock",
        "control_socket": f"{switch}/vswitchd.ctl",
        "write_rate": "0",
        **settings,
    }
    with Controller(place, LAB.uplinks, settings=told) as controller, realise(LAB, SWITCH, switch) as fabric:
        for bridge, dpid in list(SWITCHES.values())[1:]:
            fabric.ovs.add_bridge(bridge, dpid, SWITCH)
        wired = dict.fromkeys(SWITCHES, 0)
        for name, (bridge, dpid) in SWITCHES.items():
            controller.put(f"/v1/switches/{dpid:016x}", {"name": name})
            fabric.ovs.add_many_ports(bridge, 24, f"{name[-1]}tap", 100)
        controller.wait_connected(len(SWITCHES))
        _load(controller, wired)
        controller.settle()
        yield Site(controller, fabric)
        for bridge, _ in list(SWITCHES.values())[1:]:
            fabric.ovs.vsctl("del-br", bridge)


def _load(controller: Controller, wired: dict[str, int]) -> None:
    for tenant, groups in GROUPS.items():
        controller.put(f"/v1/tenants/{tenant}", {"limits": {"connections": LIMITS[tenant]}})
        for group, rules in groups.items():
            controller.put(f"/v1/tenants/{tenant}/groups/{group}", {"rules": rules})
    for number, (tenant, name, group_names) in enumerate(_machines()):
        host = next((host for host in LAB.hosts if host.name == name), None)
        body = _real(host) if host else _wireless(number, list(SWITCHES)[number % 3], wired)
        controller.put(f"/v1/tenants/{tenant}/ports/{name}", body | {"groups": group_names})


def _machines() -> Iterator[tuple[str, str, list[str]]]:
    for role, count in ACME.items():
        for n in range(1, count + 1):
            yield "acme", role if count == 1 and role == "bastion" else f"{role}-{n}", sorted({role, "base"})
    for tenant, (role, count) in OTHERS.items():
        for n in range(1, count + 1):
            yield tenant, f"{role}-{n}", ["base"]


def _real(host: Host) -> dict[str, Any]:
    binding = {"switch": "host-1", "interface": host.interface}
    return {"binding": binding, "mac": host.mac, "addresses": [host.address]}


def _wireless(number: int, switch: str, wired: dict[str, int]) -> dict[str, Any]:
    """One is not there yet: its interface is missing, as before a VM starts."""
    interface = f"{switch[-1]}tap{wired[switch]}" if number != 17 else "tap-not-yet"
    wired[switch] += 1
    binding = {"switch": switch, "interface": interface}
    return {"binding": binding, "mac": f"52:54:00:21:00:{number:02x}", "addresses": [f"10.20.100.{number}"]}


# -- what they do


def connect(site: Site) -> None:
    """Fill the zones: UDP from one port each, to as many ports outside."""
    for host, count in FILLED:
        with site.fabric.host(host.name).socket(kind=socket.SOCK_DGRAM) as sender:
            for n in range(count):
                sender.sendto(b"?", (EXT.address, 10_000 + n))
                time.sleep(0.001)


def spoof(site: Site, packets: int, claimed: str = "10.20.0.5") -> None:
    """`packets` frames of umbrella's under somebody else's address."""
    forged = frames.wrong_address(VM, EXT, claimed)
    for _ in range(packets):
        send(site.fabric.host(VM.name), forged)


def poison(site: Site, packets: int) -> None:
    """`packets` ARP announcements of hooli's for the gateway's address."""
    forged = frames.arp_wrong_spa(CRAWLER, EXT.address, EXT.address)
    for _ in range(packets):
        send(site.fabric.host(CRAWLER.name), forged)
