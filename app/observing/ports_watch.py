"""Notices when a port is bound, active, down or in error, and tells of it; counts ports by state."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import structlog

from app import green
from app.bridges.bridge import Bridge
from app.core.indexes import Id
from app.core.inventory import Inventory, Write
from app.core.quota import RESOURCES
from app.core.session import State
from app.core.values import Port, Tenant
from app.events import Events, EventType
from app.observing.observed import Observed
from app.service import PortStatus

LOG = structlog.get_logger(__name__)
GATHER = 0.1  # seconds in which changes are gathered
SHARE = 10  # looking at those that changed takes at most such a part of the time
EVERY = 10.0  # seconds between two looks at all ports, if anything happened since the last one
SHARE_OF_ALL = 50  # while something always happens, the same for looking at all ports
PACE = 50  # ports between two pauses
Place = tuple[str, int]  # datapath id, ofport
STATES: Mapping[str, EventType] = {"active": "port.active", "down": "port.down", "error": "port.error"}


class Known(NamedTuple):
    """What was told of a port last."""

    state: str
    place: Place | None


NEWBORN = Known("down", None)


class PortsWatch:
    """`status` is `Firewall.port_status`. What it says while a port's switch is away is not told of each port: there
    is an event of the switch."""

    def __init__(
        self,
        inventory: Inventory,
        bridges: Mapping[str, Bridge],
        status: Callable[[Port], PortStatus],
        events: Events,
        observed: Observed,
    ) -> None:
        self._inventory, self._bridges, self._status = inventory, bridges, status
        self._events, self._observed = events, observed
        self._known: dict[Id, Known] = {}
        self._places: defaultdict[Place, set[Id]] = defaultdict(set)
        self._touched: set[Id] = set()
        self._building: set[Id] = set()
        self._news = green.Event()
        self._in_step: set[str] = set()  # the switches that have been in step since they connected
        self._arrived = green.Event()  # one more of them
        self._stirred = green.Event()  # something happened since the last look at all ports

    def start(self) -> None:
        self._stir()
        green.spawn(self._forever, self._follow)
        green.spawn(self._forever, self._look_at_all)

    # -- what happens; none of it waits

    def follow(self, writes: Sequence[Write]) -> None:
        """The inventory changed."""
        self._stir()
        ports = [write for write in writes if write.kind == "port"]
        self._touched.update([write.id for write in ports])
        for id in [write.id for write in ports if write.before is None]:
            self._learn(id, NEWBORN)
        if self._touched:
            self._news.set()

    def progress(self) -> None:
        """Some switch came a step further, or its ports changed: no port's status changes without that."""
        self._stir()
        for dpid, bridge in self._bridges.items():
            if not bridge.connected:
                self._in_step.discard(dpid)
            elif dpid not in self._in_step and bridge.session.state is State.SYNCED:
                self._in_step.add(dpid)
                self._arrived.set()
        if self._building or self._touched or any(bridge.touched for bridge in self._bridges.values()):
            self._news.set()

    def _stir(self) -> None:
        if not self._stirred.is_set():
            self._stirred.set()

    # -- looking

    def _forever(self, work: Callable[[], None]) -> None:
        while True:
            try:
                work()
            except Exception:
                LOG.exception("looking at the ports failed")
                self._stir()
                green.sleep(EVERY)

    def _follow(self) -> None:
        self._news.wait()
        green.sleep(GATHER)
        self._news.clear()
        began = time.monotonic()
        touched, self._touched = self._touched | self._building | set(self._at_touched()), set()
        for id in _paced(touched):
            self._look(id)
        green.sleep(SHARE * (time.monotonic() - began))

    def _at_touched(self) -> Iterator[Id]:
        """Who sits, or sat, at the switch ports that changed."""
        for dpid, bridge in self._bridges.items():
            ofports, bridge.touched = bridge.touched, set()
            if not ofports:
                continue
            for ofport in ofports:
                yield from self._places.get((dpid, ofport), ())
            yield from (owner for seat, owner in bridge.program.owners.items() if seat[0] in ofports)

    def _look_at_all(self) -> None:
        """Every port, and what tenants have; in turns. What was counted is put in place as a whole."""
        self._stirred.wait()
        began = time.monotonic()
        self._arrived.clear()
        self._stirred.clear()
        states, ports, rules, flows = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
        quotas: dict[tuple[str, str], float] = {}
        for tenant in [id[0] for id in self._inventory.ids("tenant")]:
            for id in _paced(self._inventory.ids("port", tenant)):
                status = self._look(id)
                if status is not None:
                    states[status.state] += 1
                    flows[tenant] += status.flows
                    ports[tenant] += 1
            green.sleep(0)
            stored = self._inventory.find("tenant", tenant)
            if stored is not None and isinstance(stored.value, Tenant):
                rules[tenant] = self._inventory.used(tenant, "rules")
                quotas |= self._used(stored.value)
        seen = self._observed
        seen.states, seen.ports, seen.rules, seen.flows, seen.quotas = states, ports, rules, flows, quotas
        took = time.monotonic() - began
        green.sleep(max(GATHER, SHARE * took))
        self._arrived.wait(timeout=max(EVERY, (SHARE_OF_ALL - SHARE) * took))

    def _used(self, tenant: Tenant) -> dict[tuple[str, str], float]:
        limits = {resource: getattr(tenant.quota, resource) for resource in RESOURCES}
        return {
            (tenant.name, resource): self._inventory.used(tenant.name, resource) / limit
            for resource, limit in limits.items()
            if limit
        }

    def _look(self, id: Id) -> PortStatus | None:
        stored = self._inventory.find("port", *id)
        if stored is None:
            self._building.discard(id)
            self._learn(id, None)
            return None
        assert isinstance(stored.value, Port)
        status = self._status(stored.value)
        if status.state == "building":
            self._building.add(id)
        else:
            self._building.discard(id)
        if status.reason != "switch_disconnected":
            self._compare(id, status)
        return status

    def _compare(self, id: Id, status: PortStatus) -> None:
        place = (status.dpid, status.ofport) if status.dpid and status.ofport is not None else None
        old = self._known.get(id)
        state = status.state if status.state in STATES else old.state if old else None
        if state is None:
            return  # it is being built and nobody was told of it yet
        if old is None:  # it was there when the process started
            self._learn(id, Known(state, place))
            return
        if (state, place) == old:
            return
        self._learn(id, Known(state, place))
        about: dict[str, Any] = {"tenant": id[0], "port": id[1]}
        if old.place and old.place != place:
            self._events.add("port.unbound", **about, switch=old.place[0], ofport=old.place[1])
        if place and old.place != place:
            self._events.add("port.bound", **about, switch=place[0], ofport=place[1])
        if state != old.state:
            why = {"reason": status.reason, "message": status.message} if status.reason else {}
            self._events.add(STATES[state], **about, switch=status.dpid, **why)

    def _learn(self, id: Id, known: Known | None) -> None:
        old = self._known.pop(id, None)
        if old and old.place:
            self._places[old.place].discard(id)
            if not self._places[old.place]:
                del self._places[old.place]
        if known is not None:
            self._known[id] = known
            if known.place:
                self._places[known.place].add(id)


def _paced(ids: Iterable[Id]) -> Iterator[Id]:
    for count, id in enumerate(list(ids), 1):
        yield id
        if count % PACE == 0:
            green.sleep(0)
