"""Roles: every route, asked by everybody, in their own tenant and in another one."""

from __future__ import annotations

import re
from typing import Any

import pytest
from webob import Response

from rest.caller import MAY, ROLES, Caller
from rest.routes import ROUTES, Route
from tests.rest.local import Client, LocalFirewall, unchanged

TENANTS_OWN = ("tenant-admin", "viewer")
# Names for keys in paths; `Route.path` has converters such as <path:name>.
NAMES = {"tenant": "acme", "port": "vm1", "group": "web", "rule": "ssh", "switch": "host-1", "revision": "1"}


@pytest.fixture
def people(call: Client) -> dict[str, Client]:
    """A client for each role; those of a tenant are acme's."""
    call.put("/v1/tenants/rival", {"description": "somebody else"})
    port = {
        "mac": "52:54:00:00:00:99",
        "addresses": ["10.0.0.99"],
        "binding": {"switch": "host-1", "interface": "tap9"},
    }
    assert call.put("/v1/tenants/rival/ports/theirs", port).status_int == 201
    people = {role: call.bearing(token(call, role)) for role in ROLES}
    for each in people.values():
        assert each.get("/v1/whoami").status_int == 200  # the first use of a token is kept
    return people


def token(call: Client, role: str, **members: Any) -> str:
    tenant = {"tenant": "acme"} if role in TENANTS_OWN else {}
    made = call("POST", "/v1/tokens", {"id": f"a-{role}", "role": role, **tenant, **members})
    assert made.status_int == 201, made.text
    return str(made.json["token"])


def path_of(route: Route, **names: str) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda match: {**NAMES, **names}.get(match[1], "none"), route.path)


def ask(client: Client, route: Route, path: str) -> Response:
    """With a body that nobody accepts, so that whoever is let through changes nothing."""
    return client(route.method, path, [] if route.method in ("PUT", "POST", "PATCH") else None)


SCOPED = [route for route in ROUTES if "<tenant>" in route.path]
ids = {"ids": lambda route: f"{route.method} {route.path}"}


def test_every_route_says_who_may_and_nothing_is_open_by_mistake() -> None:
    assert all(route.needs in MAY for route in ROUTES)
    open_paths = {route.path for route in ROUTES if route.needs == "none"}
    assert {path for path in open_paths if not path.startswith(("/ui", "/docs", "/problems"))} <= {
        "/livez",
        "/readyz",
        "/openapi.json",
    }
    for route in SCOPED:
        assert route.needs in (
            ("viewer",) if route.method == "GET" else ("viewer", "tenant-admin", "operator", "admin")
        )


@pytest.mark.parametrize("route", [route for route in ROUTES if route.needs != "none"], **ids)
def test_a_role_that_is_too_weak_is_told_which_would_do(route: Route, people: dict[str, Client]) -> None:
    with unchanged(people["admin"].firewall):
        for role in [role for role in ROLES if role not in MAY[route.needs]]:
            answer = ask(people[role], route, path_of(route))
            assert (answer.status_int, answer.json["code"], answer.json["needs"]) == (403, "forbidden", route.needs)


@pytest.mark.parametrize("route", SCOPED, **ids)
def test_another_tenants_things_are_absent_word_for_word(route: Route, people: dict[str, Client]) -> None:
    for role in TENANTS_OWN:
        there, absent = (ask(people[role], route, path_of(route, tenant=name)) for name in ("rival", "nobody"))
        assert there.status_int == 404
        assert there.json["code"] == "not_found"
        differing = {"request_id", "instance"}
        assert {k: v for k, v in there.json.items() if k not in differing} == {
            k: v.replace("nobody", "rival") if isinstance(v, str) else v
            for k, v in absent.json.items()
            if k not in differing
        }
        assert sorted(there.headers) == sorted(absent.headers)


def test_a_list_of_tenants_shows_each_its_own(people: dict[str, Client]) -> None:
    names = {role: [t["name"] for t in people[role].get("/v1/tenants").json["items"]] for role in MAY["viewer"]}
    assert names == {
        "viewer": ["acme"],
        "tenant-admin": ["acme"],
        "operator": ["acme", "rival"],
        "admin": ["acme", "rival"],
    }


def test_each_role_does_what_it_is_for(people: dict[str, Client]) -> None:
    group = {"rules": [{"key": "all", "direction": "egress"}]}
    assert people["tenant-admin"].put("/v1/tenants/acme/groups/mine", group).status_int == 201
    assert people["tenant-admin"]("DELETE", "/v1/tenants/acme/groups/mine").status_int == 204
    assert people["viewer"].get("/v1/tenants/acme/ports/vm1").status_int == 200
    assert people["operator"].get("/v1/tenants/rival/ports/theirs").status_int == 200
    assert people["operator"].get("/v1/switches").status_int == 200
    assert people["operator"]("POST", "/v1/switches/0000000000000001:reconcile").json["code"] == "switch_not_connected"
    assert people["admin"].put("/v1/tenants/third").status_int == 201


PORT = "/v1/tenants/acme/ports/vm1"


@pytest.mark.parametrize(
    ("change", "what"),
    [({"spoof_guard": "off"}, "spoof_guard: off"), ({"dhcp_server": True}, "dhcp_server")],
)
def test_what_frees_a_port_of_its_guard_is_an_admins_to_give(
    change: dict[str, Any], what: str, people: dict[str, Client], firewall: LocalFirewall
) -> None:
    mine = people["tenant-admin"]
    with unchanged(firewall):
        refused = mine("PATCH", PORT, change)
        assert (refused.status_int, refused.json["needs"]) == (403, "admin")
        assert what in refused.json["detail"]
        whole = {k: v for k, v in mine.get(PORT).json.items() if k != "status"} | change
        assert mine.put(PORT, whole).status_int == 403
        new = whole | {"id": "new", "mac": "52:54:00:00:00:02", "addresses": [], "binding": None, "revision": 0}
        assert mine.put("/v1/tenants/acme/ports/new", new).status_int == 403


def test_what_an_admin_gave_stays_with_the_port_as_it_is(people: dict[str, Client]) -> None:
    mine = people["tenant-admin"]
    people["admin"]("PATCH", PORT, {"spoof_guard": "off"})
    assert mine("PATCH", PORT, {"labels": {"mine": "yes"}}).status_int == 200
    elsewhere = {"binding": {"switch": "host-1", "interface": "tap2"}}
    assert mine("PATCH", PORT, elsewhere).json["code"] == "forbidden"
    assert mine("PATCH", PORT, {"mac": "52:54:00:00:00:77"}).json["code"] == "forbidden"
    assert mine("PATCH", PORT, {"spoof_guard": "enforce"}).status_int == 200
    assert mine("PATCH", PORT, {"spoof_guard": "off"}).json["code"] == "forbidden"


def test_a_batch_is_no_way_round(people: dict[str, Client], firewall: LocalFirewall) -> None:
    group = {"method": "PUT", "path": "/v1/tenants/acme/groups/mine", "body": {}}
    refused = {
        (404, "not_found"): {"method": "DELETE", "path": "/v1/tenants/rival/ports/theirs"},
        (403, "admin"): {"method": "PATCH", "path": PORT, "body": {"spoof_guard": "off"}},
        (403, "forbidden"): {"method": "PUT", "path": "/v1/tenants/acme", "body": {}},
    }
    with unchanged(firewall):
        for (status, word), operation in refused.items():
            answer = people["tenant-admin"]("POST", "/v1/batch", {"operations": [group, operation]})
            assert answer.status_int == status, answer.text
            assert word in (answer.json["code"], answer.json.get("needs"))
        assert people["viewer"]("POST", "/v1/batch", {"operations": [group]}).status_int == 403
    assert people["tenant-admin"]("POST", "/v1/batch", {"operations": [group]}).status_int == 200


def test_a_conflict_with_somebody_elses_port_does_not_name_it(people: dict[str, Client]) -> None:
    theirs = {"mac": "52:54:00:00:00:99"}
    conflict = people["tenant-admin"].put("/v1/tenants/acme/ports/new", theirs)
    assert (conflict.status_int, conflict.json["code"], conflict.json["conflicts_with"]) == (
        409,
        "binding_conflict",
        None,
    )
    assert "rival" not in conflict.text
    assert people["admin"].put("/v1/tenants/acme/ports/new", theirs).json["conflicts_with"] == "rival/theirs"
    own = people["tenant-admin"].put("/v1/tenants/acme/ports/new", {"mac": "52:54:00:00:00:01"})
    assert own.json["conflicts_with"] == "acme/vm1"


def test_a_trace_leads_to_nobody_elses_port(people: dict[str, Client], firewall: LocalFirewall) -> None:
    trace = "/v1/tenants/acme/trace?proto=tcp&dport=22&src=vm1&dst="
    for end in ("rival/theirs", "rival/none", "nobody/x"):
        answer = people["viewer"].get(trace + end)
        assert (answer.status_int, answer.json["kind"]) == (404, "tenant")
    assert firewall.asked == []
    assert people["operator"].get(trace + "rival/theirs").status_int == 200


def test_a_callers_answer_to_who_am_i(people: dict[str, Client]) -> None:
    told = {role: people[role].get("/v1/whoami").json for role in ROLES}
    assert {(t["name"], t["role"], t["tenant"], t["how"]) for t in told.values()} == {
        (f"a-{role}", role, "acme" if role in TENANTS_OWN else None, "token") for role in ROLES
    }
    assert {role for role, t in told.items() if not t["read_only"]} == {"admin", "tenant-admin"}


def test_who_showed_nothing_sees_nothing() -> None:
    nobody = Caller("", None)
    assert not any(nobody.sees(tenant) for tenant in (None, "acme"))
    assert [needs for needs in MAY if nobody.may(needs)] == ["none"]
