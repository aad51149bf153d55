"""Two bridges at once, each with its own ports and uplinks."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from tests.switch.conftest import POLICY
from tests.switch.site import SWITCH, Site, eventually, port, rule
from topology import Fabric, frames, matrix
from topology.labs import Host, Lab, expectation

pytestmark = pytest.mark.switch
SECOND = "0000000000000002"
LAB = Lab(
    name="second",
    hosts=(
        Host("wan", "52:54:00:e0:00:fd", "192.168.0.253", ofport=1, address6="fd00::fd"),
        Host("vm4", "52:54:00:44:44:44", "192.168.0.4", tenant="red", groups=("ssh",), ofport=2, address6="fd00::4"),
        Host("vm5", "52:54:00:55:55:55", "192.168.0.5", tenant="blue", groups=("web",), ofport=3, address6="fd00::5"),
    ),
    uplinks=("wan",),
    expectation=expectation(
        """
        vm4 -> wan   everything      +
        vm4 -> vm5   tcp/80          +
        vm4 -> vm5   anything else   .
        vm5 -> vm4   tcp/22          +
        wan -> vm4   tcp/22          +
        wan -> vm4   anything else   .
        wan -> vm5   tcp/80          +
        """
    ),
)


@pytest.fixture(scope="module")
def second(running: Site) -> Iterator[Site]:
    """The second bridge, beside the first in one vswitchd."""
    running.fabric.ovs.add_bridge("br1", 2, SWITCH)
    fabric = Fabric(LAB, running.fabric.ovs, "br1")
    try:
        for host in LAB.hosts:
            fabric.attach(host)
        running.controller.wait_connected(2)
        yield Site(running.controller, fabric)
    finally:
        fabric.close()
        running.fabric.ovs.vsctl("del-br", "br1")


@pytest.fixture
def both(running: Site, second: Site) -> Iterator[tuple[Site, Site]]:
    running.reset(POLICY)
    running.put(f"/v1/switches/{SECOND}", {"name": "second", "uplinks": ["w?n"]})
    for host in LAB.ports():
        running.put(f"/v1/tenants/{host.tenant}/ports/{host.name}", port(host, binding=_second(host)))
    second.fabric.forget()
    yield running, second
    running.end_streams()


def _second(host: Host) -> dict[str, str]:
    return {"switch": "second", "interface": host.interface}


def test_each_switch_guards_its_own_ports(both):
    first, second = both
    for site in both:
        outcomes = site.fabric.matrix()
        assert matrix.holds(outcomes), matrix.table(outcomes)
    assert (first.status()["ports"], second.status(SECOND)["ports"]) == (2, 2)


def test_each_switch_guards_its_own_ports_over_ipv6(both):
    first, second = both
    for host in LAB.ports():
        second.patch(f"/v1/tenants/{host.tenant}/ports/{host.name}", {"addresses": [host.ip(6)]})
    for path, number in (("red/groups/ssh", 22), ("blue/groups/web", 80)):
        second.put(f"/v1/tenants/{path}/rules/six", rule("ingress", "tcp", number, family=6))
    outcomes = second.fabric.matrix(family=6)
    assert matrix.holds(outcomes), matrix.table(outcomes)
    assert first.fabric.tcp("vm1", "ext", 4711)


def test_each_switch_has_its_own_uplinks_set_by_rest(both):
    first, second = both
    assert first.status()["uplinks"] == ["ext", "LOCAL"]
    assert second.status(SECOND)["uplinks"] == ["wan", "LOCAL"]
    second.put(f"/v1/switches/{SECOND}", {"name": "second", "uplinks": []})
    vm4, wan = LAB.host("vm4"), LAB.host("wan")
    assert second.leaks("vm4", frames.udp(vm4, wan), frames.arp(vm4, wan.address)) == []
    assert second.leaks("wan", frames.udp(wan, vm4, dport=22), frames.arp(wan, vm4.address)) == []
    assert first.passes(("ext", "vm1", 22)) == [True]
    second.put(f"/v1/switches/{SECOND}", {"name": "second", "uplinks": ["wan"]})
    assert second.passes(("wan", "vm4", 22)) == [True]


def test_a_rule_of_a_group_reaches_the_ports_of_both_switches(both):
    first, second = both
    assert first.blocked(("ext", "vm1", 8022))
    assert second.blocked(("wan", "vm4", 8022))
    first.put("/v1/tenants/red/groups/ssh/rules/alt", rule("ingress", "tcp", 8022))
    assert first.passes(("ext", "vm1", 8022)) + second.passes(("wan", "vm4", 8022)) == [True, True]


def test_a_change_for_one_switch_sends_nothing_to_the_other(both):
    first, second = both
    sent = first.status()["flow_mods"]
    vm4 = LAB.host("vm4")
    second.put("/v1/tenants/red/ports/vm4", port(vm4, binding=_second(vm4), addresses=[vm4.address, "192.168.0.44"]))
    assert first.status()["flow_mods"] == sent
    assert first.status()["applied_revision"] == second.status(SECOND)["applied_revision"]


def test_a_port_moves_from_one_switch_to_the_other(both):
    first, second = both
    vm4 = LAB.host("vm4")
    elsewhere = port(vm4, binding={"switch": "0000000000000001", "interface": "vm4"})
    second.put("/v1/tenants/red/ports/vm4", elsewhere)
    status = first.port_status("/v1/tenants/red/ports/vm4")
    assert (status["state"], status["reason"]) == ("down", "interface_missing")
    assert second.leaks("vm4", frames.udp(vm4, LAB.host("wan")), frames.arp(vm4, "192.168.0.253")) == []
    second.put("/v1/tenants/red/ports/vm4", port(vm4, binding=_second(vm4)))
    assert second.passes(("vm4", "wan", 4711)) == [True]


def test_one_switch_that_is_gone_delays_no_change_on_the_other(both):
    first, _ = both
    first.fabric.ovs.vsctl("set-controller", "br1", "tcp:127.0.0.1:1")
    assert eventually(lambda: not first.status(SECOND)["connected"])
    begin = time.monotonic()
    first.put("/v1/tenants/red/groups/ssh/rules/alt", rule("ingress", "tcp", 8022))
    assert time.monotonic() - begin < 2
    assert first.passes(("ext", "vm1", 8022)) == [True]
    first.fabric.ovs.set_controller("br1", SWITCH)
    assert len(first.controller.wait_connected(2)) == 2
    told = first.controller.get("/v1/revisions/" + str(first.status()["applied_revision"]))["switches"]
    assert [switch["applied_revision"] for switch in told] == [told[0]["applied_revision"]] * 2, json.dumps(told)
