"""What one bridge has beside OpenFlow: its database, its control socket, and who keeps its zones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from app.core.flushes import Zone
from app.core.values import SwitchPort
from app.ovs import database, facts
from app.ovs.facts import BridgeFacts
from app.ovs.keeper import NO_CONTROL, NO_OVSDB
from app.ovs.zones import Use
from app.service import Feature

if TYPE_CHECKING:
    from app.ovs.surroundings import Surroundings

LOG = structlog.get_logger(__name__)
Warnings = MutableMapping[str, str]
Features = MutableMapping[str, Feature]
Remotes = tuple[str, str]  # of the database and of the control socket; empty: none


class Side:
    """One bridge's. Calls `on_interfaces` with the ofports whose interface id is another one, or was not known before;
    keeps its own entries of `warnings` and `features`."""

    CODES = (
        "ovsdb_unreachable", "control_socket_unreachable", "bridge_not_found", "fail_mode_not_secure",
        "controller_not_set", "other_controllers", "in_band_not_disabled",
    )  # fmt: skip

    def __init__(
        self,
        shared: Surroundings,
        dpid: str,
        zones: Callable[[], set[int]],
        on_interfaces: Callable[[set[int]], None],
        warnings: Warnings,
        features: Features,
    ) -> None:
        self.dpid = dpid
        self._shared, self._zones, self._on_interfaces = shared, zones, on_interfaces
        self._warnings, self._features = warnings, features
        self._facts: BridgeFacts | None = None
        self._asked: set[int] = set()  # the zones that the keeper knows to be wanted here
        self._remotes: Remotes = ("", "")
        self.key: tuple[str, str, str | None] = ("", "", None)
        shared.sides[dpid] = self
        self._find()  # the bridge has no program with ports yet

    # -- for the bridge

    def settle(self) -> None:
        """Wait for the first word of the database, a few seconds at most: ports may be known by nothing else."""
        there = self._shared.database(self._remotes[0])
        if there is not None and not there.wait():
            LOG.warning("goes on without its OVSDB; ports bound by iface_id get nothing", switch=self.dpid)
        self.refresh()

    def dress(self, port: SwitchPort) -> SwitchPort:
        """The port with its interface id, if one is known."""
        return replace(port, iface_id=facts.iface_id(self._facts, port.ofport, port.name))

    def connected(self) -> None:
        """The switch is there, perhaps with a new ovs-vswitchd, and the ports are known."""
        self.ports_changed()
        self._keeper.renew(self._shared.inventory.resting_zones())

    def ports_changed(self) -> None:
        """Other zones may be in use."""
        new = self._zones() - self._asked
        if new:
            self._asked |= new
            self._keeper.wish({zone: self._shared.wish(zone) for zone in new})

    def use(self, zones: Iterable[int], seconds: float = 1.0) -> dict[int, Use]:
        """Connections and limits of zones. Waits; raises ControlTrouble."""
        return self._keeper.use(set(zones), seconds)

    def connections(self, zone: int, seconds: float = 5.0) -> list[str]:
        """The entries of a zone, as dpctl/dump-conntrack writes them. Waits; raises ControlTrouble."""
        return self._keeper.connections(zone, seconds)

    def flush(self, zone: Zone, tuple: str) -> None:
        """Have one entry of a zone forgotten; see `Control.flush`. Waits; raises ControlTrouble."""
        self._keeper.flush(zone, tuple)

    def ask(self, command: str, *arguments: str, seconds: float = 5.0, most_bytes: int = 1 << 20) -> str:
        """What ovs-vswitchd says to a command of ovs-appctl. Waits; raises ControlTrouble."""
        return self._keeper.ask(command, *arguments, seconds=seconds, most_bytes=most_bytes)

    def datapath_flows(self, seconds: float, most_bytes: int) -> str:
        """The flows of the bridge's datapath, with the names of interfaces. Waits; raises ControlTrouble."""
        return self._keeper.datapath_flows(seconds, most_bytes)

    def management(self, bridge: str) -> Path | None:
        """Where ovs-vswitchd listens for who manages a bridge; None if no control socket is configured."""
        control = self._keeper.control
        return control.beside(f"{bridge}.mgmt") if control and bridge else None

    @property
    def has_control(self) -> bool:
        """Whether a control socket is configured."""
        return self._keeper.control is not None

    @property
    def datapath_type(self) -> str | None:
        """As the database names it; None if that is not known."""
        return self._facts.datapath_type if self._facts else None

    @property
    def capabilities(self) -> Mapping[str, str]:
        """What the database says that the datapath can do; empty if it says nothing."""
        there = self._shared.database(self._remotes[0])
        known = there.snapshot.capabilities if there and there.snapshot else {}
        return known.get(self.datapath_type or "", {})

    @property
    def version(self) -> str | None:
        """Of Open vSwitch, as the database has it; None if it is not known."""
        there = self._shared.database(self._remotes[0])
        return (there.snapshot.ovs_version or None) if self._facts and there and there.snapshot else None

    @property
    def bridge_name(self) -> str | None:
        """As the database has it; None if it is not known."""
        return self._facts.name if self._facts else None

    def close(self) -> None:
        self._shared.sides.pop(self.dpid, None)
        self._shared.tidy()

    # -- for Surroundings

    def forget(self, zones: set[int]) -> None:
        """Zones that no tenant has any more."""
        self._asked -= zones

    def settings_changed(self) -> None:
        """What is configured for the switch may be something else."""
        if self._shared.remotes(self.dpid) != self._remotes:
            if changed := self._find():
                self._on_interfaces(changed)
            self._shared.tidy()

    def database_changed(self) -> None:
        """There is another snapshot, or none can be had."""
        old, self._facts = self._facts, self._told()
        if self.datapath_type != self.key[2]:
            self._choose_keeper()
            self._shared.tidy()
        self.refresh()
        changed = facts.changed_interfaces(old, self._facts)
        if changed:
            self._on_interfaces(changed)

    def refresh(self) -> None:
        """Say what is wrong, and what is on and what is not."""
        found, there = {}, self._shared.database(self._remotes[0])
        if there is not None and there.snapshot is not None:
            found = facts.warnings(there.snapshot, self.dpid)
        if there is not None and there.trouble and there.trouble != database.NOT_YET:
            found["ovsdb_unreachable"] = there.trouble
        if self._keeper.control_trouble:
            found["control_socket_unreachable"] = self._keeper.control_trouble
        for code in self.CODES:
            if code in found:
                self._warnings[code] = found[code]
            else:
                self._warnings.pop(code, None)
        known = NO_OVSDB if there is None else "" if self._facts else there.trouble or found.get("bridge_not_found", "")
        listing = self._keeper.control_trouble if self._keeper.control else NO_CONTROL
        self._features.update(
            {
                "interface_ids": _feature(known),
                "switch_checks": _feature(known),
                "connection_limits": _feature(self._keeper.limit_trouble),
                "timeouts": _feature(self._keeper.timeout_trouble),
                "connection_list": _feature(listing),
            }
        )

    # -- within

    def _find(self) -> set[int]:
        """Take up what is configured now; the ofports of which something else is known then."""
        self._remotes = self._shared.remotes(self.dpid)
        old, self._facts = self._facts, self._told()
        self._choose_keeper()
        self.refresh()
        return facts.changed_interfaces(old, self._facts)

    def _told(self) -> BridgeFacts | None:
        there = self._shared.database(self._remotes[0])
        return there.snapshot.bridge(self.dpid) if there and there.snapshot else None

    def _choose_keeper(self) -> None:
        self.key = (*self._remotes, self.datapath_type)
        self._keeper = self._shared.keeper(self._remotes, self.datapath_type)
        self._asked = set()
        self._keeper.renew(self._shared.inventory.resting_zones())
        self.ports_changed()


def _feature(trouble: str) -> Feature:
    return Feature(not trouble, trouble or None)
