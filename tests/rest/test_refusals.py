"""Every refusal of the API's error table that applies, with what it must say. Nothing is changed by any of them."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs
from webob import Request

from app.core.problems import Exhausted
from app.service import StoreUnavailable, Unreachable
from tests.rest.local import AUTH, Client, LocalFirewall, unchanged

TENANT = "/v1/tenants/acme"
PORT = f"{TENANT}/ports/vm1"
RULES = f"{TENANT}/groups/web/rules"
ADDRESS_GROUPS = f"{TENANT}/address-groups"
MAC = "52:54:00:00:00:77"
PAIRED = {"mac": MAC, "allowed_address_pairs": [{"address": "10.0.0.9", "mac": "52:54:00:00:00:01"}]}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
UTF_16 = {"Content-Type": "application/json; charset=utf-16"}
JSON_PATCH = {"Content-Type": "application/json-patch+json"}

# what, method, path, body, headers -> status, code
REFUSALS: list[tuple[str, str, str, Any, dict[str, str], int, str]] = [
    ("not JSON", "PUT", TENANT, b"{", {}, 400, "invalid_json"),
    ("no body", "PUT", TENANT, b"", {}, 400, "invalid_json"),
    ("NaN", "PUT", TENANT, b'{"labels": NaN}', {}, 400, "invalid_json"),
    ("twice", "PUT", TENANT, b'{"description": "a", "description": "b"}', {}, 400, "invalid_json"),
    ("comma", "PUT", TENANT, b'{"description": "a",}', {}, 400, "invalid_json"),
    ("latin-1", "PUT", TENANT, '{"description": "\xe9"}'.encode("latin-1"), {}, 400, "invalid_json"),
    ("half a character", "PUT", TENANT, b'{"description": "\\ud800"}', {}, 400, "invalid_json"),
    ("bomb", "PUT", TENANT, b"[" * 500_000, {}, 400, "invalid_json"),
    ("other bomb", "PUT", TENANT, b'{"a":' * 100_000, {}, 400, "invalid_json"),
    ("deep patch", "PATCH", TENANT, b'{"a":' * 600 + b"1" + b"}" * 600, {}, 400, "invalid_json"),
    ("long number", "PUT", TENANT, b'{"revision": ' + b"9" * 5000 + b"}", {}, 400, "invalid_json"),
    ("path not UTF-8", "GET", "/v1/tenants/%ff", None, {}, 400, "invalid_path"),
    ("zero in path", "GET", "/v1/tenants/a%00b", None, {}, 400, "invalid_path"),
    ("name on PUT", "PUT", "/v1/tenants/ACME", {}, {}, 400, "invalid_path"),
    ("address group on PUT", "PUT", f"{ADDRESS_GROUPS}/mon:update", {}, {}, 400, "invalid_path"),
    ("port id on PUT", "PUT", f"{TENANT}/ports/a:b", {"mac": MAC}, {}, 400, "invalid_path"),
    ("switch on PUT", "PUT", "/v1/switches/host-9", {}, {}, 400, "invalid_path"),
    ("limit 0", "GET", "/v1/tenants?limit=0", None, {}, 400, "invalid_query"),
    ("limit 1001", "GET", "/v1/tenants?limit=1001", None, {}, 400, "invalid_query"),
    ("limit twice", "GET", "/v1/tenants?limit=1&limit=2", None, {}, 400, "invalid_query"),
    ("unknown parameter", "GET", "/v1/tenants?limits=1", None, {}, 400, "invalid_query"),
    ("neither dry nor wet", "PUT", f"{TENANT}?dry_run=perhaps", {}, {}, 400, "invalid_query"),
    ("endless wait", "PUT", f"{TENANT}?wait=31s", {}, {}, 400, "invalid_query"),
    ("wait without unit", "PUT", f"{TENANT}?wait=5", {}, {}, 400, "invalid_query"),
    ("no filter", "GET", f"{TENANT}/ports?mac=zz", None, {}, 400, "invalid_query"),
    ("no segment", "GET", f"{TENANT}/ports?vlan=4095", None, {}, 400, "invalid_query"),
    ("no state", "GET", f"{TENANT}/ports?state=up", None, {}, 400, "invalid_query"),
    ("query not UTF-8", "GET", "/v1/tenants?name=%ff", None, {}, 400, "invalid_query"),
    ("half a cascade", "DELETE", f"{TENANT}?cascade=maybe", None, {}, 400, "invalid_query"),
    ("trace without ends", "GET", f"{TENANT}/trace?proto=tcp", None, {}, 400, "invalid_query"),
    ("trace port of icmp", "GET", f"{TENANT}/trace?src=a&dst=b&proto=icmp&dport=1", None, {}, 400, "invalid_query"),
    ("trace state", "GET", f"{TENANT}/trace?src=a&dst=b&ct_state=est", None, {}, 400, "invalid_query"),
    ("trace type of udp", "GET", f"{TENANT}/trace?src=a&dst=b&proto=udp&icmp_type=1", None, {}, 400, "invalid_query"),
    ("trace of families", "GET", f"{TENANT}/trace?src=ip:10.0.0.1&dst=ip:2001:db8::1", None, {}, 400, "invalid_query"),
    ("trace ICMP", "GET", f"{TENANT}/trace?src=a&dst=ip:fe80::1&proto=icmp", None, {}, 400, "invalid_query"),
    ("trace segment", "GET", f"{TENANT}/trace?src=a&dst=ip:10.0.0.1&vlan=4095", None, {}, 400, "invalid_query"),
    ("trace no segment", "GET", f"{TENANT}/trace?src=a&dst=b&vlan=7", None, {}, 400, "invalid_query"),
    ("cursor", "GET", "/v1/tenants?after=%21", None, {}, 400, "invalid_cursor"),
    ("unknown tenant", "GET", "/v1/tenants/none", None, {}, 404, "not_found"),
    ("impossible tenant", "GET", "/v1/tenants/NO_NE", None, {}, 404, "not_found"),
    ("tenant of a port", "PUT", "/v1/tenants/none/ports/vm1", {"mac": MAC}, {}, 404, "not_found"),
    ("group of a rule", "PUT", f"{TENANT}/groups/none/rules/a", {"direction": "egress"}, {}, 404, "not_found"),
    ("unknown address group", "GET", f"{ADDRESS_GROUPS}/none", None, {}, 404, "not_found"),
    ("update of nothing", "POST", f"{ADDRESS_GROUPS}/none:update", {}, {}, 404, "not_found"),
    ("address groups of nobody", "GET", "/v1/tenants/none/address-groups", None, {}, 404, "not_found"),
    ("list of nobody", "GET", "/v1/tenants/none/ports", None, {}, 404, "not_found"),
    ("trace of nobody", "GET", f"{TENANT}/trace?src=nobody&dst=vm1", None, {}, 404, "not_found"),
    ("unknown switch", "GET", "/v1/switches/none", None, {}, 404, "not_found"),
    ("unknown path", "GET", "/v1/nothing", None, {}, 404, "not_found"),
    ("trailing slash", "GET", "/v1/tenants/", None, {}, 404, "not_found"),
    ("two slashes", "GET", "/v1//tenants", None, {}, 404, "not_found"),
    ("no such verb", "POST", f"{ADDRESS_GROUPS}/mon:replace", {}, {}, 405, "method_not_allowed"),
    ("method", "POST", TENANT, {}, {}, 405, "method_not_allowed"),
    ("made-up method", "FROB", TENANT, None, {}, 405, "method_not_allowed"),
    ("accept", "GET", TENANT, None, {"Accept": "text/html"}, 406, "not_acceptable"),
    ("in use", "DELETE", f"{TENANT}/groups/web", None, {}, 409, "in_use"),
    ("MAC taken", "PUT", f"{TENANT}/ports/x", {"mac": "52:54:00:00:00:01"}, {}, 409, "binding_conflict"),
    ("address taken", "PUT", f"{TENANT}/ports/x", {"mac": MAC, "addresses": ["10.0.0.1"]}, {}, 409, "binding_conflict"),
    ("MAC of a pair", "PUT", f"{TENANT}/ports/x", PAIRED, {}, 409, "binding_conflict"),
    ("key taken", "POST", RULES, {"key": "ssh", "direction": "egress"}, {}, 409, "already_exists"),
    ("stale If-Match", "PUT", TENANT, {}, {"If-Match": '"99"'}, 412, "etag_mismatch"),
    ("stale If-Match on delete", "DELETE", PORT, None, {"If-Match": '"99"'}, 412, "etag_mismatch"),
    ("If-Match of nothing", "PUT", "/v1/tenants/new", {}, {"If-Match": "*"}, 412, "etag_mismatch"),
    ("stale revision", "PUT", TENANT, {"revision": 99}, {}, 412, "etag_mismatch"),
    ("revision of nothing", "PUT", "/v1/tenants/new", {"revision": 1}, {}, 412, "etag_mismatch"),
    ("stale update", "POST", f"{ADDRESS_GROUPS}/mon:update", {}, {"If-Match": '"99"'}, 412, "etag_mismatch"),
    ("stale revision of update", "POST", f"{ADDRESS_GROUPS}/mon:update", {"revision": 99}, {}, 412, "etag_mismatch"),
    ("stale rule set", "PUT", RULES, [], {"If-Match": '"99"'}, 412, "etag_mismatch"),
    ("exists", "PUT", TENANT, {}, {"If-None-Match": "*"}, 412, "already_exists"),
    ("exists, rule", "PUT", f"{RULES}/ssh", {"direction": "egress"}, {"If-None-Match": "*"}, 412, "already_exists"),
    ("too large", "PUT", TENANT, b" " * ((1 << 20) + 1), {}, 413, "too_large"),
    ("too many values", "PUT", TENANT, b"[" + b"1," * 15_001 + b"1]", {}, 413, "too_large"),
    ("form", "PUT", TENANT, b"a=b", FORM, 415, "unsupported_media_type"),
    ("charset", "PUT", TENANT, b"{}", UTF_16, 415, "unsupported_media_type"),
    ("wrong patch", "PATCH", TENANT, b"[]", JSON_PATCH, 415, "unsupported_media_type"),
    ("array", "PUT", TENANT, [], {}, 422, "invalid_body"),
    ("object", "PUT", RULES, {"items": []}, {}, 422, "invalid_body"),
    ("patch with a word", "PATCH", TENANT, b'"x"', {}, 422, "invalid_body"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "method", "path", "body", "headers", "status", "code"), REFUSALS, ids=lambda v: str(v)[:24]
)
def test_it_is_refused(
    what: str, method: str, path: str, body: Any, headers: dict[str, str], status: int, code: str,
    call: Client, firewall: LocalFirewall,
) -> None:  # fmt: skip
    with unchanged(firewall):
        answer = call(method, path, body, headers)
    assert (answer.status_int, answer.json["code"]) == (status, code), answer.text
    assert answer.json["type"] == f"/problems/{code}"


@pytest.mark.parametrize(
    ("body", "line", "column"),
    [
        (b'{\n "a": 1,\n "a": 2}', 3, 2),
        (b'{"x": [\n  -Infinity]}', 2, 3),
        (b'{"\\"": {"k": 1}, "k": "}", "k": 1}', 1, 28),
        (b'{"a": "\n"}', 1, 8),
        (b'{\n\n"a": "\xff"}', 3, 7),
    ],
)
def test_json_that_is_refused_says_line_and_column(body: bytes, line: int, column: int, call: Client) -> None:
    answer = call.put(TENANT, body)
    assert (answer.json["code"], answer.json["line"], answer.json["column"]) == ("invalid_json", line, column)


def test_refusals_carry_the_headers_that_help(call: Client) -> None:
    assert call("POST", TENANT, {}).headers["Allow"] == "DELETE, GET, HEAD, PATCH, PUT"
    form = {"Content-Type": "text/plain"}
    assert call("POST", RULES, b"x", form).headers["Accept-Post"] == "application/json"
    assert call("PATCH", TENANT, b"x", form).headers["Accept-Patch"].startswith("application/merge-patch+json")
    assert call.get(TENANT, Accept="text/csv").json["acceptable"] == ["application/json"]
    stale = call.put(TENANT, {}, If_Match='"99"')
    assert (stale.headers["ETag"], stale.json["current"]) == ('"1"', 1)
    assert call.put(f"{TENANT}/ports/x", {"mac": "52:54:00:00:00:01"}).json["conflicts_with"] == "acme/vm1"
    missing = call.get("/v1/tenants/acme/ports/vm9").json
    assert (missing["kind"], missing["id"], missing["instance"]) == ("port", "vm9", "/v1/tenants/acme/ports/vm9")
    unknown = call.get("/v1/tenants?limits=1").json["errors"][0]
    assert (unknown["pointer"], unknown["hint"]) == ("?limits", "limit")


@pytest.mark.parametrize("match", ['"1"', "1", '"7", "1"', "*"])
def test_a_fitting_condition_lets_a_write_through(match: str, call: Client) -> None:
    assert call.put(TENANT, {"description": "new", "revision": 1}, If_Match=match).status_int == 200
    assert call.put("/v1/tenants/new", {"revision": 0}, If_None_Match="*").status_int == 201
    group = call.get(RULES).headers["ETag"]
    rule = {"direction": "egress"}
    assert call.put(f"{RULES}/new", rule, If_Match=group, If_None_Match="*").status_int == 201
    assert call.put(f"{RULES}/newer", rule, If_Match=group).json["code"] == "etag_mismatch"


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ow_short", "Bearer ow_" + "A" * 43, "Basic ow_" + "A" * 43]
)
def test_without_a_known_token_only_probes_answer(authorization: str | None, call: Client) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    for path in ("/v1/tenants", "/version", "/nothing", "/livez/x", "/v1/tenants/%ff"):
        answer = call.send(Request.blank(path, headers=headers))
        assert (answer.status_int, answer.json["code"]) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert "X-Revision" not in answer.headers
    alive = call.send(Request.blank("/livez", headers=headers))
    assert (alive.status_int, "X-Revision" in alive.headers) == (200, False)
    ready = call.send(Request.blank("/readyz?verbose", headers=headers))
    assert (ready.status_int, ready.json) == (200, {"ready": True})
    call.firewall.missing = {"store": "secrets of the house"}
    starting = call.send(Request.blank("/readyz", headers=headers))
    assert (starting.status_int, starting.json["code"], "house" in starting.text) == (503, "starting", False)


def test_the_word_bearer_may_be_written_in_any_case(call: Client) -> None:
    token = AUTH["Authorization"].split()[1]
    assert call.send(Request.blank("/version", headers={"Authorization": f"bEARER {token}"})).status_int == 200


def test_a_request_id_is_echoed_if_it_is_one_and_made_otherwise(call: Client) -> None:
    assert call("GET", TENANT, headers={"X-Request-Id": "mine-12345"}).headers["X-Request-Id"] == "mine-12345"
    assert call("GET", TENANT, headers={"X-Request-Id": "a b"}).headers["X-Request-Id"].startswith("req-")


@pytest.mark.parametrize(
    ("environ", "status", "code"),
    [
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, 411, "length_required"),
        ({"CONTENT_LENGTH": ""}, 411, "length_required"),
        ({"CONTENT_LENGTH": "2, 2"}, 400, "invalid_length"),
        ({"CONTENT_LENGTH": "+2"}, 400, "invalid_length"),
        ({"CONTENT_LENGTH": "3"}, 400, "incomplete_body"),
        ({"RAW_PATH_INFO": "/v1/tenants/a%2Fb"}, 400, "invalid_path"),
    ],
)
def test_framing_that_is_not_plain_is_refused(environ: dict[str, str], status: int, code: str, call: Client) -> None:
    request = Request.blank(TENANT, method="PUT", headers=AUTH, content_type="application/json")
    request.body = b"{}"
    request.environ.update(environ)
    answer = call.send(request)
    assert (answer.status_int, answer.json["code"]) == (status, code)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (StoreUnavailable("disk full"), 503, "store_unavailable"),
        (Exhausted(32000, 767, 3.5), 507, "zones_exhausted"),
        (Unreachable("host-1"), 503, "switch_unreachable"),
    ],
)
def test_what_the_firewall_refuses_becomes_an_answer(
    error: Exception, status: int, code: str, call: Client, firewall: LocalFirewall
) -> None:
    firewall.failure = error
    with unchanged(firewall):
        answer = call.put("/v1/tenants/new")
    assert (answer.status_int, answer.json["code"]) == (status, code)
    assert answer.headers["Retry-After"] == ("4" if status == 507 else "1")


def test_zones_that_are_used_up_are_told_with_when_there_is_one_again(call: Client, firewall: LocalFirewall) -> None:
    firewall.failure = Exhausted(32000, 767, 3.5)
    answer = call.put("/v1/tenants/new").json
    assert answer["detail"] == "no conntrack zone is free: 32000 are in use and 767 rest; the next is free in 4 s"
    assert (answer["in_use"], answer["resting"], answer["next_free_seconds"]) == (32000, 767, 4)
    firewall.failure = Exhausted(32767, 0, None)
    refused = call.put("/v1/tenants/new")
    assert ("Retry-After" in refused.headers, refused.json["next_free_seconds"]) == (False, None)


def test_a_bug_leaves_its_traceback_in_the_log_only(call: Client, firewall: LocalFirewall) -> None:
    firewall.failure = RuntimeError("secret /etc/path")
    with capture_logs() as lines:
        answer = call.put("/v1/tenants/new", {"description": "body"})
    assert (answer.status_int, answer.json["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    bug = next(line for line in lines if line["event"] == "rest.bug")
    assert "RuntimeError: secret" in bug["traceback"]
    assert bug["request_id"] == answer.json["request_id"]
    assert AUTH["Authorization"].split()[1] not in str(lines)
