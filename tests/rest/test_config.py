"""One document for all that is wanted: exported, planned, carried out exactly as planned, pruned by owner."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ruamel import yaml
from webob import Response

from app.core.values import Guardrail, Switch, Tenant
from app.errors import AsideTooLong, TooManyFlows
from app.plans import KEPT
from rest.config import reading as config_reading
from tests.rest.local import Client, LocalFirewall, image

YAML = {"Content-Type": "application/yaml"}
REFERENCE = """
version: 1
owner: terraform-prod
tenants:
  shop:
    limits: {connections: 4000}
    address_groups: {monitoring: [10.9.0.0/28]}
    groups:
      api: {rules: {from-web: {in: tcp/8080, from: group:web}, mon: {in: tcp/9100, from: addr:monitoring}}}
      web: {rules: {https: {in: tcp/443, from: 0.0.0.0/0}}}
    ports:
      web-1:
        {switch: host-2, interface: tap4f1c9e02-7d, mac: "fa:16:3e:23:fd:d7", addresses: [10.20.0.11], groups: [web]}
      db-1: {mac: fa:16:3e:00:00:01, addresses: [10.20.0.12]}
    assertions:
      - {from: web-1, to: db-1, proto: tcp, dport: 5432, expect: deny}
"""


def plan(call: Client, document: Any, query: str = "") -> Response:
    if isinstance(document, str):
        return call("POST", f"/v1/config:plan{query}", document.encode(), YAML)
    return call("POST", f"/v1/config:plan{query}", document)


def apply(call: Client, document: Any, query: str = "") -> Response:
    if isinstance(document, str):
        return call("POST", f"/v1/config:apply{query}", document.encode(), YAML)
    return call("POST", f"/v1/config:apply{query}", document)


def carried_out(call: Client, planned: Response, query: str = "") -> Response:
    return apply(call, {"plan_id": planned.json["plan_id"]}, query)


def paths(answer: Response) -> dict[str, str]:
    return {change["path"]: change["op"] for change in answer.json["changes"]}


def kept(firewall: LocalFirewall) -> Any:
    """The inventory but for its journal's own traces."""
    return image(firewall.inventory)


# -- the whole way


def test_the_example_of_the_reference_is_planned_carried_out_and_then_changes_nothing(
    call: Client, firewall: LocalFirewall
) -> None:
    before = kept(firewall)
    planned = plan(call, REFERENCE)
    assert planned.status_int == 200, planned.text
    assert kept(firewall) == before
    assert planned.json["summary"] == {"add": 10, "change": 0, "delete": 0}
    assert paths(planned)["/tenants/shop/groups/api/rules/from-web"] == "add"
    assert planned.json["assertions"] == {"passed": 1, "failed": 0, "moot": 0, "failures": []}
    done = carried_out(call, planned)
    assert (done.status_int, done.json["summary"]) == (200, planned.json["summary"])
    rule = call.get("/v1/tenants/shop/groups/api/rules/from-web").json
    assert (rule["direction"], rule["protocol"], rule["port_min"], rule["remote_group"]) == (
        "ingress",
        "tcp",
        8080,
        "web",
    )
    port = call.get("/v1/tenants/shop/ports/web-1").json
    assert (port["binding"], port["owner"]) == ({"switch": "host-2", "interface": "tap4f1c9e02-7d"}, "terraform-prod")
    again = plan(call, REFERENCE)
    assert (again.json["changes"], again.json["summary"]) == ([], {"add": 0, "change": 0, "delete": 0})
    assert again.json["base_revision"] == done.json["revision"]


@pytest.mark.parametrize("media", ["application/json", "application/yaml"])
@pytest.mark.parametrize("query", ["", "?tenant=shop", "?owner=terraform-prod"])
def test_what_is_exported_changes_nothing_when_it_comes_back(
    call: Client, firewall: LocalFirewall, media: str, query: str
) -> None:
    apply(call, REFERENCE)
    firewall.write(lambda inventory, now: inventory.put(Switch("0000000000000001", "host-1", ("eth0",)), now))
    firewall.write(
        lambda inventory, now: inventory.put(Guardrail("no-telnet", 10, "deny", "ingress", "IPv4", 6, (23, 23)), now)
    )
    exported = call.get(f"/v1/config{query}", Accept=media)
    assert (exported.status_int, exported.content_type) == (200, media)
    planned = call("POST", "/v1/config:plan", exported.body, {"Content-Type": media})
    assert planned.status_int == 200, planned.text
    assert planned.json["changes"] == []


def test_an_export_makes_the_same_elsewhere(call: Client, firewall: LocalFirewall) -> None:
    apply(call, REFERENCE)
    exported = call.get("/v1/config").json
    elsewhere = Client(LocalFirewall())
    assert apply(elsewhere, exported).status_int == 200
    assert elsewhere.get("/v1/config").json == exported


def test_yaml_and_json_say_the_same(call: Client) -> None:
    apply(call, REFERENCE)
    text = call.get("/v1/config", Accept="application/yaml").body
    assert yaml.YAML(typ="safe", pure=True).load(text) == call.get("/v1/config").json


def test_texts_that_yaml_would_take_for_something_else_are_quoted(call: Client) -> None:
    words = {"a": "off", "b": "1e3", "c": "null", "d": "- x", "e": "10:20", "f": "č # ü", "g": "2026-01-01", "h": " x"}
    call.put("/v1/tenants/acme", {"labels": words})
    text = call.get("/v1/config?tenant=acme", Accept="application/yaml").body
    assert yaml.YAML(typ="safe", pure=True).load(text)["tenants"]["acme"]["labels"] == words


# -- plans


def test_a_plan_is_stale_when_its_tenant_has_changed_and_not_for_anothers_sake(call: Client) -> None:
    first, second = plan(call, REFERENCE), plan(call, REFERENCE)
    call.put("/v1/tenants/other")
    assert carried_out(call, first).status_int == 200
    stale = carried_out(call, second)
    assert (stale.status_int, stale.json["code"]) == (409, "stale_plan")
    assert stale.json["current"] > stale.json["planned_revision"]


@pytest.mark.parametrize("change", ["PUT", "DELETE", "assertions"])
def test_whatever_changes_in_a_tenant_makes_its_plans_stale(call: Client, change: str) -> None:
    apply(call, REFERENCE)
    planned = plan(call, {"version": 1, "tenants": {"shop": {"description": "new"}}})
    if change == "PUT":
        call.put("/v1/tenants/shop/groups/more")
    elif change == "assertions":
        assert call("PUT", "/v1/tenants/shop/assertions", {"items": []}).status_int == 200
    else:
        call("DELETE", "/v1/tenants/shop/ports/db-1")
    assert carried_out(call, planned).json["code"] == "stale_plan"


def test_a_plan_is_known_for_ten_minutes(call: Client, firewall: LocalFirewall) -> None:
    clock = [0.0]
    firewall.plans._clock = lambda: clock[0]
    planned = plan(call, REFERENCE)
    clock[0] = 599
    assert firewall.plans.get(planned.json["plan_id"])
    clock[0] = 600
    gone = carried_out(call, planned)
    assert (gone.status_int, gone.json["code"], gone.json["kind"]) == (404, "not_found", "plan")


def test_the_oldest_plan_makes_room(call: Client, firewall: LocalFirewall) -> None:
    ids = [plan(call, {"version": 1}).json["plan_id"] for _ in range(3)]
    found = firewall.plans.get(ids[0])
    assert found is not None
    for n in range(KEPT):
        firewall.plans.keep(type(found)(**{name: getattr(found, name) for name in found.__slots__} | {"id": f"x{n}"}))
    assert [firewall.plans.get(id) for id in ids] == [None] * 3


def test_only_what_differs_is_told_each_rule_by_itself(call: Client) -> None:
    apply(call, REFERENCE)
    more = REFERENCE.replace("https: {in: tcp/443, from: 0.0.0.0/0}", "https: {in: tcp/443}, ping: {in: icmp/8}")
    planned = plan(call, more)
    assert paths(planned) == {
        "/tenants/shop/groups/web/rules/https": "change",
        "/tenants/shop/groups/web/rules/ping": "add",
    }
    assert planned.json["reachability"]
    assert {"from", "to", "protocol", "before", "after"} <= planned.json["reachability"][0].keys()


def test_a_plan_tells_the_assertions_that_would_fail_and_carrying_it_out_is_refused(call: Client) -> None:
    apply(call, REFERENCE)
    text = REFERENCE.replace("addresses: [10.20.0.12]}", "addresses: [10.20.0.12], groups: [open]}")
    planned = plan(
        call, text.replace("groups:\n      api", "groups:\n      open: {rules: {all: {in: any}}}\n      api")
    )
    assert planned.status_int == 200, planned.text
    assert planned.json["assertions"]["failed"] == 1
    assert planned.json["assertions"]["failures"][0]["tenant"] == "shop"
    refused = carried_out(call, planned)
    assert (refused.status_int, refused.json["code"]) == (422, "assertion_failed")


def test_a_dry_run_of_apply_changes_nothing_and_tells_the_changes(call: Client, firewall: LocalFirewall) -> None:
    before = kept(firewall)
    tried = apply(call, REFERENCE, "?dry_run=true")
    assert (tried.status_int, tried.json["dry_run"], len(tried.json["changes"])) == (200, True, 10)
    assert kept(firewall) == before
    planned = plan(call, REFERENCE)
    assert len(carried_out(call, planned, "?dry_run=true").json["changes"]) == 10
    assert kept(firewall) == before


# -- what goes


def test_pruning_deletes_what_the_owner_declared_before_and_nothing_else(call: Client) -> None:
    apply(call, REFERENCE)
    call.put("/v1/tenants/shop/groups/mine")
    shorter = {
        "version": 1,
        "owner": "terraform-prod",
        "tenants": {"shop": {"groups": {"web": {"rules": {}}}, "assertions": []}},
    }
    assert paths(plan(call, shorter)) == {
        "/tenants/shop/groups/web/rules/https": "delete",
        "/tenants/shop/assertions": "change",
    }
    done = apply(call, shorter, "?prune=owned")
    assert done.json["summary"] == {"add": 0, "change": 1, "delete": 7}
    names = [group["name"] for group in call.get("/v1/tenants/shop/groups").json["items"]]
    assert names == ["mine", "web"]
    assert call.get("/v1/tenants/shop/ports").json["items"] == []


def test_pruning_all_takes_whatever_is_not_declared(call: Client, firewall: LocalFirewall) -> None:
    firewall.write(lambda inventory, now: inventory.put(Switch("0000000000000001", "host-1"), now))
    document = {"version": 1, "tenants": {"acme": {"groups": {"web": {}}}}}
    planned = plan(call, document, "?prune=all")
    assert planned.json["needs_confirm_deletes"] is None
    assert carried_out(call, planned).status_int == 200
    assert list(call.get("/v1/config").json["tenants"]["acme"]["groups"]) == ["web"]
    assert firewall.inventory.find("switch", "0000000000000001")


@pytest.mark.parametrize("document", [{"version": 1}, {"version": 1, "tenants": {"acme": {}}}])
def test_what_would_delete_everything_has_to_be_confirmed_with_the_number(
    call: Client, firewall: LocalFirewall, document: Any
) -> None:
    before = kept(firewall)
    asked = apply(call, document, "?prune=all")
    assert (asked.status_int, asked.json["code"]) == (422, "confirm_required")
    count = asked.json["would_delete"]
    assert apply(call, document, f"?prune=all&confirm_deletes={count - 1}").status_int == 422
    planned = plan(call, document, "?prune=all")
    assert planned.json["needs_confirm_deletes"] == count
    assert carried_out(call, planned).json["code"] == "confirm_required"
    assert kept(firewall) == before
    assert carried_out(call, planned, f"?confirm_deletes={count}").status_int == 200
    assert firewall.inventory.list("port") == []


def test_pruning_needs_to_know_whose(call: Client) -> None:
    refused = plan(call, {"version": 1}, "?prune=owned")
    assert [(e["pointer"], e["code"]) for e in refused.json["errors"]] == [("#/owner", "missing_field")]


def test_what_others_still_need_is_not_pruned(call: Client, firewall: LocalFirewall) -> None:
    apply(call, REFERENCE)
    call.put("/v1/tenants/shop/groups/mine", {"rules": [{"direction": "ingress", "remote_group": "web"}]})
    refused = apply(call, {"version": 1, "owner": "terraform-prod"}, "?prune=owned&confirm_deletes=6")
    assert (refused.status_int, refused.json["code"]) == (409, "in_use")


# -- what stands in each other's way


def test_ports_swap_what_only_one_can_have(call: Client, firewall: LocalFirewall) -> None:
    apply(call, REFERENCE)
    zone, created = firewall.zone("shop"), call.get("/v1/tenants/shop/ports/web-1").json["created_at"]
    swapped = REFERENCE.replace("fa:16:3e:23:fd:d7", "X").replace("fa:16:3e:00:00:01", '"fa:16:3e:23:fd:d7"')
    swapped = (
        swapped.replace('"X"', '"fa:16:3e:00:00:01"').replace("10.20.0.11", "Y").replace("10.20.0.12", "10.20.0.11")
    )
    swapped = swapped.replace("Y", "10.20.0.12")
    done = apply(call, swapped)
    assert (done.status_int, done.json["summary"]) == (200, {"add": 0, "change": 2, "delete": 0})
    port = call.get("/v1/tenants/shop/ports/web-1").json
    assert (port["mac"], port["addresses"], port["created_at"]) == ("fa:16:3e:00:00:01", ["10.20.0.12"], created)
    assert firewall.zone("shop") == zone


def test_all_ports_are_replaced_by_others_with_their_addresses_and_the_zones_stay(
    call: Client, firewall: LocalFirewall
) -> None:
    def document(name: str) -> dict[str, Any]:
        port = {"mac": "52:54:00:00:00:09", "addresses": ["10.0.0.9"], "switch": "s", "interface": "x", "vlan": 7}
        return {"version": 1, "owner": "tf", "tenants": {"acme": {"ports": {name: port}}}}

    apply(call, document("old"))
    zones = firewall.inventory.zones("acme")
    done = apply(call, document("new"), "?prune=owned&confirm_deletes=1")
    assert (done.status_int, done.json["summary"]) == (200, {"add": 1, "change": 0, "delete": 1})
    assert firewall.inventory.zones("acme") == zones
    assert [vlan for vlan, _ in zones] == [0, 7]


def test_guardrails_swap_their_priorities_and_groups_name_each_other_in_a_circle(call: Client) -> None:
    rails = {
        "a": {"priority": 1, "action": "deny", "direction": "ingress"},
        "b": {"priority": 2, "action": "deny", "direction": "egress"},
    }
    circle = {
        "x": {"rules": {"r": {"in": "any", "from": "group:y"}}},
        "y": {"rules": {"r": {"in": "any", "from": "group:x"}}},
    }
    document = {"version": 1, "guardrails": rails, "tenants": {"acme": {"groups": circle}}}
    assert apply(call, document).status_int == 200
    rails["a"]["priority"], rails["b"]["priority"] = 2, 1
    assert apply(call, document).json["summary"] == {"add": 0, "change": 2, "delete": 0}
    for one in circle.values():
        one["rules"] = {}
    assert apply(call, {"version": 1, "tenants": {"acme": {"groups": {"x": {"rules": {}}}}}}).status_int == 200


def test_a_quota_counts_what_there_is_in_the_end(call: Client) -> None:
    apply(call, REFERENCE)
    call.put("/v1/tenants/shop/quota", {"ports": 2})
    other = REFERENCE.replace("db-1:", "db-2:").replace("to: db-1", "to: db-2").replace("00:00:01", "00:00:02")
    assert apply(call, other.replace("10.20.0.12", "10.20.0.13")).json["code"] == "quota_exceeded"
    assert apply(call, other.replace("10.20.0.12", "10.20.0.13"), "?prune=owned").status_int == 200


# -- what is wrong


WRONG: list[tuple[str, list[tuple[str, str]]]] = [
    ("[]", [("#", "wrong_type")]),
    ("{}", [("#/version", "missing_field")]),
    ("{version: 2}", [("#/version", "not_one_of")]),
    ("{version: 1, tenant: {}}", [("#/tenant", "unknown_field")]),
    ("{version: 1, owner: No!}", [("#/owner", "invalid_name")]),
    ("{version: 1, tenants: []}", [("#/tenants", "wrong_type")]),
    ("{version: 1, tenants: {1: {}, ACME: {}}}", [("#/tenants/1", "wrong_type"), ("#/tenants/ACME", "invalid_name")]),
    ("{version: 1, tenants: {acme: {group: {}}}}", [("#/tenants/acme/group", "unknown_field")]),
    ("{version: 1, tenants: {acme: {quota: {ports: -1}}}}", [("#/tenants/acme/quota/ports", "out_of_range")]),
    ("{version: 1, tenants: {acme: {ports: {p: {}}}}}", [("#/tenants/acme/ports/p/mac", "missing_field")]),
    ("{version: 1, switches: {0000000000000001: {}}}", [("#/switches/1", "wrong_type")]),
    (
        "{version: 1, tenants: {acme: {ports: {p: {mac: 52:54:00:00:00:02, revision: 3, groups: [web, nix]}}}}}",
        [("#/tenants/acme/ports/p/revision", "unknown_field")],
    ),
    (
        "{version: 1, tenants: {acme: {ports: {p: {mac: 52:54:00:00:00:02, groups: [web, nix], ofport: 3, switch: s}}}}}",  # noqa: E501
        [("#/tenants/acme/ports/p/groups/1", "unknown_group")],
    ),
    (
        "{version: 1, tenants: {acme: {ports: {p: {mac: 52:54:00:00:00:02, switch: s}}}}}",
        [("#/tenants/acme/ports/p/binding", "invalid_binding")],
    ),
    (
        "{version: 1, tenants: {acme: {address_groups: {a: [10.0.0.0/8, 10.0.0.1/8]}}}}",
        [("#/tenants/acme/address_groups/a/1", "host_bits_set")],
    ),
    (
        "{version: 1, tenants: {acme: {assertions: [{from: any, to: any, dport: 3, expect: deny}]}}}",
        [("#/tenants/acme/assertions/0", "ports_without_protocol")],
    ),
]
RULES: list[tuple[str, list[tuple[str, str]]]] = [
    ("{in: tcp/80-70}", [("/in", "range_reversed")]),
    ("{in: tcp/x}", [("/in", "malformed")]),
    ("{in: nix}", [("/in", "unknown_protocol")]),
    ("{in: tcp/80, from: 10.0.0.1/8}", [("/from", "host_bits_set")]),
    ("{in: tcp/80, from: group:nix}", [("/from", "unknown_group")]),
    ("{in: tcp/80, from: addr:nix}", [("/from", "unknown_address_group")]),
    ("{in: tcp/80, to: any}", [("/to", "contradiction")]),
    ("{in: tcp/80, out: tcp/80}", [("/out", "contradiction")]),
    ("{from: any}", [("", "missing_field"), ("/direction", "missing_field")]),
    ("{in: tcp/80, protocol: tcp}", [("/protocol", "contradiction")]),
    ("{in: icmp/300}", [("/in", "out_of_range")]),
    ("{in: any, key: other}", [("/key", "path_mismatch")]),
    ("{direction: ingress, port_min: 80}", [("/port_min", "ports_without_protocol")]),
    ("{direction: ingress, prt: 80}", [("/prt", "unknown_field")]),
]
HEAD = "#/tenants/acme/groups/g/rules/r"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *WRONG,
        *(
            (f"{{version: 1, tenants: {{acme: {{groups: {{g: {{rules: {{a: {{in: any}}, r: {rule}}}}}}}}}}}}}",
             [(HEAD + place, code) for place, code in found])
            for rule, found in RULES
        ),
    ],
)  # fmt: skip
def test_every_problem_is_told_at_the_place_where_it_was_written(
    call: Client, firewall: LocalFirewall, text: str, expected: list[tuple[str, str]]
) -> None:
    before = kept(firewall)
    for refused in (plan(call, text), apply(call, text)):
        assert (refused.status_int, refused.json["code"]) == (422, "invalid_body")
        assert [(error["pointer"], error["code"]) for error in refused.json["errors"]] == expected
    assert kept(firewall) == before


def test_problems_of_many_things_are_told_at_once(call: Client) -> None:
    ports = {f"p{n}": {"mac": f"52:54:00:00:01:{n:02x}", "groups": ["nix"]} for n in range(5)}
    refused = plan(call, {"version": 1, "tenants": {"acme": {"ports": ports}}})
    assert [e["pointer"] for e in refused.json["errors"]] == [f"#/tenants/acme/ports/p{n}/groups/0" for n in range(5)]


def test_what_another_has_is_a_conflict(call: Client) -> None:
    port = {"mac": "52:54:00:00:00:09", "switch": "s", "interface": "x"}
    refused = plan(call, {"version": 1, "tenants": {"acme": {"ports": {"p1": port, "p2": port}}}})
    assert (refused.status_int, refused.json["code"]) == (409, "binding_conflict")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [", 1),
        ("version: 1\nversion: 1", 2),
        ("a: b: c", 1),
        ("\x00", 1),
        ("a: &x [*x]", 1),
        ("!!python/object:os.x {}", 1),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_line(call: Client, text: str, line: int) -> None:
    refused = plan(call, text)
    assert (refused.status_int, refused.json["code"]) in ((400, "invalid_yaml"), (422, "invalid_body"))
    assert refused.json.get("line", line) == line


def test_a_small_text_that_stands_for_a_huge_one_is_refused(call: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_reading, "VALUES_MAX", 10_000)
    lines = ["a: &a [1]"] + [
        f"{name}: &{name} [{','.join([f'*{before}'] * 30)}]" for before, name in zip("abcdefg", "bcdefgh", strict=True)
    ]
    refused = plan(call, "\n".join(lines))
    assert (refused.status_int, refused.json["code"]) == (413, "too_large")


def test_other_media_and_longer_bodies_are_refused(call: Client) -> None:
    assert call("POST", "/v1/config:plan", b"x", {"Content-Type": "text/plain"}).status_int == 415
    assert call.get("/v1/config", Accept="text/csv").status_int == 406
    large = json.dumps({"version": 1, "tenants": {"acme": {"description": "x" * (2 << 20)}}}).encode()
    assert plan(call, json.loads(large)).json["code"] == "invalid_body"  # read, and found too long in its place
    assert call("POST", "/v1/config:plan", b" " * ((16 << 20) + 1)).json["limit_bytes"] == 16 << 20


def test_so_many_are_computed_at_once_and_no_more(call: Client, firewall: LocalFirewall) -> None:
    firewall.plans.busy[None] = 4
    assert plan(call, REFERENCE).json["code"] == "overloaded"
    firewall.plans.busy[None] = 3
    assert plan(call, REFERENCE).status_int == 200
    assert firewall.plans.busy.total() == 3


def test_a_tenant_that_says_nothing_of_its_limits_keeps_them(call: Client) -> None:
    call.put("/v1/tenants/acme", {"description": "d", "limits": {"connections": 5}, "labels": {"a": "b"}})
    apply(call, {"version": 1, "tenants": {"acme": {"labels": None, "groups": {"web": {"description": "w"}}}}})
    tenant = call.get("/v1/tenants/acme").json
    assert (tenant["description"], tenant["limits"], tenant["labels"]) == ("d", {"connections": 5}, {})


def test_tenants_are_made_with_now(call: Client, firewall: LocalFirewall) -> None:
    apply(call, {"version": 1, "tenants": {"new": None}})
    assert firewall.inventory.get("tenant", "new").value == Tenant("new")


def test_a_plan_is_also_told_in_lines(call: Client) -> None:
    apply(call, REFERENCE)
    less = REFERENCE.replace("https: {in: tcp/443, from: 0.0.0.0/0}", "https: {in: tcp/444}").replace("4000", "5000")
    told = call("POST", "/v1/config:plan?prune=owned", less.encode(), {**YAML, "Accept": "text/plain"})
    assert told.content_type == "text/plain"
    lines = told.text.splitlines()
    assert "~ /tenants/shop/groups/web/rules/https" in lines
    assert "    port_min: 443 -> 444" in lines
    assert "0 to add, 2 to change, 0 to delete" in lines
    planned = next(line.removeprefix("plan_id: ") for line in lines if line.startswith("plan_id: "))
    assert apply(call, {"plan_id": planned}).status_int == 200


def test_too_many_flows_are_a_conflict(call: Client, firewall: LocalFirewall, monkeypatch: pytest.MonkeyPatch) -> None:
    switches = [{"switch": "0000000000000001", "now": 5, "after": 11, "limit": 10}]

    def refuse(*_: Any, **__: Any) -> None:
        raise TooManyFlows(switches)

    monkeypatch.setattr(firewall, "preview", refuse)
    refused = plan(call, REFERENCE)
    assert (refused.status_int, refused.json["code"], refused.json["switches"]) == (409, "too_many_flows", switches)


def test_what_takes_too_long_is_told_so(call: Client, firewall: LocalFirewall, monkeypatch: pytest.MonkeyPatch) -> None:
    def dawdle(*_: Any, **__: Any) -> None:
        raise AsideTooLong

    monkeypatch.setattr(firewall, "preview", dawdle)
    assert plan(call, REFERENCE).json["code"] == "too_large"  # YAML: JSON would do
    late = plan(call, {"version": 1})
    assert (late.status_int, late.json["code"], late.headers["Retry-After"]) == (503, "overloaded", "1")
