"""A tenant may have so many ports, groups, rules and address groups, and is told which limit it would pass."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rest.local import Client, LocalFirewall, unchanged

ACME = "/v1/tenants/acme"
QUOTA = f"{ACME}/quota"
RULE = {"direction": "ingress", "protocol": "tcp", "port_min": 443}
NOTHING = {"ports": None, "groups": None, "rules": None, "address_groups": None}
USED = {"ports": 1, "groups": 2, "rules": 1, "address_groups": 1}


def test_a_tenant_has_no_limits_and_is_told_what_it_uses(call: Client) -> None:
    answer = call.get(QUOTA)
    assert answer.status_int == 200
    assert answer.json | {"revision": 0, "created_at": "", "updated_at": ""} == {
        "tenant": "acme",
        **NOTHING,
        "status": {"used": USED},
        "revision": 0,
        "created_at": "",
        "updated_at": "",
    }
    assert answer.headers["ETag"] == call.get(ACME).headers["ETag"]


def test_what_was_got_can_be_edited_and_put(call: Client) -> None:
    quota = call.get(QUOTA).json
    answer = call.put(QUOTA, quota | {"ports": 5})
    assert (answer.status_int, answer.json["ports"]) == (200, 5)
    assert call.put(QUOTA, quota | {"ports": 6}).json["code"] == "etag_mismatch"
    assert call.put(QUOTA, {"rules": 7}).json | {"status": 0} == answer.json | {"ports": None, "rules": 7} | {
        name: call.get(QUOTA).json[name] for name in ("revision", "updated_at")
    } | {"status": 0}


@pytest.mark.parametrize(
    ("resource", "limit", "request_", "requested"),
    [
        ("ports", 1, ("PUT", f"{ACME}/ports/p2", {"mac": "52:54:00:00:00:02"}), 2),
        ("groups", 2, ("PUT", f"{ACME}/groups/new", {}), 3),
        ("address_groups", 0, ("PUT", f"{ACME}/address-groups/new", {}), 2),
        ("rules", 1, ("POST", f"{ACME}/groups/base/rules", RULE), 2),
        (
            "rules",
            2,
            ("PUT", f"{ACME}/groups/new", {"rules": [{**RULE, "key": "a"}, {**RULE, "key": "b", "port_min": 1}]}),
            3,
        ),
    ],
)
def test_what_would_pass_a_limit_is_refused(
    call: Client, firewall: LocalFirewall, resource: str, limit: int, request_: Any, requested: int
) -> None:
    call.put(QUOTA, {resource: limit})
    with unchanged(firewall):
        answer = call(*request_)
    assert (answer.status_int, answer.json["code"]) == (409, "quota_exceeded")
    told = {name: answer.json[name] for name in ("resource", "limit", "used", "requested")}
    assert told == {"resource": resource, "limit": limit, "used": USED[resource], "requested": requested}
    call.put(QUOTA, {resource: requested})
    assert call(*request_).status_int == 201


def test_below_what_is_there_a_limit_stops_nobody_from_changing_or_removing(call: Client) -> None:
    call.put(QUOTA, dict.fromkeys(USED, 0))
    assert call("PATCH", f"{ACME}/ports/vm1", {"enabled": False}).status_int == 200
    assert call.put(f"{ACME}/groups/web/rules", [{**RULE, "key": "other"}]).status_int == 200
    assert call.put(f"{ACME}/groups/web/rules", []).status_int == 200
    assert call.put(f"{ACME}/address-groups/mon", {"cidrs": []}).status_int == 200
    assert call("DELETE", f"{ACME}/ports/vm1").status_int == 204
    assert call("DELETE", f"{ACME}/groups/base").status_int == 204
    assert call.put(f"{ACME}/groups/base").json["code"] == "quota_exceeded"


def test_the_tenants_own_document_leaves_its_quota_alone(call: Client) -> None:
    call.put(QUOTA, {"ports": 9})
    call.put(ACME, {"description": "x"})
    call("PATCH", ACME, {"labels": {"a": "b"}})
    assert call.get(QUOTA).json["ports"] == 9
    assert call.put(ACME, {"quota": {}}).json["errors"][0]["code"] == "unknown_field"


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"ports": -1}, "#/ports", "out_of_range"),
        ({"ports": 1_000_001}, "#/ports", "out_of_range"),
        ({"ports": "5"}, "#/ports", "wrong_type"),
        ({"port": 5}, "#/port", "unknown_field"),
        ({"tenant": "other"}, "#/tenant", "path_mismatch"),
    ],
)
def test_a_quota_that_cannot_be_is_refused(
    call: Client, firewall: LocalFirewall, body: Any, pointer: str, code: str
) -> None:
    with unchanged(firewall):
        answer = call.put(QUOTA, body)
    assert answer.status_int == 422
    assert [(error["pointer"], error["code"]) for error in answer.json["errors"]] == [(pointer, code)]


def test_a_tenant_that_is_not_there_has_no_quota(call: Client) -> None:
    assert call.get("/v1/tenants/none/quota").status_int == 404
    assert call.put("/v1/tenants/none/quota", {}).status_int == 404
