"""Address groups: like groups, and changed by what comes and goes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rest.local import Client, LocalFirewall, unchanged

TENANT = "/v1/tenants/acme"
GROUPS = f"{TENANT}/address-groups"
MON = f"{GROUPS}/mon"


def test_an_address_group_is_created_then_replaced_and_the_same_body_again_changes_nothing(call: Client) -> None:
    body = {"description": "DNS", "cidrs": ["2001:DB8:0::/48", "192.0.2.53/32", "10.0.0.0/8", "10.0.0.0/8"]}
    first = call.put(f"{GROUPS}/dns", body)
    assert (first.status_int, first.headers["Location"]) == (201, f"{GROUPS}/dns")
    assert list(first.json) == [
        *("name", "tenant", "description", "cidrs", "owner", "status", "revision", "created_at", "updated_at"),
    ]
    assert first.json["cidrs"] == ["10.0.0.0/8", "192.0.2.53/32", "2001:db8::/48"]
    again = call.put(f"{GROUPS}/dns", {**body, "cidrs": body["cidrs"][::-1]})
    assert (again.status_int, again.json) == (200, first.json)
    assert call.put(f"{GROUPS}/dns", {"description": "new"}).json["cidrs"] == first.json["cidrs"]
    assert call.put(f"{GROUPS}/dns", {"cidrs": []}).json["cidrs"] == []


def test_a_merge_patch_replaces_the_networks_as_a_whole_and_null_empties_them(call: Client) -> None:
    assert call("PATCH", MON, {"description": "d"}).json["cidrs"] == ["10.9.0.0/28"]
    assert call("PATCH", MON, {"cidrs": ["::/0"]}).json["cidrs"] == ["::/0"]
    assert call("PATCH", MON, {"cidrs": None}).json["cidrs"] == []


def test_address_groups_are_listed_by_name_with_the_rules_that_name_them(call: Client) -> None:
    call.put(f"{GROUPS}/dns")
    rules = [{"direction": way, "remote_address_group": "mon"} for way in ("ingress", "egress")]
    call.put(f"{TENANT}/groups/web/rules", rules)
    items = call.get(GROUPS).json["items"]
    assert [(item["name"], item["status"]) for item in items] == [
        ("dns", {"used_by_rules": 0}),
        ("mon", {"used_by_rules": 2}),
    ]
    assert call.get(MON).json == items[1]
    assert call.get(f"{GROUPS}?name=mon&name=none").json["items"] == items[1:]


def test_an_update_adds_and_removes_and_what_is_so_already_changes_nothing(call: Client) -> None:
    update = {"add": ["10.8.0.0/16", "2001:DB8::/32"], "remove": ["10.9.0.0/28", "192.0.2.0/24"]}
    first = call("POST", f"{MON}:update", update)
    assert (first.status_int, first.json["cidrs"]) == (200, ["10.8.0.0/16", "2001:db8::/32"])
    assert first.json == call.get(MON).json
    assert first.headers["ETag"] == f'"{first.json["revision"]}"'
    for same in (update, {}, {"revision": first.json["revision"]}):
        assert call("POST", f"{MON}:update", same).json == first.json
    late = call("POST", f"{MON}:update?wait=1s", {"remove": ["10.8.0.0/16"]}, {"If-Match": first.headers["ETag"]})
    assert (late.json["cidrs"], late.json["realized"]) == (["2001:db8::/32"], True)


def test_an_address_group_has_at_most_a_thousand_networks(call: Client, firewall: LocalFirewall) -> None:
    many = [f"10.{n >> 8}.{n & 255}.0/24" for n in range(1000)]
    assert len(call.put(MON, {"cidrs": many}).json["cidrs"]) == 1000
    with unchanged(firewall):
        refused = call("POST", f"{MON}:update", {"add": ["::/0"]})
    assert (refused.status_int, refused.json["code"], refused.json["limit"]) == (409, "too_many_cidrs", 1000)
    assert call("POST", f"{MON}:update", {"add": ["::/0"], "remove": many[:1]}).status_int == 200


@pytest.mark.parametrize("cidrs", [["10.9.0.0/28"], []])
def test_an_address_group_that_a_rule_names_is_in_use(cidrs: list[Any], call: Client, firewall: LocalFirewall) -> None:
    call.put(MON, {"cidrs": cidrs})
    call.put(f"{TENANT}/groups/web/rules", [{"direction": "ingress", "remote_address_group": "mon"}])
    with unchanged(firewall):
        refused = call("DELETE", MON)
    assert (refused.status_int, refused.json["code"], refused.json["referrers"]) == (409, "in_use", ["group/acme/web"])
    call.put(f"{TENANT}/groups/web/rules", [])
    assert (call("DELETE", MON).status_int, call.get(MON).json["kind"]) == (204, "address_group")
