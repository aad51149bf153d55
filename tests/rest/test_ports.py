"""Ports: what is said of them comes back in canonical form, with where they are and what their guard dropped."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.values import Switch
from tests.rest.local import DPID, Client, LocalFirewall

TENANT = "/v1/tenants/acme"
EVERYTHING: dict[str, Any] = {
    "binding": {"switch": "host-1", "interface": "tap1", "tag": 5},
    "mac": "52:54:00:00:00:02",
    "addresses": ["2001:DB8:0::2", "10.0.0.2"],
    "allowed_address_pairs": [
        {"address": "2001:db8:1::/64", "mac": "52-54-00-00-00-02"},
        {"address": "10.0.0.100/32", "mac": "00:00:5e:00:01:0a"},
        {"address": "10.0.0.2"},
        {"address": "10.0.0.100", "mac": "00:00:5E:00:01:0A"},
    ],
    "vlan": 7,
    "groups": ["web"],
    "egress": "rules",
    "spoof_guard": "off",
    "dhcp_server": True,
    "enabled": False,
    "labels": {},
    "owner": "terraform-prod",
}


def test_a_port_shows_what_was_said_in_canonical_form_and_where_it_is(call: Client, firewall: LocalFirewall) -> None:
    firewall.port_states["vm2"] = "active"
    body = {"mac": "52-54-00-AB-CD-EF", "addresses": ["10.0.0.2", "10.0.0.2"], "groups": ["web", "base"]}
    port = call.put(f"{TENANT}/ports/vm2", {**body, "binding": {"switch": "0x2a", "ofport": 7}}).json
    assert port["mac"] == "52:54:00:ab:cd:ef"
    assert (port["addresses"], port["groups"]) == (["10.0.0.2"], ["base", "web"])
    assert port["binding"] == {"switch": "000000000000002a", "ofport": 7}
    assert port["status"]["state"] == "active"
    assert list(port)[:4] == ["id", "tenant", "binding", "mac"]


def test_ports_are_filtered_by_and_between_names_and_or_between_values(call: Client, firewall: LocalFirewall) -> None:
    firewall.port_states["vm2"] = "active"
    firewall.write(lambda inventory, now: inventory.put(Switch(DPID, "host-1"), now))
    binding = {"switch": DPID, "interface": "tap2"}
    call.put(f"{TENANT}/ports/vm2", {"mac": "52:54:00:00:00:02", "groups": ["base"], "binding": binding})
    third = {"mac": "52:54:00:00:00:03", "groups": ["web"], "vlan": 7, "addresses": ["2001:db8::3"]}
    call.put(f"{TENANT}/ports/vm3", {**third, "allowed_address_pairs": [{"address": "10.0.0.100"}]})
    found = {
        "switch=host-1": ["vm1", "vm2"],
        f"switch={DPID}&state=active": ["vm2"],
        "group=web": ["vm1", "vm3"],
        "group=web&group=base": ["vm1", "vm2", "vm3"],
        "group=web&interface=tap1": ["vm1"],
        "mac=52-54-00-00-00-03": ["vm3"],
        "ip=10.0.0.1&state=down": ["vm1"],
        "ip=10.9.9.9": [],
        "ip=10.0.0.100": [],
        "ip=2001:db8:0::3": ["vm3"],
        "vlan=7": ["vm3"],
        "vlan=7&vlan=0": ["vm1", "vm2", "vm3"],
    }
    for query, names in found.items():
        assert [item["id"] for item in call.get(f"{TENANT}/ports?{query}").json["items"]] == names, query


def test_a_port_shows_every_member_and_can_be_put_back(call: Client) -> None:
    port = call.put(f"{TENANT}/ports/vm2", EVERYTHING).json
    canonical = {
        "addresses": ["2001:db8::2", "10.0.0.2"],
        "allowed_address_pairs": [
            {"address": "10.0.0.100", "mac": "00:00:5e:00:01:0a"},
            {"address": "2001:db8:1::/64"},
        ],
    }
    assert {name: port[name] for name in EVERYTHING} == EVERYTHING | canonical
    assert list(port) == ["id", "tenant", *EVERYTHING, "status", "revision", "created_at", "updated_at"]
    assert call.put(f"{TENANT}/ports/vm2", port).json == port
    assert call("PATCH", f"{TENANT}/ports/vm2", {"enabled": True}).json == port | {"enabled": True, "revision": 7}


def test_what_is_not_said_is_what_a_plain_port_has(call: Client) -> None:
    port = call.put(f"{TENANT}/ports/vm2", {"mac": "52:54:00:00:00:02"}).json
    assert (port["enabled"], port["vlan"], port["allowed_address_pairs"]) == (True, 0, [])
    assert (port["egress"], port["spoof_guard"], port["dhcp_server"]) == ("any", "enforce", False)


def test_a_mac_and_an_address_are_unique_in_their_segment_only(call: Client) -> None:
    port = {"mac": "52:54:00:00:00:01", "addresses": ["10.0.0.1"]}
    assert call.put(f"{TENANT}/ports/vm2", port | {"vlan": 7}).status_int == 201
    refused = call.put(f"{TENANT}/ports/vm3", port | {"vlan": 7})
    assert (refused.status_int, refused.json["conflicts_with"]) == (409, "acme/vm2")


def test_a_sub_port_shares_the_interface_and_not_the_tag(call: Client) -> None:
    port = {"mac": "52:54:00:00:00:02", "binding": {"switch": "host-1", "interface": "tap1", "tag": 5}}
    assert call.put(f"{TENANT}/ports/vm2", port).status_int == 201
    refused = call.put(f"{TENANT}/ports/vm3", port | {"mac": "52:54:00:00:00:03"})
    assert (refused.status_int, refused.json["code"]) == (409, "binding_conflict")
    assert (refused.json["conflicts_with"], "with tag 5" in refused.json["detail"]) == ("acme/vm2", True)


def test_a_port_bound_by_interface_id_names_no_switch_and_is_found_by_both(
    call: Client, firewall: LocalFirewall
) -> None:
    made = call.put(f"{TENANT}/ports/vm2", {"mac": "52:54:00:00:00:02", "binding": {"iface_id": "vm-2:eth0"}})
    assert (made.status_int, made.json["binding"]) == (201, {"iface_id": "vm-2:eth0"})
    assert call.put(f"{TENANT}/ports/vm2", made.json).json["revision"] == made.json["revision"]
    firewall.places["vm2"] = DPID
    found = {"iface_id=vm-2:eth0": ["vm2"], "iface_id=vm-9": [], f"switch={DPID}": ["vm2"], "interface=tap1": ["vm1"]}
    for query, names in found.items():
        assert [item["id"] for item in call.get(f"{TENANT}/ports?{query}").json["items"]] == names, query
    assert call.get(f"{TENANT}/ports?iface_id=a%20b").json["code"] == "invalid_query"


def test_an_interface_id_is_one_ports_but_for_tags(call: Client) -> None:
    port = {"mac": "52:54:00:00:00:02", "binding": {"iface_id": "vm-2", "tag": 5}}
    assert call.put(f"{TENANT}/ports/vm2", port).status_int == 201
    call.put("/v1/tenants/beta")
    other = {"mac": "52:54:00:00:00:03"}
    refused = call.put("/v1/tenants/beta/ports/vm3", other | {"binding": {"iface_id": "vm-2", "tag": 5}})
    assert (refused.status_int, refused.json["code"]) == (409, "binding_conflict")
    assert refused.json["detail"] == "interface id vm-2 with tag 5 belongs to another port"
    assert call.put("/v1/tenants/beta/ports/vm3", other | {"binding": {"iface_id": "vm-2"}}).status_int == 201


@pytest.mark.parametrize(
    "pair",
    [
        {"address": "10.0.0.1"},
        {"address": "10.0.0.0/30"},
        {"address": "10.9.9.9", "mac": "00:00:5e:00:01:0a"},
        {"address": "10.9.9.9", "mac": "52:54:00:00:00:01"},
    ],
)
def test_a_pair_takes_nothing_of_another_tenant(pair: dict[str, str], call: Client) -> None:
    virtual = {"address": "10.0.0.50", "mac": "00:00:5e:00:01:0a"}
    call("PATCH", f"{TENANT}/ports/vm1", {"allowed_address_pairs": [virtual]})
    call.put("/v1/tenants/beta")
    other = {"mac": "52:54:00:00:00:02", "allowed_address_pairs": [pair]}
    refused = call.put("/v1/tenants/beta/ports/vm2", other)
    assert (refused.status_int, refused.json["code"]) == (409, "binding_conflict")
    assert refused.json["conflicts_with"] == "acme/vm1"
    assert call.put("/v1/tenants/beta/ports/vm2", other | {"vlan": 7}).status_int == 201


def test_a_port_has_the_zone_of_its_tenant_in_its_segment(call: Client, firewall: LocalFirewall) -> None:
    port = call.put(f"{TENANT}/ports/vm2", {"mac": "52:54:00:00:00:02", "vlan": 7}).json
    zones = [{"vlan": vlan, "zone": firewall.inventory.zone("acme", vlan)} for vlan in (0, 7)]
    assert port["status"]["conntrack_zone"] == zones[1]["zone"]
    (tenant,) = [tenant["status"] for tenant in call.get("/v1/tenants").json["items"]]
    assert (tenant["zones"], tenant["conntrack_zone"]) == (zones, zones[0]["zone"])
    assert len({each["zone"] for each in zones}) == 2
    call("PATCH", f"{TENANT}/ports/vm2", {"vlan": 0})
    assert [zone["zone"] for zone in call.get(TENANT).json["status"]["zones"]] == [zones[0]["zone"]]


def test_what_the_guard_dropped_is_told_of_a_single_port(call: Client, firewall: LocalFirewall) -> None:
    firewall.drops["vm1"] = {"mac": 3, "arp": 0}
    port = call.get(f"{TENANT}/ports/vm1").json
    assert port["status"]["drops"] == {"mac": 3, "arp": 0}
    assert call.put(f"{TENANT}/ports/vm1", port).json["revision"] == port["revision"]
    assert "drops" not in call.get(f"{TENANT}/ports").json["items"][0]["status"]
    call.put(f"{TENANT}/ports/vm2", {"mac": "52:54:00:00:00:02"})
    assert call.get(f"{TENANT}/ports/vm2").json["status"]["drops"] is None


def test_a_port_that_goes_while_the_switch_is_asked_is_not_found(call: Client, firewall: LocalFirewall) -> None:
    def go(port: Any) -> None:
        firewall.write(lambda inventory, now: inventory.delete("port", *port.id, now=now))

    firewall.port_drops = go  # type: ignore[method-assign]
    assert call.get(f"{TENANT}/ports/vm1").json["code"] == "not_found"
