"""What each resource does when asked properly."""

from __future__ import annotations

from app.core.inventory import KINDS
from app.core.values import Switch
from app.service import SwitchStatus
from tests.rest.local import DPID, Client, LocalFirewall

TENANT = "/v1/tenants/acme"
RULES = f"{TENANT}/groups/web/rules"


def test_a_tenant_is_created_then_replaced_and_the_same_body_again_changes_nothing(firewall: LocalFirewall) -> None:
    call = Client(firewall)
    first = call.put(TENANT, {"description": "Acme"})
    assert (first.status_int, first.headers["ETag"], first.headers["Location"]) == (201, '"1"', TENANT)
    zone = firewall.zone("acme")
    zones = [{"vlan": 0, "zone": zone}]
    status = {"conntrack_zone": zone, "zones": zones, "ports": 0, "active_ports": 0}
    assert {name: first.json["status"][name] for name in status} == status
    second = call.put(TENANT, {"description": "Acme"})
    assert (second.status_int, second.json) == (200, first.json)
    third = call.put(TENANT, {"description": "other"})
    assert (third.status_int, third.json["revision"], third.json["description"]) == (200, 2, "other")


def test_what_get_answers_can_be_edited_and_put_back(call: Client) -> None:
    for path in (TENANT, f"{TENANT}/groups/web", f"{TENANT}/ports/vm1", f"{RULES}/ssh", f"{TENANT}/address-groups/mon"):
        answer = call.get(path)
        assert answer.headers["ETag"] == f'"{answer.json["revision"]}"'
        again, said = call.put(path, answer.json), answer.json
        # The switch is asked for these by GET only.
        said.get("status", {}).pop("drops", None)
        for zone in said.get("status", {}).get("zones", ()):
            zone.pop("connections", None)
        assert (again.status_int, again.json) == (200, said)


def test_what_a_waiting_put_answers_can_be_put_back(call: Client) -> None:
    answer = call.put(f"{TENANT}/ports/vm1?wait=1s", {"mac": "52:54:00:00:00:09"})
    assert answer.json["realized"] is True
    assert call.put(f"{TENANT}/ports/vm1", answer.json).json["revision"] == answer.json["revision"]


def test_tenants_are_filtered_by_name_and_label(call: Client) -> None:
    call.put("/v1/tenants/beta", {"labels": {"env": "test"}})
    for query, names in {"label=env": ["acme", "beta"], "label=env%3Dtest": ["beta"], "name=acme": ["acme"]}.items():
        assert [item["name"] for item in call.get(f"/v1/tenants?{query}").json["items"]] == names


def test_a_list_comes_in_pages_that_join_to_the_whole(call: Client) -> None:
    for n in range(25):
        call.put(f"{TENANT}/groups/g{n:02}")
    names, path = [], f"{TENANT}/groups?limit=10"
    while path:
        answer = call.get(path)
        assert len(answer.json["items"]) <= 10
        names += [item["name"] for item in answer.json["items"]]
        path = answer.json["next"]
        assert answer.headers.get("Link") == (f'<{path}>; rel="next"' if path else None)
    assert names == ["base", *(f"g{n:02}" for n in range(25)), "web"]


def test_a_long_list_lets_the_others_run(firewall: LocalFirewall) -> None:
    from rest.application import Limits

    pauses: list[None] = []
    call = Client(firewall, Limits(pause=lambda: pauses.append(None)))
    for n in range(350):
        call.put(f"/v1/tenants/t{n}")
    assert len(call.get("/v1/tenants?limit=1000").json["items"]) == 350
    assert len(pauses) == 3


def test_a_group_put_without_rules_keeps_them_and_with_an_empty_list_loses_them(call: Client) -> None:
    group = f"{TENANT}/groups/web"
    assert [r["key"] for r in call.put(group, {"description": "new"}).json["rules"]] == ["ssh"]
    assert call.put(group, {"rules": []}).json["rules"] == []
    assert call.get(group).json["status"] == {"ports": 1}


def test_a_merge_patch_changes_what_it_names(call: Client) -> None:
    merge = {"Content-Type": "application/merge-patch+json"}
    port = call("PATCH", f"{TENANT}/ports/vm1", {"labels": {"vm": "1"}, "binding": None}, merge).json
    assert (port["binding"], port["labels"], port["addresses"]) == (None, {"vm": "1"}, ["10.0.0.1"])
    assert (
        call("PATCH", f"{TENANT}/ports/vm1", {"binding": {"switch": "a", "ofport": 1}}).json["binding"]["ofport"] == 1
    )
    assert call("PATCH", f"{TENANT}/groups/web", {"rules": None}).json["rules"] == []
    assert call("PATCH", TENANT, {"labels": {"env": None}}).json["labels"] == {}
    assert call("PATCH", f"{TENANT}/ports/none", {}).status_int == 404


def test_deleting_a_tenant_with_its_things_needs_cascade(call: Client, firewall: LocalFirewall) -> None:
    refused = call("DELETE", TENANT)
    assert (refused.status_int, refused.json["code"]) == (409, "in_use")
    groups = {"group/acme/web", "group/acme/base", "address_group/acme/mon"}
    assert set(refused.json["referrers"]) == {*groups, "port/acme/vm1"}
    assert refused.json["count"] == 4
    gone = call("DELETE", f"{TENANT}?cascade=true")
    assert (gone.status_int, gone.body, "Content-Type" in gone.headers) == (204, b"", False)
    assert not [kind for kind in KINDS.values() if firewall.inventory.list(kind)]


def test_a_cascade_takes_along_groups_that_name_each_other(call: Client, firewall: LocalFirewall) -> None:
    for group, other in (("web", "base"), ("base", "web")):
        rules = [{"direction": "ingress", "remote_group": name} for name in (other, group)]
        rules.append({"direction": "ingress", "remote_address_group": "mon"})
        assert call.put(f"{TENANT}/groups/{group}/rules", rules).status_int == 200
    assert call("DELETE", f"{TENANT}?cascade=true&wait=1s").status_int == 204
    assert not [kind for kind in KINDS.values() if firewall.inventory.list(kind)]


def test_a_switch_is_known_by_connecting_or_by_being_configured(call: Client, firewall: LocalFirewall) -> None:
    firewall.statuses[DPID] = SwitchStatus(DPID, True, "synced", wanted_revision=4, applied_revision=4, flows=12)
    seen = call.get("/v1/switches/0x1").json
    assert (seen["dpid"], seen["revision"], seen["status"]["flows"], seen["uplinks"]) == (DPID, 0, 12, None)
    seen |= {"name": "host-1", "uplinks": ["eth*", "bond0"]}
    made = call.put("/v1/switches/00:00:00:00:00:00:00:01", seen)
    assert (made.status_int, made.json["uplinks"]) == (201, ["bond0", "eth*"])
    assert call.put("/v1/switches/00000000000000ff", {}).status_int == 201
    assert [s["dpid"][-2:] for s in call.get("/v1/switches").json["items"]] == ["01", "ff"]
    assert call.get("/v1/switches/host-1").json["status"]["connected"] is True
    assert call.put("/v1/switches/host-1", {"name": "host-1"}).json["uplinks"] is None
    doors = {"name": "host-1", "ovsdb": "tcp:[2001:DB8:0::1]:6640", "control_socket": ""}
    shown = call.put("/v1/switches/host-1", doors).json
    assert (shown["ovsdb"], shown["control_socket"]) == ("tcp:[2001:db8::1]:6640", "")
    left_to_the_setting = call("PATCH", "/v1/switches/host-1", {"ovsdb": None, "control_socket": None}).json
    assert (left_to_the_setting["ovsdb"], left_to_the_setting["control_socket"]) == (None, None)
    assert call("DELETE", "/v1/switches/host-1").status_int == 204
    assert call.get(f"/v1/switches/{DPID}").json["revision"] == 0


def test_a_write_waits_for_the_switches_only_if_asked_and_says_who_lags(call: Client, firewall: LocalFirewall) -> None:
    assert firewall.waited == []
    done = call.put(f"{TENANT}?wait=5s", {"description": "a"})
    assert (done.status_int, done.json["realized"], done.json["lagging"]) == (200, True, [])
    assert firewall.waited == [(firewall.inventory.revision, 5.0)]
    firewall.write(lambda inventory, now: inventory.put(Switch("0" * 15 + "3", "host-3"), now))
    firewall.lagging = ["0" * 15 + "3"]
    late = call.put(f"{TENANT}?wait=250ms", {"description": "b"})
    revision = late.json["revision"]
    assert (late.status_int, late.json["realized"], late.json["lagging"]) == (202, False, ["host-3"])
    assert (late.headers["Location"], late.headers["Retry-After"]) == (f"/v1/revisions/{revision}", "1")
    assert late.headers["X-Revision"] == str(revision)
    gone = call("DELETE", f"{TENANT}/ports/vm1?wait=1s")
    assert (gone.status_int, gone.json["realized"]) == (202, False)
    assert call.get(gone.headers["Location"] + "?wait=1s").status_int == 202
    firewall.lagging = []
    assert call("DELETE", f"{TENANT}/groups/base?wait=1s").status_int == 204


def test_a_revision_is_there_late_or_in_the_future(call: Client, firewall: LocalFirewall) -> None:
    firewall.statuses[DPID] = SwitchStatus(DPID, True, "synced", applied_revision=2)
    there = call.get("/v1/revisions/2")
    assert (there.status_int, there.json["realized"]) == (200, True)
    assert there.json["switches"][0]["applied_revision"] == 2
    for number in (str(firewall.inventory.revision + 1), "-1", "x", "9" * 30):
        assert call.get(f"/v1/revisions/{number}").status_int == 404


def test_health_is_open_and_readiness_says_what_is_missing(call: Client, firewall: LocalFirewall) -> None:
    assert call.get("/livez").text == "ok\n"
    assert call.get("/readyz").json == {"ready": True, "missing": {}}
    firewall.missing["store"] = "disk full"
    late = call.get("/readyz?verbose")
    assert (late.status_int, late.json["code"], late.json["missing"]) == (503, "starting", {"store": "disk full"})
    assert call.get("/version").json == {"ovswarden": "0.1.0"}


def test_head_is_get_without_a_body_and_json_is_pretty(call: Client) -> None:
    got, head = call.get(TENANT), call("HEAD", TENANT)
    assert (head.body, head.headers["Content-Length"]) == (b"", got.headers["Content-Length"])
    assert got.text.startswith('{\n  "name": "acme",\n')
    assert '\n  "labels": {"env": "prod"},\n' in got.text
    assert got.text.endswith("}\n")
