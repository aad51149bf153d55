"""A preview tells what a change does: the values it writes, and exactly the flows that come and go."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.core.inventory import Inventory, Write
from app.core.preview import Flows, net, preview
from app.core.problems import NotFound
from app.core.program import Program
from app.core.values import Binding, Group, Port, Rule, Stored, SwitchPort, Tenant
from tests.core.world import DPID, NOW, UPLINK

Change = Callable[[Inventory, str], Any]
HTTP = Rule("http", "ingress", protocol=6, ports=(80, 80))
PEERS = Rule("peers", "ingress", remote_group="web")


def world() -> Inventory:
    inventory = Inventory()
    inventory.put(Tenant("acme"), NOW)
    inventory.put(Group("acme", "web", rules=(HTTP,)), NOW)
    inventory.put(Group("acme", "db", rules=(PEERS,)), NOW)
    for n, group in enumerate(("web", "web", "db"), 1):
        inventory.put(port(n, group), NOW)
    inventory.take_journal()
    return inventory


def port(n: int, group: str) -> Port:
    mac = f"52:54:00:00:00:{n:02x}"
    return Port("acme", f"p{n}", mac, (f"10.0.0.{n}",), (group,), Binding(DPID, interface=f"v{n}"))


def program(inventory: Inventory) -> Program:
    made = Program(inventory, DPID, ("ext",), trust_local=False)
    ports = [SwitchPort(n, f"v{n}", f"fe:00:00:00:00:{n:02x}") for n in range(2, 9)]
    for _ in made.compile([UPLINK, *(replace(port, name=f"v{port.ofport - 1}") for port in ports)]):
        pass
    return made


def more_rules(inventory: Inventory, now: str) -> Stored:
    group = inventory.get("group", "acme", "web").value
    return inventory.put(replace(group, rules=(HTTP, replace(HTTP, key="https", ports=(443, 443)))), now)


def one_port_more(inventory: Inventory, now: str) -> Stored:
    return inventory.put(port(4, "web"), now)


def one_port_less(inventory: Inventory, now: str) -> Stored:
    return inventory.delete("port", "acme", "p2", now=now)


def there_and_back(inventory: Inventory, now: str) -> None:
    one_port_less(inventory, now)
    inventory.put(port(2, "web"), now)


def nothing(inventory: Inventory, now: str) -> None:
    inventory.put(port(1, "web"), now)


@pytest.mark.parametrize("change", [more_rules, one_port_more, one_port_less, there_and_back, nothing])
def test_the_flows_are_those_by_which_programs_compiled_from_scratch_differ(change: Change) -> None:
    inventory = world()
    kept, before = program(inventory), set(program(inventory).wanted)
    found = preview(inventory, {DPID: kept}, change, NOW, with_reach=False)
    after = set(program(inventory).wanted)
    assert found.flows == {DPID: Flows(len(after - before), len(before - after), len(after))}
    assert found.flows[DPID].before == len(before)


def test_each_value_is_told_once_as_it_was_and_as_it_would_be() -> None:
    def change(inventory: Inventory, now: str) -> str:
        more_rules(inventory, now)
        group = inventory.get("group", "acme", "web").value
        inventory.put(replace(group, description="twice"), now)
        there_and_back(inventory, now)
        one_port_more(inventory, now)
        inventory.put(Tenant("gone"), now)
        inventory.delete("tenant", "gone", now=now)
        return "done"

    inventory = world()
    base = inventory.revision
    found = preview(inventory, {}, change, NOW, with_reach=False)
    told = [(write.kind, write.id, write.before and write.before.value, write.after.value) for write in found.changes]
    assert [(kind, id) for kind, id, *_ in told] == [("group", ("acme", "web")), ("port", ("acme", "p4"))]
    assert (len(told[0][2].rules), len(told[0][3].rules), told[0][3].description) == (1, 2, "twice")
    assert told[1][2:] == (None, port(4, "web"))
    assert (found.result, found.base_revision) == ("done", base)


def test_what_settles_later_is_settled_before_it_is_compared() -> None:
    inventory = world()
    kept = program(inventory)
    more_rules(inventory, NOW)
    kept.take(inventory.take_journal())  # and the settling is under way
    found = preview(inventory, {DPID: kept}, nothing, NOW, with_reach=False)
    assert found.flows[DPID][:2] == (0, 0)


def test_what_the_change_refuses_is_refused() -> None:
    with pytest.raises(NotFound):
        preview(world(), {}, lambda inventory, now: inventory.delete("port", "acme", "p9", now=now), NOW)


def test_only_values_count() -> None:
    assert net([Write("zone", ("acme", "0"), None, 1)]) == ()


def test_a_copy_takes_no_part_in_it() -> None:
    """What `aside` gives by forking: the original is as it was."""
    inventory = world()
    twin = copy.deepcopy(inventory)
    preview(twin, {}, one_port_more, NOW, with_reach=False)
    assert inventory.find("port", "acme", "p4") is None
