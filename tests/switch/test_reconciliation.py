"""What the switch holds is what is wanted, whatever happened to it; ports are where the switch says they are."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.switch.site import eventually, port, rule
from topology import SEED
from topology.controller import Controller
from topology.labs import Host

pytestmark = pytest.mark.switch
VM1, VM2 = SEED.host("vm1"), SEED.host("vm2")
VM3 = Host("vm3", "52:54:00:33:33:33", "192.168.0.3", tenant="red", groups=("ssh",), ofport=7)
VM1_PATH, VM3_PATH = "/v1/tenants/red/ports/vm1", "/v1/tenants/red/ports/vm3"
FOREIGN = (
    "table=0,priority=65000,ip,actions=NORMAL",
    "table=3,cookie=0x77,actions=drop",
    "table=60,priority=3,actions=drop",
)
SSH_TO_VM1 = ("ext", "vm1", 22)


# -- flows


def test_foreign_flows_are_removed_when_the_switch_connects(site):
    wanted = site.cookies()
    site.controller.kill()
    for flow in FOREIGN:
        site.fabric.ovs.ofctl("add-flow", flow)
    assert len(site.flows()) == len(wanted) + 3
    site.controller.start()
    site.controller.wait_connected()
    assert site.cookies() == wanted
    assert site.status()["last_push"]["flow_mods"] <= 3


def test_foreign_flows_are_kept_when_that_is_set(site):
    wanted = site.cookies()
    site.controller.stop()
    for flow in FOREIGN:
        site.fabric.ovs.ofctl("add-flow", flow)
    keeping = Controller(site.controller.directory, SEED.uplinks, settings={"keep_foreign_flows": "true"})
    with keeping:
        keeping.wait_connected()
        assert site.cookies() == sorted([*wanted, 0, 0, 0x77])
    site.controller.start()
    site.controller.wait_connected()
    assert site.cookies() == wanted


def test_a_flow_that_was_deleted_while_the_controller_was_away_comes_back(site):
    wanted = site.flows()
    site.controller.kill()
    lost = [flow.cookie for flow in wanted if flow.table == 0][:3]
    for cookie in lost:
        site.fabric.ovs.ofctl("del-flows", f"cookie={cookie:#x}/-1")
    assert len(site.flows()) == len(wanted) - 3
    site.controller.start()
    site.controller.wait_connected()
    assert site.cookies() == sorted(flow.cookie for flow in wanted)
    assert site.status()["flow_mods"] == 3


def test_a_refused_bundle_is_told_and_tried_again_until_it_fits(site, full_table):
    held, sent = site.cookies(), site.pushes()
    site.fabric.attach(VM3)
    site.register(VM3)
    assert eventually(lambda: site.status()["state"] == "backoff")
    status = site.status()
    assert "full" in status["last_error"].lower()
    assert status["retry_at"]
    assert status["applied_revision"] < status["wanted_revision"]
    assert site.port_status(VM3_PATH)["state"] == "error"
    assert site.port_status(VM3_PATH)["reason"] == "switch_refused"
    assert site.cookies() == held  # all or nothing
    assert site.passes(SSH_TO_VM1) == [True]

    full_table.lift()
    site.controller.wait_connected(seconds=30)
    assert site.status()["last_error"] is None
    assert site.port_status(VM3_PATH)["state"] == "active"
    assert site.passes(("ext", "vm3", 22)) == [True]
    assert site.pushes() == sent + 1


def test_changes_made_while_a_bundle_is_under_way_go_together(site, record_property):
    number, sent, begin = 200, site.pushes(), time.monotonic()

    def change(index: int) -> int:
        body = rule("ingress", "tcp", 20000 + index)
        return site.controller.ask("PUT", f"/v1/tenants/red/groups/ssh/rules/r{index}", body).status

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(change, range(number))) == {201}
    site.controller.settle(30)
    pushes, seconds = site.pushes() - sent, time.monotonic() - begin
    admitted = {flow.text.split("tp_dst=")[1].split()[0] for flow in site.flows() if "tp_dst=2" in flow.text}
    assert admitted - {"22"} == {str(20000 + index) for index in range(number)}
    assert len(site.flows()) == site.status()["flows"]
    assert pushes < number
    record_property("pushes", pushes)
    print(f"\n{number} concurrent changes: {pushes} bundles in {seconds:.2f} s")


# -- ports


def test_a_port_is_found_by_its_ofport(site):
    where = {"switch": "0000000000000001", "ofport": 2}
    site.put(VM1_PATH, port(VM1, binding=where))
    assert site.port_status(VM1_PATH)["state"] == "active"
    assert site.passes(SSH_TO_VM1) == [True]


def test_a_port_that_comes_back_under_another_ofport_takes_its_flows_along(site):
    stays = site.stream("server-push", "ext", "vm2", 80)
    begin = time.monotonic()
    site.fabric.ovs.del_port("br0", "vm1")
    assert eventually(lambda: not _mentions(site, 2))
    assert site.port_status(VM1_PATH)["reason"] == "interface_missing"
    site.fabric.ovs.add_port("br0", "vm1", 12)
    assert eventually(lambda: site.port_status(VM1_PATH)["state"] == "active")
    assert site.port_status(VM1_PATH)["ofport"] == 12
    assert _mentions(site, 12)
    assert not _mentions(site, 2)
    assert site.passes(SSH_TO_VM1, ("vm1", "ext", 4711)) == [True, True]
    assert site.blocked(("ext", "vm1", 4711))
    assert stays.gap(begin) < 0.5
    site.fabric.ovs.del_port("br0", "vm1")
    site.fabric.ovs.add_port("br0", "vm1", VM1.ofport)
    assert eventually(lambda: site.port_status(VM1_PATH)["ofport"] == VM1.ofport)


def test_an_interface_that_appears_after_its_registration_gets_its_flows(site):
    site.register(VM3)
    status = site.port_status(VM3_PATH)
    assert (status["state"], status["reason"]) == ("down", "interface_missing")
    site.fabric.attach(VM3)
    assert eventually(lambda: site.port_status(VM3_PATH)["state"] == "active")
    assert site.passes(("ext", "vm3", 22), ("vm2", "vm3", 22)) == [True, True]
    assert site.blocked(("ext", "vm3", 80))
    site.fabric.detach("vm3")
    assert eventually(lambda: site.port_status(VM3_PATH)["reason"] == "interface_missing")
    assert not _mentions(site, 7)


def test_a_port_without_a_link_is_down(site):
    subprocess.run(["ip", "link", "set", "vm1", "down"], check=True)
    assert eventually(lambda: site.port_status(VM1_PATH)["reason"] == "link_down")
    assert site.port_status(VM1_PATH)["state"] == "down"
    subprocess.run(["ip", "link", "set", "vm1", "up"], check=True)
    assert eventually(lambda: site.port_status(VM1_PATH)["state"] == "active")
    assert site.passes(SSH_TO_VM1) == [True]


def test_a_port_is_building_until_the_switch_has_confirmed_it(site):
    daemon = site.fabric.ovs.pid("ovs-vswitchd")
    os.kill(daemon, signal.SIGSTOP)
    try:
        reply = site.controller.ask(
            "PUT", f"{VM1_PATH}?wait=200ms", port(VM1, addresses=["192.168.0.1", "192.168.0.11"])
        )
        assert (reply.status, reply.body["realized"], reply.body["lagging"]) == (202, False, ["0000000000000001"])
        status = site.port_status(VM1_PATH)
        assert (status["state"], status["reason"]) == ("building", "not_confirmed")
    finally:
        os.kill(daemon, signal.SIGCONT)
    assert eventually(lambda: site.port_status(VM1_PATH)["state"] == "active")


def test_ports_of_a_switch_that_is_gone_are_down(site):
    site.fabric.ovs.kill_vswitchd(signal.SIGKILL)
    assert eventually(lambda: site.port_status(VM1_PATH)["reason"] == "switch_disconnected")
    assert site.status()["state"] == "disconnected"
    site.fabric.ovs.start_vswitchd()
    assert eventually(lambda: site.port_status(VM1_PATH)["state"] == "active")


def _mentions(site, ofport: int) -> bool:
    """Whether a flow takes packets from a switch port or sends them there."""
    names = (f"in_port={ofport},", f"in_port={ofport} ", f"output:{ofport}", f"load:{ofport:#x}->NXM_NX_REG4")
    return any(name in flow.text for flow in site.flows() for name in names)


class FullTable:
    """Table 0 takes no more flows than it has."""

    def __init__(self, site) -> None:
        self._vsctl = site.fabric.ovs.vsctl
        limit = sum(flow.table == 0 for flow in site.flows())
        table = ("--id=@t", "create", "Flow_Table", f"flow_limit={limit}", "overflow_policy=refuse")
        self._vsctl("--", *table, "--", "set", "Bridge", "br0", "flow_tables:0=@t")

    def lift(self) -> None:
        self._vsctl("clear", "Bridge", "br0", "flow_tables")


@pytest.fixture
def full_table(site) -> Iterator[FullTable]:
    table = FullTable(site)
    yield table
    table.lift()
