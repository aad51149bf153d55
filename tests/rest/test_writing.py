"""Every write can be tried first, leaves a note of who did what, and can be repeated without harm under a key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app import clock
from app.core.inventory import KINDS
from app.service import Drift, SwitchStatus
from rest.changes import PARTS
from rest.routes import ROUTES
from tests.rest.local import Client, LocalFirewall, unchanged

ACME = "/v1/tenants/acme"
GROUPS = f"{ACME}/groups"
RULE = {"direction": "ingress", "protocol": "tcp", "port_min": 443}
KEY = {"Idempotency-Key": "4b1f6a3e-9c1b-4f6e-8b63-0a3c6f0b7d11"}


class Noon(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return datetime(2026, 11, 23, 12, tzinfo=UTC)


def audit(call: Client, query: str = "") -> list[dict[str, Any]]:
    return list(call.get(f"/v1/audit{query}").json["items"])


# -- for trial


@pytest.mark.parametrize(
    ("method", "path", "body", "changes"),
    [
        ("PUT", f"{GROUPS}/new", {}, [("add", "/tenants/acme/groups/new")]),
        ("PATCH", ACME, {"description": "x"}, [("change", "/tenants/acme")]),
        ("POST", f"{GROUPS}/web/rules", {**RULE, "key": "a"}, [("add", "/tenants/acme/groups/web/rules/a")]),
        ("PUT", f"{GROUPS}/web/rules", [], [("delete", "/tenants/acme/groups/web/rules/ssh")]),
        ("DELETE", f"{GROUPS}/base", None, [("delete", "/tenants/acme/groups/base")]),
        ("PUT", f"{ACME}/quota", {"ports": 5}, [("add", "/tenants/acme/quota")]),
        (
            "POST",
            f"{ACME}/address-groups/mon:update",
            {"add": ["10.0.0.0/8"]},
            [("change", "/tenants/acme/address-groups/mon")],
        ),
        ("PUT", f"{GROUPS}/web", {}, []),
    ],
)
def test_a_dry_run_tells_what_would_change_and_changes_nothing(
    call: Client, firewall: LocalFirewall, method: str, path: str, body: Any, changes: list[Any]
) -> None:
    with unchanged(firewall):
        answer = call(method, f"{path}?dry_run=true", body)
    assert (answer.status_int, answer.json["dry_run"]) == (200, True)
    assert [(change["op"], change["path"]) for change in answer.json["changes"]] == changes
    real = call(method, path, body)
    if real.status_int == 204:
        assert answer.json["result"] is None
    else:
        moving = ("revision", "created_at", "updated_at")
        assert {k: v for k, v in answer.json["result"].items() if k not in moving} == {
            k: v for k, v in real.json.items() if k not in moving
        }


def test_a_dry_run_shows_before_and_after(call: Client) -> None:
    change = call("PATCH", f"{ACME}/ports/vm1?dry_run=true", {"enabled": False}).json["changes"][0]
    assert (change["before"]["enabled"], change["after"]["enabled"]) == (True, False)
    added = call.put(f"{GROUPS}/new?dry_run=true").json["changes"][0]
    assert (added["before"], added["after"]) == (None, {"description": "", "owner": ""})


def test_a_dry_run_refuses_what_the_write_would_refuse(call: Client, firewall: LocalFirewall) -> None:
    with unchanged(firewall):
        assert call("DELETE", f"{GROUPS}/web?dry_run").json["code"] == "in_use"
        assert call.put(f"{GROUPS}/web?dry_run", {}, If_Match='"1"').json["code"] == "etag_mismatch"
        assert call.put(f"{GROUPS}/web?dry_run", {"x": 1}).json["code"] == "invalid_body"
        assert call.put(f"{GROUPS}/web?dry_run=perhaps", {}).json["code"] == "invalid_query"


def test_a_dry_run_neither_waits_nor_leaves_a_note(call: Client, firewall: LocalFirewall) -> None:
    before = audit(call)
    assert call.put(f"{GROUPS}/new?dry_run=true&wait=5s").status_int == 200
    assert firewall.waited == []
    assert audit(call) == before


def test_every_write_of_what_is_stored_knows_dry_run_and_wait() -> None:
    acting = (":reconcile", ":resync", ":run", ":plan", "/conntrack", "/login", "/logout", "/trace")
    for route in ROUTES:
        if not route.reads and not route.path.endswith(acting):
            assert {"wait", "dry_run"} <= set(route.query), f"{route.method} {route.path}"


# -- the audit log


def test_a_write_leaves_who_what_when_before_and_after(call: Client, firewall: LocalFirewall) -> None:
    call("PATCH", f"{ACME}/groups/web", {"description": "x"}, {"X-Request-Id": "req-12345678"})
    entry = audit(call)[-1]
    assert entry | {"id": 0, "time": ""} == {
        "id": 0,
        "time": "",
        "actor": "admin",
        "role": "admin",
        "how": "token",
        "remote": None,
        "request_id": "req-12345678",
        "method": "PATCH",
        "path": f"{ACME}/groups/web",
        "status": 200,
        "revision": firewall.inventory.revision,
        "changes": [
            {
                "op": "change",
                "path": "/tenants/acme/groups/web",
                "before": {"description": "", "owner": ""},
                "after": {"description": "x", "owner": ""},
            }
        ],
    }


def test_the_log_has_the_statuses_that_were_answered(call: Client) -> None:
    done = [
        call.put(f"{GROUPS}/new"),
        call.put(f"{GROUPS}/new", {"description": "x"}),
        call("POST", f"{GROUPS}/new/rules", RULE),
        call.put(f"{GROUPS}/new/rules/a", RULE),
        call("DELETE", f"{GROUPS}/new/rules/a"),
        call("DELETE", f"{GROUPS}/new"),
    ]
    assert [entry["status"] for entry in audit(call)[-6:]] == [each.status_int for each in done]
    assert [each.status_int for each in done] == [201, 200, 201, 201, 204, 204]


def test_a_rule_more_is_told_without_the_others(call: Client) -> None:
    call.put(f"{GROUPS}/web/rules/https", RULE)
    (change,) = audit(call)[-1]["changes"]
    assert (change["op"], change["path"], change["before"]) == ("add", "/tenants/acme/groups/web/rules/https", None)
    assert change["after"]["port_min"] == 443


def test_what_was_refused_or_changed_nothing_leaves_no_note(call: Client) -> None:
    before = audit(call)
    call.put(f"{GROUPS}/web")
    call("DELETE", f"{GROUPS}/web")
    call("DELETE", f"{GROUPS}/none")
    assert audit(call) == before


def test_a_cascade_is_one_entry_with_all_that_went(call: Client) -> None:
    call("DELETE", f"{ACME}?cascade=true")
    (entry,) = audit(call, "?order=newest&limit=1")
    assert {(change["op"], change["path"]) for change in entry["changes"]} == {
        ("delete", "/tenants/acme"),
        ("delete", "/tenants/acme/ports/vm1"),
        ("delete", "/tenants/acme/groups/web"),
        ("delete", "/tenants/acme/groups/web/rules/ssh"),
        ("delete", "/tenants/acme/groups/base"),
        ("delete", "/tenants/acme/address-groups/mon"),
    }
    assert all(change["after"] is None for change in entry["changes"])


def test_the_log_is_filtered(call: Client, firewall: LocalFirewall) -> None:
    call.put("/v1/tenants/other")
    call.put("/v1/switches/0000000000000001", {"name": "host-1"})
    firewall.now = "2026-11-23T15:02:11.000Z"
    call.put(f"{ACME}/quota", {"ports": 9})
    paths = lambda query: [entry["path"] for entry in audit(call, query)]  # noqa: E731
    assert paths("?tenant=other") == ["/v1/tenants/other"]
    assert paths("?tenant=other&tenant=acme&order=newest")[:2] == [f"{ACME}/quota", "/v1/tenants/other"]
    assert paths("?path=/switches") == paths("?path=/v1/switches") == ["/v1/switches/0000000000000001"]
    assert paths("?path=/tenants/acme/ports/vm1") == [f"{ACME}/ports/vm1"]
    assert paths("?path=/tenants/acm") == []
    assert paths("?since=2026-11-23T00:00:00Z") == [f"{ACME}/quota"]
    assert paths("?since=2026-11-23T16:02:11%2B01:00") == [f"{ACME}/quota"]
    assert paths("?actor=nobody") == []
    assert len(paths("?actor=admin")) == len(paths("")) == 8


def test_the_log_comes_in_pages_both_ways(call: Client) -> None:
    for query in ("?limit=2", "?limit=2&order=newest"):
        whole = audit(call, query.replace("limit=2", "limit=1000"))
        found: list[Any] = []
        following = f"/v1/audit{query}"
        while following:
            page = call.get(following)
            found += page.json["items"]
            following = page.json["next"]
            assert (following is not None) == ("Link" in page.headers)
        assert found == whole
        assert len(whole) == 5


@pytest.mark.parametrize(
    "query", ["since=yesterday", "since=2026-11-23", "since=2026-11-23T00:00:00", "after=x", "path=x", "order=up"]
)
def test_a_search_that_makes_no_sense_is_refused(call: Client, query: str) -> None:
    answer = call.get(f"/v1/audit?{query}")
    assert (answer.status_int, answer.json["code"]) == (400, "invalid_query")
    assert answer.json["errors"][0]["pointer"] == f"?{query.partition('=')[0]}"


def test_how_long_ago_is_a_way_to_say_since(
    call: Client, firewall: LocalFirewall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "datetime", Noon)
    firewall.now = "2026-11-23T11:30:00.000Z"
    call.put(f"{GROUPS}/new")
    assert len(audit(call, "?since=1h")) == 1
    assert len(audit(call, "?since=999999d")) == 6


def test_every_kind_of_thing_is_told_and_no_secret_with_it(call: Client) -> None:
    assert set(PARTS) == set(KINDS.values())
    secret = call("POST", "/v1/tokens", {"id": "ci", "role": "viewer", "tenant": "acme"}).json
    text = call.get("/v1/audit?order=newest&limit=1").text
    assert "/tokens/ci" in text
    assert "digest" not in text
    assert not any(len(str(value)) > 40 and str(value) in text for value in secret.values())


def as_token(call: Client, **body: Any) -> dict[str, str]:
    secret = call("POST", "/v1/tokens", body).json["token"]
    return {"Authorization": f"Bearer {secret}"}


def test_a_tenants_caller_sees_its_own_side_of_an_entry(call: Client, firewall: LocalFirewall) -> None:
    own = as_token(call, id="own", role="tenant-admin", tenant="acme")
    call.put("/v1/tenants/other")
    both = [{"method": "PUT", "path": f"/v1/tenants/{name}/groups/new", "body": {}} for name in ("acme", "other")]
    assert call("POST", "/v1/batch", {"operations": both}).status_int == 200
    call("PUT", f"{GROUPS}/mine", {}, own)
    entries = call("GET", "/v1/audit?order=newest", headers=own).json["items"]
    assert [(entry["actor"], entry["path"]) for entry in entries][:2] == [
        ("own", f"{GROUPS}/mine"),
        ("admin", "/v1/batch"),
    ]
    assert [change["path"] for change in entries[1]["changes"]] == ["/tenants/acme/groups/new"]
    assert "other" not in str(entries)
    assert call("GET", "/v1/audit?tenant=other", headers=own).json["items"] == []
    assert len(audit(call, "?order=newest")[1]["changes"]) == 2


def test_whoever_gets_the_name_of_a_tenant_that_is_gone_does_not_get_its_past(
    call: Client, firewall: LocalFirewall
) -> None:
    call("DELETE", f"{ACME}?cascade=true")
    firewall.now = "2026-11-24T15:02:11.000Z"
    call.put(ACME)
    own = as_token(call, id="own", role="viewer", tenant="acme")
    assert [entry["path"] for entry in call("GET", "/v1/audit", headers=own).json["items"]] == [ACME]


def test_a_batch_gives_nobody_more_than_its_operations_would(call: Client, firewall: LocalFirewall) -> None:
    call.put("/v1/tenants/other")
    own = as_token(call, id="own", role="tenant-admin", tenant="acme")
    for path, status in ((GROUPS, 200), ("/v1/tenants/other/groups", 404), ("/v1/tenants/none/groups", 404)):
        operations = [{"method": "PUT", "path": f"{path}/new", "body": {}}]
        assert call("POST", "/v1/batch", {"operations": operations}, own).status_int == status
    for path in (ACME, f"{ACME}/quota"):
        answer = call("POST", "/v1/batch", {"operations": [{"method": "PUT", "path": path, "body": {}}]}, own)
        assert (answer.status_int, answer.json["code"], answer.json["needs"]) == (403, "forbidden", "admin")
    off = {"mac": "52:54:00:00:00:09", "spoof_guard": "off"}
    operations = [{"method": "PUT", "path": f"{ACME}/ports/x", "body": off}]
    assert call("POST", "/v1/batch", {"operations": operations}, own).json["code"] == "forbidden"
    assert call("PUT", f"{ACME}/ports/x?dry_run=true", off, own).json["code"] == "forbidden"


# -- once for each key


def test_a_request_with_a_key_is_done_once_and_answered_as_often_as_it_comes(call: Client) -> None:
    first = call("POST", f"{GROUPS}/web/rules", RULE, KEY)
    call("DELETE", f"{GROUPS}/web/rules/{first.json['key']}")
    again = call("POST", f"{GROUPS}/web/rules", RULE, {"Idempotency-Key": f'"{KEY["Idempotency-Key"]}"'})
    assert (again.status_int, again.json) == (201, first.json)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    for name in ("ETag", "Location", "X-Revision"):
        assert again.headers[name] == first.headers[name]
    assert len(call.get(f"{GROUPS}/web/rules").json["items"]) == 1
    assert len([entry for entry in audit(call) if entry["method"] == "POST"]) == 1


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", f"{GROUPS}/web/rules", {**RULE, "port_min": 444}),
        ("POST", f"{GROUPS}/base/rules", RULE),
        ("PUT", f"{GROUPS}/web/rules/x", RULE),
    ],
)
def test_a_key_is_for_one_request(call: Client, firewall: LocalFirewall, method: str, path: str, body: Any) -> None:
    call("POST", f"{GROUPS}/web/rules", RULE, KEY)
    with unchanged(firewall):
        answer = call(method, path, body, KEY)
    assert (answer.status_int, answer.json["code"]) == (422, "idempotency_key_reused")


def test_a_key_is_each_callers_own(call: Client) -> None:
    first = call("POST", f"{GROUPS}/web/rules", RULE, KEY)
    other = call("POST", f"{GROUPS}/web/rules", RULE, KEY | as_token(call, id="other", role="admin"))
    assert (first.status_int, other.status_int) == (201, 200)
    assert "Idempotent-Replayed" not in other.headers


def test_a_key_that_was_refused_is_free_again(call: Client) -> None:
    assert call("POST", f"{GROUPS}/none/rules", RULE, KEY).status_int == 404
    assert call("POST", f"{GROUPS}/web/rules", RULE, KEY).status_int == 201


def test_a_key_is_kept_for_a_day(call: Client, firewall: LocalFirewall) -> None:
    firewall.now = "2026-11-22T15:02:11.000Z"
    call("POST", f"{GROUPS}/web/rules", RULE, KEY)
    firewall.now = "2026-11-23T15:02:10.000Z"
    assert "Idempotent-Replayed" in call("POST", f"{GROUPS}/web/rules", RULE, KEY).headers
    firewall.now = "2026-11-23T15:02:12.000Z"
    answer = call("POST", f"{GROUPS}/web/rules", RULE, KEY)
    assert (answer.status_int, answer.headers.get("Idempotent-Replayed")) == (200, None)


def test_a_replay_can_wait(call: Client, firewall: LocalFirewall) -> None:
    first = call.put(f"{GROUPS}/new", Idempotency_Key=KEY["Idempotency-Key"])
    firewall.lagging = ["0000000000000001"]
    again = call.put(f"{GROUPS}/new?wait=2s", Idempotency_Key=KEY["Idempotency-Key"])
    assert (again.status_int, again.json["realized"]) == (202, False)
    assert firewall.waited == [(first.json["revision"], 2.0)]


def test_while_the_first_request_runs_the_second_is_told_so(call: Client, firewall: LocalFirewall) -> None:
    answers: list[Any] = []
    reply = firewall.reply

    def meanwhile(*asked: str) -> Any:
        if not answers:
            answers.append(None)
            answers[0] = call.put(f"{GROUPS}/new", Idempotency_Key=KEY["Idempotency-Key"])
        return reply(*asked)

    firewall.reply = meanwhile  # type: ignore[method-assign]
    assert call.put(f"{GROUPS}/new", Idempotency_Key=KEY["Idempotency-Key"]).status_int == 201
    assert (answers[0].status_int, answers[0].json["code"]) == (409, "idempotency_in_progress")
    assert answers[0].headers["Retry-After"] == "1"


@pytest.mark.parametrize("key", ["", "x" * 129, "two words", '"', "a\u00e9".encode().decode("latin-1")])
def test_a_key_is_some_printable_characters(call: Client, firewall: LocalFirewall, key: str) -> None:
    with unchanged(firewall):
        answer = call.put(f"{GROUPS}/new", {}, Idempotency_Key=key)
    assert (answer.status_int, answer.json["code"]) == (400, "invalid_idempotency_key")


def test_a_token_is_not_made_under_a_key_as_its_secret_would_be_kept(call: Client) -> None:
    answer = call("POST", "/v1/tokens", {"role": "operator"}, KEY)
    assert (answer.status_int, answer.json["code"]) == (400, "invalid_idempotency_key")


def test_a_delete_under_a_key_is_replayed_without_a_body(call: Client) -> None:
    assert call("DELETE", f"{GROUPS}/base", headers=KEY).status_int == 204
    again = call("DELETE", f"{GROUPS}/base", headers=KEY)
    assert (again.status_int, again.body) == (204, b"")


# -- what is done to switches


def test_what_is_done_to_switches_is_noted_though_it_changes_nothing_here(
    call: Client, firewall: LocalFirewall
) -> None:
    dpid = "0000000000000001"
    firewall.statuses[dpid] = SwitchStatus(dpid, connected=True, state="synced")
    firewall.drift = Drift()
    assert call("POST", f"/v1/switches/{dpid}:reconcile").status_int == 200
    assert call("DELETE", f"{ACME}/conntrack?all=true").status_int == 200
    entries = audit(call)[-2:]
    assert [(entry["method"], entry["path"], entry["changes"]) for entry in entries] == [
        ("POST", f"/v1/switches/{dpid}:reconcile", []),
        ("DELETE", f"{ACME}/conntrack", []),
    ]
    assert audit(call, "?tenant=acme")[-1]["path"] == f"{ACME}/conntrack"


def test_a_flush_is_tried_without_flushing(call: Client, firewall: LocalFirewall) -> None:
    dpid = "0000000000000001"
    firewall.statuses[dpid] = SwitchStatus(dpid, connected=True, state="synced")
    before = audit(call)
    answer = call("DELETE", f"{ACME}/conntrack?all=true&dry_run=true")
    zone = firewall.inventory.zone("acme")
    told = {"switch": dpid, "vlan": 0, "zone": zone, "ok": True, "how": "zone"}
    assert answer.json == {"dry_run": True, "flushed": [told], "complete": True}
    assert firewall.flushed == []
    assert audit(call) == before
    assert call("DELETE", f"{ACME}/conntrack?all=true").json == {"flushed": [told], "complete": True}
    assert firewall.flushed == [(dpid, zone, None)]


def test_what_is_done_to_switches_has_no_key(call: Client) -> None:
    answer = call("DELETE", f"{ACME}/conntrack?all=true", headers=KEY)
    assert (answer.status_int, answer.json["code"]) == (400, "invalid_idempotency_key")


def test_a_large_request_with_a_key_is_computed_beside_the_hub(call: Client, firewall: LocalFirewall) -> None:
    rules = [{**RULE, "key": f"r-{n}", "remote_cidr": f"10.0.{n}.0/24"} for n in range(200)]
    asides: list[Any] = []
    aside = firewall.aside
    firewall.aside = lambda *asked: asides.append(1) or aside(*asked)  # type: ignore[func-returns-value, method-assign]
    key = {"Idempotency_Key": KEY["Idempotency-Key"]}
    first = call.put(f"{GROUPS}/web/rules", rules, **key)
    again = call.put(f"{GROUPS}/web/rules", rules, **key)
    assert (first.status_int, first.json["changed"]["added"], asides) == (200, 200, [1])
    assert (again.json, again.headers["Idempotent-Replayed"]) == (first.json, "true")
    assert first.headers["X-Revision"] == again.headers["X-Revision"] == str(first.json["revision"])
    assert len([entry for entry in audit(call) if entry["path"] == f"{GROUPS}/web/rules"]) == 1
