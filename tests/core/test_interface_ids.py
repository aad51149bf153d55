"""Ports that are bound by interface id: whichever switch port carries it is theirs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.inventory import Inventory
from app.core.parsing import Invalid
from app.core.ports import BINDING_NAMES, NO_SWITCH, SWITCH_OF_IFACE_ID
from app.core.problems import BindingConflict
from app.core.seating import Seating
from app.core.values import Binding, Port, Switch, SwitchPort, Tenant
from tests.core.plugging import check, plugged_world, port, switch_port
from tests.core.world import DPID, NOW, World


def carrying(ofport: int, name: str, iface_id: str | None) -> SwitchPort:
    return replace(switch_port(ofport, name), iface_id=iface_id)


@pytest.fixture
def world() -> World:
    """Port p1 by interface name under number 2; port p2 by interface id, not plugged in."""
    world = plugged_world()
    world.put(port(2, binding=Binding(iface_id="vm-2")))
    return world


def plug(world: World, *ports: SwitchPort) -> None:
    for each in ports:
        world.program.plug(each)
    world.refresh()


def places(world: World) -> dict[str, int]:
    return {id[1]: seat[0] for seat, id in sorted(world.program.owners.items())}


# -- the value


@pytest.mark.parametrize(
    ("binding", "complaint"),
    [
        ({}, BINDING_NAMES),
        ({"switch": DPID}, BINDING_NAMES),
        ({"iface_id": "vm", "ofport": 3}, BINDING_NAMES),
        ({"iface_id": "vm", "interface": "tap0"}, BINDING_NAMES),
        ({"switch": DPID, "interface": "tap0", "ofport": 3}, BINDING_NAMES),
        ({"switch": DPID, "iface_id": "vm"}, SWITCH_OF_IFACE_ID),
        ({"interface": "tap0"}, NO_SWITCH),
        ({"ofport": 3}, NO_SWITCH),
        ({"iface_id": ""}, "not an interface id"),
        ({"iface_id": "a b"}, "not an interface id"),
        ({"iface_id": "\u00e9"}, "not an interface id"),
        ({"iface_id": "x" * 256}, "not an interface id"),
        ({"iface_id": "x", "tag": 4095}, "tag 4095"),
    ],
)
def test_a_binding_names_one_thing(binding: dict[str, object], complaint: str) -> None:
    with pytest.raises(Invalid, match=complaint):
        Binding(**binding)  # type: ignore[arg-type]


# -- who sits where


def test_the_switch_port_that_carries_the_id_is_the_ports_whatever_its_name_and_number(world: World) -> None:
    assert places(world) == {"p1": 2}
    plug(world, carrying(7, "tap7", "vm-2"))
    assert places(world) == {"p1": 2, "p2": 7}
    world.program.unplug(7)
    plug(world, carrying(9, "tap9", "vm-2"))
    assert places(world) == {"p1": 2, "p2": 9}
    check(world)


def test_an_id_that_becomes_known_later_or_changes_moves_the_port(world: World) -> None:
    plug(world, carrying(7, "tap7", None))
    assert places(world) == {"p1": 2}
    plug(world, carrying(7, "tap7", "vm-2"))
    assert places(world) == {"p1": 2, "p2": 7}
    plug(world, carrying(7, "tap7", "vm-3"))
    assert places(world) == {"p1": 2}
    world.put(port(2, binding=Binding(iface_id="vm-3")))
    assert places(world) == {"p1": 2, "p2": 7}
    world.put(port(2, binding=None))
    assert places(world) == {"p1": 2}
    check(world)


def test_a_port_bound_by_name_or_number_has_it_and_the_one_bound_by_id_is_its_rival(world: World) -> None:
    plug(world, carrying(2, "v1", "vm-2"))
    assert (places(world), world.program.rivals) == ({"p1": 2}, {("red", "p2"): ("red", "p1")})
    check(world)
    world.put(port(1, binding=Binding(DPID, ofport=2)))
    assert world.program.rivals == {("red", "p2"): ("red", "p1")}
    world.put(port(1, binding=None))
    assert (places(world), world.program.rivals) == ({"p2": 2}, {})
    check(world)


def test_of_two_that_carry_one_id_the_newer_has_the_port_and_the_older_when_that_goes(world: World) -> None:
    for order in ((7, 8), (8, 7)):
        plug(world, *(carrying(ofport, f"tap{ofport}", "vm-2") for ofport in order))
        assert places(world) == {"p1": 2, "p2": 8}
        check(world)
        world.program.unplug(8)
        assert places(world) == {"p1": 2, "p2": 7}
        check(world)
        world.program.unplug(7)


def test_where_an_id_stands_for_another_switch_port_nobody_is_a_rival(world: World) -> None:
    plug(world, carrying(8, "tap8", "vm-2"), carrying(7, "tap7", "vm-2"))
    world.put(port(3, binding=Binding(DPID, ofport=7)))
    assert (places(world), world.program.rivals) == ({"p1": 2, "p2": 8, "p3": 7}, {})
    world.inventory.put(Switch(DPID, "edge"), NOW)
    world.refresh()
    assert places(world) == {"p1": 2, "p2": 8, "p3": 7}
    check(world)


def test_a_sub_port_shares_the_id_of_its_parent(world: World) -> None:
    world.put(port(3, binding=Binding(iface_id="vm-2", tag=5)), port(4, binding=Binding(iface_id="vm-1", tag=5)))
    plug(world, carrying(7, "tap7", "vm-2"), carrying(2, "v1", "vm-1"))
    owners = {seat: id[1] for seat, id in world.program.owners.items()}
    assert owners == {(2, 0): "p1", (2, 5): "p4", (7, 0): "p2", (7, 5): "p3"}
    check(world)


def test_what_carries_a_ports_id_is_no_uplink(world: World) -> None:
    plug(world, carrying(1, "ext", "vm-2"))
    assert world.program.uplinks() == []
    plug(world, carrying(1, "ext", None))
    assert [uplink.ofport for uplink in world.program.uplinks()] == [1]
    check(world)


def test_a_port_that_is_on_two_switches_has_its_place_on_both(world: World) -> None:
    """A VM that moves is known to both hosts for a while."""
    other = Seating(world.inventory, "0000000000000002", (), trust_local=False)
    list(other.come(carrying(5, "tap5", "vm-2")))
    plug(world, carrying(7, "tap7", "vm-2"))
    assert (places(world)["p2"], other.owners) == (7, {(5, 0): ("red", "p2")})


# -- claims


def test_an_id_is_bound_once_for_each_tag_and_is_nobodys_name(world: World) -> None:
    inventory = world.inventory
    for tag in (None, 5):
        inventory.put(port(5, "mine", binding=Binding(iface_id="vm-5", tag=tag)), NOW)
        with pytest.raises(BindingConflict, match="interface id vm-5") as refused, inventory.attempt():
            inventory.put(port(6, "other", binding=Binding(iface_id="vm-5", tag=tag)), NOW)
        assert refused.value.conflicts_with == "red/mine"
    # An interface, a switch and an id may share a word.
    inventory.put(port(6, "other", binding=Binding("vm-5", interface="vm-5")), NOW)


# -- whatever happens

BINDINGS = st.sampled_from(
    [
        None,
        *(Binding(iface_id=id, tag=tag) for id in ("a", "b") for tag in (None, 5)),
        *(Binding(DPID, interface=name) for name in ("t1", "t2")),
        *(Binding(DPID, ofport=ofport, tag=tag) for ofport in (1, 2) for tag in (None, 5)),
    ]
)
CHANGES = st.one_of(
    st.tuples(st.integers(1, 3), BINDINGS),
    st.tuples(st.integers(1, 4), st.sampled_from(["t1", "t2", "t3", "t4"]), st.sampled_from([None, "a", "b"])),
    st.integers(1, 4),
)


@given(st.lists(CHANGES, max_size=25))
def test_whatever_came_before_the_seats_are_those_of_a_fresh_start(history: list[object]) -> None:
    inventory = Inventory()
    inventory.put(Tenant("red"), NOW)
    seating = Seating(inventory, DPID, (), trust_local=False)
    inventory.take_journal()
    for change in history:
        match change:
            case (int(ofport), str(name), iface_id):
                if all(other.name != name for other in seating.ports.values() if other.ofport != ofport):
                    list(seating.come(carrying(ofport, name, iface_id)))  # type: ignore[arg-type]
            case (int(n), binding):
                try:
                    inventory.put(Port("red", f"p{n}", f"52:54:00:00:00:0{n}", binding=binding), NOW)  # type: ignore[arg-type]
                except BindingConflict:
                    continue
                for write in inventory.take_journal():
                    if write.kind == "port":
                        list(seating.follow_port(write))
            case int(ofport):
                list(seating.go(ofport))
        fresh = Seating(inventory, DPID, (), trust_local=False)
        for each in sorted(seating.ports.values(), key=lambda each: -each.ofport):
            list(fresh.come(each))
        assert (seating.owners, seating.rivals) == (fresh.owners, fresh.rivals)
        assert not seating.rivals.keys() & set(seating.owners.values()), "who sits somewhere has lost to nobody"
