"""/v1/tenants/{tenant}/reachability and /assertions."""

from __future__ import annotations

import csv
from io import StringIO
from xml.etree import ElementTree

import pytest

from tests.rest.local import Client, LocalFirewall, unchanged

TENANT = "/v1/tenants/acme"
MATRIX, ASSERTIONS = f"{TENANT}/reachability", f"{TENANT}/assertions"
MAC = "52:54:00:00:01:0"


@pytest.fixture
def acme(call: Client) -> Client:
    """vm1 in web, which takes ssh; db-1 and db-2 in db, which take PostgreSQL from web."""
    rule = {"key": "pg", "direction": "ingress", "protocol": "tcp", "port_min": 5432, "remote_group": "web"}
    monitoring = {
        "key": "mon",
        "direction": "ingress",
        "protocol": "tcp",
        "port_min": 9100,
        "remote_address_group": "mon",
    }
    assert call.put(f"{TENANT}/groups/db", {"rules": [rule, monitoring]}).status_int == 201
    for n in (1, 2):
        port = {"mac": f"{MAC}{n}", "addresses": [f"10.0.1.{n}"], "groups": ["db"]}
        assert call.put(f"{TENANT}/ports/db-{n}", port).status_int == 201
    return call


def test_the_matrix_by_group(acme: Client) -> None:
    answer = acme.get(MATRIX)
    assert answer.content_type == "application/json"
    assert (answer.json["rows"], answer.json["cols"]) == (["base", "db", "web"], ["base", "db", "web"])
    assert answer.json["cells"] == [["-", "-", "-"], ["-", "-", ["tcp/22"]], ["-", ["tcp/5432"], "-"]]
    assert answer.json["partial"] == []
    assert answer.json["revision"] == acme.firewall.inventory.revision


def test_the_matrix_by_port_with_the_networks_outside(acme: Client) -> None:
    found = acme.get(f"{MATRIX}?by=port&outside=true").json
    assert found["rows"] == ["db-1", "db-2", "vm1", "ip:0.0.0.0/0", "ip:10.9.0.0/28"]
    assert found["cols"] == ["db-1", "db-2", "vm1", "ip:0.0.0.0/0"]
    assert found["cells"][4] == [["tcp/9100"], ["tcp/9100"], ["tcp/22"], "-"]
    assert found["cells"][0][3] == "*"


def test_what_may_reach_one_port(acme: Client) -> None:
    found = acme.get(f"{MATRIX}?by=port&to=db-1&outside=true").json
    assert found["cols"] == ["db-1"]
    assert dict(zip(found["rows"], (line[0] for line in found["cells"]), strict=True))["vm1"] == ["tcp/5432"]
    some = acme.get(f"{MATRIX}?from=web&from=ip:10.9.0.1&to=port:db-2&proto=tcp&dport=9100").json
    assert (some["rows"], some["cells"]) == (["web", "ip:10.9.0.1/32"], [["-"], [["tcp/9100"]]])


def test_the_matrix_as_a_table(acme: Client) -> None:
    answer = acme.get(MATRIX, Accept="text/csv")
    assert answer.content_type == "text/csv"
    lines = list(csv.reader(StringIO(answer.text)))
    assert lines[0] == ["from \\ to", "base", "db", "web"]
    assert lines[3] == ["web", "-", "tcp/5432", "-"]


def test_the_matrix_as_a_picture(acme: Client) -> None:
    answer = acme.get(f"{MATRIX}?by=port", Accept="image/svg+xml")
    assert answer.content_type == "image/svg+xml"
    told = [title.text for title in ElementTree.fromstring(answer.body).iter("{http://www.w3.org/2000/svg}title")]
    assert "vm1 → db-1: tcp/5432" in told
    assert "db-1 → db-1: nothing" in told
    assert b"http" not in answer.body.replace(b"http://www.w3.org/2000/svg", b""), "nothing is loaded from elsewhere"


def test_a_large_tenant_is_worked_out_beside_the_hub(acme: Client) -> None:
    for n in range(30):
        port = {"mac": f"52:54:00:00:02:{n:02x}", "addresses": [f"10.0.2.{n + 1}"], "groups": ["web"]}
        assert acme.put(f"{TENANT}/ports/web-{n}", port).status_int == 201
    found = acme.get(f"{MATRIX}?by=port").json
    assert len(found["rows"]) == 33
    assert found["cells"][found["rows"].index("web-7")][found["cols"].index("db-1")] == ["tcp/5432"]


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ("by=host", "?by", "not_one_of"),
        ("dport=22", "?dport", "malformed"),
        ("proto=icmp&ethertype=IPv6", "?proto", "family_mismatch"),
        ("by=port&to=ip:10.0.0.1/8", "?to", "host_bits_set"),
        ("from=a b", "?from", "invalid_name"),
        ("form=web", "?form", "unknown_parameter"),
    ],
)
def test_wrong_questions(acme: Client, query: str, pointer: str, code: str) -> None:
    answer = acme.get(f"{MATRIX}?{query}".replace(" ", "%20"))
    assert answer.status_int == 400
    assert [(error["pointer"], error["code"]) for error in answer.json["errors"]] == [(pointer, code)]


@pytest.mark.parametrize("query", ["by=port&to=nobody", "to=nobody", "by=port&to=blue/vm9"])
def test_ends_that_are_not_there(acme: Client, query: str) -> None:
    assert acme.put("/v1/tenants/blue").status_int == 201
    port = {"mac": "52:54:00:00:09:01", "addresses": ["10.0.9.1"]}
    assert acme.put("/v1/tenants/blue/ports/vm9", port).status_int == 201
    answer = acme.get(f"{MATRIX}?{query}")
    assert (answer.status_int, answer.json["code"]) == (404, "not_found")


def test_too_many_ports(acme: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rest.resources.reachability.MOST_CELLS", 8)
    answer = acme.get(f"{MATRIX}?by=port")
    assert (answer.status_int, answer.json["code"], answer.json["hint"]) == (400, "too_many_ports", "by=group")
    assert acme.get(f"{MATRIX}?by=port&to=db-1").status_int == 200


# -- assertions

DENY = {"from": "group:web", "to": "group:db", "protocol": "tcp", "port": 22, "expect": "deny"}
ALLOW = {"from": "vm1", "to": "db-1", "protocol": "tcp", "port": 5432, "expect": "allow"}


def test_assertions_are_put_read_and_put_back(acme: Client) -> None:
    assert acme.get(ASSERTIONS).json == {"tenant": "acme", "items": [], "revision": 0}
    first = acme.put(ASSERTIONS, {"items": [DENY, ALLOW]})
    assert first.status_int == 201
    assert first.json["items"][0] == {**DENY, "ethertype": "any", "description": ""}
    again = acme.put(ASSERTIONS, acme.get(ASSERTIONS).json)
    assert (again.status_int, again.json) == (200, first.json)
    stale = acme.put(ASSERTIONS, {"items": []}, If_Match='"1"')
    assert (stale.status_int, stale.json["code"]) == (412, "etag_mismatch")


def test_assertions_are_run(acme: Client) -> None:
    moot = {"from": "nobody", "to": "db-1", "expect": "deny"}
    assert acme.put(ASSERTIONS, {"items": [DENY, ALLOW, moot]}).status_int == 201
    found = acme("POST", f"{ASSERTIONS}:run").json
    assert [found[name] for name in ("passed", "failed", "moot")] == [2, 0, 1]
    assert [item["result"] for item in found["items"]] == ["passed", "passed", "moot"]
    assert found["items"][2]["detail"] == "there is no port nobody"


def test_a_write_that_breaks_an_assertion_is_refused_with_the_rules_that_decide(acme: Client) -> None:
    assert acme.put(ASSERTIONS, {"items": [DENY, ALLOW]}).status_int == 201
    ssh = {"key": "ssh", "direction": "ingress", "protocol": "tcp", "port_min": 22}
    with unchanged(acme.firewall):
        for path in (f"{TENANT}/groups/db/rules", f"{TENANT}/groups/db/rules?dry_run=true"):
            answer = acme("POST", path, ssh)
            assert (answer.status_int, answer.json["code"], answer.json["count"]) == (422, "assertion_failed", 1)
            (broken,) = answer.json["assertions"]
            assert (broken["place"], broken["from"], broken["tenant"]) == (0, "group:web", "acme")
            reason = {"from": "vm1", "to": "db-1", "traffic": ["tcp/22"], "rules": ["default_egress", "db/ssh"]}
            assert broken["reasons"] == [reason]
        answer = acme.put(f"{TENANT}/groups/db/rules", [])
        assert answer.json["assertions"][0]["reasons"][0]["refused_by"] == "ingress of db-1"


def test_a_batch_is_judged_by_what_it_comes_to(acme: Client) -> None:
    assert acme.put(ASSERTIONS, {"items": [ALLOW]}).status_int == 201
    rule = {"direction": "ingress", "protocol": "tcp", "port_min": 5432, "remote_group": "web"}
    path = f"{TENANT}/groups/db/rules"
    remove = {"method": "DELETE", "path": f"{path}/pg"}
    add = {"method": "PUT", "path": f"{path}/postgres", "body": rule}
    assert acme("POST", "/v1/batch", {"operations": [remove, add]}).status_int == 200
    assert acme("POST", "/v1/batch", {"operations": [{**remove, "path": f"{path}/postgres"}]}).status_int == 422


def test_a_port_that_is_switched_off_or_goes_breaks_nothing(acme: Client) -> None:
    assert acme.put(ASSERTIONS, {"items": [ALLOW]}).status_int == 201
    assert acme("PATCH", f"{TENANT}/ports/db-1", {"enabled": False}, _merge()).status_int == 200
    assert acme("DELETE", f"{TENANT}/ports/db-1").status_int == 204


def _merge() -> dict[str, str]:
    return {"Content-Type": "application/merge-patch+json"}


def test_assertions_that_do_not_hold_are_not_taken(acme: Client) -> None:
    with unchanged(acme.firewall):
        answer = acme.put(ASSERTIONS, {"items": [{**ALLOW, "expect": "deny"}]})
    assert (answer.status_int, answer.json["code"]) == (422, "assertion_failed")


def test_every_wrong_assertion_is_told(acme: Client) -> None:
    items = [
        {"from": "blue/vm1", "to": "db-1", "expect": "deny"},
        {"from": "any", "to": "ip:10.0.0.0/8", "expect": "deny"},
        {"from": "any", "to": "db-1", "expect": "maybe", "dport": 22},
        {"from": "any", "to": "db-1", "protocol": "icmp", "port": 22, "expect": "deny"},
    ]
    answer = acme.put(ASSERTIONS, {"items": items})
    assert answer.status_int == 422
    assert [(error["pointer"], error["code"]) for error in answer.json["errors"]] == [
        ("#/items/0/from", "another_tenant"),
        ("#/items/1", "nobody_of_ours"),
        ("#/items/2/dport", "unknown_field"),
        ("#/items/2/expect", "not_one_of"),
        ("#/items/3", "ports_without_protocol"),
    ]


def test_assertions_are_in_the_account_of_what_a_write_does(acme: Client, firewall: LocalFirewall) -> None:
    answer = acme.put(f"{ASSERTIONS}?dry_run=true", {"items": [DENY]})
    assert answer.status_int == 200
    (change,) = answer.json["changes"]
    assert (change["op"], change["path"]) == ("add", "/tenants/acme/assertions")
    assert firewall.inventory.find("assertions", "acme") is None


def test_a_tenant_takes_its_assertions_along(acme: Client) -> None:
    assert acme.put(ASSERTIONS, {"items": [DENY]}).status_int == 201
    assert acme("DELETE", f"{TENANT}?cascade=true").status_int == 204
    assert acme.get(ASSERTIONS).status_int == 404
    assert acme.firewall.inventory.find("assertions", "acme") is None
