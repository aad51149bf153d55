"""A bridge and the one switch that it is for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from oslo_config import cfg

from app import green
from app import settings as options
from app.bridges import bridge as bridges
from app.bridges import screening
from app.bridges.bridge import Bridge
from app.core.inventory import Inventory
from app.core.limits import Limits
from app.core.values import Binding, Port, Tenant
from app.core.versions import Description
from app.openflow.probing import Abilities
from app.openflow.switch_io import Gone
from tests.core.world import DPID, NOW


class Datapath:
    """Of os-ken's, what a line looks at."""

    ofproto = SimpleNamespace(OFP_VERSION=5)
    address = ("192.0.2.1", 1)

    def close(self) -> None:
        pass


@pytest.fixture
def switch(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A switch with one port that says nothing of its flows."""
    switch = SimpleNamespace(meters=0, ports=[(2, "v1", "fe:00:00:00:00:02", True)])

    def ports(_: Any) -> list[Any]:
        green.sleep(0)
        if switch.ports is None:
            raise Gone("gone")
        return switch.ports

    monkeypatch.setattr(screening, "describe", lambda _: Description("", "", "", "", ""))
    monkeypatch.setattr(screening.probing, "probe", lambda _: Abilities([], switch.meters, True))
    monkeypatch.setattr(bridges, "no_packets", lambda _: None)
    monkeypatch.setattr(bridges.switch_io, "match_fragments", lambda _: None)
    monkeypatch.setattr(bridges.switch_io, "ports", ports)
    monkeypatch.setattr(bridges.Line, "perform", lambda *_: None)
    return switch


@pytest.fixture
def bridge() -> Bridge:
    """Of an inventory with one port, whose tenant has a rate."""
    inventory = Inventory()
    inventory.put(Tenant("red", limits=Limits(new_per_second=5)), NOW)
    inventory.put(Port("red", "p1", "52:54:00:00:00:01", ("10.0.0.1",), (), Binding(DPID, interface="v1")), NOW)
    inventory.take_journal()
    conf = cfg.ConfigOpts()
    options.register(conf)
    conf([], project="os_ken", default_config_files=[])
    return Bridge(DPID, inventory, options.read(conf), lambda: None)


def meet(bridge: Bridge) -> Datapath:
    bridge.connect(datapath := Datapath())
    for _ in range(10):
        green.sleep(0)
    return datapath


def using_meters(bridge: Bridge) -> int:
    return sum(action[0] == "meter" for flow in bridge.program.wanted.values() for action in flow.actions)


def test_a_switch_without_meters_gets_all_but_the_rates_and_says_so(bridge: Bridge, switch: SimpleNamespace) -> None:
    bridge.disconnect(meet(bridge))
    assert bridge.program.owners
    assert (using_meters(bridge), bridge.program.meters) == (0, {})
    assert not bridge.status().features["connection_rates"].on
    switch.meters = 1 << 17
    meet(bridge)
    assert (using_meters(bridge), len(bridge.program.meters)) == (2, 2)
    assert bridge.status().features["connection_rates"].on


@pytest.mark.parametrize("ports", [None, []])
def test_a_switch_that_goes_before_it_is_known_leaves_a_bridge_that_follows(
    bridge: Bridge, switch: SimpleNamespace, ports: list[Any] | None
) -> None:
    switch.ports = ports
    bridge.connect(datapath := Datapath())
    green.sleep(0)
    bridge.disconnect(datapath)
    for _ in range(10):
        green.sleep(0)
    bridge.follow([], 7)
    assert bridge.status().wanted_revision == 7
    assert bridge.session.state.value == "disconnected"
