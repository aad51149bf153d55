"""What hypervisors do to the switch and call of ours: QEMU, Proxmox VE and libvirt, as far as the bridge sees them."""

from __future__ import annotations

import fcntl
import json
import socket
import struct
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.switch.site import Site
from topology.controller import ROOT
from topology.frames import Frame
from topology.labs import Host
from topology.sniffer import Sniffer

HOOKS = ROOT / "integrations"
VM = Host("qvm", "52:54:00:00:00:51", "192.168.0.51", tenant="red", groups=("ssh",), interface="tapq")
PORT = "/v1/tenants/red/ports/qvm"
LIBVIRT = "5e8b1a7e-52f6-4c0e-9d1b-0a4c6f2d7c11"
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000  # linux/if_tun.h
OUR_END, QEMU_END = 7701, 7702


def describe(place: Path, interface: str, **more: Any) -> None:
    said = {"tenant": "red", "port": VM.name, "bridge": "br0", "mac": VM.mac, "addresses": [VM.address], **more}
    (place / "ports" / f"{interface}.json").write_text(json.dumps({"groups": ["ssh"], **said}))


def hook(name: str, *arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HOOKS / name, *arguments], env=environment, capture_output=True, text=True, timeout=40)


@contextmanager
def tap(name: str) -> Iterator[None]:
    """The interface that a hypervisor makes for a VM and holds open; its link is up only so."""
    with open("/dev/net/tun", "r+b", buffering=0) as device:
        fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
        subprocess.run(["ip", "link", "set", "dev", name, "up"], check=True)
        yield


@contextmanager
def qemu(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A QEMU without a guest: what its guest would send and receive goes through the test's UDP socket instead."""
    tap = f"tap,id=net0,ifname=tapq,script={HOOKS}/qemu-ifup,downscript={HOOKS}/qemu-ifdown"
    wire = f"socket,id=wire,udp=127.0.0.1:{OUR_END},localaddr=127.0.0.1:{QEMU_END}"
    hub = ["-netdev", "hubport,id=h0,hubid=0,netdev=net0", "-netdev", "hubport,id=h1,hubid=0,netdev=wire"]
    machine = ["-M", "none", "-display", "none", "-nodefaults", "-monitor", "none"]
    process = subprocess.Popen(
        ["qemu-system-x86_64", *machine, "-netdev", tap, "-netdev", wire, *hub],
        env=environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)
        if process.stderr:
            process.stderr.close()


def arrive(site: Site, *sent: Frame) -> list[bool]:
    """Whether what QEMU's guest sends arrives at the outside host."""
    site.fabric.ovs.settle()
    with Sniffer(site.fabric.hosts) as sniffer, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as guest:
        for frame in sent:
            guest.sendto(frame.raw, ("127.0.0.1", QEMU_END))
        sniffer.listen(0.5)
        return ["ext" in sniffer.saw(frame, 0.0) for frame in sent]


def is_gone(site: Site, interface: str = "tapq") -> bool:
    """Whether neither the API nor the bridge knows the VM."""
    registered = site.controller.ask("GET", PORT).status == 200
    return not registered and interface not in site.fabric.ovs.vsctl("list-ports", "br0").split()


CONFIG = """boot: order=scsi0
memory: 2048
{extra}net0: virtio=52:54:00:00:00:51,bridge=br0{nic}
net1: virtio=52:54:00:00:00:52,bridge=vmbr9,firewall=1
ostype: l26
"""


def proxmox(place: Path, phase: str, environment: dict[str, str], extra: str = "", nic: str = "") -> Any:
    """The hook as Proxmox calls it, with a `qm` that tells of a guest 100 with a NIC here and one elsewhere."""
    (place / "bin").mkdir(exist_ok=True)
    fake = place / "bin" / "qm"
    text = CONFIG.format(extra=extra, nic=nic)
    fake.write_text(f"#!/bin/sh\n[ \"$1 $2\" = 'config 100' ] || exit 1\ncat <<'END'\n{text}END\n")
    fake.chmod(0o755)
    return hook("proxmox-hook", "100", phase, environment=environment)


def libvirt(interface: str, bridge: str) -> Sequence[str]:
    """The one transaction with which libvirt plugs an <interface type='bridge'> with a <virtualport>."""
    ids = {"attached-mac": VM.mac, "iface-id": LIBVIRT, "vm-id": LIBVIRT[::-1], "iface-status": "active"}
    sets = [word for key, value in ids.items() for word in ("--", *_set(interface, key, value))]
    return ("--", "--if-exists", "del-port", interface, "--", "add-port", bridge, interface, *sets)


def _set(interface: str, key: str, value: str) -> Sequence[str]:
    return ("set", "Interface", interface, f'external_ids:{key}="{value}"')
