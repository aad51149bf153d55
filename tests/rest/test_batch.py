"""Many writes as one: all of them are done, or none is, and the answer says which one was wrong, and where."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rest.local import Client, LocalFirewall, unchanged

ACME = "/v1/tenants/acme"
RULE = {"direction": "ingress", "protocol": "tcp", "port_min": 443}


def op(method: str, path: str, body: Any = None, **more: str) -> dict[str, Any]:
    return {"method": method, "path": path, **({} if body is None else {"body": body}), **more}


def port(n: int, **more: Any) -> dict[str, Any]:
    return {"mac": f"52:54:00:00:01:{n:02x}", **more}


def batch(call: Client, *operations: dict[str, Any], query: str = "", **headers: str) -> Any:
    return call("POST", f"/v1/batch{query}", {"operations": list(operations)}, headers)


def test_each_operation_sees_what_those_before_it_did(call: Client) -> None:
    answer = batch(
        call,
        op("PUT", f"{ACME}/groups/api", {"rules": [{"key": "web", **RULE, "remote_group": "web"}]}),
        op("PUT", f"{ACME}/ports/api-1", port(1, groups=["api"])),
        op("POST", f"{ACME}/groups/api/rules", RULE),
        op("DELETE", f"{ACME}/groups/base"),
    )
    assert answer.status_int == 200
    results = answer.json["results"]
    assert [each["status"] for each in results] == [201, 201, 201, 204]
    assert results[1]["location"] == f"{ACME}/ports/api-1"
    assert results[1]["etag"] == f'"{results[1]["body"]["revision"]}"'
    assert results[3]["body"] is None
    assert answer.json["revision"] == int(answer.headers["X-Revision"]) == call.firewall.inventory.revision
    assert call.get(f"{ACME}/ports/api-1").json["groups"] == ["api"]
    assert len(call.get(f"{ACME}/groups/api").json["rules"]) == 2


def test_one_refusal_undoes_all_and_names_its_operation(call: Client, firewall: LocalFirewall) -> None:
    with unchanged(firewall):
        answer = batch(
            call,
            op("PUT", f"{ACME}/groups/api", {}),
            op("DELETE", f"{ACME}/groups/web"),
            op("PUT", f"{ACME}/groups/b", {}),
        )
    assert answer.status_int == 409
    assert (answer.json["code"], answer.json["operation"]) == ("in_use", 1)
    assert answer.json["referrers"] == ["port/acme/vm1"]
    assert answer.json["detail"].startswith("operation 1 of 3: ")
    assert answer.json["errors"][0]["pointer"] == "#/operations/1"


def test_every_wrong_body_is_told_but_not_what_follows_from_another(call: Client, firewall: LocalFirewall) -> None:
    with unchanged(firewall):
        answer = batch(
            call,
            op("PUT", f"{ACME}/groups/api", {"rules": [{"key": "a", "direction": "up"}]}),
            op("PUT", f"{ACME}/ports/p1", port(1, groups=["api"])),  # would be right if the group were
            op("PUT", f"{ACME}/ports/p2", {"mac": "no", "portmin": 1}),
        )
    assert answer.status_int == 422
    assert [error["pointer"] for error in answer.json["errors"]] == [
        "#/operations/0/body/rules/0/direction",
        "#/operations/2/body/mac",
        "#/operations/2/body/portmin",
    ]
    assert answer.json["detail"] == "3 problems in the body; nothing was changed"


@pytest.mark.parametrize("swapped", [False, True])
def test_refusals_of_different_kinds_are_not_mixed(call: Client, firewall: LocalFirewall, swapped: bool) -> None:
    operations = [op("DELETE", f"{ACME}/groups/web"), op("PUT", f"{ACME}/groups/api", {"x": 1})]
    with unchanged(firewall):
        answer = batch(call, *(reversed(operations) if swapped else operations))
    assert answer.json["code"] == ("invalid_body" if swapped else "in_use")
    assert [error["pointer"] for error in answer.json["errors"]] == [
        "#/operations/0/body/x" if swapped else "#/operations/0"
    ]


@pytest.mark.parametrize(
    ("operation", "status", "code", "pointer"),
    [
        (op("PUT", "/v1/nowhere", {}), 404, "not_found", "#/operations/0"),
        (op("POST", f"{ACME}/ports/x", {}), 405, "method_not_allowed", "#/operations/0"),
        (op("DELETE", f"{ACME}?cascaded=true"), 400, "invalid_query", "#/operations/0/path"),
        (op("DELETE", f"{ACME}?wait=5s"), 400, "invalid_query", "#/operations/0/path"),
        (op("PUT", f"{ACME}/groups/UPPER", {}), 400, "invalid_path", "#/operations/0/path"),
        (op("PUT", f"{ACME}/groups/x"), 422, "invalid_body", "#/operations/0/body"),
        (op("PUT", f"{ACME}/groups/\x00", {}), 422, "invalid_body", "#/operations/0/path"),
        (op("POST", "/v1/batch", {"operations": []}), 422, "invalid_body", "#/operations/0/path"),
        (op("POST", "/v1/tokens", {"role": "admin"}), 422, "invalid_body", "#/operations/0/path"),
        (op("DELETE", f"{ACME}/conntrack?all=true"), 422, "invalid_body", "#/operations/0/path"),
        (op("DELETE", f"{ACME}/groups/web", None, if_match='"1"'), 412, "etag_mismatch", "#/operations/0"),
        (op("PUT", f"{ACME}/groups/web", {}, if_none_match="*"), 412, "already_exists", "#/operations/0"),
        ({"method": "GET", "path": ACME}, 422, "invalid_body", "#/operations/0/method"),
    ],
)
def test_what_cannot_be_done_alone_cannot_be_part_of_a_batch(
    call: Client, firewall: LocalFirewall, operation: Any, status: int, code: str, pointer: str
) -> None:
    with unchanged(firewall):
        answer = batch(call, operation)
    assert (answer.status_int, answer.json["code"]) == (status, code)
    assert answer.json["errors"][0]["pointer"] == pointer


def test_a_condition_holds_for_its_operation(call: Client) -> None:
    revision = call.get(f"{ACME}/groups/web").json["revision"]
    assert batch(call, op("PUT", f"{ACME}/groups/web", {}, if_match=f'"{revision}"')).status_int == 200


@pytest.mark.parametrize("count", [0, 1001])
def test_a_batch_has_from_one_to_a_thousand_operations(call: Client, firewall: LocalFirewall, count: int) -> None:
    with unchanged(firewall):
        answer = batch(call, *[op("DELETE", f"{ACME}/ports/p{n}") for n in range(count)])
    assert (answer.status_int, answer.json["errors"][0]["pointer"]) == (422, "#/operations")


def test_a_thousand_ports_with_every_member_are_one_batch(call: Client, firewall: LocalFirewall) -> None:
    operations = [
        op(
            "PUT",
            f"{ACME}/ports/vm-{n}",
            {
                "mac": f"52:54:00:01:{n >> 8:02x}:{n & 255:02x}",
                "addresses": [f"10.1.{n >> 8}.{n & 255}"],
                "groups": ["web", "base"],
                "vlan": 0,
                "egress": "any",
                "spoof_guard": "enforce",
                "enabled": True,
                "allowed_address_pairs": [{"address": f"10.2.{n >> 8}.{n & 255}"}],
                "binding": {"switch": "host-1", "interface": f"tap-{n}"},
                "labels": {"vm": f"vm-{n}"},
            },
        )
        for n in range(1000)
    ]
    answer = batch(call, *operations)
    assert answer.status_int == 200
    assert [each["status"] for each in answer.json["results"]] == [201] * 1000
    assert len(firewall.inventory.list("port", "acme")) == 1001
    assert firewall.inventory.used("acme", "ports") == 1001


@pytest.mark.parametrize(("overtakings", "asides"), [(0, 1), (1, 2), (9, 3)])
def test_a_batch_that_is_overtaken_is_computed_again_and_then_in_place(
    call: Client, firewall: LocalFirewall, overtakings: int, asides: int
) -> None:
    computed: list[int] = []
    aside = firewall.aside

    def overtaken(function: Any, seconds: float = 20) -> Any:
        made = aside(function, seconds)
        computed.append(made.base)
        if len(computed) <= overtakings:
            call.put(f"/v1/tenants/other{len(computed)}")
        return made

    firewall.aside = overtaken  # type: ignore[method-assign]
    answer = batch(call, *[op("PUT", f"{ACME}/groups/g{n}", {}) for n in range(20)])
    assert answer.status_int == 200
    assert len(computed) == asides
    assert answer.json["revision"] == firewall.inventory.revision
    assert len(call.get(f"{ACME}/groups").json["items"]) == 22


def test_a_dry_run_of_a_batch_tells_all_changes_and_makes_none(call: Client, firewall: LocalFirewall) -> None:
    operations = [
        op("PUT", f"{ACME}/groups/api", {"rules": [{"key": "x", **RULE}]}),
        op("DELETE", f"{ACME}/groups/base"),
    ]
    with unchanged(firewall):
        answer = batch(call, *operations, query="?dry_run=true")
    assert answer.status_int == 200
    assert [(change["op"], change["path"]) for change in answer.json["changes"]] == [
        ("add", "/tenants/acme/groups/api"),
        ("add", "/tenants/acme/groups/api/rules/x"),
        ("delete", "/tenants/acme/groups/base"),
    ]
    assert [each["status"] for each in answer.json["result"]["results"]] == [201, 204]


def test_a_batch_waits_as_any_write_does(call: Client, firewall: LocalFirewall) -> None:
    firewall.lagging = ["0000000000000001"]
    answer = batch(call, op("PUT", f"{ACME}/groups/api", {}), query="?wait=2s")
    assert (answer.status_int, answer.json["realized"], answer.json["lagging"]) == (202, False, ["0000000000000001"])
    assert len(answer.json["results"]) == 1
