"""The two ends of a traced packet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.core.inventory import Id, Inventory
from app.core.parsing import parse_address
from app.core.plugged import Plugged, ipv4_number
from app.core.program import Program

# Stands for whoever is outside: locally administered, so never a port's by accident.
OUTSIDE_MAC = 0x02_00_5E_00_00_01


@dataclass(frozen=True, slots=True)
class End:
    """One end of the question: a registered port, perhaps plugged in somewhere, or an address outside."""

    name: str
    address: int
    id: Id | None = None
    dpid: str | None = None
    plugged: Plugged | None = None

    @property
    def mac(self) -> int:
        return self.plugged.mac if self.plugged else OUTSIDE_MAC


def find_end(inventory: Inventory, programs: Mapping[str, Program], tenant: str, name: str) -> End:
    """The end that a question names. `NotFound` if it is a port that does not exist."""
    if name.startswith("ip:"):
        address = parse_address(name[3:])
        id = inventory.holder(0, address=address)
        if id is None:
            return End(name, ipv4_number(address))
    else:
        id = tuple(name.split("/", 1)) if "/" in name else (tenant, name)
        inventory.get("port", *id)
    port = inventory.port(id)
    address_number = ipv4_number(name[3:] if name.startswith("ip:") else (port.addresses or ("0.0.0.0",))[0])
    for dpid, program in programs.items():
        ofport = program.seat(id)
        if ofport is not None:
            return End("/".join(id), address_number, id, dpid, program.plugged(ofport))
    return End("/".join(id), address_number, id)
