"""What is wrong with a body is told member by member, all of it at once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rest.local import Client, LocalFirewall, unchanged

TENANT = "/v1/tenants/acme"
RULES = f"{TENANT}/groups/web/rules"
MAC = "52:54:00:00:00:77"

# member, what it is set to -> code, hint
PORT_FAULTS: list[tuple[str, Any, str, str | None]] = [
    ("mac", "01:00:5e:00:00:01", "multicast_mac", None),
    ("mac", "00:00:00:00:00:00", "zero_mac", None),
    ("mac", 12, "wrong_type", None),
    ("addresses", ["0.0.0.0"], "unusable_address", None),
    ("addresses", ["224.0.0.1"], "multicast_address", None),
    ("addresses", ["10.0.0.1/24"], "invalid_address", "10.0.0.1"),
    ("addresses", ["2001:db8::1"], "invalid_address", None),
    ("addresses", "10.0.0.1", "wrong_type", None),
    ("groups", ["none"], "unknown_group", None),
    ("egress", "some", "not_one_of", None),
    ("binding", {"switch": "host-1"}, "invalid_binding", None),
    ("binding", {"switch": "host-1", "ofport": 1, "interface": "a"}, "invalid_binding", None),
    ("binding", {"switch": "host-1", "ofport": 0}, "out_of_range", None),
    ("binding", {"switch": "Host", "ofport": 1}, "invalid_name", None),
    ("binding", {"switch": "host-1", "interfaces": "a", "ofport": 1}, "unknown_field", "interface"),
    ("binding", {"switch": "host-1", "interface": "a/b"}, "invalid_interface", None),
    ("labels", {"a b": "c"}, "invalid_label", None),
    ("labels", {"a": "\x1b[31m"}, "control_character", None),
    ("id", "other", "path_mismatch", "new"),
    ("adresses", [], "unknown_field", "addresses"),
    ("fixed_ips", [], "unknown_field", "addresses"),
    *((name, None, "unknown_field", None) for name in ("vlan", "spoof_guard", "enabled", "allowed_address_pairs")),
]  # fmt: skip


@pytest.mark.parametrize(("member", "value", "code", "hint"), PORT_FAULTS)
def test_a_port_that_cannot_be_says_where(
    member: str, value: Any, code: str, hint: str | None, call: Client, firewall: LocalFirewall
) -> None:
    with unchanged(firewall):
        answer = call.put(f"{TENANT}/ports/new", {"mac": MAC, member: value})
    assert answer.status_int == 422
    (error,) = answer.json["errors"]
    assert (error["code"], error.get("hint")) == (code, hint)
    assert error["pointer"].startswith(f"#/{member}")


RULE_FAULTS: list[tuple[dict[str, Any], str, str, str | None]] = [
    ({"protocol": "tcp", "port_min": 443, "port_max": 80}, "port_max", "range_reversed", None),
    ({"protocol": "tcp", "port_max": 80}, "port_min", "missing_field", None),
    ({"protocol": "tcp", "port_min": 65536}, "port_min", "out_of_range", None),
    ({"protocol": "tcp", "port_min": "80"}, "port_min", "wrong_type", None),
    ({"protocol": "tcp", "port_min": True}, "port_min", "wrong_type", None),
    ({"protocol": "icmp", "port_min": 80}, "port_min", "ports_without_protocol", "tcp, udp or sctp"),
    ({"port_min": 80}, "port_min", "ports_without_protocol", "tcp, udp or sctp"),
    ({"protocol": "icmp", "icmp_type": 256}, "icmp_type", "out_of_range", None),
    ({"protocol": "tcp", "icmp_type": 8}, "icmp_type", "icmp_without_protocol", "icmp"),
    ({"protocol": "icmp", "icmp_code": 0}, "icmp_code", "code_without_type", None),
    ({"protocol": "tpc"}, "protocol", "unknown_protocol", "one of any, icmp, tcp, udp, sctp or 0-255"),
    ({"protocol": 256}, "protocol", "out_of_range", None),
    ({"protocol": None}, "protocol", "wrong_type", "any"),
    ({"remote_cidr": "10.0.0.1/24"}, "remote_cidr", "host_bits_set", "10.0.0.0/24"),
    ({"remote_cidr": "2001:db8::/64"}, "remote_cidr", "invalid_cidr", "10.0.0.0/24"),
    ({"direction": "in"}, "direction", "not_one_of", None),
    ({"ethertype": "IPv6"}, "ethertype", "not_one_of", None),
    ({"portmin": 80}, "portmin", "unknown_field", "port_min"),
    ({"remote_ip_prefix": "10.0.0.0/8"}, "remote_ip_prefix", "unknown_field", "remote_cidr"),
    ({"remote_group": "web"}, "remote_group", "unknown_field", None),
    ({"remote_address_group": "web"}, "remote_address_group", "unknown_field", None),
    ({"key": "Bad Key"}, "key", "invalid_name", None),
]  # fmt: skip


@pytest.mark.parametrize(("members", "place", "code", "hint"), RULE_FAULTS)
def test_a_rule_that_cannot_be_says_where(
    members: dict[str, Any], place: str, code: str, hint: str | None, call: Client, firewall: LocalFirewall
) -> None:
    with unchanged(firewall):
        answer = call.put(
            RULES, [{"key": "good", "direction": "egress"}, {"key": "r", "direction": "ingress", **members}]
        )
    assert answer.status_int == 422
    (error,) = answer.json["errors"]
    assert (error["pointer"], error["code"], error.get("hint")) == (f"#/1/{place}", code, hint)


def test_every_problem_of_a_body_is_told_at_once_and_in_order(call: Client) -> None:
    answer = call.put(
        RULES,
        [
            {
                "key": "a",
                "direction": "ingress",
                "protocol": "tcp",
                "port_min": 443,
                "port_max": 80,
                "remote_cidr": "x",
            },
            {"key": "b", "direction": "ingress", "remote_cidr": "10.0.0.1/24"},
            {"key": "a", "portmin": 1, "protocol": "icmp", "icmp_code": 3},
        ],
    )
    assert [(error["pointer"], error["code"]) for error in answer.json["errors"]] == [
        ("#/0/port_max", "range_reversed"),
        ("#/0/remote_cidr", "invalid_cidr"),
        ("#/1/remote_cidr", "host_bits_set"),
        ("#/2/direction", "missing_field"),
        ("#/2/icmp_code", "code_without_type"),
        ("#/2/key", "duplicate_key"),
        ("#/2/portmin", "unknown_field"),
    ]
    assert answer.json["detail"] == "7 problems in the body; nothing was changed"


def test_groups_of_a_port_that_do_not_exist_are_all_named(call: Client) -> None:
    answer = call.put(f"{TENANT}/ports/new", {"mac": MAC, "groups": ["no", "web", "nor"]})
    assert [error["pointer"] for error in answer.json["errors"]] == ["#/groups/0", "#/groups/2"]


def test_too_many_rules_are_refused_without_listing_them(call: Client) -> None:
    rules = [{"key": f"r{n}", "direction": "egress", "x": 1} for n in range(1001)]
    answer = call.put(RULES, rules)
    assert [error["code"] for error in answer.json["errors"]] == ["too_long"]
    assert len(call.put(RULES, rules[:1000]).json["errors"]) == 100
    assert call.put(RULES, [{"key": f"r{n}", "direction": "egress"} for n in range(1000)]).status_int == 200
    assert call("POST", RULES, {"direction": "ingress"}).json["code"] == "too_many_rules"
