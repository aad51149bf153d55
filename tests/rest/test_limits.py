"""A tenant's limits: what is said comes back, what holds is shown, what cannot be says where."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.limits import TIMEOUTS, Defaults, Limits, Rate
from tests.rest.local import Client, LocalFirewall, unchanged

TENANT = "/v1/tenants/acme"
EVERYTHING: dict[str, Any] = {
    "connections": 20000,
    "new_connections_per_second": 500,
    "new_connections_burst": 1000,
    "timeouts": {"tcp_syn_sent": 30, "udp_single": 30},
}


def test_limits_come_back_as_they_were_given_and_can_be_put_back(call: Client, firewall: LocalFirewall) -> None:
    made = call.put(TENANT, {"limits": EVERYTHING}).json
    assert made["limits"] == EVERYTHING
    assert firewall.inventory.limits("acme") == Limits(20000, 500, 1000, (("tcp_syn_sent", 30), ("udp_single", 30)))
    assert call.put(TENANT, made).json == made
    assert call.put(TENANT, {}).json["limits"] == {}
    assert firewall.inventory.limits("acme") == Limits()


@pytest.mark.parametrize("limits", [{}, None, {"connections": None}, {"timeouts": None}, {"timeouts": {}}])
def test_what_is_not_said_or_null_is_left_to_the_settings(limits: Any, call: Client, firewall: LocalFirewall) -> None:
    tenant = call.put(TENANT, {"limits": limits}).json
    assert (tenant["limits"], firewall.inventory.limits("acme")) == ({}, Limits())


def test_a_limit_of_nothing_is_no_limit_and_is_not_the_setting(call: Client, firewall: LocalFirewall) -> None:
    firewall.default_limits = Defaults(100_000, Rate(500, 0))
    tenant = call.put(TENANT, {"limits": {"connections": 0, "new_connections_per_second": 0}}).json
    none = {"connections": 0, "new_connections_per_second": 0}
    assert tenant["limits"] == none
    assert tenant["status"]["limits"] == none | {"new_connections_burst": 0}


# the settings, what a tenant says -> connections, rate and burst that hold
HOLDING: list[tuple[Defaults, dict[str, int], tuple[int, int, int]]] = [
    (Defaults(100_000, Rate(0, 0)), {}, (100_000, 0, 0)),
    (Defaults(100_000, Rate(0, 0)), {"connections": 5}, (5, 0, 0)),
    (Defaults(0, Rate(500, 0)), {}, (0, 500, 500)),
    (Defaults(0, Rate(500, 900)), {}, (0, 500, 900)),
    (Defaults(0, Rate(500, 900)), {"new_connections_per_second": 7}, (0, 7, 900)),
    (Defaults(0, Rate(500, 900)), {"new_connections_per_second": 7, "new_connections_burst": 0}, (0, 7, 7)),
    (Defaults(0, Rate(500, 900)), {"new_connections_burst": 9}, (0, 500, 9)),
    (Defaults(0, Rate(0, 900)), {"new_connections_per_second": 7}, (0, 7, 900)),
    (Defaults(0, Rate(0, 0)), {"new_connections_burst": 9}, (0, 0, 0)),
]


@pytest.mark.parametrize(("defaults", "said", "holding"), HOLDING)
def test_the_status_shows_the_limits_that_hold(
    defaults: Defaults, said: dict[str, int], holding: tuple[int, int, int], call: Client, firewall: LocalFirewall
) -> None:
    firewall.default_limits = defaults
    shown = call.put(TENANT, {"limits": said | {"timeouts": {"udp_first": 9}}}).json["status"]["limits"]
    names = ("connections", "new_connections_per_second", "new_connections_burst")
    assert tuple(shown[name] for name in names) == holding
    assert shown["timeouts"] == {"udp_first": 9}


def test_a_patch_changes_one_limit_and_null_gives_it_back_to_the_setting(call: Client) -> None:
    call.put(TENANT, {"limits": EVERYTHING})
    changes = {"connections": 7, "new_connections_burst": None, "timeouts": {"tcp_syn_sent": None, "icmp_reply": 5}}
    assert call("PATCH", TENANT, {"limits": changes}).json["limits"] == {
        "connections": 7,
        "new_connections_per_second": 500,
        "timeouts": {"udp_single": 30, "icmp_reply": 5},
    }
    assert call("PATCH", TENANT, {"limits": {"timeouts": None}}).json["limits"].keys() == {
        "connections",
        "new_connections_per_second",
    }
    assert call("PATCH", TENANT, {"limits": None}).json["limits"] == {}


FAULTS: list[tuple[Any, str, str, str | None]] = [
    ([], "", "wrong_type", None),
    ({"connections": -1}, "/connections", "out_of_range", None),
    ({"connections": 2**32}, "/connections", "out_of_range", None),
    ({"connections": "20000"}, "/connections", "wrong_type", None),
    ({"connections": True}, "/connections", "wrong_type", None),
    ({"connections": 1.5}, "/connections", "wrong_type", None),
    ({"connection": 5}, "/connection", "unknown_field", "connections"),
    ({"new_connections_per_second": 1_000_001}, "/new_connections_per_second", "out_of_range", None),
    ({"new_connections_burst": 1_000_001}, "/new_connections_burst", "out_of_range", None),
    ({"new_connection_burst": 5}, "/new_connection_burst", "unknown_field", "new_connections_burst"),
    (
        {"new_connections_per_second": 0, "new_connections_burst": 5},
        "/new_connections_burst",
        "burst_without_rate",
        None,
    ),
    ({"timeouts": []}, "/timeouts", "wrong_type", None),
    ({"timeouts": {"udp_first": 0}}, "/timeouts/udp_first", "out_of_range", None),
    ({"timeouts": {"udp_first": 2**31 + 1}}, "/timeouts/udp_first", "out_of_range", None),
    ({"timeouts": {"udp_first": "30s"}}, "/timeouts/udp_first", "wrong_type", None),
    ({"timeouts": {"udp_frist": 30}}, "/timeouts/udp_frist", "unknown_field", "udp_first"),
    ({"timeouts": {"tcp_synsent": 30}}, "/timeouts/tcp_synsent", "unknown_field", "tcp_syn_sent"),
    ({"timeouts": {"rtp": 30}}, "/timeouts/rtp", "unknown_field", None),
]


@pytest.mark.parametrize(("limits", "place", "code", "hint"), FAULTS)
def test_a_limit_that_cannot_be_says_where(
    limits: Any, place: str, code: str, hint: str | None, call: Client, firewall: LocalFirewall
) -> None:
    with unchanged(firewall):
        answer = call.put(TENANT, {"limits": limits})
    assert answer.status_int == 422
    (error,) = answer.json["errors"]
    assert (error["pointer"], error["code"], error.get("hint")) == (f"#/limits{place}", code, hint)


def test_every_problem_of_the_limits_is_told_at_once(call: Client) -> None:
    limits = {
        "connections": -1,
        "new_connections_burst": 5,
        "new_connections_per_second": 0,
        "timeouts": {"udp_frist": 1, "icmp_first": 0},
    }
    answer = call.put(TENANT, {"limits": limits, "labels": {"a b": "c"}})
    assert [(error["pointer"], error["code"]) for error in answer.json["errors"]] == [
        ("#/labels/a b", "invalid_label"),
        ("#/limits/connections", "out_of_range"),
        ("#/limits/new_connections_burst", "burst_without_rate"),
        ("#/limits/timeouts/icmp_first", "out_of_range"),
        ("#/limits/timeouts/udp_frist", "unknown_field"),
    ]


def test_every_timeout_of_open_vswitch_can_be_set_to_any_number_of_seconds(call: Client) -> None:
    for seconds in (1, 2**31):
        timeouts = dict.fromkeys(TIMEOUTS, seconds)
        assert call.put(TENANT, {"limits": {"timeouts": timeouts}}).json["limits"]["timeouts"] == timeouts
