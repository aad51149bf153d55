"""Lists show what was asked for: AND between the names of a query, OR between the values of one."""

from __future__ import annotations

import pytest

from app.service import SwitchStatus
from tests.rest.local import Client, LocalFirewall

ACME = "/v1/tenants/acme"
RULES = f"{ACME}/groups/web/rules"


@pytest.fixture
def rules(call: Client) -> Client:
    call.put(
        RULES,
        [
            {"key": "a", "direction": "ingress", "protocol": "tcp", "port_min": 80, "remote_group": "base"},
            {"key": "b", "direction": "egress", "protocol": "udp", "port_min": 53, "remote_address_group": "mon"},
            {"key": "c", "direction": "ingress", "ethertype": "IPv6"},
        ],
    )
    return call


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("direction=ingress", ["a", "c"]),
        ("direction=ingress&protocol=tcp", ["a"]),
        ("protocol=tcp&protocol=17", ["a", "b"]),
        ("protocol=any", ["c"]),
        ("ethertype=IPv6", ["c"]),
        ("remote_group=base", ["a"]),
        ("remote_address_group=mon", ["b"]),
        ("remote_group=other", []),
        ("direction=egress&fields=key", ["b"]),
    ],
)
def test_rules_are_filtered_by_what_they_match(rules: Client, query: str, keys: list[str]) -> None:
    assert [rule["key"] for rule in rules.get(f"{RULES}?{query}").json["items"]] == keys


@pytest.mark.parametrize(
    ("query", "hint"), [("direction=in", "ingress"), ("protocol=tpc", None), ("remote_group=A", None)]
)
def test_a_filter_that_can_mean_nothing_is_refused(rules: Client, query: str, hint: str | None) -> None:
    answer = rules.get(f"{RULES}?{query}")
    assert (answer.status_int, answer.json["errors"][0]["pointer"]) == (400, f"?{query.partition('=')[0]}")
    assert hint is None or answer.json["errors"][0]["hint"] == hint


def test_ports_are_filtered_by_label_as_tenants_are(call: Client) -> None:
    call.put(f"{ACME}/ports/vm2", {"mac": "52:54:00:00:00:02", "labels": {"env": "prod"}})
    call.put(f"{ACME}/ports/vm3", {"mac": "52:54:00:00:00:03", "labels": {"env": "test", "os": "linux"}})
    found = {
        query: [port["id"] for port in call.get(f"{ACME}/ports?{query}").json["items"]]
        for query in ("label=env", "label=env=prod", "label=os&label=env=prod", "label=e")
    }
    assert list(found.values()) == [["vm2", "vm3"], ["vm2"], ["vm2", "vm3"], []]


def test_switches_are_filtered_by_name_and_by_being_there(call: Client, firewall: LocalFirewall) -> None:
    first, second, third = (f"{n:016x}" for n in (1, 2, 3))
    call.put(f"/v1/switches/{first}", {"name": "host-1"})
    call.put(f"/v1/switches/{second}", {"name": "host-2"})
    firewall.statuses = {dpid: SwitchStatus(dpid, connected=True, state="synced") for dpid in (first, third)}
    found = {
        query: [switch["dpid"] for switch in call.get(f"/v1/switches?{query}").json["items"]]
        for query in (
            "name=host-1",
            "connected=true",
            "connected=false",
            "connected=true&name=host-2",
            "name=x&name=host-2",
        )
    }
    assert list(found.values()) == [[first], [first, third], [second], [], [second]]
