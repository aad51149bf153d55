"""What an OVSDB says of the bridges, as values, and what follows from it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

OFP_NAME = 15  # characters of an interface's name that OpenFlow carries


class Controller(NamedTuple):
    """A controller that the bridge is told to obey (ovs-vswitchd.conf.db(5), Controller)."""

    target: str
    out_of_band: bool


class Interface(NamedTuple):
    """An interface that carries an id, `external_ids:iface-id`."""

    name: str
    iface_id: str


@dataclass(frozen=True, slots=True)
class BridgeFacts:
    """A bridge's row. `dpid` has 16 digits; `datapath_type` is what the bridge names, never empty."""

    name: str
    dpid: str
    datapath_type: str
    fail_mode: str = ""
    disable_in_band: bool = False
    controllers: tuple[Controller, ...] = ()
    interfaces: Mapping[int, Interface] = field(default_factory=dict)  # by ofport


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A database at one moment. `capabilities` are of each datapath type that has a row of its own."""

    ovs_version: str = ""
    bridges: tuple[BridgeFacts, ...] = ()
    capabilities: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    zones_have_limits: bool = False  # whether the schema has CT_Zone:limit, as from Open vSwitch 3.3
    zones_have_timeouts: bool = False

    def bridge(self, dpid: str) -> BridgeFacts | None:
        """The bridge of a datapath id; None if none has it, or several, of which nobody could say which is meant."""
        found = [bridge for bridge in self.bridges if bridge.dpid == dpid]
        return found[0] if len(found) == 1 else None


def iface_id(bridge: BridgeFacts | None, ofport: int, name: str) -> str | None:
    """The id of a port that OpenFlow reports. Number and name must agree: database and OpenFlow tell of changes at
    different times, and a number is soon another interface's."""
    interface = bridge.interfaces.get(ofport) if bridge else None
    return interface.iface_id if interface and interface.name[:OFP_NAME] == name[:OFP_NAME] else None


def changed_interfaces(old: BridgeFacts | None, new: BridgeFacts | None) -> set[int]:
    """The ofports whose interface or id is another one now."""
    before = dict(old.interfaces) if old else {}
    after = dict(new.interfaces) if new else {}
    if before == after:
        return set()
    return {ofport for ofport in before.keys() | after.keys() if before.get(ofport) != after.get(ofport)}


def warnings(snapshot: Snapshot, dpid: str) -> dict[str, str]:
    """What is wrong with the setting of a bridge: code to an explanation with the remedy."""
    bridge = snapshot.bridge(dpid)
    if bridge is None:
        several = sum(each.dpid == dpid for each in snapshot.bridges)
        reason = (
            f"{several} bridges of the configured OVSDB have" if several else "no bridge of the configured OVSDB has"
        )
        return {"bridge_not_found": f"{reason} the datapath id {dpid}: is the remote that of another host?"}
    found = {}
    name = bridge.name
    if bridge.fail_mode != "secure":
        found["fail_mode_not_secure"] = (
            f"{name} forwards everything when the controller is away long: ovs-vsctl set-fail-mode {name} secure"
        )
    if not bridge.controllers:
        found["controller_not_set"] = (
            f"{name} has no controller set, so nobody comes back when this connection ends, and its flows may be "
            f"removed: ovs-vsctl set-controller {name} TARGET"
        )
    if len(bridge.controllers) > 1:
        targets = ", ".join(sorted(controller.target for controller in bridge.controllers))
        found["other_controllers"] = f"{name} obeys several controllers, any of which may change its flows: {targets}"
    if not bridge.disable_in_band and any(not controller.out_of_band for controller in bridge.controllers):
        found["in_band_not_disabled"] = (
            f"{name} may have hidden flows for the way to its controller, which pass the guard: "
            f"ovs-vsctl set bridge {name} other_config:disable-in-band=true"
        )
    return found
