"""One switch's program: what is shared, what a change costs."""

from __future__ import annotations

import pytest

from app.core.pipeline import Table
from app.core.values import Binding, Group, PolicyKey, Tenant
from tests.core.plugging import check, plugged_world, port, switch_port
from tests.core.world import NOW, UPLINK, World, tcp_in

IN_G = PolicyKey("red", ("g",))


@pytest.fixture
def world() -> World:
    return plugged_world()


def cost(world: World) -> tuple[int, int]:
    """How many flows came, how many went."""
    dirty = world.program.take_dirty()
    came = sum(cookie in world.program.wanted for cookie in dirty)
    return came, len(dirty) - came


# -- what a change costs


def test_one_more_port_costs_its_own_few_flows_and_its_place_in_the_copy_list(world: World) -> None:
    world.plug(3, "v2")
    assert cost(world) == (0, 0), "a switch port of nobody has no flows"
    world.put(port(2))
    assert cost(world) == (len(world.program.fragment("port", 3, 0)) + 1, 1)
    assert len(world.program.fragment("port", 3, 0)) == 28
    assert len(world.program.port_flows(("red", "p2"))) == 28


def test_one_more_rule_costs_one_flow_however_many_ports_have_it(world: World) -> None:
    for n in range(2, 30):
        world.put(port(n))
        world.plug(n + 1, f"v{n}")
    world.program.take_dirty()
    world.put(Group("red", "g", rules=(tcp_in("ssh", 22), tcp_in("web", 80))))
    assert cost(world) == (1, 0)


def test_one_rule_less_costs_the_rule_and_the_flows_that_know_the_epoch(world: World) -> None:
    world.put(Group("red", "g"))
    assert cost(world) == (6, 7)


def test_what_no_flow_depends_on_costs_nothing(world: World) -> None:
    world.put(Tenant("red", "the red one"), port(1, labels=(("a", "b"),)), Group("red", "g", "x", (tcp_in("ssh", 22),)))
    world.plug(2, "v1")
    assert cost(world) == (0, 0)


def test_a_change_elsewhere_costs_nothing_here(world: World) -> None:
    world.put(Tenant("blue"), port(7, binding=Binding("0000000000000002", interface="v1")))
    world.put(port(8, binding=None))
    assert cost(world) == (0, 0)


def test_a_reconnect_to_the_same_ports_costs_nothing(world: World) -> None:
    world.compile([switch_port(2, "v1"), UPLINK])
    world.program.take_dirty()
    world.compile([UPLINK, switch_port(2, "v1")])
    assert cost(world) == (0, 0)


# -- shared fragments


def test_a_policy_and_a_zone_are_there_as_long_as_a_port_needs_them(world: World) -> None:
    number, zone = world.inventory.policy_number(IN_G), world.inventory.zone("red")
    world.put(port(2))
    world.plug(3, "v2")
    shared = world.program.fragment("policy", number), world.program.fragment("zone", zone)
    assert all(shared)
    world.program.unplug(2)
    assert (world.program.fragment("policy", number), world.program.fragment("zone", zone)) == shared
    world.program.unplug(3)
    assert (world.program.fragment("policy", number), world.program.fragment("zone", zone)) == ((), ())
    check(world)


def test_a_policy_that_goes_and_comes_back_in_one_change_is_compiled_under_its_new_number(world: World) -> None:
    old = world.inventory.policy_number(IN_G)
    for groups in (("h",), ("g",)):
        world.inventory.put(port(1, groups=groups), "now")
    world.refresh()
    new = world.inventory.policy_number(IN_G)
    assert new != old
    assert world.program.fragment("policy", old) == ()
    assert world.program.fragment("policy", new)
    check(world)


# -- the whole


def test_a_compilation_pauses_and_may_be_overtaken_by_changes(world: World) -> None:
    for n in range(2, 120):
        world.inventory.put(port(n), "now")
    world.program.follow(world.inventory.take_journal())
    ports = [UPLINK, *(switch_port(n + 1, f"v{n}") for n in range(1, 120))]
    pauses = 0
    for _ in world.program.compile(ports):
        pauses += 1
        world.inventory.delete("port", "red", f"p{100 + pauses}", now=NOW)
        world.inventory.put(Group("red", "g", rules=(tcp_in("other", 1000 + pauses),)), "now")
        world.program.follow(world.inventory.take_journal())
    assert pauses == 7
    check(world)


def test_every_flow_lies_in_a_declared_table_and_goes_forward(world: World) -> None:
    for flow in world.program.wanted.values():
        assert flow.table in list(Table)
        for action in flow.actions:
            if action[0] == "goto":
                assert action[1] > flow.table
                assert action is flow.actions[-1]
