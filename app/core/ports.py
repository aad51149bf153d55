"""Ports: a VM's NIC, where it is plugged, and what it may call its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.core.parsing import (
    Invalid,
    link_local,
    parse_address,
    parse_iface_id,
    parse_interface,
    parse_mac,
    parse_owner,
    parse_pair_address,
    parse_port_id,
)

OFPORT_MAX = 0xFFFFFF00  # OFPP_MAX: above are the reserved ports
VLAN_LAST = 4094
BINDING_NAMES = "a binding names either an interface, or an ofport, or an iface_id"
NO_SWITCH = "an interface, or an ofport, is one of a switch"
SWITCH_OF_IFACE_ID = "an iface_id is of any switch: a binding by it names none"

EgressMode = Literal["any", "rules"]
SpoofGuard = Literal["enforce", "off"]


@dataclass(frozen=True, slots=True)
class Binding:
    """Where a port is plugged: a switch (datapath id or name) and an interface name or an OpenFlow port number; or an
    `iface_id`, which is the ``external_ids:iface-id`` of an interface of whatever switch has it.

    With a `tag` it is a sub-port: the frames that the VM tags with this VLAN id on that interface are its own.
    """

    switch: str | None = None
    interface: str | None = None
    ofport: int | None = None
    tag: int | None = None
    iface_id: str | None = None

    def __post_init__(self) -> None:
        if sum(plug is not None for plug in (self.interface, self.ofport, self.iface_id)) != 1:
            raise Invalid("invalid_binding", BINDING_NAMES)
        if (self.switch is None) != (self.iface_id is not None):
            raise Invalid("invalid_binding", NO_SWITCH if self.switch is None else SWITCH_OF_IFACE_ID)
        if self.iface_id is not None:
            parse_iface_id(self.iface_id)
        if self.interface is not None:
            parse_interface(self.interface)
        if self.ofport is not None and not 0 < self.ofport < OFPORT_MAX:
            raise Invalid("out_of_range", f"ofport {self.ofport} is not in 1..{OFPORT_MAX - 1}")
        if self.tag is not None and not 0 < self.tag <= VLAN_LAST:
            raise Invalid("out_of_range", f"tag {self.tag} is not in 1..{VLAN_LAST}")

    @property
    def plug(self) -> str | int:
        """What it names: an interface, an ofport or an interface id."""
        return self.iface_id or self.interface or self.ofport or 0

    def __str__(self) -> str:
        kind = "interface id" if self.iface_id else "interface" if self.interface else "port"
        return f"{kind} {self.plug}" + (f" on switch {self.switch}" if self.switch else "")


@dataclass(frozen=True, slots=True)
class AddressPair:
    """An address, or a network, that a port may use besides its own; under its own MAC address if `mac` is None."""

    address: str
    mac: str | None = None

    def __post_init__(self) -> None:
        if parse_pair_address(self.address) != self.address:
            raise Invalid("not_canonical", f"{self.address} is not canonical")
        if self.mac is not None and parse_mac(self.mac) != self.mac:
            raise Invalid("not_canonical", f"{self.mac} is not canonical")

    @property
    def is_everything(self) -> bool:
        """Whether it stands for every address of its family: such a pair never speaks ARP or ND, and is no member."""
        return self.address.endswith("/0")


@dataclass(frozen=True, slots=True)
class Port:
    """A VM's NIC. `egress` is "any" (all it may say under its own addresses) or "rules" (what its groups allow).

    `vlan` is its segment on the uplinks, 0 untagged. A port that is not `enabled` neither sends nor receives.
    `spoof_guard` "off" lets it send under any address; the firewall stays. Only a `dhcp_server` may answer as one.
    """

    tenant: str
    name: str
    mac: str
    addresses: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    binding: Binding | None = None
    egress: EgressMode = "any"
    vlan: int = 0
    labels: tuple[tuple[str, str], ...] = ()
    allowed_address_pairs: tuple[AddressPair, ...] = ()
    spoof_guard: SpoofGuard = "enforce"
    dhcp_server: bool = False
    enabled: bool = True
    owner: str = ""

    def __post_init__(self) -> None:
        parse_port_id(self.name)
        parse_owner(self.owner)
        if parse_mac(self.mac) != self.mac:
            raise Invalid("not_canonical", f"{self.mac} is not canonical")
        if any(parse_address(address) != address for address in self.addresses):
            raise Invalid("not_canonical", "an address is not canonical")
        if not 0 <= self.vlan <= VLAN_LAST:
            raise Invalid("out_of_range", f"vlan {self.vlan} is not in 0..{VLAN_LAST}")
        object.__setattr__(self, "addresses", tuple(dict.fromkeys(self.addresses)))
        object.__setattr__(self, "groups", tuple(sorted(set(self.groups))))
        object.__setattr__(self, "labels", tuple(sorted(self.labels)))
        pairs = {AddressPair(p.address, p.mac if p.mac != self.mac else None) for p in self.allowed_address_pairs}
        pairs -= {AddressPair(address) for address in self.addresses}
        object.__setattr__(
            self, "allowed_address_pairs", tuple(sorted(pairs, key=lambda pair: (pair.address, pair.mac or "")))
        )

    @property
    def id(self) -> tuple[str, ...]:
        return (self.tenant, self.name)

    @property
    def own_addresses(self) -> tuple[str, ...]:
        """Its addresses and the link-local one of its MAC: nobody else in the segment has any of them."""
        return tuple(dict.fromkeys((*self.addresses, link_local(self.mac))))

    @property
    def member_addresses(self) -> frozenset[str]:
        """What it brings into the groups that it is in: addresses, and networks of its pairs."""
        pairs = (pair.address for pair in self.allowed_address_pairs if not pair.is_everything)
        return frozenset((*self.addresses, *pairs))
