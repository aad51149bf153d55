"""/v1/tokens: made, used, expired, taken back."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.core.tokens import Token
from app.service import StoreUnavailable
from rest.access.gate import Access
from tests.rest.local import Client, LocalFirewall, unchanged

SOON = "2999-01-01T00:00:00Z"
VIEWER = {"id": "ci", "role": "viewer", "tenant": "acme", "description": "of the build"}


def made(call: Client, **members: Any) -> dict[str, Any]:
    answer = call("POST", "/v1/tokens", {**VIEWER, **members})
    assert answer.status_int == 201, answer.text
    return dict(answer.json)


def test_a_secret_is_shown_once_and_kept_nowhere(call: Client, firewall: LocalFirewall) -> None:
    with capture_logs() as lines:
        answer = call("POST", "/v1/tokens", VIEWER | {"expires_at": SOON})
    assert answer.headers["Location"] == "/v1/tokens/ci"
    secret = answer.json["token"]
    assert re.fullmatch(r"ow_[A-Za-z0-9_-]{43}", secret)
    shown = call.get("/v1/tokens/ci")
    assert {k: v for k, v in answer.json.items() if k != "token"} == shown.json
    assert shown.json["status"] == {"expired": False, "first_used_at": None, "last_used_at": None}
    everything = shown.text + call.get("/v1/tokens").text + call.get("/v1/audit").text + str(lines)
    kept = "\n".join(firewall.database.iterdump()) + str(firewall.inventory.list("token"))
    token = firewall.inventory.get("token", "ci").value
    assert isinstance(token, Token)
    assert secret not in everything + kept
    assert str(token.digest) not in everything


def test_a_token_lets_in_until_it_is_deleted(call: Client) -> None:
    ci = call.bearing(made(call)["token"])
    assert ci.get("/v1/tenants/acme").status_int == 200
    assert call("DELETE", "/v1/tokens/ci").status_int == 204
    refused = ci.get("/v1/tenants/acme")
    assert (refused.status_int, refused.json["code"]) == (401, "unauthorized")
    assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
    assert call.get("/v1/tokens/ci").status_int == 404


def test_a_token_that_expired_says_so(call: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    ci = call.bearing(made(call, expires_at=SOON)["token"])
    assert ci.get("/v1/whoami").json["expires_at"] == SOON
    monkeypatch.setattr(call.application._gate, "_clock", lambda: time.time() + 1000 * 366 * 86_400)
    expired = ci.get("/v1/whoami")
    assert (expired.status_int, expired.json["code"]) == (401, "token_expired")
    assert expired.headers["WWW-Authenticate"].startswith("Bearer")
    assert call.get("/v1/tokens/ci").json["status"]["expired"] is True


def test_the_first_use_of_a_token_is_told_once_and_kept(call: Client, firewall: LocalFirewall) -> None:
    ci = call.bearing(made(call)["token"])
    used = lambda: [e for e in firewall.events.since(None) if e.type == "token.used-first"]  # noqa: E731
    assert used() == []
    for _ in range(3):
        ci.get("/v1/whoami")
    assert [dict(event.data) for event in used()] == [
        {"token": "ci", "role": "viewer", "how": "token", "tenant": "acme"}
    ]
    status = call.get("/v1/tokens/ci").json["status"]
    assert status["first_used_at"] == firewall.now
    assert status["last_used_at"] is not None
    Client(firewall).bearing(ci.headers["Authorization"].split()[1]).get("/v1/whoami")  # after a restart
    assert len(used()) == 1


def test_a_store_that_cannot_keep_the_first_use_keeps_nobody_out(call: Client, firewall: LocalFirewall) -> None:
    ci = call.bearing(made(call)["token"])
    firewall.failure = StoreUnavailable("disk full")
    assert ci.get("/v1/tenants/acme").status_int == 200


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"tenant": None}, "#/tenant", "missing_field"),
        ({"role": "operator"}, "#/tenant", "contradiction"),
        ({"role": "root"}, "#/role", "not_one_of"),
        ({"tenant": "nobody"}, "#/tenant", "unknown_tenant"),
        ({"id": "admin"}, "#/id", "reserved"),
        ({"id": "No Name"}, "#/id", "invalid_name"),
        ({"expires_at": "tomorrow"}, "#/expires_at", "malformed"),
        ({"expires_at": "2027-02-30T00:00:00Z"}, "#/expires_at", "malformed"),
        ({"expires_at": "2027-02-03"}, "#/expires_at", "malformed"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "#/expires_at", "in_the_past"),
        ({"certificate": "ci.example"}, "#/certificate", "malformed"),
        ({"digest": "ab" * 32}, "#/digest", "unknown_field"),
        ({"description": "\x1b[2J"}, "#/description", "control_character"),
    ],
)
def test_a_body_that_makes_no_token_says_where(
    change: dict[str, Any], pointer: str, code: str, call: Client, firewall: LocalFirewall
) -> None:
    with unchanged(firewall):
        answer = call("POST", "/v1/tokens", VIEWER | change)
    assert answer.status_int == 422
    assert [(e["pointer"], e["code"]) for e in answer.json["errors"]] == [(pointer, code)]


def test_a_name_and_a_certificate_are_given_once(call: Client, firewall: LocalFirewall) -> None:
    made(call, certificate="DNS:ci.example")
    with unchanged(firewall):
        twice = call("POST", "/v1/tokens", VIEWER)
        assert (twice.status_int, twice.json["code"]) == (409, "token_exists")
        other = call("POST", "/v1/tokens", VIEWER | {"id": "other", "certificate": "DNS:CI.example"})
        assert (other.status_int, other.json["conflicts_with"]) == (409, "token/ci")


def test_without_an_id_one_is_made(call: Client) -> None:
    answer = call("POST", "/v1/tokens", {"role": "metrics"})
    assert re.fullmatch(r"tok-[0-9a-f]{8}", answer.json["id"])
    assert answer.headers["Location"] == f"/v1/tokens/{answer.json['id']}"


def test_a_token_for_a_certificate_has_no_secret(call: Client) -> None:
    assert "token" not in made(call, certificate="URI:spiffe://example/ci")


def test_a_secret_cannot_be_had_again_by_an_idempotency_key(call: Client, firewall: LocalFirewall) -> None:
    with unchanged(firewall):
        answer = call("POST", "/v1/tokens", VIEWER, {"Idempotency-Key": "once"})
    assert (answer.status_int, answer.json["code"]) == (400, "invalid_idempotency_key")


def test_lists_are_filtered_by_role_and_tenant(call: Client) -> None:
    made(call)
    made(call, id="prom", role="metrics", tenant=None)
    ids = lambda query: [token["id"] for token in call.get("/v1/tokens" + query).json["items"]]  # noqa: E731
    assert ids("") == ["ci", "prom"]
    assert ids("?role=metrics") == ["prom"]
    assert ids("?tenant=acme") == ["ci"]
    assert call.get("/v1/tokens?role=root").json["code"] == "invalid_query"


def test_a_tenant_does_not_go_while_somebody_holds_the_key_to_it(call: Client) -> None:
    call.put("/v1/tenants/small")
    secret = made(call, tenant="small")["token"]
    refused = call("DELETE", "/v1/tenants/small")
    assert (refused.status_int, refused.json["referrers"]) == (409, ["token/ci"])
    assert call("DELETE", "/v1/tenants/small?cascade=true").status_int == 204
    call.put("/v1/tenants/small")
    assert call.bearing(secret).get("/v1/tenants/small").status_int == 401


def test_what_is_done_to_tokens_is_in_the_audit_log(call: Client) -> None:
    made(call)
    call("DELETE", "/v1/tokens/ci")
    entries = [e for e in call.get("/v1/audit").json["items"] if "/tokens" in e["path"]]
    assert sorted((e["actor"], e["method"], e["changes"][0]["op"]) for e in entries) == [
        ("admin", "DELETE", "delete"),
        ("admin", "POST", "add"),
    ]


def test_where_it_is_demanded_a_change_says_what_it_believes(call: Client, firewall: LocalFirewall) -> None:
    careful = Client(firewall, access=Access(require_if_match=True))
    tenant = "/v1/tenants/acme"
    tag = careful.get(tenant).headers["ETag"]
    with unchanged(firewall):
        for method, path, body in (
            ("PUT", tenant, {}),
            ("PATCH", tenant, {"description": "x"}),
            ("DELETE", tenant + "/ports/vm1", None),
            ("PUT", tenant + "/groups/web/rules", []),
            ("DELETE", tenant + "/groups/web/rules/ssh", None),
        ):
            refused = careful(method, path, body)
            assert (refused.status_int, refused.json["code"]) == (428, "precondition_required"), path
            assert refused.headers["ETag"] == f'"{refused.json["current"]}"'
    assert careful.put(tenant, {"description": "new"}, If_Match=tag).status_int == 200
    assert careful.put(tenant, {"revision": careful.get(tenant).json["revision"]}).status_int == 200
    assert careful.put("/v1/tenants/new").status_int == 201
    add = {"add": ["10.9.1.0/28"]}
    assert careful("POST", tenant + "/address-groups/mon:update", add).status_int == 200
    assert call.put(tenant).status_int == 200
