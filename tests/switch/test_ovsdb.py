"""What the switch's database is for: interface ids, and a look at how the bridge is set."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.switch.conftest import POLICY
from tests.switch.site import SWITCH, Site, eventually, running_site
from topology import SEED

pytestmark = pytest.mark.switch
VM1 = "/v1/tenants/red/ports/vm1"
SECOND = "0000000000000002"


def by_id(policy: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same, with every port bound by the id that its interface has in the database: its host's name."""
    bound = []
    for document in policy:
        body = document["body"]
        if "binding" in body:
            body = body | {"binding": {"iface_id": document["path"].rpartition("/")[2]}}
        bound.append({"path": document["path"], "body": body})
    return bound


@pytest.fixture(scope="module")
def told(place: Path) -> Iterator[Site]:
    with running_site(place, SEED, settings={"ovsdb": f"unix:{place}/switch/db.sock"}) as site:
        yield site


@pytest.fixture
def site(told: Site) -> Iterator[Site]:
    for name in ("vm1", "vm2"):
        told.fabric.ovs.vsctl("set", "interface", name, f"external_ids:iface-id={name}")
    told.reset(by_id(POLICY))
    assert eventually(lambda: told.port_status(VM1)["state"] == "active")
    yield told
    told.end_streams()


def warnings(site: Site, dpid: str = "0000000000000001") -> dict[str, str]:
    """Those that are not of the switch's version."""
    return {
        warning["code"]: warning["detail"] for warning in site.status(dpid)["warnings"] if warning["code"][:4] != "ovs_"
    }


def test_ports_bound_by_interface_id_have_their_policy(site):
    assert site.passes(("ext", "vm1", 22), ("vm1", "ext", 80), ("vm1", "vm2", 80)) == [True, True, True]
    assert site.blocked(("ext", "vm1", 80), ("vm2", "vm1", 80))


def test_the_policy_follows_an_interface_to_another_number(site):
    ovs = site.fabric.ovs
    before = site.port_status(VM1)["ofport"]
    ovs.del_port("br0", "vm1")
    assert eventually(lambda: site.port_status(VM1)["state"] == "down")
    ovs.add_port("br0", "vm1", before + 40, iface_id="vm1")
    try:
        assert eventually(lambda: site.port_status(VM1)["state"] == "active")
        assert site.port_status(VM1)["ofport"] == before + 40
        assert site.passes(("ext", "vm1", 22)) == [True]
        assert site.blocked(("ext", "vm1", 80))
    finally:
        ovs.del_port("br0", "vm1")
        ovs.add_port("br0", "vm1", before, iface_id="vm1")
    assert eventually(lambda: site.port_status(VM1)["ofport"] == before)


def test_the_policy_goes_to_the_interface_that_has_the_id_now(site):
    ovs = site.fabric.ovs
    ovs.vsctl("set", "interface", "vm1", "external_ids:iface-id=somebody")
    assert eventually(lambda: site.port_status(VM1)["reason"] == "interface_missing")
    assert site.blocked(("ext", "vm1", 22), ("vm1", "ext", 80))
    ovs.vsctl("set", "interface", "vm1", "external_ids:iface-id=vm1")
    assert eventually(lambda: site.port_status(VM1)["state"] == "active")
    assert site.passes(("ext", "vm1", 22)) == [True]


def test_the_policy_follows_an_interface_to_another_bridge_that_warns_of_how_it_is_set(site):
    ovs = site.fabric.ovs
    before = site.port_status(VM1)["ofport"]
    ovs.add_bridge("br1", 2, SWITCH, fail_mode="standalone")
    try:
        site.controller.wait_connected(2)
        assert warnings(site, SECOND).keys() == {"fail_mode_not_secure"}
        ovs.del_port("br0", "vm1")
        ovs.add_port("br1", "vm1", iface_id="vm1")
        moved = eventually(lambda: (s := site.port_status(VM1))["state"] == "active" and s["dpid"] == SECOND and s)
        assert moved, site.port_status(VM1)
        assert any("nw_src=192.168.0.1" in flow.text or "192.168.0.1" in flow.text for flow in site.flows("br1"))
    finally:
        ovs.vsctl("del-br", "br1")
        ovs.add_port("br0", "vm1", before, iface_id="vm1")
    assert eventually(lambda: site.port_status(VM1)["state"] == "active")


def test_a_restarted_controller_loses_no_packet_of_ports_that_only_the_database_knows(site):
    stream = site.stream("udp", "vm1", "ext", 7000, interval=0.01)
    pushes, met, compiled = site.pushes(), site.logged("switch connected"), site.logged("program compiled")
    database = site.fabric.ovs.pid("ovsdb-server")
    began = time.monotonic()
    site.controller.stop()
    os.kill(database, signal.SIGSTOP)
    try:
        site.controller.start()
        assert eventually(lambda: site.logged("switch connected") > met)
        time.sleep(0.5)
        assert site.logged("program compiled") == compiled, "it waits for the database, which takes its time"
    finally:
        os.kill(database, signal.SIGCONT)
    site.controller.wait_connected()
    time.sleep(0.3)
    assert site.pushes() == pushes, "what the switch holds is what is wanted"
    assert stream.gap(began) < 0.5
    report = stream.close()
    assert not [number for number in report.lost if number < max(n for n, _ in report.sent) - 5]


def test_a_database_that_goes_away_unplugs_nobody_and_is_found_again(site):
    ovs, pushes = site.fabric.ovs, site.pushes()
    pid = ovs.pid("ovsdb-server")
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: "ovsdb_unreachable" in warnings(site))
    assert site.port_status(VM1)["state"] == "active"
    assert not site.status()["features"]["timeouts"]["on"]
    ovs.start_database()
    assert eventually(lambda: not warnings(site), 15.0), warnings(site)
    assert site.pushes() == pushes
    ovs.vsctl("set", "interface", "vm1", "external_ids:iface-id=somebody")
    assert eventually(lambda: site.port_status(VM1)["reason"] == "interface_missing")


def test_warnings_come_and_go_with_the_setting_of_the_bridge(site):
    ovs = site.fabric.ovs
    assert eventually(lambda: not warnings(site)), warnings(site)
    ovs.vsctl(
        "--", "set-fail-mode", "br0", "standalone", "--", "set", "bridge", "br0", "other_config:disable-in-band=false"
    )
    assert eventually(lambda: warnings(site).keys() == {"fail_mode_not_secure", "in_band_not_disabled"})
    assert "ovs-vsctl set-fail-mode br0 secure" in warnings(site)["fail_mode_not_secure"]
    ovs.vsctl("--", "set-fail-mode", "br0", "secure", "--", "set", "bridge", "br0", "other_config:disable-in-band=true")
    assert eventually(lambda: not warnings(site)), warnings(site)
    assert site.status()["features"]["interface_ids"] == {"on": True, "why": None}


def test_the_status_tells_what_the_database_knows_of_the_bridge(site):
    ovs = site.fabric.ovs
    version = ovs.appctl("version").split()[-1]
    shown = site.status()
    assert (shown["bridge"], shown["datapath_type"], shown["software"]) == ("br0", "netdev", version)
    ovs.vsctl("--id=@dp", "create", "datapath", "datapath_version=0", "--", "set", "open", ".", "datapaths:netdev=@dp")
    try:
        assert eventually(lambda: site.status()["capabilities"].get("ct_zone") == "true"), site.status()
    finally:
        ovs.vsctl("remove", "open", ".", "datapaths", "netdev")
