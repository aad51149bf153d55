"""Who sits where on one switch: the switch's ports, and the registered ports that are bound to them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from fnmatch import fnmatchcase

from app.core.indexes import Id
from app.core.inventory import Inventory, Write
from app.core.pipeline import LOCAL
from app.core.plugged import Seat
from app.core.values import Port, Stored, SwitchPort

Change = tuple[Seat, Id | None]  # a seat, and who has it now


class Seating:
    """Every method that changes something yields the seats whose owner may have changed, with who has them now."""

    def __init__(self, inventory: Inventory, dpid: str, uplinks: tuple[str, ...], trust_local: bool) -> None:
        self.ports: dict[int, SwitchPort] = {}  # what the switch has
        self.owners: dict[Seat, Id] = {}
        self.rivals: dict[Id, Id] = {}  # a port that lost its switch port -> the one that has it
        self.uplinks: dict[int, SwitchPort] = {}
        self._inventory, self._dpid = inventory, dpid
        self._default_uplinks, self._trust_local = uplinks, trust_local
        self._ofports: dict[str, int] = {}
        self._iface_ids: defaultdict[str, set[int]] = defaultdict(set)  # the ofports that carry each
        self._seats: dict[Id, Seat] = {}
        self._tags: defaultdict[int, set[int]] = defaultdict(set)  # those that are owned, of each ofport

    def seat(self, id: Id) -> Seat | None:
        """Where a registered port sits, if it is plugged here."""
        return self._seats.get(id)

    def local_is_uplink(self) -> bool:
        """Whether the bridge's own interface counts as an uplink."""
        return self._trust_local and LOCAL in self.ports and not self._tags.get(LOCAL)

    def is_seated(self, port: SwitchPort) -> bool:
        """Known as it is, and under this number: a name that was seen twice belongs to the number seen last."""
        return self.ports.get(port.ofport) == port and self._ofports.get(port.name) == port.ofport

    def come(self, port: SwitchPort) -> Iterator[Change]:
        """A switch port came or changed."""
        old = self.ports.get(port.ofport)
        if old is not None and old.name != port.name and self._ofports.get(old.name) == port.ofport:
            del self._ofports[old.name]
        self.ports[port.ofport] = port
        self._ofports[port.name] = port.ofport
        for ofport in self._identify(old, port):
            yield from self._claim(ofport)

    def go(self, ofport: int) -> Iterator[Change]:
        """A switch port went."""
        port = self.ports.pop(ofport, None)
        if port is None:
            return
        if self._ofports.get(port.name) == ofport:
            del self._ofports[port.name]
        for touched in self._identify(port, None):
            yield from self._claim(touched)

    def follow_port(self, write: Write) -> Iterator[Change]:
        """A registered port was written."""
        for stored in (write.before, write.after):
            ofport = self._where(stored)
            if ofport is not None:
                yield from self._claim(ofport)

    def follow_switch(self, write: Write) -> Iterator[Change]:
        """A switch's name decides which bindings mean it; a name may also move from one switch to another."""
        if write.id != (self._dpid,):
            return
        names = {stored.value.name if stored else None for stored in (write.before, write.after)}
        for ofport in list(self.ports):
            if len(names) > 1:
                yield from self._claim(ofport)
            else:
                self._sort_uplink(ofport)

    def _where(self, stored: Stored | None) -> int | None:
        port = stored.value if stored else None
        if not isinstance(port, Port) or port.binding is None:
            return None
        if port.binding.switch is None:
            return self._carrier(port.binding.iface_id)
        if self._inventory.switch_id(port.binding.switch) != self._dpid:
            return None
        return port.binding.ofport if port.binding.interface is None else self._ofports.get(port.binding.interface)

    def _carrier(self, iface_id: str | None) -> int | None:
        """The ofport that an interface id stands for. Two may carry it, one of which is about to go: the one with the
        higher number, which is usually the newer, has it. The order in which they came makes no difference."""
        return max(self._iface_ids.get(iface_id or "", ()), default=None)

    def _identify(self, old: SwitchPort | None, new: SwitchPort | None) -> list[int]:
        """A switch port changed, came or went: it, and the other ones that an interface id stood for or stands for
        now."""
        ports = [port for port in (old, new) if port is not None]
        ids = {port.iface_id for port in ports if port.iface_id}
        touched = {port.ofport for port in ports} | {self._carrier(id) for id in ids}
        if old is not None and old.iface_id:
            self._iface_ids[old.iface_id].discard(old.ofport)
            if not self._iface_ids[old.iface_id]:
                del self._iface_ids[old.iface_id]
        if new is not None and new.iface_id:
            self._iface_ids[new.iface_id].add(new.ofport)
        return sorted(ofport for ofport in touched | {self._carrier(id) for id in ids} if ofport is not None)

    def _claim(self, ofport: int) -> Iterator[Change]:
        """Find out whose a switch port is, and whose its tags are."""
        port = self.ports.get(ofport)
        iface_id = port.iface_id if port and self._carrier(port.iface_id) == ofport else None
        claims = self._inventory.bound_to(self._dpid, port.name, ofport, iface_id) if port else {}
        for tag in sorted(self._tags[ofport] | claims.keys()):
            yield from self._seat((ofport, tag), claims.get(tag, []))
        self._sort_uplink(ofport)

    def _seat(self, seat: Seat, claimants: list[Id]) -> Iterator[Change]:
        old = self.owners.get(seat)
        if old is not None:
            self._rise(seat, old)
        owner = claimants[0] if claimants else None
        if owner is not None:
            # A port sits in one place: its interface may come under a new number before the old one is gone.
            other = self._seats.get(owner)
            if other is not None:
                self._rise(other, owner)
                self._sort_uplink(other[0])
                yield other, None
            self.owners[seat], self._seats[owner] = owner, seat
            self._tags[seat[0]].add(seat[1])
            self.rivals.update(dict.fromkeys(claimants[1:], owner))
        yield seat, owner

    def _rise(self, seat: Seat, owner: Id) -> None:
        """A seat is free. Who had lost it to its owner has it back, or loses it to somebody else."""
        del self.owners[seat]
        del self._seats[owner]
        self._tags[seat[0]].discard(seat[1])
        if owner in self.rivals.values():
            self.rivals = {loser: other for loser, other in self.rivals.items() if other != owner}

    def _sort_uplink(self, ofport: int) -> None:
        port = self.ports.get(ofport)
        if port is not None and self._is_uplink(port):
            self.uplinks[ofport] = port
        else:
            self.uplinks.pop(ofport, None)

    def _is_uplink(self, port: SwitchPort) -> bool:
        if port.ofport == LOCAL or self._tags.get(port.ofport):
            return False
        configured = self._inventory.uplinks(self._dpid)
        patterns = self._default_uplinks if configured is None else configured
        return any(fnmatchcase(port.name, pattern) for pattern in patterns)
