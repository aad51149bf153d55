"""Writes with a real switch and a real store: a dry run tells what then happens, and what is kept survives a kill."""

from __future__ import annotations

from typing import Any

import pytest

from tests.switch.site import DPID, Site

pytestmark = pytest.mark.switch
KEY = {"Idempotency-Key": "4b1f6a3e-9c1b-4f6e-8b63-0a3c6f0b7d11"}
RULE = {"key": "more", "direction": "ingress", "protocol": "tcp", "port_min": 8443}


def flows(site: Site) -> int:
    return int(site.controller.get(f"/v1/switches/{DPID}")["status"]["flows"])


def a_group(site: Site) -> str:
    """The path of a group that ports carry."""
    for tenant in site.controller.get("/v1/tenants?fields=name")["items"]:
        for group in site.controller.get(f"/v1/tenants/{tenant['name']}/groups")["items"]:
            if group["status"]["ports"]:
                return f"/v1/tenants/{tenant['name']}/groups/{group['name']}"
    raise AssertionError("no port is in a group")


def writes(site: Site) -> list[tuple[str, str, Any]]:
    path = a_group(site)
    tenant = path.partition("/groups")[0]
    port = site.controller.get(f"{tenant}/ports?limit=1")["items"][0]["id"]
    return [
        ("PUT", f"{path}/rules/more", RULE),
        ("DELETE", f"{path}/rules/more", None),
        ("PATCH", f"{tenant}/ports/{port}", {"enabled": False}),
        ("PUT", f"{path}", {"description": "no flow is of this"}),
    ]


def test_a_dry_run_tells_the_flows_that_then_come_and_go(site: Site) -> None:
    for method, path, body in writes(site):
        before, revision = flows(site), site.controller.ask("GET", "/version").headers["X-Revision"]
        tried = site.controller.ask(method, f"{path}?dry_run=true", body)
        assert tried.status == 200, tried.body
        assert (flows(site), site.controller.ask("GET", "/version").headers["X-Revision"]) == (before, revision)
        told = tried.body["flows"].get(DPID, {"added": 0, "removed": 0})
        real = site.controller.ask(method, f"{path}?wait=10s", body)
        assert real.status in (200, 201, 204), real.body
        assert flows(site) - before == told["added"] - told["removed"], path
        pushed = site.controller.get(f"/v1/switches/{DPID}")["status"]["last_push"]
        if told["added"]:
            assert pushed["flow_mods"] == told["added"] + told["removed"]


def test_what_was_answered_under_a_key_is_answered_again_after_a_kill(site: Site) -> None:
    path = a_group(site) + "/rules"
    first = site.controller.ask("POST", path, RULE, KEY)
    assert first.status == 201
    newest = site.controller.get("/v1/audit?order=newest&limit=1")["items"]
    site.controller.kill()
    site.controller.start()
    again = site.controller.ask("POST", path, RULE, KEY)
    assert (again.status, again.body, again.headers["Idempotent-Replayed"]) == (201, first.body, "true")
    assert site.controller.get("/v1/audit?order=newest&limit=1")["items"] == newest
    (change,) = newest[0]["changes"]
    assert (change["op"], change["path"]) == ("add", f"{path.removeprefix('/v1')}/more")
    assert (newest[0]["actor"], newest[0]["remote"], newest[0]["revision"]) == (
        "admin",
        "127.0.0.1",
        first.body["revision"],
    )
    site.controller.wait_connected()


def test_a_batch_is_on_the_switch_when_its_wait_is_over(site: Site) -> None:
    group = a_group(site)
    operations = [
        {
            "method": "PUT",
            "path": f"{group}/rules/batch-{n}",
            "body": {**RULE, "key": f"batch-{n}", "port_min": 20_000 + 2 * n},
        }
        for n in range(300)
    ]
    before = flows(site)
    answer = site.controller.ask("POST", "/v1/batch?wait=20s", {"operations": operations})
    assert (answer.status, answer.body["realized"]) == (200, True), str(answer.body)[:500]
    assert flows(site) >= before + 300
    assert [result["status"] for result in answer.body["results"]] == [201] * 300
    wrong = [*operations[:20], {"method": "DELETE", "path": group}]
    refused = site.controller.ask("POST", "/v1/batch", {"operations": wrong})
    assert (refused.status, refused.body["operation"]) == (409, 20)
