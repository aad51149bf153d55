"""Who may declare what: a tenant's own team its tenant's things, and nothing of anybody else."""

from __future__ import annotations

from typing import Any

import pytest
from webob import Response

from tests.rest.local import Client, LocalFirewall

PORT = {"mac": "52:54:00:00:00:09", "addresses": ["10.0.0.9"]}


@pytest.fixture
def mine(call: Client) -> Client:
    """The administrator of acme; there is another tenant."""
    call.put("/v1/tenants/rival")
    call.put("/v1/tenants/rival/ports/theirs", {"mac": "52:54:00:00:00:66", "addresses": ["10.0.0.66"]})
    return bearing(call, "tenant-admin")


def bearing(call: Client, role: str) -> Client:
    return call.bearing(call("POST", "/v1/tokens", {"role": role, "tenant": "acme"}).json["token"])


def declare(call: Client, verb: str, document: Any, query: str = "") -> Response:
    return call("POST", f"/v1/config:{verb}{query}", {"version": 1, **document})


def test_a_tenants_team_exports_plans_and_applies_what_is_its_own(mine: Client) -> None:
    exported = mine.get("/v1/config")
    assert list(exported.json["tenants"]) == ["acme"]
    assert exported.json == mine.get("/v1/config?tenant=acme").json
    assert mine("POST", "/v1/config:plan", exported.json).json["changes"] == []
    planned = declare(mine, "plan", {"tenants": {"acme": {"ports": {"p9": PORT}}}})
    assert planned.status_int == 200, planned.text
    assert all("total" not in flows for flows in planned.json["flows"].values())
    assert mine("POST", "/v1/config:apply", {"plan_id": planned.json["plan_id"]}).status_int == 200
    assert mine.get("/v1/tenants/acme/ports/p9").status_int == 200


@pytest.mark.parametrize("verb", ["plan", "apply"])
@pytest.mark.parametrize(
    ("document", "status", "code"),
    [
        ({"tenants": {"rival": {}}}, 404, "not_found"),
        ({"tenants": {"nobody": {}}}, 404, "not_found"),
        ({"tenants": {"rival": {"groups": "nonsense"}}}, 404, "not_found"),
        ({"tenants": {"acme": {"description": "other"}}}, 403, "forbidden"),
        ({"tenants": {"acme": {"limits": {"connections": 1}}}}, 403, "forbidden"),
        ({"tenants": {"acme": {"quota": {"ports": 1}}}}, 403, "forbidden"),
        ({"tenants": {"acme": {"ports": {"p9": {**PORT, "spoof_guard": "off"}}}}}, 403, "forbidden"),
        ({"switches": {"0000000000000001": {}}}, 403, "forbidden"),
        ({"guardrails": {"a": {"priority": 1, "action": "allow", "direction": "ingress"}}}, 403, "forbidden"),
        ({"tenants": {"acme": {"ports": {"p9": {**PORT, "mac": "52:54:00:00:00:66"}}}}}, 409, "binding_conflict"),
    ],
)
def test_what_is_not_its_own_is_refused(
    mine: Client, firewall: LocalFirewall, verb: str, document: Any, status: int, code: str
) -> None:
    mine.get("/v1/whoami")  # the first use of a token is noted
    revision = firewall.inventory.revision
    refused = declare(mine, verb, document)
    assert (refused.status_int, refused.json["code"]) == (status, code)
    assert "theirs" not in refused.text
    assert firewall.inventory.revision == revision


def test_pruning_all_is_all_of_the_tenant_and_never_the_tenant(mine: Client, firewall: LocalFirewall) -> None:
    asked = declare(mine, "apply", {"tenants": {"acme": {}}}, "?prune=all")
    assert asked.json["code"] == "confirm_required"
    done = declare(mine, "apply", {}, f"?prune=all&confirm_deletes={asked.json['would_delete']}")
    assert done.status_int == 200, done.text
    assert [stored.value.id[0] for stored in firewall.inventory.list("tenant")] == ["acme", "rival"]
    assert firewall.inventory.list("port", "acme") == []
    assert len(firewall.inventory.list("port", "rival")) == 1


def test_an_admins_plan_is_no_tenants_to_carry_out(call: Client, mine: Client) -> None:
    planned = declare(call, "plan", {"tenants": {"acme": {"ports": {"p9": PORT}}}}).json["plan_id"]
    assert mine("POST", "/v1/config:apply", {"plan_id": planned}).json["code"] == "not_found"
    own = declare(mine, "plan", {"tenants": {"acme": {"ports": {"p9": PORT}}}}).json["plan_id"]
    assert call("POST", "/v1/config:apply", {"plan_id": own}).status_int == 200


def test_a_viewer_exports_and_plans_nothing(call: Client, mine: Client) -> None:
    viewer = bearing(call, "viewer")
    assert list(viewer.get("/v1/config").json["tenants"]) == ["acme"]
    for name in ("rival", "nobody"):
        absent = viewer.get(f"/v1/config?tenant={name}").json
        assert (absent["code"], absent["detail"]) == ("not_found", f"there is no tenant {name}")
    assert declare(viewer, "plan", {}).json["code"] == "forbidden"
    assert declare(viewer, "apply", {}).json["code"] == "forbidden"
