"""What is wrong with what is said of a switch."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rest.local import Client, LocalFirewall, unchanged

SWITCH_FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"ovsdb": "punix:/run/db.sock"}, "#/ovsdb", "invalid_remote"),
    ({"ovsdb": "tcp:127.0.0.1"}, "#/ovsdb", "invalid_remote"),
    ({"ovsdb": "unix:db.sock"}, "#/ovsdb", "invalid_path"),
    ({"ovsdb": "ssl:127.0.0.1:0"}, "#/ovsdb", "out_of_range"),
    ({"ovsdb": "ssl:::1:6640"}, "#/ovsdb", "invalid_host"),
    ({"ovsdb": "tcp:localhost:6640"}, "#/ovsdb", "invalid_host"),
    ({"ovsdb": 6640}, "#/ovsdb", "wrong_type"),
    ({"control_socket": "run"}, "#/control_socket", "invalid_path"),
    ({"control_socket": "/run\n"}, "#/control_socket", "invalid_path"),
    ({"control_sock": "/run"}, "#/control_sock", "unknown_field"),
]


@pytest.mark.parametrize(("body", "pointer", "code"), SWITCH_FAULTS)
def test_a_switch_that_cannot_be_says_where(
    body: Any, pointer: str, code: str, call: Client, firewall: LocalFirewall
) -> None:
    with unchanged(firewall):
        answer = call.put("/v1/switches/0000000000000001", body)
    (error,) = answer.json["errors"]
    assert (answer.status_int, error["pointer"], error["code"]) == (422, pointer, code)
