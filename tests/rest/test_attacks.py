"""What somebody with a token of one tenant tries: to learn of others, to get at their turn, to leave no room."""

from __future__ import annotations

from typing import Any

import pytest

from app.plans import KEPT, Plan, Plans
from app.records import Reply, Retention
from app.store.records import Records
from rest.access.sessions import OF_ONE, Sessions
from rest.config.reading import YAML, document_of
from rest.problems import Failure
from tests.rest.local import Client, _database


def made(call: Client, id: str, role: str, tenant: str | None = None) -> Client:
    body = {"id": id, "role": role} | ({"tenant": tenant} if tenant else {})
    answer = call("POST", "/v1/tokens", body)
    assert answer.status_int == 201, answer.text
    return call.bearing(answer.json["token"])


def bomb(levels: int) -> bytes:
    """A text of `levels` lines that merge keys make 10 ** levels members of."""
    lines = [f"a{n}: &a{n} {{<<: [{','.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, levels)]
    return ("a0: &a0 {k: 1}\n" + "".join(lines)).encode()


@pytest.mark.parametrize("text", [bomb(9), b"a: &a {k: 1}\nb: {<<: *a}"], ids=["bomb", "one"])
def test_merge_keys_are_refused_before_they_grow(text: bytes) -> None:
    with pytest.raises(Failure) as caught:
        document_of(text, YAML)
    assert (caught.value.status, caught.value.code) == (400, "invalid_yaml")
    assert "merge keys" in caught.value.detail


@pytest.mark.parametrize(
    "text", ["a: !!bool foo", "a: !!int abc", "a: !!timestamp abc", "!!map [a]", "a: !!float x", "? [1, {b: 2}]\n: 3",
             "a: 2001-13-41", "a: !!binary '!'"],
)  # fmt: skip
def test_no_tag_of_yaml_is_a_bug(call: Client, text: str) -> None:
    answer = call("POST", "/v1/config:plan", text.encode(), {"Content-Type": "application/yaml"})
    assert answer.status_int in (400, 422), answer.text


def test_a_trial_of_a_token_shows_no_secret(call: Client) -> None:
    answer = call("POST", "/v1/tokens?dry_run", {"id": "ci", "role": "operator"})
    assert answer.status_int == 200
    assert answer.json["result"]["id"] == "ci"
    assert "token" not in answer.json["result"]
    assert "ow_" not in answer.text


def test_a_token_made_again_for_another_tenant_gets_no_answer_of_the_first(call: Client) -> None:
    call.put("/v1/tenants/umbrella")
    key = {"Idempotency-Key": "k-1"}
    operation: dict[str, Any] = {"method": "PUT", "path": "/v1/tenants/acme/groups/secret", "body": {}}
    body = {"operations": [operation]}
    assert made(call, "ci", "tenant-admin", "acme")("POST", "/v1/batch", body, key).status_int == 200
    assert call("DELETE", "/v1/tokens/ci").status_int == 204
    answer = made(call, "ci", "tenant-admin", "umbrella")("POST", "/v1/batch", body, key)
    assert answer.status_int == 404
    assert "Idempotent-Replayed" not in answer.headers


def test_one_token_ends_only_its_own_sessions() -> None:
    sessions = Sessions()
    mine = sessions.begin("admin", 0.0)
    first, *others = [sessions.begin("noisy", 0.0) for _ in range(OF_ONE + 1)]
    assert sessions.digest(mine, 1.0) == "admin"
    assert sessions.digest(first, 1.0) is None
    assert all(sessions.digest(value, 1.0) for value in others)


def test_the_audit_log_is_not_searched_where_it_is_not_shown(call: Client) -> None:
    call.put("/v1/tenants/umbrella")
    paths = ("/v1/tenants/acme/groups/both", "/v1/tenants/umbrella/groups/secret", "/v1/guardrails/hidden")
    bodies: tuple[dict[str, Any], ...] = ({}, {}, {"priority": 1, "action": "deny", "direction": "ingress"})
    operations = [{"method": "PUT", "path": p, "body": b} for p, b in zip(paths, bodies, strict=True)]
    answer = call("POST", "/v1/batch", {"operations": operations})
    assert answer.status_int == 200, answer.text
    viewer = made(call, "eye", "viewer", "acme")
    found = {path: viewer.get(f"/v1/audit?path={path}").json["items"] for path in paths}
    assert [len(found[path]) for path in paths] == [1, 0, 0]
    assert [len(call.get(f"/v1/audit?path={path}").json["items"]) for path in paths] == [1, 1, 1]


@pytest.mark.parametrize("text", ["0000443", "65536", "00000000"])
def test_a_port_number_with_too_many_digits_is_not_another_one(call: Client, text: str) -> None:
    for method in ("GET", "DELETE"):
        answer = call(method, f"/v1/tenants/acme/conntrack?dport={text}")
        assert (answer.status_int, answer.json["code"]) == (400, "invalid_query")


def test_answers_without_a_body_are_counted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.store.records.REPLY_BYTES", 10 * 600)
    connection, records = _database(), Records(Retention())
    for n in range(50):
        records.write(connection, [Reply("token/a", f"k{n}", "f", "2026-11-22T15:02:11.000Z", 1, 204)])
    assert connection.execute("SELECT count(*) FROM reply").fetchone()[0] <= 12


def plan(id: str, tenant: str | None, size: int = 1) -> Plan:
    return Plan(id, tenant, b"x" * size, (), None, 1, "", 0, False, {})


@pytest.mark.parametrize(("many", "size"), [(KEPT * 2, 1), (6, 16 << 20)], ids=["number", "size"])
def test_one_tenants_plans_push_out_its_own(many: int, size: int) -> None:
    plans = Plans(clock=lambda: 0.0)
    plans.keep(plan("admins", None))
    for n in range(many):
        plans.keep(plan(f"noisy-{n}", "acme", size))
    assert plans.get("admins") is not None
    assert plans.get("noisy-0") is None
    assert plans.get(f"noisy-{many - 1}") is not None
