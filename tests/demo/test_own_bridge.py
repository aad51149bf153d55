"""The README's way to one's own bridge, run line by line on a bridge that forwards everything before."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from topology.controller import ROOT, Controller
from topology.fabric import Fabric
from topology.labs import Host, Lab
from topology.switch import OpenVSwitch

pytestmark = pytest.mark.switch
README = (ROOT / "README.md").read_text()
LAB = Lab(
    name="own",
    hosts=(
        Host("outside", "02:00:00:00:00:01", "10.20.0.1", interface="eth0x"),
        Host("web", "fa:16:3e:23:fd:d7", "10.20.0.11", tenant="acme", groups=("web",), interface="tap4f1c9e02"),
    ),
    uplinks=("eth0x",),
    expectation=(),
)
Shell = Callable[[str], str]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Fabric, Controller, Shell]]:
    """A bridge in Open vSwitch's default state, a controller that nobody is connected to, and the operator's shell."""
    (tmp_path / "ovs").mkdir()
    with ExitStack() as stack:
        ovs = stack.enter_context(OpenVSwitch(tmp_path / "ovs"))
        controller = stack.enter_context(Controller(tmp_path / "c", uplinks=["eth0*"]))
        fabric = Fabric(LAB, ovs)
        stack.callback(fabric.close)
        ovs.add_bridge("br0", 0x00002AC3A1B2C3D4, None, fail_mode="standalone")
        ovs.vsctl("remove", "bridge", "br0", "other_config", "disable-in-band")
        for host in LAB.hosts:
            fabric.attach(host)
        environment = {**os.environ, "OVS_RUNDIR": str(tmp_path / "ovs")}

        def shell(script: str) -> str:
            script = script.replace("/var/lib/ovswarden", str(tmp_path / "c" / "state"))
            done = subprocess.run(["bash", "-ec", script], env=environment, capture_output=True, text=True, timeout=30)
            assert done.returncode == 0, done.stderr
            return done.stdout

        yield fabric, controller, shell


def blocks() -> list[str]:
    """The indented command blocks of the section, without their indentation."""
    section = README.split("## On your own bridge")[1].split("\n## ")[0]
    found = re.findall(r"   ```(\w*)\n(.*?)   ```", section, re.DOTALL)
    return ["\n".join(line[3:] for line in block.splitlines()) for language, block in found if not language]


def prefixes() -> str:
    """The command for Open vSwitch before 3.5."""
    found = re.search(r"```\n(ovs-vsctl --id.*?)\n```", README, re.DOTALL)
    assert found
    return found[1]


def test_the_readmes_way_to_ones_own_bridge(site: tuple[Fabric, Controller, Shell]) -> None:
    fabric, controller, shell = site
    register, hand_over = blocks()
    assert fabric.tcp("outside", "web", 80), "before, everything is forwarded"
    assert shell("ovs-vsctl get bridge br0 datapath_id").strip().strip('"') in register
    answers = shell(register)
    assert "problems" not in answers
    shell(hand_over)
    controller.wait_connected()
    controller.settle()
    fabric.ovs.settle()
    shell(prefixes())
    assert "ipv6_src" in fabric.ovs.vsctl("--columns=prefixes", "list", "flow_table")
    assert '"applied_revision"' in shell(f'{register.splitlines()[0]}\ncurl -sH "$T" $V1/switches')
    assert fabric.tcp("outside", "web", 443)
    assert not fabric.tcp("outside", "web", 80)
    assert not fabric.tcp("outside", "web", 22), "only from 10.1.0.0/16"
    assert fabric.tcp("web", "outside", 8080)
    assert fabric.ovs.vsctl("get", "bridge", "br0", "other_config:disable-in-band").strip().strip('"') == "true"
