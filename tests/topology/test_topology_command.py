from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.switch


@pytest.fixture
def topology(tmp_path):
    state = tmp_path / "lab.json"

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "topology", "--state", str(state), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    run.state = state
    yield run
    if state.exists():
        os.kill(json.loads(state.read_text())["pid"], signal.SIGKILL)
        pytest.fail("the lab was still up")


def test_a_detached_lab_is_listed_used_probed_and_taken_down(topology):
    started = topology("up", "--normal", "--detach")
    assert started.returncode == 0, started.stderr
    assert "vm1      port 2" in topology("list").stdout
    assert "192.168.0.1/24" in topology("exec", "vm1", "--", "ip", "address").stdout
    assert topology("exec", "vm1", "--", "sh", "-c", "exit 7").returncode == 7
    assert topology("exec", "nobody", "--", "true").returncode == 1
    probed = topology("matrix")
    assert (probed.returncode, probed.stdout.count("✓"), probed.stdout.count("✗")) == (1, 6, 4)
    assert "up already" in topology("up").stderr
    hosts = json.loads(topology.state.read_text())["hosts"]
    assert topology("down").returncode == 0
    assert not [host for host in hosts.values() if os.path.exists(f"/run/netns/{host['namespace']}")]


def test_without_a_lab_every_command_says_so(topology):
    for command in (["list"], ["down"], ["matrix"], ["exec", "vm1", "--", "true"], ["shell", "vm1"]):
        done = topology(*command)
        assert done.returncode == 1
        assert "no lab is up" in done.stderr


def test_a_killed_lab_does_not_stand_in_the_way_of_the_next_listing(topology):
    topology.state.write_text(json.dumps({"pid": 2**22 + 1, "hosts": {}}))
    done = topology("up", "--lab", "nonsense")
    assert done.returncode == 1
    assert not topology.state.exists()


def test_ctrl_c_takes_the_lab_down(topology):
    lab = subprocess.Popen(
        [sys.executable, "-m", "topology", "--state", str(topology.state), "up", "--lab", "1x1"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert lab.stdout.readline().startswith("lab 1x1")
        namespace = json.loads(topology.state.read_text())["hosts"]["t0-0"]["namespace"]
        lab.send_signal(signal.SIGINT)
        assert lab.wait(20) == 0
    finally:
        lab.kill()
        lab.wait()
    deadline = time.monotonic() + 2
    while os.path.exists(f"/run/netns/{namespace}") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not os.path.exists(f"/run/netns/{namespace}")
