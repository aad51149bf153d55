"""What one switch should hold: the union of fragments, each a pure function of a few values.

A change names the fragments whose inputs it touched; only those are compiled again. The program is the same whatever
order of changes led to it, so it always equals the one compiled from scratch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from itertools import chain

from app.core import arrival, commits, delivery, guards, multicast, policy, verdicts
from app.core.addresses import mac_number
from app.core.copies import Copies
from app.core.delivery import Outside
from app.core.flow import Flow
from app.core.fragments import Fragment, Fragments
from app.core.guards.dropped import drop_flow
from app.core.guards.ip import listed_flows
from app.core.indexes import Id
from app.core.inventory import Inventory, Write
from app.core.limits import Limits, Rate
from app.core.pipeline import LOCAL, Reason
from app.core.plugged import Plugged, Seat
from app.core.policies import Policies, tally
from app.core.rates import Rates, meters_of
from app.core.seating import Change, Seating
from app.core.values import PolicyKey, Stored, SwitchPort, Tenant

STEP = 15  # ports compiled between two pauses of `compile`


class Program:
    """The wanted flows of one switch, by cookie. `uplinks` are names and globs, for a switch that has none of its own;
    `ethertypes` pass the guard besides IP and ARP; `default_rate` is of tenants that have none of their own."""

    def __init__(
        self,
        inventory: Inventory,
        dpid: str,
        uplinks: tuple[str, ...] = (),
        trust_local: bool = True,
        ethertypes: tuple[int, ...] = (),
        default_rate: Rate | None = None,
    ) -> None:
        self._inventory, self._default_rate = inventory, default_rate
        self._has_meters = True
        self._flows = Fragments()
        self._seating = Seating(inventory, dpid, uplinks, trust_local)
        self._policies = Policies(inventory, self._flows, lambda number: self._copies.policy_changed(number))
        self._copies = Copies(self._flows, self._policies.listed)
        self._rates = Rates(self._flows)
        self._plugged: dict[Seat, tuple[Plugged, PolicyKey]] = {}
        self._zones: Counter[int] = Counter()
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
        for count, _ in enumerate(self.settle()):
            if count % STEP == STEP - 1:
                yield

    def may_meter(self, able: bool) -> None:
        """Whether the switch has meters; without them no flow wants one, and nobody has a rate."""
        if able != self._has_meters:
            self._has_meters = able
            for seat, owner in list(self.owners.items()):
                self._plug(seat, owner)

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
        self.take(writes)
        self._settle()

    def take(self, writes: Iterable[Write]) -> None:
        """As `follow`, but what many ports share is left to `settle`."""
        writes = list(writes)
        for write in writes:
            if write.kind == "port":
                self._take(self._seating.follow_port(write))
            elif write.kind == "switch":
                self._take(self._seating.follow_switch(write))
            elif write.kind == "tenant" and _limits(write.before) != _limits(write.after):
                self._follow_tenant(write.id[0])
        self._policies.take(writes)

    def settle(self) -> Iterator[None]:
        """Bring what many ports share up to date. Pauses often, and takes up what changes in between."""
        yield from self._policies.settle()
        yield from self._copies.settle()
        mac = mac_number(self.ports[LOCAL].mac) if self.local_is_uplink() else None
        uplinks = tuple(sorted(self._seating.uplinks))
        self._flows.place(("outside",), delivery.outside_flows(Outside(uplinks, mac)))

    def take_dirty(self) -> set[int]:
        """The cookies that came or went since it was asked last."""
        return self._flows.take_dirty()

    def take_dirty_meters(self) -> set[int]:
        """The meters that came, went or changed since it was asked last."""
        return self._rates.take_dirty()

    # -- questions

    @property
    def wanted(self) -> dict[int, Flow]:
        return self._flows.wanted

    @property
    def meters(self) -> dict[int, Rate]:
        """The wanted meters, by number."""
        return self._rates.wanted

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

    def holders(self, segment: int, mac: int) -> list[Plugged]:
        """The ports that have a MAC by their pairs."""
        return self._copies.holders(segment, mac)

    def fragment(self, *key: str | int) -> Fragment:
        """The flows of one fragment; empty if there is no such."""
        return tuple(self._flows.get(key).values())

    def members(self, policy_number: int) -> Iterator[Flow]:
        """The flows of the address sets that a policy asks about."""
        members = self._policies.members
        for number in {number for number, _ in members.asked_by(policy_number)}:
            for key in members.keys(number):
                yield from self.fragment(*key)

    def overrides(self, policy_number: int) -> Iterator[Flow]:
        """The flows of the guardrails that a policy meets."""
        for key in self._policies.overrides.keys(policy_number):
            yield from self.fragment(*key)

    def port_flows(self, id: Id) -> Collection[int]:
        """The cookies of a port's own flows; none if it is not plugged here."""
        seat = self.seat(id)
        return self._flows.get(("port", *seat)).keys() if seat else ()

    def drop_cookies(self, id: Id) -> dict[str, int]:
        """The flow that counts what was dropped of a port's, for each reason; none if it is not plugged here."""
        seat = self.seat(id)
        plugged = self.plugged(seat) if seat else None
        if plugged is None or not plugged.enabled:
            return {}
        return {reason.name.lower(): drop_flow(plugged, reason).cookie for reason in Reason}

    def zones(self) -> set[int]:
        """The conntrack zones of the ports that are plugged here."""
        return set(self._zones)

    def zone_cookies(self, zone: int) -> dict[str, int]:
        """The flows that count the packets that a zone of `zones` had no room for: its ports' own, and others'."""
        return {f"refused_{end}": flow.cookie for end, flow in commits.full_flows(zone).items()}

    def port_meters(self, id: Id) -> dict[str, int]:
        """The meters of what a port opens and accepts; none if it has no rate, or is not plugged here."""
        seat = self.seat(id)
        numbers = zip(("rate_opened", "rate_accepted"), meters_of(seat[0]) if seat else (), strict=False)
        return {name: number for name, number in numbers if number in self.meters}

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
        self._rates.change(seat, new[0] if new else None)
        if new and old and (replace(new[0], rate=old[0].rate), new[1]) == old:
            return  # no flow says how many
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
        rate = self._inventory.limits(port.tenant).rate(self._default_rate) if self._has_meters else None
        return Plugged.of(port, seat, zone, self._inventory.policy_number(key), rate), key

    def _count(self, plugged: Plugged, key: PolicyKey, step: int) -> None:
        """Shared fragments are there as long as a port needs them."""
        self._policies.count(key, step)
        if tally(self._zones, plugged.zone, step):
            self._place_zone(plugged.zone)

    def _follow_tenant(self, tenant: str) -> None:
        """A tenant's limits changed."""
        for stored in self._inventory.list("port", tenant):
            seat = self.seat(stored.value.id)
            if seat:
                self._plug(seat, stored.value.id)

    # -- what ports share

    def _place_zone(self, zone: int) -> None:
        flows = (*verdicts.zone_flows(zone), *commits.full_flows(zone).values()) if zone in self._zones else ()
        self._flows.place(("zone", zone), flows)

    def _settle(self) -> None:
        for _ in self.settle():
            pass


def _fixed_flows() -> Iterator[Flow]:
    for part in (guards, arrival, delivery, verdicts, commits, multicast, policy):
        yield from part.fixed_flows()


def _limits(stored: Stored | None) -> Limits | None:
    return stored.value.limits if stored and isinstance(stored.value, Tenant) else None
