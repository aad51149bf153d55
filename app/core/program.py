"""What one switch should hold: the union of fragments, each a pure function of a few values.

A change names the fragments whose inputs it touched; only those are compiled again. The program is the same whatever
order of changes led to it, so it always equals the one compiled from scratch.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from fnmatch import fnmatchcase
from functools import partial
from itertools import chain
from typing import TypeVar

from app.core import delivery, policy, verdicts
from app.core.delivery import CHUNK, Outside
from app.core.flow import Clash, Flow
from app.core.guards import GUARDS
from app.core.inventory import Id, Inventory, Write
from app.core.pipeline import LOCAL
from app.core.plugged import Plugged
from app.core.values import PolicyKey, Port, Stored, SwitchPort

Counted = TypeVar("Counted")
Key = tuple[str | int, ...]
Fragment = tuple[Flow, ...]
STEP = 50  # ports compiled between two pauses of `compile`


class Program:
    """The wanted flows of one switch, by cookie. `dirty` collects the cookies that came or went."""

    def __init__(
        self, inventory: Inventory, dpid: str, uplinks: tuple[str, ...] = (), trust_local: bool = True
    ) -> None:
        self.wanted: dict[int, Flow] = {}
        self.dirty: set[int] = set()
        self.ports: dict[int, SwitchPort] = {}  # what the switch has
        self.owners: dict[int, Id] = {}  # ofport -> registered port
        self.rivals: dict[Id, Id] = {}  # a port that lost its switch port -> the one that has it
        self._inventory, self._dpid = inventory, dpid
        self._default_uplinks, self._trust_local = uplinks, trust_local
        self._fragments: dict[Key, dict[int, Flow]] = {}
        self._ofports: dict[str, int] = {}
        self._seats: dict[Id, int] = {}
        self._plugged: dict[int, tuple[Plugged, PolicyKey]] = {}
        self._policies: Counter[PolicyKey] = Counter()
        self._zones: Counter[int] = Counter()
        self._numbers: dict[PolicyKey, int] = {}  # of the policy fragments that are there
        self._shared: Counter[int] = Counter()  # cookies of flows that more than one fragment has, beyond the first
        self._stale_chunks: set[tuple[int, int]] = set()
        self._chunks: defaultdict[int, set[int]] = defaultdict(set)  # of each segment, those that have ports
        self._uplinks: dict[int, SwitchPort] = {}
        self._place(("fixed",), (*verdicts.fixed_flows(), *delivery.fixed_flows()))

    # -- events

    def compile(self, ports: Iterable[SwitchPort]) -> Iterator[None]:
        """Take the switch's ports as they are now. Pauses (yields) every few ports, and stays consistent if others
        change the program in between."""
        present = {port.ofport: port for port in ports}
        gone = [ofport for ofport in self.ports if ofport not in present]
        news = [port for port in present.values() if not self._is_seated(port)]
        steps = chain((partial(self._unseat, ofport) for ofport in gone), (partial(self._seat, port) for port in news))
        for count, step in enumerate(steps):
            step()
            if count % STEP == STEP - 1:
                yield
        self._settle()

    def plug(self, port: SwitchPort) -> None:
        """A switch port came or changed."""
        self._seat(port)
        self._settle()

    def unplug(self, ofport: int) -> None:
        """A switch port went."""
        self._unseat(ofport)
        self._settle()

    def follow(self, writes: Iterable[Write]) -> None:
        """The inventory changed, and this is its journal."""
        writes = list(writes)
        for write in writes:
            if write.kind == "port":
                self._follow_port(write)
            elif write.kind == "switch":
                self._follow_switch(write)
        # Only now is known which policies are still in use here.
        for key in {_policy_key(write.id) for write in writes if write.kind == "policy"}:
            if key in self._policies:
                self._place_policy(key)
        self._settle()

    def take_dirty(self) -> set[int]:
        dirty, self.dirty = self.dirty, set()
        return dirty

    # -- questions

    def uplinks(self) -> list[SwitchPort]:
        """The switch ports that count as uplinks now, without LOCAL. A registered port is never one."""
        return list(self._uplinks.values())

    def local_is_uplink(self) -> bool:
        """Whether the bridge's own interface counts as an uplink."""
        return self._trust_local and LOCAL in self.ports and LOCAL not in self.owners

    def seat(self, id: Id) -> int | None:
        """The ofport of a registered port, if it is plugged here."""
        return self._seats.get(id)

    def plugged(self, ofport: int) -> Plugged | None:
        found = self._plugged.get(ofport)
        return found[0] if found else None

    def fragment(self, *key: str | int) -> Fragment:
        """The flows of one fragment; empty if there is no such."""
        return tuple(self._fragments.get(key, {}).values())

    def fragments(self) -> Iterator[tuple[Key, Fragment]]:
        return ((key, tuple(flows.values())) for key, flows in self._fragments.items())

    def port_flows(self, id: Id) -> Collection[int]:
        """The cookies of a port's own flows; none if it is not plugged here."""
        return self._fragments.get(("port", self._seats.get(id, -1)), {}).keys()

    # -- who sits where

    def _is_seated(self, port: SwitchPort) -> bool:
        """Known as it is, and under this number: a name that was seen twice belongs to the number seen last."""
        return self.ports.get(port.ofport) == port and self._ofports.get(port.name) == port.ofport

    def _seat(self, port: SwitchPort) -> None:
        old = self.ports.get(port.ofport)
        if old is not None and old.name != port.name and self._ofports.get(old.name) == port.ofport:
            del self._ofports[old.name]
        self.ports[port.ofport] = port
        self._ofports[port.name] = port.ofport
        self._claim(port.ofport)

    def _unseat(self, ofport: int) -> None:
        port = self.ports.pop(ofport, None)
        if port is None:
            return
        if self._ofports.get(port.name) == ofport:
            del self._ofports[port.name]
        self._claim(ofport)

    def _follow_port(self, write: Write) -> None:
        for stored in (write.before, write.after):
            ofport = self._where(stored)
            if ofport is not None:
                self._claim(ofport)

    def _follow_switch(self, write: Write) -> None:
        """A switch's name decides which bindings mean it; a name may also move from one switch to another."""
        if write.id != (self._dpid,):
            return
        names = {stored.value.name if stored else None for stored in (write.before, write.after)}
        look = self._claim if len(names) > 1 else self._sort_uplink
        for ofport in list(self.ports):
            look(ofport)

    def _where(self, stored: Stored | None) -> int | None:
        port = stored.value if stored else None
        if not isinstance(port, Port) or port.binding is None:
            return None
        if self._inventory.switch_id(port.binding.switch) != self._dpid:
            return None
        return port.binding.ofport if port.binding.interface is None else self._ofports.get(port.binding.interface)

    def _claim(self, ofport: int) -> None:
        """Find out whose a switch port is, and give that port its flows there."""
        port = self.ports.get(ofport)
        owner, rival = self._inventory.bound_to(self._dpid, port.name, ofport) if port else (None, None)
        old = self.owners.pop(ofport, None)
        if old is not None:
            self._seats.pop(old, None)
            self._forget_rivals(old)
        if owner is not None:
            self._leave(owner, ofport)
            self.owners[ofport], self._seats[owner] = owner, ofport
            if rival is not None:
                self.rivals[rival] = owner
        self._plug(ofport, self._inventory.port(owner) if owner else None)
        self._sort_uplink(ofport)

    def _leave(self, owner: Id, ofport: int) -> None:
        """A port sits in one place: its interface may come under a new number before the old one is gone."""
        other = self._seats.get(owner, ofport)
        if other != ofport:
            del self.owners[other]
            self._forget_rivals(owner)
            self._plug(other, None)
            self._sort_uplink(other)

    def _forget_rivals(self, winner: Id) -> None:
        """Who lost a switch port to `winner` has it back, or loses it to somebody else."""
        self.rivals = {loser: other for loser, other in self.rivals.items() if other != winner}

    def _plug(self, ofport: int, port: Port | None) -> None:
        old, new = self._plugged.pop(ofport, None), self._plugging(ofport, port) if port else None
        if new is not None:
            self._plugged[ofport] = new
        if new == old:
            return
        if new is not None:
            plugged = new[0]
            self._count(*new, 1)
            flows = [flow for guard in GUARDS for flow in guard(plugged)]
            self._place(("port", ofport), (*flows, *delivery.port_flows(plugged)))
        else:
            self._place(("port", ofport), ())
        if old is not None:
            self._count(*old, -1)

    def _plugging(self, ofport: int, port: Port) -> tuple[Plugged, PolicyKey]:
        """All that the flows of a port depend on, and its policy."""
        key = PolicyKey.of(port)
        zone = self._inventory.zone(port.tenant, port.vlan)
        return Plugged.of(port, ofport, zone, self._inventory.policy_number(key)), key

    def _count(self, plugged: Plugged, key: PolicyKey, step: int) -> None:
        """Shared fragments are there as long as a port needs them."""
        self._tally(self._policies, key, step, self._place_policy)
        self._tally(self._zones, plugged.zone, step, self._place_zone)
        self._stale_chunks.add((plugged.segment, plugged.ofport // CHUNK))

    @staticmethod
    def _tally(counter: Counter[Counted], key: Counted, step: int, place: Callable[[Counted], None]) -> None:
        before = counter[key]
        counter[key] += step
        if not counter[key]:
            del counter[key]
        if not before or key not in counter:
            place(key)

    # -- fragments

    def _place_policy(self, key: PolicyKey) -> None:
        number = self._numbers.pop(key, None)
        content = self._inventory.policy(key) if key in self._policies else None
        if content is not None:
            self._numbers[key] = content.number
            self._place(("policy", content.number), policy.flows(content))
        if number is not None and (content is None or content.number != number):
            self._place(("policy", number), ())

    def _place_zone(self, zone: int) -> None:
        self._place(("zone", zone), verdicts.zone_flows(zone) if zone in self._zones else ())

    def _settle(self) -> None:
        """Bring what many ports share up to date, once per event."""
        for segment, chunk in self._stale_chunks:
            seats = range(chunk * CHUNK, (chunk + 1) * CHUNK)
            members = [o for o in seats if o in self._plugged and self._plugged[o][0].segment == segment]
            self._place(("flood", segment, chunk), delivery.chunk_flows(segment, chunk, members))
            (self._chunks[segment].add if members else self._chunks[segment].discard)(chunk)
        for segment in {segment for segment, _ in self._stale_chunks}:
            self._place(("flood", segment), delivery.flood_flows(segment, sorted(self._chunks[segment])))
        self._stale_chunks.clear()
        self._outside()

    def _outside(self) -> None:
        mac = int(self.ports[LOCAL].mac.replace(":", ""), 16) if self.local_is_uplink() else None
        uplinks = tuple(sorted(self._uplinks))
        self._place(("outside",), delivery.outside_flows(Outside(uplinks, mac)))

    def _sort_uplink(self, ofport: int) -> None:
        port = self.ports.get(ofport)
        if port is not None and self._is_uplink(port):
            self._uplinks[ofport] = port
        else:
            self._uplinks.pop(ofport, None)

    def _is_uplink(self, port: SwitchPort) -> bool:
        if port.ofport == LOCAL or port.ofport in self.owners:
            return False
        return any(fnmatchcase(port.name, pattern) for pattern in self._uplink_patterns())

    def _uplink_patterns(self) -> tuple[str, ...]:
        configured = self._inventory.uplinks(self._dpid)
        return self._default_uplinks if configured is None else configured

    def _place(self, key: Key, flows: Iterable[Flow]) -> None:
        new = {flow.cookie: flow for flow in flows}
        old = self._fragments.pop(key, {})
        if new:
            self._fragments[key] = new
        for cookie in old.keys() - new.keys():
            self._drop(cookie)
        for cookie in new.keys() - old.keys():
            self._want(cookie, new[cookie])

    def _want(self, cookie: int, flow: Flow) -> None:
        present = self.wanted.setdefault(cookie, flow)
        if present is flow:
            self.dirty.add(cookie)
        elif present == flow:
            self._shared[cookie] += 1
        else:
            raise Clash(f"two flows with the fingerprint {cookie:#x}: {flow} and {present}")

    def _drop(self, cookie: int) -> None:
        if self._shared[cookie]:
            self._shared[cookie] -= 1
            return
        del self._shared[cookie]
        del self.wanted[cookie]
        self.dirty.add(cookie)


def _policy_key(id: Id) -> PolicyKey:
    tenant, egress, *groups = id
    return PolicyKey(tenant, tuple(groups), egress)  # type: ignore[arg-type]
