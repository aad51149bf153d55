"""The controller previews changes beside the hub, and refuses those that make too many flows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from oslo_config import cfg

from app import settings as options
from app.controller import Controller
from app.core.inventory import Inventory
from app.core.values import Binding, Group, Port, Rule, SwitchPort, Tenant
from app.errors import TooManyFlows
from app.store import Store
from tests.core.world import DPID, NOW

Make = Callable[..., Controller]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """A controller with a switch of eight ports."""
    made: list[Controller] = []

    def controller(flow_limit: int = 0) -> Controller:
        conf = cfg.ConfigOpts()
        options.register(conf)
        conf([], project="os_ken", default_config_files=[])
        found = Controller(replace(options.read(conf), flow_limit=flow_limit), Store.open(tmp_path / str(len(made))))
        made.append(found)
        bridge = found._welcome(DPID)
        assert bridge is not None
        for _ in bridge.program.compile([SwitchPort(n, f"v{n}", f"fe:00:00:00:00:{n:02x}") for n in range(1, 9)]):
            pass
        return found

    yield controller
    for each in made:
        each.close(3)


def adding(*numbers: int) -> Callable[[Inventory, str], Any]:
    def change(inventory: Inventory, now: str) -> int:
        inventory.put(Tenant("acme"), now)
        inventory.put(Group("acme", "web", rules=(Rule("http", "ingress", protocol=6, ports=(80, 80)),)), now)
        for n in numbers:
            binding = Binding(DPID, interface=f"v{n}")
            inventory.put(Port("acme", f"p{n}", f"52:54:00:00:00:{n:02x}", (f"10.0.0.{n}",), ("web",), binding), now)
        return inventory.revision

    return change


def test_a_preview_tells_what_the_write_then_does_and_does_nothing(make: Make) -> None:
    controller = make()
    program = controller._bridges[DPID].program
    before = set(program.wanted)
    found = controller.preview(adding(1, 2))
    assert (set(program.wanted), controller.inventory.revision) == (before, found.base_revision)
    assert not controller.inventory.journal
    revision = controller.write(adding(1, 2))
    after = set(program.wanted)
    assert revision == found.result
    assert found.flows[DPID] == (len(after - before), len(before - after), len(after))
    assert len(after - before) > 10
    assert [write.kind for write in found.changes] == ["tenant", "group", "port", "port"]
    assert found.reach


def test_what_is_told_of_a_preview_is_all_that_comes_back(make: Make) -> None:
    assert make().preview(adding(1), told=lambda found: len(found.changes)) == 3


def test_a_change_that_makes_too_many_flows_is_refused_and_one_that_makes_fewer_is_not(make: Make) -> None:
    free = make()
    few = free.preview(adding(1)).flows[DPID].total
    many = free.preview(adding(1, 2, 3)).flows[DPID].total
    assert few < many
    controller = make(flow_limit=many - 1)
    controller.write(adding(1))
    with pytest.raises(TooManyFlows) as caught:
        controller.write(adding(1, 2, 3))
    assert caught.value.switches == [{"switch": DPID, "now": few, "after": many, "limit": many - 1}]
    with pytest.raises(TooManyFlows):
        controller.preview(adding(1, 2, 3))
    assert [stored.value.id[1] for stored in controller.inventory.list("port")] == ["p1"]
    controller._settings = replace(controller._settings, flow_limit=few - 1)
    controller.write(lambda inventory, now: inventory.delete("port", "acme", "p1", now=NOW))
    assert not controller.inventory.list("port")
