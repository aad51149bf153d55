"""What deploy/ has for a host: a unit that systemd takes, and settings that ovswarden takes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from oslo_config import cfg

from app import settings

DEPLOY = Path(__file__).parents[2] / "deploy"
UNIT = (DEPLOY / "ovswarden.service").read_text()


def values(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", UNIT, re.MULTILINE)


def test_the_example_configuration_is_accepted_and_names_nothing_that_is_unknown() -> None:
    conf = cfg.ConfigOpts()
    conf(["--config-file", str(DEPLOY / "ovswarden.conf")], project="os_ken", default_config_files=[])
    settings.register(conf)
    read = settings.read(conf)
    assert read.rest_socket == "/run/ovswarden/api.sock"
    assert read.control_socket == "/run/openvswitch"
    assert str(read.rest_listen) == "127.0.0.1:8080"
    # os-ken's own options, as `osken-manager --help` tells them
    known = subprocess.run(
        [Path(sys.executable).parent / "osken-manager", "--help"], capture_output=True, text=True, check=True
    ).stdout
    section = (DEPLOY / "ovswarden.conf").read_text().split("[DEFAULT]")[1].split("[ovswarden]")[0]
    named = re.findall(r"^(\w+) =", section, re.MULTILINE)
    assert len(named) == 2
    assert [name for name in named if f"--{name.replace('_', '-')}" not in known] == []


def test_unit_and_configuration_agree_about_where_things_are() -> None:
    conf = (DEPLOY / "ovswarden.conf").read_text()
    assert f"state_dir = /var/lib/{values('StateDirectory')[0]}\n" in conf
    assert f"rest_socket = /run/{values('RuntimeDirectory')[0]}/api.sock\n" in conf
    (command,) = values("ExecStart")
    assert command.split()[1:] == ["app.stateful_fw", "--config-file", "/etc/ovswarden/ovswarden.conf"]


def test_the_process_keeps_no_capability_and_ends_before_systemd_loses_patience() -> None:
    assert values("CapabilityBoundingSet") == [""]
    assert values("NoNewPrivileges") == ["yes"]
    assert values("ProtectSystem") == ["strict"]
    assert int(values("TimeoutStopSec")[0]) > 5
    assert values("Restart") == ["on-failure"]


@pytest.mark.parametrize("look", ["verify", "security"])
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path, look: str) -> None:
    """Where there is no systemd-analyze, what it would complain of most often is looked for: unknown directives."""
    unit = tmp_path / "ovswarden.service"
    unit.write_text(UNIT.replace("/opt/ovswarden/bin/osken-manager", sys.executable))  # it has to be there
    if shutil.which("systemd-analyze") is None:
        lines = [line for line in UNIT.splitlines() if line and not line.startswith("#")]
        assert [line for line in lines if not re.fullmatch(r"\[\w+\]|[A-Z]\w+=.*", line)] == []
        return
    options = ["--offline=true", "--threshold=20"] if look == "security" else []
    done = subprocess.run(
        ["systemd-analyze", look, *options, str(unit)],
        capture_output=True, text=True, env={**os.environ, "SYSTEMD_PAGER": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    complaints = [line for line in done.stderr.splitlines() if "ovswarden" in line]
    assert complaints == []
