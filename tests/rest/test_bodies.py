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
    ("addresses", ["::ffff:10.0.0.1"], "unusable_address", "10.0.0.1"),
    ("addresses", ["2001:db8::g"], "invalid_address", None),
    ("addresses", "10.0.0.1", "wrong_type", None),
    ("groups", ["none"], "unknown_group", None),
    ("egress", "some", "not_one_of", None),
    ("binding", {"switch": "host-1"}, "invalid_binding", None),
    ("binding", {"switch": "host-1", "ofport": 1, "interface": "a"}, "invalid_binding", None),
    ("binding", {"switch": "host-1", "ofport": 0}, "out_of_range", None),
    ("binding", {"switch": "Host", "ofport": 1}, "invalid_name", None),
    ("binding", {"switch": "host-1", "interfaces": "a", "ofport": 1}, "unknown_field", "interface"),
    ("binding", {"switch": "host-1", "interface": "a/b"}, "invalid_interface", None),
    ("binding", {"switch": "host-1", "ofport": 1, "tag": 0}, "out_of_range", None),
    ("binding", {"switch": "host-1", "ofport": 1, "tag": 4095}, "out_of_range", None),
    ("binding", {"switch": "host-1", "ofport": 1, "segmentation_id": 5}, "unknown_field", "tag"),
    ("binding", {"ofport": 1}, "missing_field", None),
    ("binding", {"switch": None, "ofport": 1}, "missing_field", None),
    ("binding", {"switch": "host-1", "iface_id": "vm-1"}, "invalid_binding", None),
    ("binding", {"iface_id": "vm-1", "interface": "tap1"}, "invalid_binding", None),
    ("binding", {"iface_id": "vm 1"}, "invalid_iface_id", None),
    ("binding", {"iface_id": "v" * 256}, "invalid_iface_id", None),
    ("binding", {"iface_id": "vm-1", "tag": 4095}, "out_of_range", None),
    ("binding", {"iface-id": "vm-1", "switch": "host-1", "ofport": 1}, "unknown_field", "iface_id"),
    ("vlan", 4095, "out_of_range", None),
    ("vlan", -1, "out_of_range", None),
    ("vlan", "7", "wrong_type", None),
    ("vlan", None, "wrong_type", None),
    ("spoof_guard", "audit", "not_one_of", None),
    ("dhcp_server", "yes", "wrong_type", None),
    ("enabled", 1, "wrong_type", None),
    ("enabled", None, "wrong_type", None),
    ("allowed_address_pairs", ["10.0.0.1"], "wrong_type", None),
    ("allowed_address_pairs", [{}], "missing_field", None),
    ("allowed_address_pairs", [{"address": "10.0.0.1/24"}], "host_bits_set", "10.0.0.0/24"),
    ("allowed_address_pairs", [{"address": "224.0.0.0/8"}], "multicast_address", None),
    ("allowed_address_pairs", [{"address": "10.0.0.1", "mac": "01:00:5e:00:00:01"}], "multicast_mac", None),
    ("allowed_address_pairs", [{"ip_address": "10.0.0.1", "address": "10.0.0.1"}], "unknown_field", "address"),
    ("allowed_address_pairs", [{"address": f"10.0.0.{n}"} for n in range(65)], "too_long", None),
    ("labels", {"a b": "c"}, "invalid_label", None),
    ("labels", {"a": "\x1b[31m"}, "control_character", None),
    ("id", "other", "path_mismatch", "new"),
    ("adresses", [], "unknown_field", "addresses"),
    ("fixed_ips", [], "unknown_field", "addresses"),
    ("admin_up", True, "unknown_field", "enabled"),
    ("allowed_pairs", [], "unknown_field", "allowed_address_pairs"),
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
    ({"protocol": "tpc"}, "protocol", "unknown_protocol", "one of any, icmp, icmpv6, tcp, udp, sctp or 0-255"),
    ({"protocol": 256}, "protocol", "out_of_range", None),
    ({"protocol": None}, "protocol", "wrong_type", "any"),
    ({"remote_cidr": "10.0.0.1/24"}, "remote_cidr", "host_bits_set", "10.0.0.0/24"),
    ({"remote_cidr": "2001:db8::1/64"}, "remote_cidr", "host_bits_set", "2001:db8::/64"),
    ({"remote_cidr": "2001:db8::/129"}, "remote_cidr", "invalid_cidr", "10.0.0.0/24 or 2001:db8::/64"),
    ({"direction": "in"}, "direction", "not_one_of", None),
    ({"ethertype": "ipv6"}, "ethertype", "not_one_of", None),
    ({"ethertype": "IPv4", "remote_cidr": "2001:db8::/64"}, "ethertype", "family_mismatch", "IPv6"),
    ({"ethertype": "IPv4", "remote_cidr": "::/0", "protocol": 58}, "ethertype", "family_mismatch", "IPv6"),
    ({"ethertype": "IPv6", "protocol": "icmp"}, "protocol", "family_mismatch", "icmpv6"),
    ({"ethertype": "IPv4", "protocol": "icmpv6"}, "protocol", "family_mismatch", "icmp"),
    ({"remote_cidr": "10.0.0.0/8", "protocol": 58}, "protocol", "family_mismatch", "icmp"),
    ({"remote_cidr": "2001:db8::/32", "protocol": 1}, "protocol", "family_mismatch", "icmpv6"),
    ({"remote_cidr": "::/0", "protocol": "tcp", "icmp_type": 128}, "icmp_type", "icmp_without_protocol", "icmpv6"),
    ({"protocol": "icmpv6", "icmp_code": 0}, "icmp_code", "code_without_type", None),
    ({"protocol": "icmpv6", "port_min": 1}, "port_min", "ports_without_protocol", "tcp, udp or sctp"),
    ({"protocol": "udp", "source_port_min": 9, "source_port_max": 8}, "source_port_max", "range_reversed", None),
    ({"protocol": "udp", "source_port_max": 8}, "source_port_min", "missing_field", None),
    ({"protocol": "udp", "source_port_min": 65536}, "source_port_min", "out_of_range", None),
    ({"source_port_min": 8}, "source_port_min", "ports_without_protocol", "tcp, udp or sctp"),
    ({"remote_group": "Web"}, "remote_group", "invalid_name", None),
    ({"remote_group": "none"}, "remote_group", "unknown_group", None),
    ({"remote_address_group": "none"}, "remote_address_group", "unknown_address_group", None),
    ({"remote_group": "web", "remote_cidr": "10.0.0.0/8"}, "remote_group", "several_remotes", None),
    ({"remote_group": "web", "remote_address_group": "none"}, "remote_address_group", "several_remotes", None),
    ({"stateful": None}, "stateful", "wrong_type", None),
    ({"stateful": "no"}, "stateful", "wrong_type", None),
    ({"portmin": 80}, "portmin", "unknown_field", "port_min"),
    ({"remote_ip_prefix": "10.0.0.0/8"}, "remote_ip_prefix", "unknown_field", "remote_cidr"),
    ({"remote_group_id": "web"}, "remote_group_id", "unknown_field", "remote_group"),
    ({"sport": 53}, "sport", "unknown_field", "source_port_min"),
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
            {"direction": "egress", "ethertype": "IPv4", "protocol": "icmpv6", "port_min": 1, "source_port_min": 2},
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
        ("#/3/port_min", "ports_without_protocol"),
        ("#/3/protocol", "family_mismatch"),
        ("#/3/source_port_min", "ports_without_protocol"),
    ]
    assert answer.json["detail"] == "10 problems in the body; nothing was changed"


def test_groups_of_a_port_that_do_not_exist_are_all_named(call: Client) -> None:
    answer = call.put(f"{TENANT}/ports/new", {"mac": MAC, "groups": ["no", "web", "nor"]})
    assert [error["pointer"] for error in answer.json["errors"]] == ["#/groups/0", "#/groups/2"]


def test_what_rules_name_and_is_not_there_is_told_in_the_order_of_the_body(call: Client) -> None:
    rules = [
        {"key": "z", "direction": "ingress", "remote_group": "none"},
        {"direction": "ingress", "remote_group": "web"},
        {"key": "a", "direction": "egress", "remote_address_group": "none"},
    ]
    for path, body, head in ((RULES, rules, "#"), (f"{TENANT}/groups/new", {"rules": rules}, "#/rules")):
        answer = call.put(path, body)
        assert [(error["pointer"], error["code"]) for error in answer.json["errors"]] == [
            (f"{head}/0/remote_group", "unknown_group"),
            (f"{head}/2/remote_address_group", "unknown_address_group"),
        ]
    answers = [call.put(f"{RULES}/z", {"direction": "ingress", "remote_group": "none"}), call("POST", RULES, rules[0])]
    assert [answer.json["errors"][0]["pointer"] for answer in answers] == ["#/remote_group"] * 2
    answer = call("PATCH", f"{TENANT}/groups/web", {"rules": rules[::-1]})
    assert [error["pointer"] for error in answer.json["errors"]] == [
        "#/rules/0/remote_address_group",
        "#/rules/2/remote_group",
    ]


def test_no_more_than_a_hundred_of_what_is_not_there_are_listed(call: Client) -> None:
    rules = [{"direction": "ingress", "remote_group": f"g{n}"} for n in range(1000)]
    answer = call.put(RULES, rules)
    assert answer.json["detail"] == "1000 problems in the body; nothing was changed"
    assert [error["pointer"] for error in answer.json["errors"]] == [f"#/{n}/remote_group" for n in range(100)]


ADDRESS_GROUP_FAULTS: list[tuple[dict[str, Any], str, str, str | None]] = [
    ({"cidrs": "10.0.0.0/8"}, "#/cidrs", "wrong_type", None),
    ({"cidrs": ["10.0.0.0/8", "10.0.0.1/8"]}, "#/cidrs/1", "host_bits_set", "10.0.0.0/8"),
    ({"cidrs": ["10.0.0.0/8"] * 1001}, "#/cidrs", "too_long", None),
    ({"addresses": []}, "#/addresses", "unknown_field", "cidrs"),
    ({"name": "other"}, "#/name", "path_mismatch", "new"),
    ({"description": "\x07"}, "#/description", "control_character", None),
]


@pytest.mark.parametrize(("body", "pointer", "code", "hint"), ADDRESS_GROUP_FAULTS)
def test_an_address_group_that_cannot_be_says_where(
    body: Any, pointer: str, code: str, hint: str | None, call: Client, firewall: LocalFirewall
) -> None:
    with unchanged(firewall):
        answer = call.put(f"{TENANT}/address-groups/new", body)
    (error,) = answer.json["errors"]
    assert (error["pointer"], error["code"], error.get("hint")) == (pointer, code, hint)


UPDATE_FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"add": ["10.0.0.1/8"]}, "#/add/0", "host_bits_set"),
    ({"add": ["10.0.0.0/8"], "remove": ["::/0", "10.0.0.0/8"]}, "#/remove/1", "added_and_removed"),
    ({"add": None}, "#/add", "wrong_type"),
    ({"cidrs": []}, "#/cidrs", "unknown_field"),
]


@pytest.mark.parametrize(("body", "pointer", "code"), UPDATE_FAULTS)
def test_an_update_that_cannot_be_says_where(
    body: Any, pointer: str, code: str, call: Client, firewall: LocalFirewall
) -> None:
    call.put(f"{TENANT}/address-groups/mon")
    with unchanged(firewall):
        answer = call("POST", f"{TENANT}/address-groups/mon:update", body)
    (error,) = answer.json["errors"]
    assert (answer.status_int, error["pointer"], error["code"]) == (422, pointer, code)


def test_too_many_rules_are_refused_without_listing_them(call: Client) -> None:
    rules = [{"key": f"r{n}", "direction": "egress", "x": 1} for n in range(1001)]
    answer = call.put(RULES, rules)
    assert [error["code"] for error in answer.json["errors"]] == ["too_long"]
    assert len(call.put(RULES, rules[:1000]).json["errors"]) == 100
    assert call.put(RULES, [{"key": f"r{n}", "direction": "egress"} for n in range(1000)]).status_int == 200
    assert call("POST", RULES, {"direction": "ingress"}).json["code"] == "too_many_rules"
