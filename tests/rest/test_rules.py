"""Rules: as a set, one by one, under keys of the client's or made of what they say."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rest.local import Client

TENANT = "/v1/tenants/acme"
RULES = f"{TENANT}/groups/web/rules"


def test_a_rule_set_is_replaced_as_a_whole_and_the_answer_counts(call: Client) -> None:
    icmp = {"key": "ping", "direction": "ingress", "protocol": "icmp", "icmp_type": 8, "remote_cidr": "10.0.0.0/8"}
    ssh = call.get(RULES).json["items"][0]
    answer = call.put(RULES, [ssh, icmp])
    assert answer.json["changed"] == {"added": 1, "removed": 0, "kept": 1}
    assert answer.json["items"][0] == {"ethertype": "IPv4", "stateful": True, **icmp}
    revision = answer.json["revision"]
    again = call.put(RULES, answer.json["items"], If_Match=f'"{revision}"')
    assert (again.json["changed"], again.json["revision"]) == ({"added": 0, "removed": 0, "kept": 2}, revision)
    assert call.put(RULES, []).json["changed"] == {"added": 0, "removed": 2, "kept": 0}


def test_a_single_port_needs_no_port_max_and_numbers_are_protocols_too(call: Client) -> None:
    rules = [
        {"direction": "egress", "protocol": 17, "port_min": 53},
        {"direction": "egress", "protocol": "47"},
        {"direction": "egress"},
    ]
    items = {rule["protocol"]: rule for rule in call.put(RULES, rules).json["items"]}
    assert set(items) == {"udp", "47", "any"}
    assert (items["udp"]["port_min"], items["udp"]["port_max"]) == (53, 53)
    assert all(rule["key"].startswith("r-") for rule in items.values())


def test_posting_a_rule_twice_adds_it_once(call: Client) -> None:
    rule = {"direction": "ingress", "protocol": "tcp", "port_min": 443, "port_max": 443}
    first, second = call("POST", RULES, rule), call("POST", RULES, rule)
    assert (first.status_int, second.status_int) == (201, 200)
    assert first.json == second.json
    assert first.headers["Location"] == f"{RULES}/{first.json['key']}"
    assert call.get(first.headers["Location"]).json == first.json
    same_as_ssh = call("POST", RULES, {"direction": "ingress", "protocol": "tcp", "port_min": 22})
    assert (same_as_ssh.status_int, same_as_ssh.json["key"]) == (200, "ssh")


def test_a_rule_is_put_read_and_deleted_under_its_key(call: Client) -> None:
    path = f"{RULES}/dns"
    assert call.put(path, {"direction": "egress", "protocol": "udp", "port_min": 53}).status_int == 201
    assert call.put(path, {"direction": "egress", "protocol": "tcp", "port_min": 53}).status_int == 200
    assert call.get(path).json["protocol"] == "tcp"
    assert call("DELETE", path).status_int == 204
    assert call.get(path).json["kind"] == "rule"
    assert [rule["key"] for rule in call.get(RULES).json["items"]] == ["ssh"]


@pytest.mark.parametrize(
    ("rule", "key"),
    [
        ({"direction": "egress", "protocol": "udp", "port_min": 53}, "r-2a8e40ce1cfd6682"),
        ({"direction": "egress", "ethertype": "IPv4", "stateful": True, "remote_group": None}, "r-22abff1a44ea9208"),
        (
            {"direction": "ingress", "protocol": 1, "icmp_type": 8, "icmp_code": 0, "remote_cidr": "10.0.0.0/8"},
            "r-b8f169bac4c64fa4",
        ),
    ],
)
def test_a_rule_of_before_keeps_the_key_that_was_made_for_it(rule: dict[str, Any], key: str, call: Client) -> None:
    assert call("POST", RULES, rule).json["key"] == key


def test_everything_a_rule_says_is_in_the_key_that_is_made_for_it(call: Client) -> None:
    tcp = {"direction": "ingress", "protocol": "tcp", "port_min": 80}
    more: list[dict[str, Any]] = [
        {},
        {"ethertype": "IPv6"},
        {"stateful": False},
        {"source_port_min": 80},
        {"source_port_min": 80, "source_port_max": 81},
        {"remote_cidr": "10.0.0.0/8"},
        {"remote_group": "web"},
        {"remote_group": "base"},
        {"remote_address_group": "mon"},
    ]
    rules = call.put(RULES, [{**tcp, **members} for members in more]).json["items"]
    assert len({rule["key"] for rule in rules}) == len(more)
    assert call.put(RULES, [{name: rule[name] for name in rule if name != "key"} for rule in rules]).json[
        "changed"
    ] == {
        "added": 0,
        "removed": 0,
        "kept": len(more),
    }


@pytest.mark.parametrize(
    ("members", "family"),
    [
        ({}, "IPv4"),
        ({"remote_group": "web"}, "IPv4"),
        ({"protocol": "icmp"}, "IPv4"),
        ({"protocol": "icmpv6"}, "IPv6"),
        ({"protocol": 58, "ethertype": None}, "IPv6"),
        ({"remote_cidr": "::/0"}, "IPv6"),
        ({"remote_cidr": "10.0.0.0/8"}, "IPv4"),
        ({"remote_cidr": "2001:DB8:0::/48", "protocol": "tcp"}, "IPv6"),
        ({"remote_group": "web", "ethertype": "IPv6"}, "IPv6"),
    ],
)
def test_a_rule_that_does_not_say_is_of_the_family_of_what_it_names(
    members: dict[str, Any], family: str, call: Client
) -> None:
    assert call.put(f"{RULES}/r", {"direction": "ingress", **members}).json["ethertype"] == family


def test_a_rule_shows_what_applies_to_it_and_can_be_put_back(call: Client) -> None:
    said: dict[str, Any] = {"direction": "egress", "protocol": "udp", "port_min": 53, "source_port_min": 1024}
    said |= {"port_max": 54, "source_port_max": 65535, "remote_address_group": "mon", "stateful": False}
    rule = call.put(f"{RULES}/dns", said).json
    assert list(rule) == [
        *("key", "direction", "ethertype", "protocol", "port_min", "port_max", "source_port_min", "source_port_max"),
        *("remote_address_group", "stateful", "tenant", "group", "revision", "created_at", "updated_at"),
    ]
    assert {name: rule[name] for name in said} == said
    assert call.put(f"{RULES}/dns", rule).json == rule
    ping = call.put(f"{RULES}/ping", {"direction": "ingress", "protocol": 58, "icmp_type": 128}).json
    assert (ping["protocol"], ping["icmp_type"], ping["remote_cidr"]) == ("icmpv6", 128, None)
    assert call.put(f"{RULES}/web", {"direction": "ingress", "remote_group": "web"}).json["remote_group"] == "web"


def test_a_group_that_a_rule_of_another_names_is_in_use(call: Client) -> None:
    rules = [{"direction": "ingress", "remote_group": name} for name in ("base", "web")]
    call.put(RULES, rules)
    refused = call("DELETE", f"{TENANT}/groups/base")
    assert (refused.status_int, refused.json["code"], refused.json["referrers"]) == (409, "in_use", ["group/acme/web"])
    call("PATCH", f"{TENANT}/ports/vm1", {"groups": []})
    assert call("DELETE", f"{TENANT}/groups/web").status_int == 204  # its own rules do not hold it
    assert call("DELETE", f"{TENANT}/groups/base").status_int == 204
