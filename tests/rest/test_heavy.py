"""Writes that take long are computed, checked, judged and guarded on a copy, and put in place once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rest.local import Client, LocalFirewall, unchanged

BIG = "/v1/tenants/big"
PORTS = 150


@pytest.fixture
def big(call: Client, firewall: LocalFirewall) -> Client:
    """A tenant with more ports than the hub deletes at once."""
    puts = [(BIG, {}), (f"{BIG}/groups/web", {})]
    puts += [
        (f"{BIG}/ports/p{n}", {"mac": f"52:54:00:00:02:{n:02x}", "addresses": [f"10.2.0.{n + 1}"], "groups": ["web"]})
        for n in range(PORTS)
    ]
    operations = [{"method": "PUT", "path": path, "body": body} for path, body in puts]
    assert call("POST", "/v1/batch", {"operations": operations}).status_int == 200
    assert firewall.placed == 1
    return call


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "once"}])
def test_a_large_cascade_is_made_on_a_copy_and_recorded_as_one_change(
    big: Client, firewall: LocalFirewall, headers: dict[str, str]
) -> None:
    assert big("DELETE", f"{BIG}?cascade=true", None, headers).status_int == 204
    assert firewall.placed == 2
    assert firewall.inventory.list("port", "big") == []
    newest = big.get("/v1/audit?order=newest&limit=1").json["items"][0]
    assert newest["method"] == "DELETE"
    assert len(newest["changes"]) == PORTS + 2


def test_a_small_cascade_and_a_plain_delete_cost_no_copy(call: Client, firewall: LocalFirewall) -> None:
    call.put("/v1/tenants/small")
    call.put("/v1/tenants/small/groups/web")
    assert call("DELETE", "/v1/tenants/small?cascade=true").status_int == 204
    assert firewall.placed == 0


def test_what_refuses_a_large_cascade_refuses_it_on_the_copy(big: Client, firewall: LocalFirewall) -> None:
    with unchanged(firewall):
        refused = big("DELETE", f"{BIG}?cascade=true", None, {"If-Match": '"1"'})
    assert (refused.status_int, refused.json["code"]) == (412, "etag_mismatch")
    assert firewall.placed == 1


def test_assertions_are_judged_on_the_copy(big: Client, firewall: LocalFirewall) -> None:
    assertion = {"from": "any", "to": "group:web", "protocol": "tcp", "port": 22, "expect": "deny"}
    assert big.put(f"{BIG}/assertions", {"items": [assertion]}).status_int == 201
    opening: dict[str, Any] = {"rules": [{"direction": "ingress", "protocol": "tcp", "port_min": 22}]}
    operations = [{"method": "PUT", "path": f"{BIG}/groups/g{n}", "body": {}} for n in range(20)]
    operations += [{"method": "PUT", "path": f"{BIG}/groups/web", "body": opening}]
    with unchanged(firewall):
        refused = big("POST", "/v1/batch", {"operations": operations})
    assert (refused.status_int, refused.json["code"]) == (422, "assertion_failed")
    assert firewall.placed == 1


def test_who_may_not_write_elsewhere_may_not_by_a_copy(big: Client, firewall: LocalFirewall) -> None:
    made = big("POST", "/v1/tokens", {"id": "other", "role": "tenant-admin", "tenant": "acme"})
    other = big.bearing(made.json["token"])
    operations = [{"method": "PUT", "path": f"{BIG}/groups/g{n}", "body": {}} for n in range(20)]
    before = len(firewall.inventory.list("group", "big"))
    assert other("POST", "/v1/batch", {"operations": operations}).status_int == 404
    assert len(firewall.inventory.list("group", "big")) == before
    assert firewall.placed == 1
