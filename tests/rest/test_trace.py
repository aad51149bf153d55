"""Trace: what is asked, and how the answer is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rest.local import Client, LocalFirewall

TENANT = "/v1/tenants/acme"


def test_trace_says_why_as_json_and_as_text(call: Client, firewall: LocalFirewall) -> None:
    path = f"{TENANT}/trace?src=vm1&dst=ip:192.168.0.254&proto=tcp&dport=22&ct_state=established&mac=52:54:00:00:00:0A"
    answer = call.get(path).json
    assert answer["verdict"] == "deny"
    assert answer["decided_by"] == {"stage": "TARGET", "port": "acme/vm1", "rule": None, "reason": "no_rule_matches"}
    assert answer["near_misses"][0]["rule"] == "web/ssh"
    question = firewall.asked[0]
    assert (question.target, question.protocol, question.target_port) == ("ip:192.168.0.254", 6, 22)
    assert (question.state, question.mac) == ("established", "52:54:00:00:00:0a")
    text = call.get(path, Accept="text/plain")
    assert text.content_type == "text/plain"
    assert text.text.startswith("DENY  no_rule_matches at TARGET (port acme/vm1)\n")
    assert "nearly:\n  web/ssh (acme/vm1): dport is 22, the rule has 23" in text.text


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("src=vm1&dst=ip:2001:DB8:0::1&proto=tcp&dport=22", {"target": "ip:2001:db8::1", "vlan": None}),
        ("src=ip:fe80::1&dst=vm1&vlan=7", {"source": "ip:fe80::1", "vlan": 7}),
        ("src=ip:10.0.0.1&dst=vm1&vlan=0", {"vlan": 0}),
        ("src=vm1&dst=vm2&proto=icmpv6&icmp_type=128&icmp_code=0", {"protocol": 58, "icmp_type": 128, "icmp_code": 0}),
        ("src=vm1&dst=vm2&proto=58&ip=2001:db8::9", {"protocol": 58, "address": "2001:db8::9"}),
        ("src=vm1&dst=ip:10.0.0.9&proto=icmp&icmp_type=8", {"protocol": 1, "icmp_type": 8}),
    ],
)
def test_a_question_reaches_the_firewall(
    query: str, asked: dict[str, Any], call: Client, firewall: LocalFirewall
) -> None:
    assert call.get(f"{TENANT}/trace?{query}").status_int == 200
    assert {name: getattr(firewall.asked[0], name) for name in asked} == asked


@pytest.mark.parametrize(
    ("query", "pointer", "code", "hint"),
    [
        ("src=ip:10.0.0.1&dst=ip:2001:db8::1", "?dst", "family_mismatch", None),
        ("src=vm1&dst=ip:2001:db8::1&ip=10.0.0.1", "?ip", "family_mismatch", None),
        ("src=vm1&dst=ip:2001:db8::1&proto=icmp", "?proto", "family_mismatch", "proto=icmpv6"),
        ("src=vm1&dst=ip:10.0.0.1&proto=58", "?proto", "family_mismatch", "proto=icmp"),
        ("src=vm1&dst=vm2&vlan=7", "?vlan", "not_applicable", None),
        ("src=vm1&dst=ip:10.0.0.1&vlan=4095", "?vlan", "out_of_range", None),
        ("src=vm1&dst=vm2&proto=tcp&icmp_type=8", "?icmp_type", "malformed", "proto=icmp"),
        ("src=vm1&dst=vm2&proto=icmpv6&dport=8", "?dport", "malformed", "proto=tcp"),
        ("src=vm1&dst=ip:10.0.0.256", "?dst", "invalid_address", None),
    ],
)
def test_a_question_that_contradicts_itself_is_refused(
    query: str, pointer: str, code: str, hint: str | None, call: Client, firewall: LocalFirewall
) -> None:
    answer = call.get(f"{TENANT}/trace?{query}")
    (error,) = answer.json["errors"]
    assert (answer.status_int, error["pointer"], error["code"], error.get("hint")) == (400, pointer, code, hint)
    assert not firewall.asked
