"""What the controller says of connections when switches share a datapath, are away, are old, or say nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from app.bridges import tracking
from app.bridges.tracking import Tracking
from app.core.flushes import Tuple, Zone
from app.core.inventory import Inventory
from app.core.values import Binding, Port, Tenant
from app.openflow.conntrack import Unsupported
from app.openflow.conversation import Gone
from app.ovs.control import ControlTrouble
from app.ovs.zones import Use
from app.service import Unavailable, ZoneUse

NOW = "2026-11-22T15:02:11Z"
ONE, TWO, AWAY = "0000000000000001", "0000000000000002", "0000000000000003"
WHOLE = Tuple(6, "10.0.0.1", "10.0.0.2", 1000, 80)


class Side:
    """A control socket, or none."""

    def __init__(self, path: str) -> None:
        self.key, self.has_control = ("", path, None), bool(path)
        self.flushed: list[tuple[int, str]] = []

    def connections(self, zone: int, seconds: float) -> list[str]:
        if not self.has_control:
            raise ControlTrouble("none is configured")
        return []

    def use(self, zones: list[int]) -> dict[int, Use]:
        if not self.has_control:
            raise ControlTrouble("none is configured")
        return {zone: Use(limit=20, connections=3) for zone in zones if zone < 5}

    def flush(self, zone: Zone, said: str) -> None:
        if not self.has_control:
            raise ControlTrouble("none is configured")
        self.flushed.append((zone.number, said))


def bridge(path: str, zones: set[int], line: Any = "a line") -> Any:
    program = SimpleNamespace(zones=lambda: zones, zone_cookies=lambda zone: {"source": zone, "target": zone + 100})
    held = {1: 5, 101: 6, 2: 7}
    line = line and SimpleNamespace(datapath="a datapath", counters=lambda table: held)
    return SimpleNamespace(program=program, side=Side(path), line=line, connected=line is not None)


@pytest.fixture
def inventory() -> Inventory:
    """acme is zone 1 in segment 0 and zone 2 in segment 7, there with a port on a switch that is away."""
    inventory = Inventory()
    inventory.put(Tenant("acme"), NOW)
    port = Port("acme", "vm1", "52:54:00:00:00:01", ("10.0.0.1",), vlan=7, binding=Binding(AWAY, "tap1"))
    inventory.put(port, NOW)
    assert inventory.zones("acme") == [(0, 1), (7, 2)]
    return inventory


def test_bridges_on_one_datapath_are_told_of_once_and_a_switch_that_is_away_with_its_ports(inventory):
    bridges = {ONE: bridge("/run/a", {1, 9}), TWO: bridge("/run/a", {1, 2})}
    assert Tracking(inventory, bridges).zones_by_switch("acme") == {ONE: [(0, 1)], TWO: [(7, 2)], AWAY: [(7, 2)]}


@pytest.mark.parametrize("paths", [("/run/a", "/run/b"), ("", "")])
def test_bridges_that_may_have_datapaths_of_their_own_are_both_told_of(inventory, paths):
    bridges = {ONE: bridge(paths[0], {1}), TWO: bridge(paths[1], {1})}
    found = Tracking(inventory, bridges).zones_by_switch("acme")
    assert (found[ONE], found[TWO]) == ([(0, 1)], [(0, 1)])


def test_who_is_not_there_or_has_no_socket_has_no_list(inventory):
    tracks = Tracking(inventory, {ONE: bridge("", {1}), TWO: bridge("/run/a", {1})})
    for dpid, reason in ((AWAY, "switch_disconnected"), (ONE, "no_control_socket")):
        with pytest.raises(Unavailable) as refusal:
            tracks.connections(dpid, Zone(1), is_fresh=False)
        assert refusal.value.reason == reason
    assert tracks.connections(TWO, Zone(1), is_fresh=False).runs == ()


def test_use_is_what_the_socket_and_the_counters_say_each_if_it_says_anything(inventory):
    tracks = Tracking(inventory, {ONE: bridge("/run/a", {1, 7}), TWO: bridge("", {1}, line=None)})
    assert tracks.zone_use(ONE, [1, 7]) == {1: ZoneUse(3, 20, 11), 7: ZoneUse(refused=0)}
    assert tracks.zone_use(TWO, [1]) == {1: ZoneUse()}
    assert tracks.zone_use(AWAY, [1]) == {}


def test_a_switch_that_lacks_the_message_is_told_whole_tuples_through_its_socket(inventory, monkeypatch):
    monkeypatch.setattr(tracking, "flush_connections", refuse(Unsupported([], 1, "it does not know")))
    bridges = {ONE: bridge("/run/a", {1}), TWO: bridge("", {1})}
    tracks = Tracking(inventory, bridges)
    tracks.flush(ONE, Zone(1), [WHOLE])
    words = "ct_nw_src=10.0.0.1,ct_nw_dst=10.0.0.2,ct_nw_proto=6,ct_tp_src=1000,ct_tp_dst=80"
    assert bridges[ONE].side.flushed == [(1, words)]
    for dpid, which in ((ONE, [WHOLE, Tuple(6, "10.0.0.1")]), (TWO, [WHOLE])):
        with pytest.raises(Unavailable) as refusal:
            tracks.flush(dpid, Zone(1), which)
        assert refusal.value.reason == "flush_unsupported"
    assert len(bridges[ONE].side.flushed) == 1


def test_a_switch_that_goes_meanwhile_or_is_away_is_said_so(inventory, monkeypatch):
    monkeypatch.setattr(tracking, "flush_zone", refuse(Gone("the connection was closed")))
    tracks = Tracking(inventory, {ONE: bridge("/run/a", {1}), TWO: bridge("/run/a", {1}, line=None)})
    for dpid, reason in ((ONE, "switch_failed"), (TWO, "switch_disconnected"), (AWAY, "switch_disconnected")):
        with pytest.raises(Unavailable) as refusal:
            tracks.flush(dpid, Zone(1), None)
        assert refusal.value.reason == reason


def test_no_tuples_are_no_order_and_never_a_whole_zone(inventory, monkeypatch):
    for name in ("flush_zone", "flush_connections"):
        monkeypatch.setattr(tracking, name, refuse(AssertionError("nothing was ordered")))
    Tracking(inventory, {ONE: bridge("/run/a", {1})}).flush(ONE, Zone(1), [])


def refuse(error: BaseException) -> Any:
    def raising(*_: Any) -> None:
        raise error

    return raising
