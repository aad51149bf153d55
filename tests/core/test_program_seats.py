"""Who sits where on a switch, and what counts as an uplink."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.core.flow import Flow
from app.core.pipeline import LOCAL
from app.core.values import Binding, Switch
from tests.core.plugging import check, plugged_world, port, switch_port
from tests.core.world import DPID, UPLINK, World
from tests.model.invariants import from_scratch


@pytest.fixture
def world() -> World:
    return plugged_world()


def seats(world: World) -> dict[str, int | None]:
    """The ofport of each registered port."""
    found = {stored.value: world.program.seat(stored.value.id) for stored in world.inventory.list("port")}
    return {port.name: seat[0] if seat else None for port, seat in found.items()}  # type: ignore[union-attr]


# -- who sits where


def test_flows_come_and_go_with_the_interface(world: World) -> None:
    assert seats(world) == {"p1": 2}
    world.program.unplug(2)
    assert seats(world) == {"p1": None}
    assert [flow for flow in world.program.wanted.values() if _mentions(flow, 2)] == []
    world.plug(7, "v1")
    assert seats(world) == {"p1": 7}
    check(world)


def _mentions(flow: Flow, ofport: int) -> bool:
    return ("in_port", ofport, 0xFFFFFFFF) in flow.match or ("output", ofport) in flow.actions


def test_an_interface_that_is_renamed_is_somebody_elses(world: World) -> None:
    world.put(port(2))
    world.plug(2, "v2")
    assert seats(world) == {"p1": None, "p2": 2}
    world.plug(2, "v9")
    assert seats(world) == {"p1": None, "p2": None}
    check(world)


def test_two_interfaces_may_swap_their_names(world: World) -> None:
    world.put(port(2))
    world.plug(3, "v2")
    world.plug(2, "v2")
    world.plug(3, "v1")
    assert seats(world) == {"p1": 3, "p2": 2}
    check(world)


def test_a_port_sits_in_one_place_while_its_interface_moves_to_another_number(world: World) -> None:
    world.plug(9, "v1")
    assert seats(world) == {"p1": 9}
    assert world.program.plugged((2, 0)) is None
    world.program.unplug(2)
    assert seats(world) == {"p1": 9}
    check(world)


def test_an_interface_that_moved_back_while_the_switch_was_away_is_found_again(world: World) -> None:
    world.plug(9, "v1")  # and the connection breaks before the switch says that number 2 is gone
    world.compile([UPLINK, switch_port(2, "v1")])
    assert seats(world) == {"p1": 2}
    check(world)


def test_a_rebound_port_leaves_its_old_place_to_the_next_in_line(world: World) -> None:
    world.put(port(2, binding=Binding(DPID, ofport=2)))
    assert seats(world) == {"p1": 2, "p2": None}
    assert world.program.rivals == {("red", "p2"): ("red", "p1")}
    world.put(port(1, binding=Binding(DPID, interface="v5")))
    assert seats(world) == {"p1": None, "p2": 2}
    assert world.program.rivals == {}
    world.put(port(1))
    assert seats(world) == {"p1": 2, "p2": None}
    check(world)


def test_a_port_whose_rival_moved_away_is_nobodys_loser(world: World) -> None:
    world.put(port(2, binding=Binding(DPID, ofport=2)))
    assert world.program.rivals == {("red", "p2"): ("red", "p1")}
    world.plug(9, "v1")
    world.program.unplug(2)
    assert world.program.rivals == {}
    world.plug(2, "v7")
    assert (seats(world), world.program.rivals) == ({"p1": 9, "p2": 2}, {})
    check(world)


def test_a_port_bound_by_the_switchs_name_follows_the_name(world: World) -> None:
    world.put(port(2, binding=Binding("edge", interface="v2")))
    world.plug(3, "v2")
    assert seats(world)["p2"] is None
    world.inventory.put(Switch(DPID, "edge"), "now")
    world.refresh()
    assert seats(world)["p2"] == 3
    world.inventory.put(Switch(DPID, "core"), "now")
    world.refresh()
    assert seats(world)["p2"] is None
    check(world)


# -- uplinks


def test_a_registered_port_is_never_an_uplink(world: World) -> None:
    assert [uplink.ofport for uplink in world.program.uplinks()] == [1]
    world.put(port(1, binding=Binding(DPID, interface="ext")))
    assert world.program.uplinks() == []
    world.put(port(1))
    assert [uplink.ofport for uplink in world.program.uplinks()] == [1]
    check(world)


def test_uplinks_follow_the_switch_and_the_names_of_interfaces(world: World) -> None:
    world.plug(4, "eth0")
    for uplinks, expected in ((("eth*",), [4]), ((), []), (("e*",), [1, 4]), (None, [1])):
        world.inventory.put(Switch(DPID, uplinks=uplinks), "now")
        world.refresh()
        assert sorted(uplink.ofport for uplink in world.program.uplinks()) == expected
        check(world)
    world.plug(4, "ext")
    world.program.unplug(1)
    assert [uplink.ofport for uplink in world.program.uplinks()] == [4]


def test_local_is_an_uplink_if_trusted_and_nobodys_port(world: World) -> None:
    program = from_scratch(world.inventory, [switch_port(LOCAL, "br0")], trust_local=True)
    assert program.local_is_uplink()
    world.inventory.put(replace(port(3), binding=Binding(DPID, interface="br0")), "now")
    program.follow(world.inventory.take_journal())
    assert not program.local_is_uplink()
    assert not from_scratch(world.inventory, [switch_port(LOCAL, "br0")], trust_local=False).local_is_uplink()
