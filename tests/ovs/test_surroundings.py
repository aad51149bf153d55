"""What is configured for all switches and for one, and what cannot be."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from app.core.inventory import Inventory
from app.core.limits import Limits
from app.core.values import Switch, Tenant
from app.errors import StartError
from app.ovs.surroundings import Surroundings
from app.ovs.zones import Wish

DPID = "0000000000000001"
NOW = "2026-11-22T15:02:11Z"
NONE = {"ovsdb_private_key": None, "ovsdb_certificate": None, "ovsdb_ca_cert": None}


def surroundings(inventory: Inventory | None = None, **more: object) -> Surroundings:
    given = {"ovsdb": "unix:/a/db.sock", "control_socket": "/a", "connections": 500, **NONE, **more}
    return Surroundings(SimpleNamespace(**given), inventory or Inventory())  # type: ignore[arg-type]


def test_a_switchs_own_doors_go_before_the_settings_and_none_is_a_choice():
    inventory = Inventory()
    known = surroundings(inventory)
    assert known.remotes(DPID) == ("unix:/a/db.sock", "/a")
    inventory.put(Switch(DPID, ovsdb="", control_socket="/b"), NOW)
    assert known.remotes(DPID) == ("", "/b")


def test_a_zone_has_what_its_tenant_says_or_else_the_setting():
    inventory = Inventory()
    known = surroundings(inventory)
    inventory.put(Tenant("red", limits=Limits(connections=7, timeouts=(("udp_first", 1),))), NOW)
    inventory.put(Tenant("blue"), NOW)
    inventory.put(Tenant("free", limits=Limits(connections=0)), NOW)
    wishes = {tenant: known.wish(inventory.zone(tenant)) for tenant in ("red", "blue", "free")}
    assert wishes == {"red": Wish(7, (("udp_first", 1),)), "blue": Wish(500), "free": Wish(0)}
    zone = inventory.zone("red")
    inventory.delete("tenant", "red", now=NOW)
    assert known.wish(zone) is None


def test_a_certificate_that_cannot_be_read_ends_the_start_and_is_named(tmp_path):
    files = {name: str(tmp_path / name) for name in NONE}
    for name in ("ovsdb_private_key", "ovsdb_ca_cert"):
        (tmp_path / name).write_text("")
    with pytest.raises(StartError, match=r"ovsdb_certificate = /.*: No such file or directory"):
        surroundings(**files)
