"""Address sets: flows grow with members and rules, never with their product; what goes from a set is revoked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.core.pipeline import Table
from app.core.problems import BindingConflict, InUse, Problem
from app.core.values import AddressGroup, AddressPair, Binding, Group, PolicyKey, Port, Remote, Rule, Tenant
from tests.core.plugging import check
from tests.core.world import DPID, NOW, OUTSIDE_MAC, TCP, World, ip_packet

KEY = PolicyKey("red", ("g",))
MEMBERS = Remote("group", "g")


def member(n: int, **more: object) -> Port:
    mac = f"52:54:00:00:{n >> 8:02x}:{n & 255:02x}"
    return Port("red", f"p{n}", mac, (f"10.0.{n >> 8}.{n & 255}",), ("g",), **more)  # type: ignore[arg-type]


def rules(count: int) -> tuple[Rule, ...]:
    return tuple(
        Rule(f"k{n}", "ingress", "IPv4", TCP, (1000 + 2 * n, 1000 + 2 * n), remote_group="g") for n in range(count)
    )


@pytest.fixture
def world() -> World:
    """One port of a group that admits its members is plugged in, nine more are somewhere else."""
    world = World()
    world.put(Tenant("red"), Group("red", "g", rules=rules(4)), member(1, binding=Binding(DPID, interface="v1")))
    world.put(*(member(n) for n in range(2, 11)))
    world.plug(2, "v1")
    world.program.take_dirty()
    return world


def in_table(world: World, table: Table) -> int:
    return sum(flow.table == table for flow in world.program.wanted.values())


def epoch(world: World) -> int:
    return world.inventory.policy(KEY).epoch


def test_flows_are_members_plus_rules(world: World) -> None:
    # One for everything that may leave.
    assert (in_table(world, Table.MEMBER), in_table(world, Table.POLICY)) == (10, 4 + 1)
    world.put(Group("red", "g", rules=rules(20)))
    assert (in_table(world, Table.MEMBER), in_table(world, Table.POLICY)) == (10, 20 + 1)
    check(world)


def test_a_member_that_comes_costs_one_flow_and_changes_nothing_for_the_others(world: World) -> None:
    before = epoch(world)
    world.put(member(11))
    assert len(world.program.take_dirty()) == 1
    assert epoch(world) == before
    check(world)


def test_a_member_that_goes_is_revoked(world: World) -> None:
    before = epoch(world)
    world.inventory.delete("port", "red", "p5", now=NOW)
    world.refresh()
    assert epoch(world) > before
    # Its address, and the six flows that know the epoch: twice each, as what went and what came.
    assert len(world.program.take_dirty()) == 1 + 2 * 6
    check(world)


@pytest.mark.parametrize(
    ("change", "is_tighter"),
    [
        ({"groups": ()}, True),
        ({"addresses": ("10.0.0.99",)}, True),
        ({"addresses": ("10.0.0.5", "10.0.0.99")}, False),
        ({"allowed_address_pairs": (AddressPair("10.1.0.0/24"),)}, False),
        ({"allowed_address_pairs": (AddressPair("0.0.0.0/0"),)}, False),
        ({"enabled": False}, False),
        ({"vlan": 7}, False),
    ],
)
def test_only_what_a_set_loses_is_a_tightening(world: World, change: dict[str, object], is_tighter: bool) -> None:
    before = epoch(world)
    world.put(replace(member(5), **change))  # type: ignore[arg-type]
    assert (epoch(world) > before) == is_tighter
    check(world)


def test_a_connection_ends_when_its_peer_leaves_the_group_and_the_others_stay(world: World) -> None:
    def packet(n: int, back: bool = False) -> set[int]:
        ends = [("10.0.0.1", 1000, member(1).mac), (f"10.0.0.{n}", 40000, OUTSIDE_MAC)]
        (target, dport, eth_dst), (source, sport, eth_src) = ends if not back else reversed(ends)
        return world.send(ip_packet(2 if back else 1, (eth_src, eth_dst), (source, target), TCP, sport, dport)).ports

    assert (packet(5), packet(6), packet(77)) == ({2}, {2}, set())
    world.put(replace(member(5), groups=()))
    assert (packet(5), packet(5, back=True)) == (set(), set())
    assert (packet(6), packet(6, back=True)) == ({2}, {1})


def test_a_set_that_nobody_on_the_switch_asks_about_is_not_there(world: World) -> None:
    world.program.unplug(2)
    assert in_table(world, Table.MEMBER) == 0
    world.plug(2, "v1")
    assert in_table(world, Table.MEMBER) == 10
    check(world)


def test_an_address_group_is_a_set_too(world: World) -> None:
    world.put(AddressGroup("red", "a", cidrs=("10.9.0.0/16", "2001:db8::/32")))
    world.put(Group("red", "g", rules=(Rule("k", "ingress", "IPv6", remote_address_group="a"),)))
    before = epoch(world)
    assert in_table(world, Table.MEMBER) == 2
    world.put(AddressGroup("red", "a", cidrs=("10.9.0.0/16", "2001:db8::/32", "10.10.0.0/16")))
    assert (in_table(world, Table.MEMBER), epoch(world)) == (3, before)
    world.put(AddressGroup("red", "a", cidrs=("2001:db8::/32",)))
    assert in_table(world, Table.MEMBER) == 1
    assert epoch(world) > before
    check(world)


def test_what_rules_name_has_to_be_there_and_stays(world: World) -> None:
    with pytest.raises(Problem) as refused:
        world.put(Group("red", "h", rules=(Rule("k", "ingress", remote_group="x"), Rule("l", "ingress"))))
    assert [(e.pointer, e.code) for e in refused.value.errors] == [("#/rules/0/remote_group", "unknown_group")]
    world.put(Group("red", "h", rules=(Rule("k", "ingress", remote_group="g"),)))
    for n in range(1, 11):
        world.inventory.delete("port", "red", f"p{n}", now=NOW)
    with pytest.raises(InUse) as in_use:
        world.inventory.delete("group", "red", "g", now=NOW)
    assert in_use.value.referrers == ("group/red/h",)
    world.put(Group("red", "h"))
    world.inventory.delete("group", "red", "g", now=NOW)


def test_a_number_of_a_set_is_never_used_again(world: World) -> None:
    old = world.inventory.set_number("red", MEMBERS)
    for n in range(1, 11):
        world.inventory.delete("port", "red", f"p{n}", now=NOW)
    world.inventory.delete("group", "red", "g", now=NOW)
    world.put(Group("red", "g", rules=rules(1)))
    assert world.inventory.set_number("red", MEMBERS) > old


# -- address pairs


def test_pairs_are_shared_within_a_tenant_and_never_beyond(world: World) -> None:
    shared = AddressPair("10.5.0.1", "00:00:5e:00:01:0a")
    inventory = world.inventory
    inventory.put(replace(member(2), allowed_address_pairs=(shared,)), NOW)
    inventory.put(replace(member(3), allowed_address_pairs=(shared,)), NOW)
    inventory.put(replace(member(4), allowed_address_pairs=(AddressPair("10.0.0.3"),)), NOW)
    inventory.put(Tenant("blue"), NOW)
    other = Port("blue", "b", "52:54:00:00:aa:01", ("10.7.0.1",))
    for claim in (
        {"allowed_address_pairs": (shared,)},
        {"allowed_address_pairs": (AddressPair("10.5.0.1"),)},
        {"allowed_address_pairs": (AddressPair("10.5.0.2", "00:00:5e:00:01:0a"),)},
        {"allowed_address_pairs": (AddressPair("10.0.0.3"),)},
        {"allowed_address_pairs": (AddressPair("10.0.0.0/16"),)},
        {"allowed_address_pairs": (AddressPair("10.8.0.1", member(3).mac),)},
        {"mac": "00:00:5e:00:01:0a"},
        {"addresses": ("10.5.0.1",)},
    ):
        with pytest.raises(BindingConflict):
            inventory.put(replace(other, **claim), NOW)  # type: ignore[arg-type]
        inventory.put(replace(other, vlan=9, **claim), NOW)  # type: ignore[arg-type]
    inventory.put(replace(other, allowed_address_pairs=(AddressPair("0.0.0.0/0"),)), NOW)


def test_an_address_in_somebody_elses_network_is_refused_in_either_order(world: World) -> None:
    world.put(Tenant("blue"), Port("blue", "b", "52:54:00:00:aa:01", (), (), None))
    world.put(replace(member(2), allowed_address_pairs=(AddressPair("10.7.0.0/24"),)))
    with pytest.raises(BindingConflict, match="a network with address"):
        world.put(Port("blue", "b", "52:54:00:00:aa:01", ("10.7.0.1",)))
    world.put(replace(member(3), addresses=("10.7.0.1",)))
