"""A change that touches many policies is followed in turns, and others may come in between."""

from __future__ import annotations

from itertools import chain

import pytest

from app.core.flow import Flow
from app.core.inventory import Inventory
from app.core.limits import Limits
from app.core.pipeline import Table
from app.core.program import Program
from app.core.values import AddressGroup, Binding, Group, Port, Rule, SwitchPort, Tenant
from tests.core.world import DPID, NOW, TCP, tcp_in

MANY = 40


def settled(inventory: Inventory, ofports: int) -> Program:
    program = Program(inventory, DPID, ("ext",), trust_local=False)
    for _ in program.compile(SwitchPort(n, f"v{n}", "fe:00:00:00:00:00") for n in range(1, ofports + 1)):
        pass
    return program


def crowd() -> tuple[Inventory, Program]:
    """Ports that all carry one group, each beside another of its own: so many policies."""
    inventory = Inventory()
    inventory.put(Tenant("red"), NOW)
    inventory.put(Group("red", "all", rules=(tcp_in("a", 22),)), NOW)
    for n in range(1, MANY + 1):
        inventory.put(Group("red", f"g{n}", rules=(tcp_in("a", 1000 + n),)), NOW)
        inventory.put(_port(n), NOW)
    program = settled(inventory, MANY)
    inventory.take_journal()
    return inventory, program


def _port(n: int, *groups: str) -> Port:
    mac = f"52:54:00:00:00:{n:02x}"
    return Port("red", f"p{n}", mac, (f"10.0.0.{n}",), groups or ("all", f"g{n}"), Binding(DPID, f"v{n}"))


def test_each_policy_is_a_turn_of_its_own() -> None:
    inventory, program = crowd()
    inventory.put(Group("red", "all", rules=(tcp_in("a", 22), tcp_in("b", 23))), NOW)
    program.take(inventory.take_journal())
    before = dict(program.wanted)
    turns = 0
    for _ in program.settle():
        turns += 1
        assert len(program.wanted.keys() ^ before.keys()) < 40, "one turn changes one policy"
        before = dict(program.wanted)
    assert turns >= MANY
    assert program.wanted == settled(inventory, MANY).wanted


def test_what_is_written_between_two_turns_is_followed_too() -> None:
    """Ports leave their policies, which are gone then; others come; the group changes once more and goes."""
    remote = Rule("c", "ingress", "IPv4", TCP, (80, 80), remote_address_group="x")
    changes = (
        lambda inventory: inventory.put(_port(7, "g7"), NOW),
        lambda inventory: inventory.put(Group("red", "all", rules=(tcp_in("b", 24),)), NOW),
        lambda inventory: inventory.delete("port", "red", "p9", now=NOW),
        lambda inventory: inventory.put(_port(9, "g9", "g10"), NOW),
        lambda inventory: inventory.put(AddressGroup("red", "x", cidrs=("10.9.0.0/24",)), NOW),
        lambda inventory: inventory.put(Group("red", "all", rules=(remote,)), NOW),
        lambda inventory: inventory.put(AddressGroup("red", "x", cidrs=("10.9.0.0/24", "10.8.0.0/24")), NOW),
    )
    for pace in (1, 3, 7):
        inventory, program = crowd()
        left = list(changes)
        inventory.put(Group("red", "all", rules=(tcp_in("a", 22), tcp_in("b", 23))), NOW)
        program.take(inventory.take_journal())
        for turn, _ in enumerate(program.settle()):
            if left and turn % pace == 0:
                left.pop(0)(inventory)
                program.take(inventory.take_journal())
        for _ in program.settle():  # what came after the policies were done
            pass
        assert not left
        assert program.wanted == settled(inventory, MANY).wanted


@pytest.mark.parametrize("turns", [0, 1, MANY // 2])
def test_who_leaves_a_set_has_left_it_before_any_policy_has_its_new_epoch(turns: int) -> None:
    """A part of a change may be in force for a while. What is judged anew then must not find the old member, also not
    when it leaves amid another change."""
    inventory, program = crowd()
    remote = Rule("c", "ingress", "IPv4", TCP, (80, 80), remote_group="club")
    for value in (Group("red", "club"), Group("red", "all", rules=(remote,)), _port(1, "all", "g1", "club")):
        inventory.put(value, NOW)
    program.follow(inventory.take_journal())
    inventory.put(Group("red", "all", rules=(remote, tcp_in("b", 23))), NOW)
    program.take(inventory.take_journal())
    steps = program.settle()
    for _ in range(turns):
        next(steps)
    before = dict(program.wanted)
    assert members(program)

    inventory.put(_port(1), NOW)
    program.take(inventory.take_journal())
    for _ in chain(steps, program.settle()):
        epochs = [flow for flow in program.wanted.keys() - before.keys() if program.wanted[flow].table == Table.SOURCE]
        assert not (epochs and members(program))
    assert not members(program)
    assert program.wanted == settled(inventory, MANY).wanted


def members(program: Program) -> list[Flow]:
    return [flow for flow in program.wanted.values() if flow.table == Table.MEMBER]


def test_a_turn_ends_however_much_is_written_meanwhile() -> None:
    inventory, program = crowd()
    inventory.put(Group("red", "all", rules=(tcp_in("a", 23),)), NOW)
    program.take(inventory.take_journal())
    turns = 0
    for turns, _ in enumerate(program.settle(), 1):
        inventory.put(Group("red", "all", rules=(tcp_in("a", 1000 + turns),)), NOW)
        program.take(inventory.take_journal())
        assert turns < 10 * MANY
    assert program.wanted != settled(inventory, MANY).wanted
    for _ in program.settle():
        pass
    assert program.wanted == settled(inventory, MANY).wanted


def test_a_switch_without_meters_gets_no_flow_that_uses_one_and_all_others() -> None:
    inventory, program = crowd()
    plain = dict(program.wanted)
    inventory.put(Tenant("red", limits=Limits(new_per_second=5)), NOW)
    program.follow(inventory.take_journal())
    assert len(program.meters) == 2 * MANY
    metered = dict(program.wanted)
    program.may_meter(False)
    assert (program.meters, program.wanted) == ({}, plain)
    inventory.put(Tenant("red", limits=Limits(new_per_second=6)), NOW)
    program.follow(inventory.take_journal())
    program.unplug(7)
    program.plug(SwitchPort(7, "v7", "fe:00:00:00:00:00"))
    assert (program.meters, program.wanted) == ({}, plain)
    program.may_meter(True)
    assert program.wanted == metered
    assert {rate.per_second for rate in program.meters.values()} == {6}
