"""Whoever needs two members of a thousand ports gets two members of a thousand ports."""

from __future__ import annotations

import pytest

from rest.routes import ROUTES
from tests.rest.local import Client

ACME = "/v1/tenants/acme"


def test_of_a_resource_only_what_was_asked_for_is_told(call: Client) -> None:
    whole = call.get(f"{ACME}/ports/vm1")
    answer = call.get(f"{ACME}/ports/vm1?fields=id,status.state,binding.switch")
    assert answer.json == {
        "id": "vm1",
        "status": {"state": whole.json["status"]["state"]},
        "binding": {"switch": "host-1"},
    }
    assert answer.headers["ETag"] == whole.headers["ETag"]


def test_of_a_list_each_item_is_cut_and_the_pages_stay_so(call: Client) -> None:
    page = call.get(f"{ACME}/groups?fields=name&limit=1").json
    assert page["items"] == [{"name": "base"}]
    assert set(page) == {"items", "next", "revision"}
    assert call.get(page["next"]).json["items"] == [{"name": "web"}]


def test_a_member_and_its_own_member_are_the_member(call: Client) -> None:
    whole = call.get(f"{ACME}/ports/vm1").json["binding"]
    for fields in ("binding,binding.switch", "binding.switch,binding", "binding.switch&fields=binding"):
        assert call.get(f"{ACME}/ports/vm1?fields={fields}").json == {"binding": whole}


def test_what_a_thing_lacks_is_left_out(call: Client) -> None:
    assert call.get(f"{ACME}/groups/web/rules?fields=key,icmp_type").json["items"] == [{"key": "ssh"}]
    assert call.get(f"{ACME}/groups/base/rules?fields=port_min").json["items"] == []


@pytest.mark.parametrize(
    ("path", "fields", "code", "hint"),
    [
        (f"{ACME}/ports", "adresses", "unknown_field", "addresses"),
        (f"{ACME}/groups/base/rules", "port", "unknown_field", None),
        (ACME, "status.state,Name", "malformed", "name,revision"),
        (ACME, "", "malformed", "name,revision"),
        (ACME, "name,", "malformed", "name,revision"),
        ("/version", "python", "unknown_parameter", None),
        (f"{ACME}/quota", "port", "unknown_field", "ports"),
    ],
)
def test_a_field_that_is_not_there_is_refused(
    call: Client, path: str, fields: str, code: str, hint: str | None
) -> None:
    answer = call.get(f"{path}?fields={fields}")
    assert (answer.status_int, answer.json["code"]) == (400, "invalid_query")
    error = answer.json["errors"][0]
    assert (error["pointer"], error["code"]) == ("?fields", code)
    if code != "unknown_field" or hint:
        assert error.get("hint") == hint


def test_every_list_knows_fields() -> None:
    for route in ROUTES:
        if route.method == "GET" and "after" in route.query:
            assert "fields" in route.query, route.path
