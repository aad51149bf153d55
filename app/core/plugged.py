"""A registered port where it is plugged in, with its addresses as the numbers that flows carry."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from app.core.flow import Action, set_field
from app.core.pipeline import Reg
from app.core.values import Port


@dataclass(frozen=True, slots=True)
class Plugged:
    """A port on a switch: all that its flows depend on."""

    ofport: int
    mac: int
    ipv4: tuple[int, ...]
    zone: int
    policy: int
    segment: int = 0

    @classmethod
    def of(cls, port: Port, ofport: int, zone: int, policy: int) -> Plugged:
        mac = int(port.mac.replace(":", ""), 16)
        return cls(ofport, mac, tuple(ipv4_number(a) for a in port.addresses), zone, policy, port.vlan)

    def as_source(self) -> tuple[Action, ...]:
        """The registers that say who sends."""
        segment = (set_field(Reg.SEGMENT, self.segment),) if self.segment else ()
        return (set_field(Reg.SRC_ZONE, self.zone), set_field(Reg.SRC_POLICY, self.policy), *segment)

    def as_target(self) -> tuple[Action, ...]:
        """The registers that say who receives."""
        return (
            set_field(Reg.DST_PORT, self.ofport),
            set_field(Reg.DST_ZONE, self.zone),
            set_field(Reg.DST_POLICY, self.policy),
        )


def ipv4_number(address: str) -> int:
    """A canonical dotted address as a number."""
    return int.from_bytes(socket.inet_aton(address), "big")
