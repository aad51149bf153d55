"""The inventory: what it refuses, what it numbers, how a change is taken back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.core.inventory import Inventory
from app.core.parsing import Invalid
from app.core.problems import BindingConflict, InUse, NotFound, Problem, Refused
from app.core.values import Binding, Group, PolicyKey, Port, Rule, Switch, Tenant
from tests.core.world import NOW, tcp_in
from tests.model.invariants import check_replay, tables

LATER = "2026-01-02T00:00:00Z"
SW1, SW2 = "0000000000000001", "0000000000000002"
SSH, WEB = tcp_in("ssh", 22), tcp_in("web", 80)


def port(tenant: str = "red", name: str = "p1", n: int = 1, groups: tuple[str, ...] = ("g",), **more: object) -> Port:
    usual = {"addresses": (f"10.0.0.{n}",), "binding": Binding(SW1, interface=f"v{n}")}
    return Port(tenant, name, f"52:54:00:00:00:{n:02x}", groups=groups, **(usual | more))  # type: ignore[arg-type]


@pytest.fixture
def inventory() -> Inventory:
    """Tenants red and blue; red has group g with SSH, and port p1 in it."""
    inventory = Inventory()
    for value in (Tenant("red"), Tenant("blue"), Group("red", "g", rules=(SSH,)), Group("red", "h"), port()):
        inventory.put(value, NOW)
    return inventory


def numbers(inventory: Inventory, groups: tuple[str, ...] = ("g",)) -> tuple[int, int]:
    found = inventory.policy(PolicyKey("red", groups))
    return found.number, found.epoch


# -- create or replace


def test_the_same_value_again_changes_nothing(inventory: Inventory) -> None:
    before, revision, mark = tables(inventory), inventory.revision, len(inventory.journal)
    assert inventory.put(port(), LATER).updated_at == NOW
    assert (tables(inventory), inventory.revision, len(inventory.journal)) == (before, revision, mark)


def test_a_replaced_value_keeps_the_time_it_was_made(inventory: Inventory) -> None:
    stored = inventory.put(port(egress="rules"), LATER)
    assert (stored.created_at, stored.updated_at, stored.revision) == (NOW, LATER, inventory.revision)


# -- refusals


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (Group("green", "g"), NotFound),
        (port("green", groups=()), NotFound),
        (port("red", "p2", 2, groups=("g", "nope")), Problem),
        (port("blue", "p2", 2, groups=("g",)), Problem),
        (replace(port("blue", "p2", 2, groups=()), mac="52:54:00:00:00:01"), BindingConflict),
        (replace(port("blue", "p2", 2, groups=()), addresses=("10.0.0.7", "10.0.0.1")), BindingConflict),
        (replace(port("blue", "p2", 2, groups=()), binding=Binding(SW1, interface="v1")), BindingConflict),
    ],
)
def test_what_contradicts_is_refused_and_leaves_no_trace(
    inventory: Inventory, value: Group | Port, problem: type[Refused]
) -> None:
    before, revision = tables(inventory), inventory.revision
    with pytest.raises(problem):
        inventory.put(value, LATER)
    assert (tables(inventory), inventory.revision) == (before, revision)


def test_every_unknown_group_is_named(inventory: Inventory) -> None:
    with pytest.raises(Problem) as caught:
        inventory.put(port(groups=("g", "x", "y")), LATER)
    assert [error.pointer for error in caught.value.errors] == ["#/groups/1", "#/groups/2"]


def test_a_port_does_not_contradict_itself(inventory: Inventory) -> None:
    inventory.put(port(addresses=("10.0.0.1", "10.0.0.2")), LATER)
    inventory.put(port(addresses=("10.0.0.2",)), LATER)
    inventory.put(port("blue", "p2", 2, groups=(), addresses=("10.0.0.1",)), LATER)


def test_what_a_deleted_port_held_is_free(inventory: Inventory) -> None:
    inventory.delete("port", "red", "p1", now=NOW)
    inventory.put(port("blue", "p9", 1, groups=()), LATER)
    assert inventory.holder(0, address="10.0.0.1") == ("blue", "p9")


def test_what_is_in_use_stays_and_its_users_are_named(inventory: Inventory) -> None:
    with pytest.raises(InUse) as group:
        inventory.delete("group", "red", "g", now=NOW)
    with pytest.raises(InUse) as tenant:
        inventory.delete("tenant", "red", now=NOW)
    assert group.value.referrers == ("port/red/p1",)
    assert set(tenant.value.referrers) == {"group/red/g", "group/red/h", "port/red/p1"}


def test_what_is_missing_is_named_from_the_outside_in(inventory: Inventory) -> None:
    for path, missing in ((("green", "g"), ("tenant", "green")), (("red", "x"), ("group", "x"))):
        with pytest.raises(NotFound) as caught:
            inventory.get("group", *path)
        assert (caught.value.kind, caught.value.id) == missing


def test_a_switch_name_means_one_switch(inventory: Inventory) -> None:
    inventory.put(Switch(SW1, "edge"), NOW)
    with pytest.raises(BindingConflict):
        inventory.put(Switch(SW2, "edge"), NOW)
    inventory.put(Switch(SW1, "core"), NOW)
    inventory.put(Switch(SW2, "edge"), NOW)
    assert (inventory.switch_id("edge"), inventory.switch_id("core"), inventory.switch_id("x")) == (SW2, SW1, "x")


# -- who is bound to a switch port


def test_an_interface_name_wins_over_its_number_and_the_other_is_named(inventory: Inventory) -> None:
    inventory.put(port("blue", "p2", 2, groups=(), binding=Binding(SW1, ofport=5)), NOW)
    assert inventory.bound_to(SW1, "v1", 5) == {0: [("red", "p1"), ("blue", "p2")]}
    assert inventory.bound_to(SW1, "v1", 6) == {0: [("red", "p1")]}
    assert inventory.bound_to(SW1, "v9", 5) == {0: [("blue", "p2")]}
    assert inventory.bound_to(SW2, "v1", 5) == {}


def test_a_tag_is_bound_apart_from_its_interface(inventory: Inventory) -> None:
    inventory.put(port("red", "sub", 2, groups=(), binding=Binding(SW1, "v1", tag=7)), NOW)
    assert inventory.bound_to(SW1, "v1", 5) == {0: [("red", "p1")], 7: [("red", "sub")]}
    with pytest.raises(BindingConflict, match="tag 7"):
        inventory.put(port("blue", "other", 3, groups=(), binding=Binding(SW1, "v1", tag=7)), NOW)


# -- numbers


def test_ports_with_the_same_groups_share_a_policy_and_others_do_not(inventory: Inventory) -> None:
    inventory.put(port("red", "p2", 2), NOW)
    inventory.put(port("red", "p3", 3, groups=("g", "h")), NOW)
    keys = [PolicyKey.of(inventory.port(("red", name))) for name in ("p1", "p2", "p3")]
    first, second, third = (inventory.policy_number(key) for key in keys)
    assert first == second != third
    inventory.put(port("red", "p2", 2, egress="rules"), NOW)
    assert inventory.policy_number(PolicyKey("red", ("g",), "rules")) not in (first, third)


def test_a_tighter_policy_gets_a_new_epoch_and_a_looser_one_keeps_it(inventory: Inventory) -> None:
    number, epoch = numbers(inventory)
    inventory.put(Group("red", "g", rules=(SSH, WEB)), NOW)
    assert numbers(inventory) == (number, epoch)
    inventory.put(Group("red", "g", rules=(WEB,)), NOW)
    assert numbers(inventory)[0] == number
    assert numbers(inventory)[1] > epoch


def test_a_rule_that_another_group_also_has_is_not_missed(inventory: Inventory) -> None:
    inventory.put(Group("red", "h", rules=(tcp_in("also", 22),)), NOW)
    inventory.put(port(groups=("g", "h")), NOW)
    before = numbers(inventory, ("g", "h"))
    inventory.put(Group("red", "g"), NOW)
    assert numbers(inventory, ("g", "h")) == before


def test_a_policy_that_comes_back_has_new_numbers(inventory: Inventory) -> None:
    before = numbers(inventory)
    inventory.put(port(groups=()), NOW)
    inventory.put(port(), NOW)
    after = numbers(inventory)
    assert after[0] > before[0]
    assert after[1] > before[1]


def test_a_rule_keeps_its_id_when_it_changes_and_gets_a_new_one_when_it_comes_back(inventory: Inventory) -> None:
    first = inventory.rule_id("red", "g", "ssh")
    inventory.put(Group("red", "g", rules=(replace(SSH, ports=(22, 23)),)), NOW)
    assert inventory.rule_id("red", "g", "ssh") == first
    assert inventory.rule_of(first) == ("red", "g", "ssh")
    inventory.put(Group("red", "g"), NOW)
    assert inventory.rule_of(first) is None
    inventory.put(Group("red", "g", rules=(SSH,)), NOW)
    assert inventory.rule_id("red", "g", "ssh") > first


def test_tenants_have_zones_of_their_own_and_a_freed_one_rests(inventory: Inventory) -> None:
    red, blue = inventory.zone("red"), inventory.zone("blue")
    assert red != blue
    inventory.delete("tenant", "blue", now=NOW)
    inventory.put(Tenant("blue"), NOW)
    assert inventory.zone("blue") not in (0, red, blue)


# -- taking back


def change_everything(inventory: Inventory) -> None:
    inventory.put(Group("red", "g", rules=(WEB, Rule("out", "egress"))), LATER)
    inventory.put(port(groups=("h",), egress="rules"), LATER)
    inventory.put(port("blue", "p2", 2, groups=()), LATER)
    inventory.delete("port", "red", "p1", now=NOW)
    inventory.delete("group", "red", "g", now=NOW)
    inventory.put(Switch(SW1, "edge"), LATER)
    inventory.put(Tenant("green"), LATER)


def test_a_failed_attempt_leaves_everything_as_it_was(inventory: Inventory) -> None:
    before, revision, mark = tables(inventory), inventory.revision, len(inventory.journal)
    with pytest.raises(NotFound), inventory.attempt():  # noqa: PT012
        change_everything(inventory)
        inventory.delete("port", "red", "p1", now=NOW)
    assert (tables(inventory), inventory.revision, len(inventory.journal)) == (before, revision, mark)
    inventory.put(port("blue", "p9", 3, groups=()), LATER)


def test_undo_gives_back_tables_and_everything_that_is_looked_up_in_them(inventory: Inventory) -> None:
    fresh = Inventory()
    for write in inventory.take_journal():
        fresh.load(write.kind, write.id, write.after)
    change_everything(inventory)
    inventory.undo()
    check_replay(inventory, fresh)


def test_a_journal_replayed_gives_the_same_inventory(inventory: Inventory) -> None:
    change_everything(inventory)
    fresh = Inventory()
    for write in inventory.take_journal():
        fresh.load(write.kind, write.id, write.after)
    check_replay(inventory, fresh)
    assert inventory.journal == []


def test_a_switch_cannot_be_named_like_another_switchs_datapath_id() -> None:
    with pytest.raises(Invalid, match="datapath id"):
        Switch("0000000000000001", "0000000000000002")
