"""A registered port where it is plugged in, with its addresses as the numbers that flows carry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.core.addresses import Network, mac_number, network
from app.core.flow import Action, output, pop_vlan, push_vlan, set_field
from app.core.limits import Rate
from app.core.pipeline import OFPORT_BITS, TAG, UNTAGGED, Reg
from app.core.values import Port

# Where a port sits: its ofport, and the tag of a sub-port or 0.
Seat = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Plugged:
    """A port on a switch: all that its flows depend on. Networks in `own` are nobody else's in the segment; `pairs`
    have the MAC under which each of their networks may be used. `rate` is of new connections."""

    ofport: int
    tag: int
    mac: int
    own: tuple[Network, ...]
    pairs: tuple[tuple[int, Network], ...]
    zone: int
    policy: int
    segment: int = 0
    guarded: bool = True
    enabled: bool = True
    rate: Rate | None = None

    @classmethod
    def of(cls, port: Port, seat: Seat, zone: int, policy: int, rate: Rate | None = None) -> Plugged:
        mac = mac_number(port.mac)
        return cls(
            ofport=seat[0],
            tag=seat[1],
            mac=mac,
            own=tuple(network(address) for address in port.own_addresses),
            pairs=tuple(
                (mac_number(pair.mac) if pair.mac else mac, network(pair.address))
                for pair in port.allowed_address_pairs
            ),
            zone=zone,
            policy=policy,
            segment=port.vlan,
            guarded=port.spoof_guard == "enforce",
            enabled=port.enabled,
            rate=rate,
        )

    @property
    def seat(self) -> Seat:
        return self.ofport, self.tag

    @property
    def number(self) -> int:
        """The seat as register DST_PORT holds it."""
        return seat_number(self.seat)

    @property
    def vlan_vid(self) -> int:
        """What a frame of the port's carries when the VM sends it."""
        return TAG | self.tag if self.tag else UNTAGGED

    @property
    def virtual_macs(self) -> tuple[int, ...]:
        """The MACs that only its pairs have."""
        return tuple(dict.fromkeys(mac for mac, _ in self.pairs if mac != self.mac))

    @property
    def shared(self) -> tuple[Network, ...]:
        """What it may claim by ARP or ND besides its own; other ports may, too."""
        return tuple(dict.fromkeys(network for _, network in self.pairs if not network.is_everything))

    def senders(self) -> Iterator[tuple[int, tuple[Network, ...]]]:
        """Each MAC that it may send under, with the networks that it may use under it."""
        for mac in (self.mac, *self.virtual_macs):
            own = self.own if mac == self.mac else ()
            yield mac, (*own, *(network for each, network in self.pairs if each == mac))

    def as_source(self) -> tuple[Action, ...]:
        """The registers that say who sends; the tag of a sub-port goes."""
        untag = (pop_vlan(),) if self.tag else ()
        segment = (set_field(Reg.SEGMENT, self.segment),) if self.segment else ()
        return (*untag, set_field(Reg.SRC_ZONE, self.zone), set_field(Reg.SRC_POLICY, self.policy), *segment)

    def as_target(self) -> tuple[Action, ...]:
        """The registers that say who receives."""
        return (
            set_field(Reg.DST_PORT, self.number),
            set_field(Reg.DST_ZONE, self.zone),
            set_field(Reg.DST_POLICY, self.policy),
        )


def seat_number(seat: Seat) -> int:
    ofport, tag = seat
    return tag << OFPORT_BITS | ofport & (1 << OFPORT_BITS) - 1


def copy_to(seat: Seat) -> tuple[Action, ...]:
    """Give a copy of an untagged frame to who sits there."""
    ofport, tag = seat
    if not tag:
        return (output(ofport),)
    return (push_vlan(), set_field("vlan_vid", TAG | tag), output(ofport), pop_vlan())
