"""What one switch should hold: the union of fragments, each a pure function of a few values.

A change names the fragments whose inputs it touched; only those are compiled again. The program is the same whatever
order of changes led to it, so it always equals the one compiled from scratch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import TypeVar

from app.core import arrival, delivery, guards, multicast, policy, verdicts
from app.core.addresses import mac_number
from app.core.copies import Copies
from app.core.delivery import Outside
from app.core.flow import Flow
from app.core.fragments import Fragment, Fragments, Key
from app.core.guards.dropped import drop_flow
from app.core.guards.ip import listed_flows
from app.core.indexes import Id, policy_key
from app.core.inventory import Inventory, Write
from app.core.members import Members
from app.core.pipeline import LOCAL, Reason, Way
from app.core.plugged import Plugged, Seat
from app.core.seating import Change, Seating
from app.core.values import Policy, PolicyKey, SwitchPort

Counted = TypeVar("Counted")
STEP = 15  # ports compiled between two pauses of `compile`


class Program:
    """The wanted flows of one switch, by cookie. `uplinks` are names and globs, for a switch that has none of its own;
    `ethertypes` pass the guard besides IP and ARP."""

    def __init__(
        self,
        inventory: Inventory,
        dpid: str,
        uplinks: tuple[str, ...] = (),
        trust_local: bool = True,
        ethertypes: tuple[int, ...] = (),
    ) -> None:
        self._inventory = inventory
        self._flows = Fragments()
        self._seating = Seating(inventory, dpid, uplinks, trust_local)
        self._members = Members(inventory, self._flows)
        self._copies = Copies(self._flows, self._listed)
        self._plugged: dict[Seat, tuple[Plugged, PolicyKey]] = {}
        self._policies: Counter[PolicyKey] = Counter()
        self._zones: Counter[int] = Counter()
        self._numbers: dict[PolicyKey, int] = {}  # of the policy fragments that are there
        self._contents: dict[int, Policy] = {}  # what those were compiled from, without the epoch
        self._multicast: set[int] = set()  # numbers of the policies that may admit what is sent to many
        self._flows.place(("fixed",), (*_fixed_flows(), *listed_flows(ethertypes)))

    # -- events

    def compile(self, ports: Iterable[SwitchPort]) -> Iterator[None]:
        """Take the switch's ports as they are now. Pauses (yields) every few ports, and stays consistent if others
        change the program in between."""
        present = {port.ofport: port for port in ports}
        gone = [ofport for ofport in self.ports if ofport not in present]
        news = [port for port in present.values() if not self._seating.is_seated(port)]
        steps = chain(map(self._seating.go, gone), map(self._seating.come, news))
        for count, changes in enumerate(steps):
            self._take(changes)
            if count % STEP == STEP - 1:
                yield
        for count, _ in enumerate(self._copies.settle()):
            if count % STEP == STEP - 1:
                yield
        self._settle()

    def plug(self, port: SwitchPort) -> None:
        """A switch port came or changed."""
        self._take(self._seating.come(port))
        self._settle()

    def unplug(self, ofport: int) -> None:
        """A switch port went."""
        self._take(self._seating.go(ofport))
        self._settle()

    def follow(self, writes: Iterable[Write]) -> None:
        """The inventory changed, and this is its journal."""
        writes = list(writes)
        for write in writes:
            if write.kind == "port":
                self._take(self._seating.follow_port(write))
            elif write.kind == "switch":
                self._take(self._seating.follow_switch(write))
        # Only now is known which policies are still in use here.
        for key in {policy_key(write.id): None for write in writes if write.kind == "policy"}:
            if key in self._policies:
                self._place_policy(key)
        self._members.follow_writes(writes)
        self._settle()

    def take_dirty(self) -> set[int]:
        """The cookies that came or went since it was asked last."""
        return self._flows.take_dirty()

    # -- questions

    @property
    def wanted(self) -> dict[int, Flow]:
        return self._flows.wanted

    @property
    def dirty(self) -> set[int]:
        return self._flows.dirty

    @property
    def ports(self) -> dict[int, SwitchPort]:
        """What the switch has, by ofport."""
        return self._seating.ports

    @property
    def owners(self) -> dict[Seat, Id]:
        """The registered ports that are plugged here."""
        return self._seating.owners

    @property
    def rivals(self) -> dict[Id, Id]:
        """A port that lost its switch port -> the one that has it."""
        return self._seating.rivals

    def uplinks(self) -> list[SwitchPort]:
        """The switch ports that count as uplinks now, without LOCAL. A registered port is never one."""
        return list(self._seating.uplinks.values())

    def local_is_uplink(self) -> bool:
        return self._seating.local_is_uplink()

    def seat(self, id: Id) -> Seat | None:
        """Where a registered port sits, if it is plugged here."""
        return self._seating.seat(id)

    def plugged(self, seat: Seat) -> Plugged | None:
        found = self._plugged.get(seat)
        return found[0] if found else None

    def fragment(self, *key: str | int) -> Fragment:
        """The flows of one fragment; empty if there is no such."""
        return tuple(self._flows.get(key).values())

    def fragments(self) -> Iterator[tuple[Key, Fragment]]:
        return self._flows.items()

    def members(self, policy_number: int) -> Iterator[Flow]:
        """The flows of the address sets that a policy asks about."""
        for number in {number for number, _ in self._members.asked_by(policy_number)}:
            for key in self._members.keys(number):
                yield from self.fragment(*key)

    def port_flows(self, id: Id) -> Collection[int]:
        """The cookies of a port's own flows; none if it is not plugged here."""
        seat = self.seat(id)
        return self._flows.get(("port", *seat)).keys() if seat else ()

    def drop_cookies(self, id: Id) -> dict[str, int]:
        """The flow that counts what the guard dropped of a port, for each reason; none if it is not plugged here."""
        seat = self.seat(id)
        plugged = self.plugged(seat) if seat else None
        if plugged is None or not plugged.enabled:
            return {}
        return {reason.name.lower(): drop_flow(plugged, reason).cookie for reason in Reason}

    # -- ports

    def _take(self, changes: Iterable[Change]) -> None:
        for seat, owner in changes:
            self._plug(seat, owner)

    def _plug(self, seat: Seat, owner: Id | None) -> None:
        old, new = self._plugged.pop(seat, None), self._plugging(seat, owner) if owner else None
        if new is not None:
            self._plugged[seat] = new
        if new == old:
            return
        flows = (*guards.port_flows(new[0]), *delivery.port_flows(new[0])) if new else ()
        self._flows.place(("port", *seat), flows)
        self._copies.change(seat, new[0] if new else None)
        if new is not None:
            self._count(*new, 1)
        if old is not None:
            self._count(*old, -1)

    def _plugging(self, seat: Seat, owner: Id) -> tuple[Plugged, PolicyKey]:
        """All that the flows of a port depend on, and its policy."""
        port = self._inventory.port(owner)
        key = PolicyKey.of(port)
        zone = self._inventory.zone(port.tenant, port.vlan)
        return Plugged.of(port, seat, zone, self._inventory.policy_number(key)), key

    def _count(self, plugged: Plugged, key: PolicyKey, step: int) -> None:
        """Shared fragments are there as long as a port needs them."""
        self._tally(self._policies, key, step, self._place_policy)
        self._tally(self._zones, plugged.zone, step, self._place_zone)

    @staticmethod
    def _tally(counter: Counter[Counted], key: Counted, step: int, place: Callable[[Counted], None]) -> None:
        before = counter[key]
        counter[key] += step
        if not counter[key]:
            del counter[key]
        if not before or key not in counter:
            place(key)

    # -- what ports share

    def _place_policy(self, key: PolicyKey) -> None:
        number = self._numbers.pop(key, None)
        content = self._inventory.policy(key) if key in self._policies else None
        if content is not None:
            self._numbers[key] = content.number
            self._put_policy(key, content.number, content)
        if number is not None and (content is None or content.number != number):
            self._put_policy(key, number, None)

    def _put_policy(self, key: PolicyKey, number: int, content: Policy | None) -> None:
        self._flows.place(("epoch", number), verdicts.policy_flows(number, content.epoch) if content else ())
        old, new = self._contents.pop(number, None), replace(content, epoch=0) if content else None
        if new is not None:
            self._contents[number] = new
        if new == old:
            return
        self._flows.place(("policy", number), policy.flows(new) if new else ())
        before = self._listed(number)
        self._members.follow_policy(key.tenant, number, content)
        admits = content is not None and policy.admits_multicast(content)
        (self._multicast.add if admits else self._multicast.discard)(number)
        if self._listed(number) != before:
            self._copies.policy_changed(number)

    def _listed(self, number: int) -> int | None:
        """How many address sets a policy asks about what it receives; None if it admits nothing sent to many."""
        if number not in self._multicast:
            return None
        return sum(end is Way.INGRESS for _, end in self._members.asked_by(number))

    def _place_zone(self, zone: int) -> None:
        self._flows.place(("zone", zone), verdicts.zone_flows(zone) if zone in self._zones else ())

    def _settle(self) -> None:
        """Bring what many ports share up to date, once per event."""
        for _ in self._copies.settle():
            pass
        mac = mac_number(self.ports[LOCAL].mac) if self.local_is_uplink() else None
        uplinks = tuple(sorted(self._seating.uplinks))
        self._flows.place(("outside",), delivery.outside_flows(Outside(uplinks, mac)))


def _fixed_flows() -> Iterator[Flow]:
    for part in (guards, arrival, delivery, verdicts, multicast, policy):
        yield from part.fixed_flows()
