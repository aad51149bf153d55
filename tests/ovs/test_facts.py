"""What follows from a database's rows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.ovs import facts
from app.ovs.facts import BridgeFacts, Controller, Interface, Snapshot

DPID = "0000000000000001"
GOOD = BridgeFacts("br0", DPID, "netdev", "secure", True, (Controller("tcp:127.0.0.1:6653", False),))


def codes(bridge: BridgeFacts) -> set[str]:
    return set(facts.warnings(Snapshot(bridges=(bridge,)), DPID))


def test_a_bridge_that_is_set_as_it_should_be_has_no_warning():
    assert codes(GOOD) == set()


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"fail_mode": ""}, "fail_mode_not_secure"),
        ({"fail_mode": "standalone"}, "fail_mode_not_secure"),
        ({"controllers": ()}, "controller_not_set"),
        ({"controllers": (*GOOD.controllers, Controller("tcp:192.0.2.9:6653", False))}, "other_controllers"),
        ({"disable_in_band": False}, "in_band_not_disabled"),
        ({"dpid": "0000000000000002"}, "bridge_not_found"),
    ],
)
def test_each_wrong_setting_has_its_warning(changed, code):
    assert codes(replace(GOOD, **changed)) == {code}


def test_out_of_band_controllers_need_no_disable_in_band():
    assert codes(replace(GOOD, disable_in_band=False, controllers=(Controller("tcp:127.0.0.1:6653", True),))) == set()


def test_of_two_bridges_with_one_datapath_id_neither_is_meant():
    snapshot = Snapshot(bridges=(GOOD, replace(GOOD, name="br1")))
    assert snapshot.bridge(DPID) is None
    assert "2 bridges" in facts.warnings(snapshot, DPID)["bridge_not_found"]


def test_a_warning_names_the_bridge_and_the_remedy():
    told = facts.warnings(Snapshot(bridges=(replace(GOOD, name="br-int", fail_mode=""),)), DPID)
    assert "ovs-vsctl set-fail-mode br-int secure" in told["fail_mode_not_secure"]


def test_an_interface_id_belongs_to_a_number_and_a_name():
    bridge = replace(GOOD, interfaces={5: Interface("tap1", "id-1"), 6: Interface("a-very-long-interface", "id-2")})
    assert facts.iface_id(bridge, 5, "tap1") == "id-1"
    assert facts.iface_id(bridge, 5, "tap2") is None, "the number is another interface's already"
    assert facts.iface_id(bridge, 7, "tap1") is None
    assert facts.iface_id(bridge, 6, "a-very-long-int") == "id-2", "OpenFlow carries 15 characters"
    assert facts.iface_id(None, 5, "tap1") is None


def test_the_interfaces_that_changed_are_those_whose_id_or_name_is_another():
    old = replace(GOOD, interfaces={1: Interface("a", "x"), 2: Interface("b", "y"), 3: Interface("c", "z")})
    new = replace(GOOD, interfaces={1: Interface("a", "x"), 2: Interface("b", "w"), 4: Interface("c", "z")})
    assert facts.changed_interfaces(old, new) == {2, 3, 4}
    assert facts.changed_interfaces(old, old) == set()
    assert facts.changed_interfaces(None, new) == {1, 2, 4}
    assert facts.changed_interfaces(old, None) == {1, 2, 3}
