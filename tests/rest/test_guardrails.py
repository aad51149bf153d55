"""Guardrails by REST: the operator's, in one order, naming tenants that exist."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.values import Guardrail
from tests.rest.local import Client, LocalFirewall, unchanged

RAILS = "/v1/guardrails"
NO_SSH = {"priority": 10, "action": "deny", "direction": "ingress", "protocol": "tcp", "port_min": 22}


def test_a_guardrail_is_created_then_replaced_and_the_same_body_again_changes_nothing(
    call: Client, firewall: LocalFirewall
) -> None:
    first = call.put(f"{RAILS}/no-ssh", NO_SSH)
    assert (first.status_int, first.headers["Location"]) == (201, f"{RAILS}/no-ssh")
    said = {name: first.json[name] for name in first.json if name not in ("created_at", "updated_at")}
    assert said == {
        "name": "no-ssh", **NO_SSH, "ethertype": "IPv4", "port_max": 22, "remote_cidr": None, "tenants": None,
        "description": "", "owner": "", "revision": firewall.inventory.revision,
    }  # fmt: skip
    again = call.put(f"{RAILS}/no-ssh", first.json)
    assert (again.status_int, again.json) == (200, first.json)
    assert call.get(f"{RAILS}/no-ssh").json == first.json
    patched = call("PATCH", f"{RAILS}/no-ssh", {"tenants": ["acme"], "remote_cidr": "192.0.2.0/24"}).json
    assert (patched["tenants"], patched["remote_cidr"]) == (["acme"], "192.0.2.0/24")
    assert call("PATCH", f"{RAILS}/no-ssh", {"tenants": None, "remote_cidr": None}).json["tenants"] is None
    stored = firewall.inventory.get("guardrail", "no-ssh").value
    assert stored == Guardrail("no-ssh", 10, "deny", "ingress", protocol=6, ports=(22, 22))
    assert (call("DELETE", f"{RAILS}/no-ssh").status_int, call.get(f"{RAILS}/no-ssh").json["kind"]) == (
        204,
        "guardrail",
    )


def test_guardrails_are_listed_by_name_and_picked_by_whom_they_concern(call: Client) -> None:
    call.put("/v1/tenants/other")
    for n, tenants in enumerate((None, ["acme"], ["other"], [])):
        action = "allow" if n else "deny"
        assert call.put(f"{RAILS}/g{n}", {**NO_SSH, "priority": n + 1, "tenants": tenants, "action": action}).json
    assert [item["name"] for item in call.get(RAILS).json["items"]] == ["g0", "g1", "g2", "g3"]
    assert [item["name"] for item in call.get(f"{RAILS}?tenant=acme").json["items"]] == ["g0", "g1"]
    assert [item["name"] for item in call.get(f"{RAILS}?tenant=acme&action=allow").json["items"]] == ["g1"]
    assert [item["name"] for item in call.get(f"{RAILS}?name=g2&name=g9").json["items"]] == ["g2"]
    assert call.get(f"{RAILS}?tenant=nobody").status_int == 404
    assert call.get(f"{RAILS}?action=drop").json["code"] == "invalid_query"


def test_two_guardrails_never_have_one_priority(call: Client, firewall: LocalFirewall) -> None:
    call.put(f"{RAILS}/no-ssh", NO_SSH)
    call.put(f"{RAILS}/other", {**NO_SSH, "priority": 11})
    with unchanged(firewall):
        for refused in (call.put(f"{RAILS}/new", NO_SSH), call("PATCH", f"{RAILS}/other", {"priority": 10})):
            assert (refused.status_int, refused.json["code"]) == (409, "priority_conflict")
            assert (refused.json["conflicts_with"], "no-ssh has the priority 10" in refused.json["detail"]) == (
                "no-ssh",
                True,
            )


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        ({"priority": 0}, [("#/priority", "out_of_range")]),
        ({"priority": 1001, "action": "drop"}, [("#/action", "not_one_of"), ("#/priority", "out_of_range")]),
        ({"action": None}, [("#/action", "not_one_of")]),
        ({"remote_group": "web"}, [("#/remote_group", "unknown_field")]),
        ({"tenant": "acme"}, [("#/tenant", "unknown_field")]),
        ({"protocol": "icmp"}, [("#/port_min", "ports_without_protocol")]),
        ({"port_max": 21}, [("#/port_max", "range_reversed")]),
        ({"ethertype": "IPv6", "remote_cidr": "10.0.0.0/8"}, [("#/ethertype", "family_mismatch")]),
        ({"tenants": ["acme", "b b"]}, [("#/tenants/1", "invalid_name")]),
        ({"tenants": ["zeus", "acme", "ares"]}, [("#/tenants/0", "unknown_tenant"), ("#/tenants/2", "unknown_tenant")]),
        ({"name": "other"}, [("#/name", "path_mismatch")]),
    ],
)
def test_every_problem_of_a_guardrail_is_told_with_its_place(
    call: Client, firewall: LocalFirewall, change: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    with unchanged(firewall):
        refused = call.put(f"{RAILS}/no-ssh", NO_SSH | change)
    assert (refused.status_int, refused.json["code"]) == (422, "invalid_body")
    assert [(fault["pointer"], fault["code"]) for fault in refused.json["errors"]] == faults


def test_a_tenant_that_a_guardrail_names_is_in_use(call: Client, firewall: LocalFirewall) -> None:
    call.put("/v1/tenants/other")
    call.put(f"{RAILS}/no-ssh", {**NO_SSH, "tenants": ["other"]})
    for cascade in ("", "?cascade=true"):
        with unchanged(firewall):
            refused = call("DELETE", f"/v1/tenants/other{cascade}")
        assert (refused.status_int, refused.json["referrers"]) == (409, ["guardrail/no-ssh"])
    call.put(f"{RAILS}/no-ssh", {**NO_SSH, "tenants": []})
    assert call("DELETE", "/v1/tenants/other").status_int == 204


def test_a_guardrail_that_changed_since_is_not_written_over(call: Client, firewall: LocalFirewall) -> None:
    tag = call.put(f"{RAILS}/no-ssh", NO_SSH).headers["ETag"]
    assert call.put(f"{RAILS}/no-ssh", {**NO_SSH, "priority": 20}, If_Match=tag).status_int == 200
    with unchanged(firewall):
        assert call.put(f"{RAILS}/no-ssh", NO_SSH, If_Match=tag).json["code"] == "etag_mismatch"
        assert call("DELETE", f"{RAILS}/no-ssh", headers={"If-Match": tag}).status_int == 412
