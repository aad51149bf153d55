"""Who is plugged into a switch, who has which MAC and address there, and which way is outside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from app.core.values import Port
from tests.model.addresses import identities, mac_number, own_nets, pair_nets
from tests.model.frames import LOCAL, TAG, Frame
from tests.model.reference_policy import Policies

Seat = tuple[int, int]  # ofport, and the tag of a sub-port's frames there; 0: untagged
Out = tuple[int, int]  # ofport, and vlan_vid as the frame leaves there


@dataclass(frozen=True)
class Goal:
    """Local ports that a frame is for, and whether it is for outside too. Copies for many are not made for those behind
    the sender's interface."""

    seats: tuple[Seat, ...] = ()
    outside: bool = False
    copied: bool = False


@dataclass(frozen=True)
class Bridge:
    """One switch as the operator sees it. `local`: the MAC of LOCAL where that is trusted."""

    seats: Mapping[Seat, Port]
    policies: Policies
    uplinks: frozenset[int]
    local: int | None = None
    listed: frozenset[int] = frozenset()  # ethertypes that pass by MAC

    def sender(self, frame: Frame) -> Port | None:
        return self.seats.get(self.seat(frame))

    def seat(self, frame: Frame) -> Seat:
        """Whose frame it is, if a VM sends it: a tag that no sub-port has now is a bad frame of the parent's."""
        tagged = (frame["in_port"], frame.vlan)
        is_there = frame.vlan and tagged in self.seats and self.seats[tagged].enabled
        return tagged if is_there else (frame["in_port"], 0)

    def is_vm(self, ofport: int) -> bool:
        return any(seat[0] == ofport for seat in self.seats)

    def segment(self, frame: Frame) -> int:
        sender = self.sender(frame)
        return sender.vlan if sender else frame.vlan

    @cached_property
    def _own_macs(self) -> dict[tuple[int, int], Seat]:
        return {(port.vlan, mac_number(port.mac)): seat for seat, port in self.seats.items()}

    def impersonates(self, frame: Frame) -> bool:
        return (frame.vlan, frame["eth_src"]) in self._own_macs

    def everybody(self, segment: int) -> tuple[Seat, ...]:
        return self._enabled(seat for seat, port in self.seats.items() if port.vlan == segment)

    def _enabled(self, seats: Iterable[Seat]) -> tuple[Seat, ...]:
        return tuple(seat for seat in seats if self.seats[seat].enabled)

    def by_mac(self, segment: int, mac: int) -> Goal:
        """The one whose MAC it is, or all who may use it as theirs and perhaps somebody elsewhere."""
        own = self._own_macs.get((segment, mac))
        if own is not None:
            return Goal(self._enabled([own]))
        return Goal(tuple(s for s in self.everybody(segment) if mac in identities(self.seats[s])), outside=True)

    def by_address(self, segment: int, family: int, number: int) -> Goal:
        """The one whose address it is, or all who name it most exactly and perhaps somebody elsewhere."""
        in_segment = [(seat, self.seats[seat]) for seat in self.everybody(segment)]
        own = [seat for seat, port in in_segment if any(n.has(family, number) for n in own_nets(port))]
        if own:
            return Goal(tuple(own))
        named = [(n.length, s) for s, port in in_segment for n in pair_nets(port) if n.has(family, number)]
        longest = max((length for length, _ in named), default=0)
        return Goal(tuple({seat for length, seat in named if length == longest}), outside=True)

    def outs(self, frame: Frame, goal: Goal) -> set[Out]:
        """Where a frame comes out that goes there; nobody gets what is their own."""
        mine = self.seat(frame)
        others = (s for s in goal.seats if s[0] != mine[0] or (not goal.copied and self._is_another(frame, s)))
        seats = {(ofport, TAG | tag if tag else 0) for ofport, tag in others}
        return seats | (self._outside(frame) if goal.outside else set())

    def _is_another(self, frame: Frame, seat: Seat) -> bool:
        """Whether the frame is not from who sits there, but from behind the same interface: MACs tell, so unguarded
        ports may hear themselves, and parents hear what sub-ports say under their own."""
        port = self.seats[seat]
        if seat[1]:
            return frame["eth_src"] not in identities(port)
        child = self._own_macs.get((port.vlan, frame["eth_src"]), seat)
        return child[0] == seat[0] and child[1] != 0 and self.seats[child].enabled

    def _outside(self, frame: Frame) -> set[Out]:
        """The ways out, each with the tag that the frame has there."""
        trusted = {LOCAL} if self.local is not None else set()
        sender = self.sender(frame)
        if self.local == frame["eth_dst"]:
            ways = trusted
        elif sender is None or frame.to_many:
            ways = set(self.uplinks) | trusted
        else:
            ways = set(self.uplinks) or trusted
        tag = (TAG | sender.vlan if sender.vlan else 0) if sender else frame.vlan_vid
        return {(ofport, tag) for ofport in ways - {frame["in_port"]}}
