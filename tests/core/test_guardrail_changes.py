"""Guardrails: what they may say, and which connections a change of one judges again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.core.guardrails import covers, overlap
from app.core.inventory import Inventory
from app.core.parsing import Invalid
from app.core.problems import InUse, PriorityConflict, Problem
from app.core.values import Group, Guardrail, PolicyKey, Port, Rule, Tenant
from tests.core.world import NOW, TCP, UDP, tcp_in

NO_SSH = Guardrail("no-ssh", 10, "deny", "ingress", protocol=TCP, ports=(22, 22))
SSH = replace(NO_SSH, name="ssh", priority=20, action="allow")


# -- values


def test_a_guardrail_names_each_tenant_once_and_nobody_is_not_everybody() -> None:
    assert replace(NO_SSH, tenants=("red", "blue", "red")).tenants == ("blue", "red")
    assert not replace(NO_SSH, tenants=()).concerns("red")
    assert NO_SSH.concerns("red")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"priority": 0}, "out_of_range"),
        ({"priority": 1001}, "out_of_range"),
        ({"action": "drop"}, "invalid_action"),
        ({"name": "No"}, "invalid_name"),
        ({"tenants": ("A",)}, "invalid_name"),
        ({"protocol": None}, "ports_without_protocol"),
        ({"ethertype": "IPv6", "remote_cidr": "10.0.0.0/8"}, "family_mismatch"),
    ],
)
def test_what_no_guardrail_can_say_is_refused(change: dict[str, object], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        replace(NO_SSH, **change)  # type: ignore[arg-type]
    assert refused.value.code == code


def test_the_inventory_refuses_a_second_one_of_a_priority_unknown_tenants_and_the_end_of_known_ones() -> None:
    inventory = Inventory()
    inventory.put(Tenant("red"), NOW)
    with pytest.raises(Problem) as unknown:
        inventory.put(replace(NO_SSH, tenants=("blue", "red")), NOW)
    assert [(error.pointer, error.code) for error in unknown.value.errors] == [("#/tenants/0", "unknown_tenant")]
    inventory.put(replace(NO_SSH, tenants=("red",)), NOW)
    with pytest.raises(PriorityConflict) as taken:
        inventory.put(replace(SSH, priority=10), NOW)
    assert taken.value.conflicts_with == "no-ssh"
    with pytest.raises(InUse) as used:
        inventory.delete("tenant", "red", now=NOW)
    assert used.value.referrers == ("guardrail/no-ssh",)
    inventory.delete("guardrail", "no-ssh", now=NOW)
    inventory.put(replace(SSH, priority=10), NOW)
    inventory.delete("tenant", "red", now=NOW)


WEB = Rule("web", "ingress", "IPv4", TCP, (80, 89), remote_cidr="10.0.0.0/16")


@pytest.mark.parametrize(
    ("change", "is_covered", "overlaps"),
    [
        ({}, True, True),
        ({"ports": (81, 82), "remote_cidr": "10.0.1.0/24"}, True, True),
        ({"ports": (85, 95)}, False, True),
        ({"ports": (90, 95)}, False, False),
        ({"ports": None}, False, True),
        ({"protocol": UDP}, False, False),
        ({"protocol": None, "ports": None}, False, True),
        ({"direction": "egress"}, False, False),
        ({"direction": "egress", "stateful": False}, False, True),
        ({"remote_cidr": None}, False, True),
        ({"remote_cidr": "10.0.0.0/8"}, False, True),
        ({"remote_cidr": "10.1.0.0/16"}, False, False),
        ({"source_ports": (1, 2)}, True, True),
        ({"ethertype": "IPv6", "remote_cidr": None}, False, False),
    ],
)
def test_what_one_match_has_of_another(change: dict[str, object], is_covered: bool, overlaps: bool) -> None:
    other = replace(WEB, **change)  # type: ignore[arg-type]
    assert (covers(WEB, other), overlap(WEB, other), overlap(other, WEB)) == (is_covered, overlaps, overlaps)


# -- epochs


def policies() -> tuple[Inventory, dict[str, PolicyKey]]:
    """Red admits SSH and lets nothing out, or everything; blue admits HTTP, from 10/8, under any egress."""
    inventory, keys = Inventory(), {}
    rules = {"ssh": tcp_in("ssh", 22), "http": tcp_in("http", 80, cidr="10.0.0.0/8")}
    for n, (tenant, group, egress) in enumerate(
        (("red", "ssh", "rules"), ("red", "ssh", "any"), ("red", "http", "rules"), ("blue", "http", "any"))
    ):
        inventory.put(Tenant(tenant), NOW)
        inventory.put(Group(tenant, group, rules=(rules[group],)), NOW)
        port = Port(tenant, f"p{n}", f"52:54:00:00:00:0{n}", (), (group,), None, egress)  # type: ignore[arg-type]
        inventory.put(port, NOW)
        keys[f"{tenant} {group} {egress}"] = PolicyKey.of(port)
    return inventory, keys


SSH_POLICIES = {"red ssh rules", "red ssh any"}
ALL = {*SSH_POLICIES, "red http rules", "blue http any"}
ANY = {"red ssh any", "blue http any"}
OUT = Guardrail("out", 10, "deny", "egress", protocol=TCP, ports=(25, 25))


@pytest.mark.parametrize(
    ("before", "change", "judged"),
    [
        ((), NO_SSH, SSH_POLICIES),
        ((), replace(NO_SSH, ports=(23, 30)), set()),
        ((), replace(NO_SSH, ports=(80, 80), remote_cidr="11.0.0.0/8"), set()),
        ((), replace(NO_SSH, ports=(80, 80), remote_cidr="10.1.0.0/16"), {"red http rules", "blue http any"}),
        ((), replace(NO_SSH, tenants=("blue",)), set()),
        ((), replace(NO_SSH, tenants=("red",)), SSH_POLICIES),
        ((), SSH, set()),
        ((), OUT, ANY),
        ((), replace(OUT, tenants=("red",)), {"red ssh any"}),
        ((SSH,), NO_SSH, ALL),  # what that admits may be there
        ((replace(SSH, priority=5),), replace(NO_SSH, ports=(23, 23)), set()),
        ((SSH,), SSH.name, ALL),
        ((replace(SSH, tenants=("blue",)),), SSH.name, {"blue http any"}),
        ((NO_SSH,), NO_SSH.name, set()),
        ((SSH,), replace(SSH, priority=21), ALL),
        ((SSH,), replace(SSH, priority=19), set()),
        ((SSH,), replace(SSH, ports=(22, 23)), set()),
        ((SSH,), replace(SSH, remote_cidr="10.0.0.0/8"), ALL),
        ((SSH,), replace(SSH, tenants=("red",)), {"blue http any"}),
        ((SSH,), replace(SSH, description="x", owner="y"), set()),
        ((NO_SSH,), replace(NO_SSH, priority=9), SSH_POLICIES),
        ((NO_SSH,), replace(NO_SSH, priority=11), set()),
        ((NO_SSH,), replace(NO_SSH, remote_cidr="10.0.0.0/8"), set()),
        ((replace(NO_SSH, tenants=("blue",)),), NO_SSH, SSH_POLICIES),
        ((NO_SSH,), replace(NO_SSH, action="allow"), set()),
        ((SSH,), replace(SSH, action="deny"), ALL),
    ],
)
def test_a_change_judges_again_what_it_may_deny_and_nothing_else(
    before: tuple[Guardrail, ...], change: Guardrail | str, judged: set[str]
) -> None:
    inventory, keys = policies()
    for guardrail in before:
        inventory.put(guardrail, NOW)
    old = {name: inventory.epoch(key) for name, key in keys.items()}
    if isinstance(change, str):
        inventory.delete("guardrail", change, now=NOW)
    else:
        inventory.put(change, NOW)
    assert {name for name, key in keys.items() if inventory.epoch(key) != old[name]} == judged
