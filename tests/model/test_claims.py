"""What two ports may both have: every pair of addresses and MACs of a small world, in one tenant and in two."""

from __future__ import annotations

from itertools import product

import pytest

from app.core.values import AddressPair, Port
from tests.model import small_world as small
from tests.model.side_by_side import SideBySide
from tests.model.small_world import PAIR_ADDRESSES, VIRTUAL_MACS, VM_ADDRESSES, VM_ADDRESSES_6, VM_MACS

PAIRS = [(), *((AddressPair(a, mac),) for a in PAIR_ADDRESSES for mac in (None, VIRTUAL_MACS[0], VM_MACS[1]))]


def port(tenant: str, n: int, pairs: tuple[AddressPair, ...], vlan: int = 0, mac: str | None = None) -> Port:
    own = (VM_ADDRESSES[n], VM_ADDRESSES_6[n])
    return Port(tenant, f"p{n}", mac or VM_MACS[n], own, vlan=vlan, allowed_address_pairs=pairs)


@pytest.mark.parametrize(("other", "vlan"), [("red", 0), ("blue", 0), ("blue", 5)])
def test_two_ports_have_what_they_may_both_have(other: str, vlan: int) -> None:
    """`SideBySide.put` compares what is refused with what has to be."""
    world = SideBySide()
    for value in small.nothing_yet():
        assert world.put(value)
    refused = 0
    for mine, others in product(PAIRS, PAIRS):
        assert world.put(port("red", 0, ()))
        assert world.put(port(other, 1, (), vlan))
        if world.put(port("red", 0, mine)):
            refused += not world.put(port(other, 1, others, vlan))
    assert bool(refused) == ((other, vlan) == ("blue", 0))


def test_a_mac_is_nobody_elses(world_of_two: SideBySide) -> None:
    for mac in (VM_MACS[0], VM_MACS[2], VIRTUAL_MACS[0]):
        for tenant in ("red", "blue"):
            taken = mac != VM_MACS[2]
            assert world_of_two.put(port(tenant, 3, (), mac=mac)) != taken
            if not taken:
                assert world_of_two.delete("port", tenant, "p3")


@pytest.fixture
def world_of_two() -> SideBySide:
    world = SideBySide()
    for value in (*small.nothing_yet(), port("red", 0, (AddressPair("10.0.0.6", VIRTUAL_MACS[0]),))):
        assert world.put(value)
    return world
