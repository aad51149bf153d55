"""Events of what was written, by which request, and when the switches have it; of ports; of the store."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from app import green
from app.core.inventory import Inventory, Write
from app.core.tokens import Token
from app.core.values import Group, Port, Tenant
from app.events import Events
from app.observing import ports_watch
from app.observing.announcing import Announcing
from app.observing.observed import Observed
from app.observing.ports_watch import PortsWatch
from app.observing.pulse import MeasuredStore, Pulse
from app.observing.tallies import Meters
from app.records import Note
from app.service import PortStatus
from tests.core.world import DPID, NOW


def note(request_id: str, writes: tuple[Write, ...]) -> Note:
    return Note(NOW, "ci", "admin", "token", None, request_id, "PUT", "/", 200, 1, writes)


class World:
    """An inventory, of which every change is announced, and switches that confirm what they are told to."""

    def __init__(self, *applied: int) -> None:
        self.inventory, self.events = Inventory(), Events()
        self.realized: list[str] = []
        self.bridges: dict[str, Any] = {
            f"{number:016x}": SimpleNamespace(
                connected=True, unfit=None, session=SimpleNamespace(applied_revision=revision)
            )
            for number, revision in enumerate(applied, 1)
        }
        self.announcing = Announcing(self.events, self.bridges, lambda dpid, seconds: self.realized.append(dpid))

    def put(self, *values: Any, request_id: str = "") -> None:
        for value in values:
            self.inventory.put(value, NOW)
        self.commit(request_id)

    def commit(self, request_id: str = "") -> None:
        writes = self.inventory.take_journal()
        records = [note(request_id, tuple(writes))] if request_id else []
        self.announcing.follow(writes, self.inventory.revision, records)

    def confirm(self, number: int, revision: int) -> None:
        self.bridges[f"{number:016x}"].session.applied_revision = revision
        self.announcing.progress()

    def told(self) -> list[tuple[str, dict[str, Any]]]:
        return [(event.type, dict(event.data)) for event in self.events.since()]

    def types(self) -> list[str]:
        return [type for type, _ in self.told()]


def test_each_thing_that_came_changed_or_went_is_told_with_the_request_that_did_it() -> None:
    world = World()
    world.put(Tenant("acme"), Group("acme", "web"), request_id="req-one")
    world.put(Group("acme", "web", "new"), request_id="req-two")
    world.inventory.delete("group", "acme", "web", now=NOW)
    world.commit("req-three")
    told = [entry for entry in world.told() if entry[0] != "policy.realized"]
    assert told == [
        ("tenant.created", {"revision": 1, "tenant": "acme", "request_id": "req-one"}),
        ("group.created", {"revision": 2, "tenant": "acme", "group": "web", "request_id": "req-one"}),
        ("group.updated", {"revision": 3, "tenant": "acme", "group": "web", "request_id": "req-two"}),
        ("group.deleted", {"revision": 4, "tenant": "acme", "group": "web", "request_id": "req-three"}),
    ]


def test_a_tokens_secret_is_in_no_event_and_its_first_use_is_no_update() -> None:
    world = World()
    token = Token("ci", "viewer", "acme", digest="d" * 64)
    world.put(Tenant("acme"), token)
    world.put(replace(token, first_used_at=NOW))
    assert [entry for entry in world.told() if entry[0].startswith("token")] == [
        ("token.created", {"revision": 2, "token": "ci", "role": "viewer", "tenant": "acme"})
    ]


def test_a_revision_is_realized_when_every_connected_switch_has_it() -> None:
    world = World(0, 0)
    world.put(Tenant("acme"))
    world.put(Tenant("other"))
    assert "policy.realized" not in world.types()
    world.confirm(1, 2)
    assert "policy.realized" not in world.types()
    world.confirm(2, 1)
    assert [data["tenant"] for type, data in world.told() if type == "policy.realized"] == ["acme"]
    world.bridges[f"{2:016x}"].connected = False
    world.announcing.progress()
    last = world.told()[-1]
    assert (last[0], last[1]["tenant"], last[1]["revision"]) == ("policy.realized", "other", 2)
    assert last[1]["switches"] == 1


def test_what_a_switch_confirms_is_timed_once_for_each_revision() -> None:
    world = World(0, 0)
    world.put(Tenant("acme"))
    world.put(Tenant("other"))
    world.confirm(1, 1)
    world.announcing.progress()
    world.confirm(1, 2)
    assert world.realized == [f"{1:016x}"] * 2


def test_many_writes_at_once_are_told_in_order_and_before_they_are_realized() -> None:

    world = World()
    world.put(Tenant("acme"), *(Group("acme", f"g{number}") for number in range(450)))
    while len(world.events.since()) < 452:
        green.sleep(0)
    types = world.types()
    assert types[0] == "tenant.created"
    assert types[-1] == "policy.realized"
    assert [data["group"] for type, data in world.told() if type == "group.created"] == [f"g{n}" for n in range(450)]


# -- ports


class Ports:
    """One port whose status is what the test says."""

    def __init__(self, is_new: bool = True) -> None:
        self.inventory, self.events, self.observed = Inventory(), Events(), Observed()
        self.inventory.put(Tenant("acme"), NOW)
        self.inventory.take_journal()
        self.status = PortStatus("down", "unbound")
        self.watch = PortsWatch(self.inventory, {}, lambda port: self.status, self.events, self.observed)
        self.inventory.put(Port("acme", "vm1", "52:54:00:00:00:01", ("10.0.0.1",)), NOW)
        writes = self.inventory.take_journal()
        if is_new:
            self.watch.follow(writes)

    def look(self, state: Any, reason: str | None = None, ofport: int | None = None) -> list[str]:
        self.status = PortStatus(state, reason, dpid=DPID if ofport else None, ofport=ofport)
        before = self.events.last
        self.watch._look(("acme", "vm1"))
        return [event.type for event in self.events.since(before)]


def test_a_new_port_is_told_of_as_it_is_bound_active_and_down() -> None:
    ports = Ports()
    assert ports.look("down", "unbound") == []
    assert ports.look("building", "not_confirmed", 3) == ["port.bound"]
    assert ports.look("active", None, 3) == ["port.active"]
    assert ports.look("active", None, 3) == []
    assert ports.look("active", None, 4) == ["port.unbound", "port.bound"]
    assert ports.look("error", "switch_refused", 4) == ["port.error"]
    assert ports.look("down", "interface_missing") == ["port.unbound", "port.down"]


def test_all_ports_are_looked_at_again_only_when_something_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports_watch, "EVERY", 0.01)
    monkeypatch.setattr(ports_watch, "GATHER", 0.001)
    ports, looks = Ports(is_new=False), []
    ports.watch._status = lambda port: looks.append(port.id) or PortStatus("down", "unbound")  # type: ignore[func-returns-value]
    ports.watch.start()

    def looked(what: object) -> int:
        looks.clear()
        green.sleep(0.1)
        return len(looks)

    assert looked("when it started") == 1
    assert looked("nothing happened") == 0
    assert looked(ports.watch.progress()) == 1  # type: ignore[func-returns-value]
    assert looked("nothing happened") == 0
    ports.inventory.put(Tenant("blue"), NOW)
    assert looked(ports.watch.follow(ports.inventory.take_journal())) == 1  # type: ignore[func-returns-value]


def test_a_port_whose_switch_is_away_is_not_told_of_nor_when_it_comes_back_as_it_was() -> None:
    ports = Ports()
    ports.look("active", None, 3)
    assert ports.look("down", "switch_disconnected") == []
    assert ports.look("active", None, 3) == []


def test_ports_that_were_there_before_the_process_are_not_told_of_when_it_starts() -> None:
    ports = Ports(is_new=False)
    assert ports.look("down", "switch_disconnected") == []
    assert ports.look("building", "not_confirmed", 3) == []
    assert ports.look("active", None, 3) == []
    assert ports.look("down", "link_down", 3) == ["port.down"]


# -- the store


class Failing:
    error: Exception | None = None

    def commit(self, changes: Any, revision: int, records: Any) -> None:
        if self.error:
            raise self.error


def test_a_store_that_fails_is_told_once_and_once_when_it_has_recovered() -> None:
    store, events, meters = Failing(), Events(), Meters()
    measured = MeasuredStore(store)
    pulse = Pulse(meters, events, measured)
    for error in (None, OSError("disk full"), OSError("disk full"), None, None):
        store.error = error
        if error:
            with pytest.raises(OSError, match="disk full"):
                measured.commit([[]], 1, [])
        else:
            measured.commit([[]], 1, [])
        pulse.take_notes()
    assert [event.type for event in events.since()] == ["store.read-only", "store.recovered"]
    assert meters.store_errors.values["sqlite",] == 2
    assert sum(meters.commits.family().spread[0][1]) == 5
