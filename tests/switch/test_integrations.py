"""Hypervisors: what libvirt writes into the database, QEMU's scripts with a real QEMU, and Proxmox' hook script."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.switch.hypervisors import (
    HOOKS,
    LIBVIRT,
    PORT,
    VM,
    arrive,
    describe,
    hook,
    is_gone,
    libvirt,
    proxmox,
    qemu,
    tap,
)
from tests.switch.site import DPID, SWITCH, Site, eventually, running_site
from topology import SEED, frames
from topology.labs import Host

pytestmark = pytest.mark.switch


@pytest.fixture(scope="module")
def running(place: Path) -> Iterator[Site]:
    sockets = {"ovsdb": f"unix:{place}/switch/db.sock", "control_socket": f"{place}/switch/vswitchd.ctl"}
    with running_site(place, SEED, settings={**sockets, "rest_socket": str(place / "api.sock")}) as site:
        yield site


@pytest.fixture
def environment(site: Site, place: Path) -> Iterator[dict[str, str]]:
    """Of a hook: where things are, and a description of the port for the interface `tapq`."""
    ports = place / "ports"
    ports.mkdir(exist_ok=True)
    describe(place, "tapq")
    yield {
        **os.environ, "OVSWARDEN_SOCKET": str(place / "api.sock"), "OVSWARDEN_PORTS": str(ports),
        "OVS_RUNDIR": str(site.fabric.ovs.directory), "OVSWARDEN_PORT": str(HOOKS / "ovswarden-port"),
        "PATH": f"{place / 'bin'}:{os.environ['PATH']}",
    }  # fmt: skip
    for name in [each for each in site.fabric.ovs.vsctl("list-ports", "br0").split() if each.startswith("tap")]:
        site.fabric.ovs.del_port("br0", name)
    for file in ports.iterdir():
        file.unlink()


# -- plain QEMU


def test_a_vm_of_plain_qemu_is_guarded_while_it_runs_and_forgotten_afterwards(
    site: Site, environment: dict[str, str]
) -> None:
    ext = SEED.host("ext")
    with qemu(environment) as process:
        assert eventually(lambda: site.controller.ask("GET", PORT).status == 200), process.poll()
        assert eventually(lambda: site.port_status(PORT)["state"] == "active")
        time.sleep(0.2)  # QEMU goes on when its script has ended
        assert arrive(site, frames.udp(VM, ext)) == [True]
        forged = [frames.wrong_address(VM, ext, "192.168.0.1"), frames.wrong_mac(VM, ext)]
        assert arrive(site, *forged) == [False, False]
        process.terminate()
        assert process.wait(20) == 0
    assert is_gone(site)


@pytest.mark.parametrize("trouble", ["a group that is not there", "no description", "no API"])
def test_qemu_does_not_start_when_its_port_cannot_be_registered(
    site: Site, environment: dict[str, str], place: Path, trouble: str
) -> None:
    if trouble == "a group that is not there":
        describe(place, "tapq", groups=["sshh"])
        told = "sshh"
    elif trouble == "no description":
        (place / "ports" / "tapq.json").unlink()
        told = "tapq.json is missing"
    else:
        environment["OVSWARDEN_SOCKET"] = told = str(place / "nobody.sock")
    with qemu(environment) as process:
        assert process.wait(20) == 1
        complaint = process.stderr.read() if process.stderr else ""
    assert told in complaint
    assert "could not launch network script" in complaint or "failed with status" in complaint, complaint
    assert is_gone(site)


def test_plugging_twice_is_harmless_and_a_failure_takes_away_only_what_it_brought(
    site: Site, environment: dict[str, str], place: Path
) -> None:
    with tap("tapq"):
        for _ in range(2):
            assert hook("qemu-ifup", "tapq", environment=environment).returncode == 0
        before = site.controller.get(PORT)
        cut = hook("qemu-ifup", "tapq", environment=environment | {"OVSWARDEN_SOCKET": str(place / "nobody.sock")})
        assert (cut.returncode, "no answer from" in cut.stderr) == (1, True), cut.stderr
        assert site.controller.get(PORT) == before, "a VM that runs goes on"
        assert "tapq" in site.fabric.ovs.vsctl("list-ports", "br0").split()
        for _ in range(2):
            assert hook("qemu-ifdown", "tapq", environment=environment).returncode == 0
        assert is_gone(site)


def test_what_cannot_be_finished_is_undone_and_what_was_there_before_stays(
    site: Site, environment: dict[str, str]
) -> None:
    missing = hook("qemu-ifup", "tapq", environment=environment)
    assert (missing.returncode, is_gone(site)) == (1, True), missing.stderr
    with tap("tapq"):
        assert hook("qemu-ifup", "tapq", environment=environment).returncode == 0
    again = hook("qemu-ifup", "tapq", environment=environment)  # the interface is gone, as after a crash
    assert again.returncode == 1
    assert site.controller.ask("GET", PORT).status == 200
    assert "tapq" in site.fabric.ovs.vsctl("list-ports", "br0").split()


def test_a_port_that_is_bound_elsewhere_by_now_stays(site: Site, environment: dict[str, str]) -> None:
    with tap("tapq"):
        assert hook("qemu-ifup", "tapq", environment=environment).returncode == 0
        site.patch(PORT, {"binding": {"switch": "00000000000000ff", "interface": "tapq"}})
        assert hook("qemu-ifdown", "tapq", environment=environment).returncode == 0
    assert site.controller.get(PORT)["binding"]["switch"] == "00000000000000ff"


def test_from_another_host_the_hook_shows_a_token(site: Site, environment: dict[str, str], place: Path) -> None:
    host, port = site.controller.rest
    there = {"OVSWARDEN_URL": f"http://{host}:{port}", "OVSWARDEN_SOCKET": ""}
    refused = hook("ovswarden-port", "register", "tapq", environment=environment | there)
    assert (refused.returncode, "unauthorized" in refused.stderr) == (1, True), refused.stderr
    there["OVSWARDEN_TOKEN_FILE"] = str(place / "state" / "admin.token")
    assert hook("ovswarden-port", "register", "tapq", environment=environment | there).returncode == 0
    assert site.controller.get(PORT)["status"]["state"] == "down"


# -- Proxmox


def test_a_guest_of_proxmox_is_registered_before_it_starts_and_removed_after_it_stops(
    site: Site, environment: dict[str, str], place: Path
) -> None:
    describe(place, "tap100i0", vlan=0)
    said = proxmox(place, "pre-start", environment)
    assert said.returncode == 0, said.stderr
    assert site.port_status(PORT)["state"] == "down"
    with tap("tap100i0"):
        site.fabric.ovs.vsctl("add-port", "br0", "tap100i0")  # as Proxmox' own script does
        assert eventually(lambda: site.port_status(PORT)["state"] == "active")
        for phase in ("post-start", "pre-stop"):
            assert proxmox(place, phase, environment).returncode == 0
        assert site.port_status(PORT)["state"] == "active"
        site.fabric.ovs.del_port("br0", "tap100i0")
    for _ in range(2):
        assert proxmox(place, "post-stop", environment).returncode == 0
    assert site.controller.ask("GET", PORT).status == 404


def test_a_nic_of_proxmox_is_in_the_segment_of_its_tag_and_nics_of_other_bridges_are_left_alone(
    site: Site, environment: dict[str, str], place: Path
) -> None:
    describe(place, "tap100i0", mac=VM.mac.upper())
    assert proxmox(place, "pre-start", environment, nic=",tag=5").returncode == 0
    assert site.controller.get(PORT)["vlan"] == 5
    assert [port["id"] for port in site.controller.get("/v1/tenants/red/ports")["items"]] == ["qvm", "vm1"]


@pytest.mark.parametrize(
    ("extra", "nic", "told"),
    [
        ("", ",firewall=1", "firewall=1"),
        ("lock: migrate\n", "", "cannot be migrated while it runs"),
        ("", ",tag=5000", "vlan"),
    ],
)
def test_a_guest_of_proxmox_that_cannot_be_guarded_does_not_start(
    site: Site, environment: dict[str, str], place: Path, extra: str, nic: str, told: str
) -> None:
    describe(place, "tap100i0")
    refused = proxmox(place, "pre-start", environment, extra, nic)
    assert (refused.returncode, told in refused.stderr) == (1, True), refused.stderr
    assert site.controller.ask("GET", PORT).status == 404


# -- libvirt


def test_a_vm_of_libvirt_is_known_by_its_interface_id_wherever_it_is_plugged(site: Site) -> None:
    ovs, fabric = site.fabric.ovs, site.fabric
    vm = fabric.attach(Host("lvm", VM.mac, VM.address, tenant="red", groups=("ssh",), interface="vnet0"))
    ovs.del_port("br0", "vnet0")
    body = {"binding": {"iface_id": LIBVIRT}, "mac": VM.mac, "addresses": [VM.address], "groups": ["ssh"]}
    site.put(PORT, body)
    assert site.port_status(PORT)["state"] == "down"
    ovs.vsctl(*libvirt("vnet0", "br0"))
    assert eventually(lambda: site.port_status(PORT)["state"] == "active")
    assert site.passes(("ext", "lvm", 22), ("lvm", "ext", 4711)) == [True, True]
    assert site.blocked(("ext", "lvm", 23))
    ovs.add_bridge("br1", 2, SWITCH)
    try:
        site.controller.wait_connected(2)
        ovs.vsctl(*libvirt("vnet0", "br1"))
        assert eventually(lambda: site.port_status(PORT)["dpid"] == "0000000000000002")
        assert eventually(lambda: site.port_status(PORT)["state"] == "active")
        assert site.blocked(("lvm", "ext", 4711)), "the outside is on the other switch"
        ovs.vsctl(*libvirt("vnet0", "br0"))
        assert eventually(lambda: site.port_status(PORT)["dpid"] == DPID and site.passes(("ext", "lvm", 22)) == [True])
    finally:
        ovs.vsctl("del-br", "br1")
    ovs.vsctl("--if-exists", "del-port", "vnet0")
    assert eventually(lambda: site.port_status(PORT)["state"] == "down")
    assert vm.host.mac not in "".join(flow.text for flow in site.flows())
