"""What a tenant may have of the connection table, and for how long, on a real switch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.switch.conftest import POLICY
from tests.switch.site import Site, eventually, running_site
from topology import SEED, datapath

pytestmark = pytest.mark.switch
RED = "/v1/tenants/red"
NEVER_REACHED = (1 << 32) - 1
MINE = ("interface_ids", "switch_checks", "timeouts", "connection_limits", "connection_list")


@pytest.fixture(scope="module")
def limited(place: Path) -> Iterator[Site]:
    switch = place / "switch"
    settings = {"ovsdb": f"unix:{switch}/db.sock", "control_socket": f"{switch}/vswitchd.ctl", "connections": "500"}
    with running_site(place, SEED, settings=settings) as site:
        yield site


@pytest.fixture
def site(limited: Site) -> Iterator[Site]:
    limited.reset(POLICY)
    yield limited
    limited.end_streams()


def zone_of(site: Site, tenant: str) -> int:
    return int(site.controller.get(f"/v1/tenants/{tenant}")["status"]["conntrack_zone"])


def limits(site: Site) -> dict[int, int]:
    """The limits that the switch has, by zone; 0 is one that is never reached."""
    text = site.fabric.ovs.appctl("dpctl/ct-get-limits")
    return {int(zone): int(most) % NEVER_REACHED for zone, most in re.findall(r"zone=(\d+),limit=(\d+)", text)}


def warnings(site: Site) -> dict[str, str]:
    """Those that are not of the switch's version."""
    return {
        warning["code"]: warning["detail"] for warning in site.status()["warnings"] if warning["code"][:4] != "ovs_"
    }


def limit(site: Site, tenant: str, **said: Any) -> None:
    """Say a tenant's limits, and wait until the switch has them."""
    site.patch(f"/v1/tenants/{tenant}", {"limits": said})
    wanted = said.get("connections", 500)
    zone = zone_of(site, tenant)
    assert eventually(lambda: limits(site).get(zone, 0) == wanted), limits(site)


def test_every_zone_in_use_has_the_settings_limit_and_a_tenants_own_goes_before(site):
    red, blue = zone_of(site, "red"), zone_of(site, "blue")
    assert eventually(lambda: limits(site) == {red: 500, blue: 500}), limits(site)
    limit(site, "red", connections=7)
    assert limits(site) == {red: 7, blue: 500}
    limit(site, "red", connections=0)
    assert limits(site) == {red: 0, blue: 500}
    assert site.status()["features"]["connection_limits"] == {"on": True, "why": None}


def test_the_connection_past_the_limit_is_refused_and_the_others_live(site):
    limit(site, "red", connections=3)
    streams = [site.stream("client-push", "vm1", "ext", 7000 + each) for each in range(3)]
    before = [stream.report().received for stream in streams]
    assert not site.fabric.tcp("vm1", "ext", 7100, 1.0)
    assert site.fabric.tcp("vm2", "ext", 7100, 2.0), "another tenant is not concerned"
    assert eventually(lambda: all(s.report().received > b + 5 for s, b in zip(streams, before, strict=True)))
    limit(site, "red", connections=20)
    assert site.fabric.tcp("vm1", "ext", 7100, 2.0)


def test_a_limit_that_comes_later_counts_the_connections_that_are_there(site):
    limit(site, "red", connections=0)
    streams = [site.stream("client-push", "vm1", "ext", 7000 + each) for each in range(3)]
    limit(site, "red", connections=3)
    assert not site.fabric.tcp("vm1", "ext", 7100, 1.0)
    assert all(stream.alive() for stream in streams)
    limit(site, "red", connections=2)
    assert all(stream.alive() for stream in streams)


def test_limits_are_there_again_when_vswitchd_was_restarted(site):
    limit(site, "red", connections=3)
    zone = zone_of(site, "red")
    site.fabric.ovs.restart()
    assert eventually(lambda: limits(site).get(zone) == 3), (limits(site), site.controller.tail())
    site.controller.wait_connected()


def test_a_zone_that_nobody_has_any_more_has_no_limit(site):
    site.controller.put("/v1/tenants/green", {"limits": {"connections": 9}})
    site.put("/v1/tenants/green/ports/p1", {
        "binding": {"switch": "0000000000000001", "interface": "vm9"}, "mac": "52:54:00:99:99:99",
        "addresses": ["192.168.0.99"], "vlan": 0,
    })  # fmt: skip
    zone = zone_of(site, "green")
    site.fabric.ovs.vsctl("add-port", "br0", "vm9", "--", "set", "interface", "vm9", "type=internal")
    try:
        assert eventually(lambda: limits(site).get(zone) == 9)
        site.controller.delete("/v1/tenants/green?cascade=true")
        assert eventually(lambda: zone not in limits(site))
    finally:
        site.fabric.ovs.del_port("br0", "vm9")


def test_a_timeout_ends_an_entry_that_others_would_keep(site):
    limit(site, "red", timeouts={"udp_single": 1, "udp_first": 1, "udp_multiple": 1})
    red, blue = zone_of(site, "red"), zone_of(site, "blue")
    assert eventually(lambda: "udp_first=1" in site.fabric.ovs.vsctl("list-zone-tp", "netdev").replace(" ", ""))

    def zones() -> set[int]:
        return {entry.zone for entry in datapath.connections(site.fabric.ovs)}

    for name in ("vm1", "vm2"):
        assert site.fabric.udp(name, "ext", 4711)
    assert zones() == {red, blue}
    assert eventually(lambda: red not in zones(), 8.0)
    assert blue in zones()
    assert site.status()["features"]["timeouts"] == {"on": True, "why": None}
    site.patch(RED, {"limits": None})
    assert eventually(lambda: "udp" not in site.fabric.ovs.vsctl("list-zone-tp", "netdev"))


def test_a_tenant_shows_how_many_connections_it_has_of_how_many(site):
    limit(site, "red", connections=4)
    site.stream("client-push", "vm1", "ext", 7000)

    def shown() -> Any:
        (zone,) = site.controller.get(RED)["status"]["zones"]
        return zone["connections"]

    assert eventually(lambda: shown() == [{"switch": "0000000000000001", "count": 1, "limit": 4}]), shown()
    assert "connections" not in site.controller.get("/v1/tenants")["items"][0]["status"]["zones"][0]


def test_without_a_door_the_status_says_which_features_are_off_and_why(site):
    site.put("/v1/switches/0000000000000001", {"ovsdb": "", "control_socket": ""})
    features = site.status()["features"]
    for name in ("interface_ids", "switch_checks", "timeouts"):
        assert features[name] == {"on": False, "why": "no ovsdb is configured for this switch"}
    assert features["connection_limits"]["why"] == "no ovsdb and no control_socket is configured for this switch"
    assert features["connection_list"]["why"] == "no control_socket is configured for this switch"
    site.put("/v1/switches/0000000000000001", {"control_socket": "/nowhere", "ovsdb": "unix:/nowhere/db.sock"})
    assert eventually(lambda: len(warnings(site)) == 2)
    assert warnings(site) == {
        "control_socket_unreachable": "control socket /nowhere: No such file or directory",
        "ovsdb_unreachable": "OVSDB unix:/nowhere/db.sock: No such file or directory",
    }
    site.delete("/v1/switches/0000000000000001")
    assert eventually(lambda: not warnings(site)), warnings(site)
    assert eventually(lambda: all(site.status()["features"][name]["on"] for name in MINE)), site.status()["features"]
