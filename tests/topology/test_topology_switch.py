from __future__ import annotations

import signal
import time

import pytest

from topology import OpenVSwitch, SwitchError, generated, realise

pytestmark = pytest.mark.switch


@pytest.fixture
def ovs(tmp_path):
    with OpenVSwitch(tmp_path) as ovs:
        ovs.add_bridge("br0", dpid=0xABC)
        yield ovs


def test_thousands_of_ports_are_added_in_seconds_with_the_ofports_asked_for(ovs):
    started = time.monotonic()
    ofports = ovs.add_many_ports("br0", 10_000, "p", first_ofport=100)
    assert time.monotonic() - started < 20
    assert len(ofports) == 10_000
    assert ofports["p9999"] == 10_099
    described = ovs.ofctl("dump-ports-desc")
    assert described.count("addr:") == 10_001
    assert f" {ofports['p9999']}(p9999):" in described


def test_many_ports_on_a_bridge_that_is_not_there_are_refused(ovs):
    with pytest.raises(SwitchError, match="no bridge"):
        ovs.add_many_ports("br9", 3, "p")


def test_an_interface_that_does_not_exist_is_refused(ovs):
    with pytest.raises(SwitchError, match="nowhere"):
        ovs.add_port("br0", "nowhere", 5)


def test_a_refused_command_names_itself_and_its_reason(ovs):
    with pytest.raises(SwitchError, match=r"add-flow.*unknown keyword"):
        ovs.ofctl("add-flow", "colour=red,actions=drop")


def test_flows_go_in_as_one_bundle_from_text(ovs):
    ovs.ofctl("--bundle", "add-flows", "-", stdin="ip,actions=drop\narp,actions=NORMAL\n")
    assert ovs.ofctl("dump-flows").count("actions=") == 2


def test_bridges_come_back_when_a_killed_vswitchd_is_started_again(ovs):
    ovs.kill_vswitchd(signal.SIGKILL)
    assert ovs.pid("ovs-vswitchd") is None
    ovs.start_vswitchd()
    assert "dpid:0000000000000abc" in ovs.ofctl("show")


def test_a_few_real_hosts_of_a_large_lab(tmp_path):
    with realise(generated(100, 10), None, tmp_path, hosts=("ext", "t0-0", "t99-9")) as fabric:
        fabric.ovs.ofctl("add-flow", "actions=NORMAL")
        assert fabric.host("t99-9").ofport == 1001
        assert fabric.tcp("ext", "t99-9", 80)
        assert fabric.icmp("t0-0", "t99-9")
