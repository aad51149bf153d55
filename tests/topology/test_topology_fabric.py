from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from topology import SEED, Host, OpenVSwitch, SwitchError, realise

pytestmark = pytest.mark.switch


def namespaces() -> set[str]:
    """Those of this process; other labs of the machine come and go."""
    mine = f"ow{os.getpid():x}"
    return {name for name in os.listdir("/run/netns") if name.startswith(mine)}


def leftovers(directory: Path) -> list[str]:
    daemons = [daemon for daemon in ("ovs-vswitchd", "ovsdb-server") if OpenVSwitch(directory).pid(daemon)]
    links = [name for _, name in socket.if_nameindex() if name != "lo"]
    return [*namespaces(), *links, *daemons]


def test_a_lab_comes_up_as_its_value_says_and_leaves_nothing(tmp_path):
    with realise(SEED, controller="tcp:127.0.0.1:6653", directory=tmp_path) as fabric:
        assert {name: host.ofport for name, host in fabric.hosts.items()} == {"ext": 1, "vm1": 2, "vm2": 3}
        assert "52:54:00:60:84:ff" in fabric.host("vm1").run(["ip", "link", "show", "eth0"]).stdout
        assert "192.168.0.1/24" in fabric.host("vm1").run(["ip", "address"]).stdout
        assert fabric.ovs.vsctl("get-fail-mode", "br0").strip() == "secure"
        assert fabric.ovs.vsctl("get-controller", "br0").strip() == "tcp:127.0.0.1:6653"
        assert "dpid:0000000000000001" in fabric.ovs.ofctl("show")
        assert fabric.ovs.vsctl("get", "interface", "vm1", "external_ids:iface-id").strip() == "vm1"
        assert len(namespaces()) == 3
    assert leftovers(tmp_path) == []


def test_the_switch_finds_its_controller_on_loopback(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as controller:
        controller.settimeout(5)
        remote = f"tcp:127.0.0.1:{controller.getsockname()[1]}"
        with realise(SEED, remote, tmp_path, hosts=()):
            connection, _ = controller.accept()
            with connection:
                connection.settimeout(5)
                assert connection.recv(2)[1] == 0  # OFPT_HELLO


def test_teardown_leaves_nothing_when_the_body_raises_and_children_run(tmp_path):
    children = []

    def body() -> None:
        with realise(SEED, None, tmp_path) as fabric:
            children.append(fabric.host("vm1").popen(["sleep", "1000"]))
            fabric.stream("udp", "vm1", "vm2", 80)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        body()
    assert children[0].poll() is not None
    assert leftovers(tmp_path) == []


def test_teardown_leaves_nothing_when_building_fails_in_the_middle(tmp_path):
    subprocess.run(["ip", "link", "add", "vm2", "type", "veth"], check=True)
    try:
        with pytest.raises(subprocess.CalledProcessError), realise(SEED, None, tmp_path):
            pytest.fail("vm2's interface name is taken: the lab cannot be complete")
    finally:
        subprocess.run(["ip", "link", "delete", "vm2"], check=True)
    assert leftovers(tmp_path) == []


def test_teardown_leaves_nothing_when_the_switch_is_dead_already(tmp_path):
    with realise(SEED, None, tmp_path) as fabric:
        fabric.ovs.stop()
    assert leftovers(tmp_path) == []


def test_a_sigterm_takes_the_lab_down_and_goes_on(tmp_path):
    def body() -> None:
        with realise(SEED, None, tmp_path):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)

    with pytest.raises(SystemExit):
        body()
    assert leftovers(tmp_path) == []
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_second_userspace_datapath_in_one_namespace_is_refused_clearly(tmp_path):
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    with OpenVSwitch(tmp_path / "first") as first:
        first.add_bridge("br0")
        with pytest.raises(SwitchError, match="another ovs-vswitchd"), OpenVSwitch(tmp_path / "second"):
            pytest.fail("two of them cannot work")


def test_without_open_vswitch_the_error_names_the_missing_tool(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SwitchError, match="ovsdb-tool"), OpenVSwitch(tmp_path):
        pytest.fail("there is no Open vSwitch in an empty PATH")


def test_a_machine_is_plugged_in_and_pulled_while_the_lab_runs(seed):
    stranger = Host("stranger", "52:54:00:00:00:99", "192.168.0.99", tenant="red", ofport=77)
    assert seed.attach(stranger).ofport == 77
    assert seed.icmp("stranger", "vm1")
    seed.detach("stranger")
    assert "stranger" not in seed.ovs.vsctl("list-ports", "br0")
    assert len(namespaces()) == 3


def test_addresses_of_both_families_are_looked_up_in_tries(seed):
    tables = seed.ovs.vsctl("get", "bridge", "br0", "flow_tables")
    assert "0=" in tables
    assert "ipv6_src" in seed.ovs.vsctl("--columns=prefixes", "list", "flow_table")


def test_python_runs_inside_a_host(seed):
    inside = seed.host("vm1").python(lambda: {name for _, name in socket.if_nameindex()})
    assert inside == {"lo", "eth0"}
    assert seed.host("vm1").python("print(6 * 7)") == "42\n"


def test_the_lab_survives_a_killed_and_a_restarted_vswitchd(seed):
    seed.ovs.kill_vswitchd(signal.SIGKILL)
    assert seed.ovs.pid("ovs-vswitchd") is None
    seed.ovs.start_vswitchd()
    assert seed.ovs.ofport("vm1") == 2
    seed.ovs.restart()
    seed.ovs.ofctl("add-flow", "actions=NORMAL")
    seed.ovs.settle()
    assert seed.icmp("vm1", "vm2", timeout=2)
