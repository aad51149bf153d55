"""What the REST API may ask of the running firewall. The shell (`app.controller`) provides it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

from app.core.connections import Listing
from app.core.flushes import Tuple, Zone
from app.core.inventory import Inventory
from app.core.limits import Defaults
from app.core.trace import Question, Trace
from app.core.values import Port
from app.events import TYPES as EVENT_TYPES
from app.events import Events, Happened

__all__ = [
    "EVENT_TYPES",
    "Drift",
    "Events",
    "Feature",
    "Firewall",
    "Happened",
    "NotConnected",
    "PortStatus",
    "StoreUnavailable",
    "SwitchStatus",
    "Unavailable",
    "Unreachable",
    "ZoneUse",
]  # fmt: skip

T = TypeVar("T")


class StoreUnavailable(Exception):
    """The change could not be made durable (disk full, store closed). Nothing was changed."""


class Unreachable(Exception):
    """A switch that the answer needs is not connected."""


class Unavailable(Exception):
    """A switch cannot do or tell something. `reason` is a machine word, the text says more."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class ZoneUse(NamedTuple):
    """Connections in a zone of a switch, the most that may be there (0: no limit), and packets refused for that.

    None is what the switch does not tell.
    """

    connections: int | None = None
    limit: int | None = None
    refused: int | None = None


class NotConnected(Exception):
    """What was asked for can only be done to a switch that is there."""


@dataclass(frozen=True, slots=True)
class Drift:
    """What an audit found otherwise than wanted on a switch, and whether that is mended; `first` tells some in words.

    `trouble` says why an audit came to no end; then it found nothing, or did not mend it.
    """

    missing: int = 0
    extra: int = 0
    altered: int = 0
    mended: bool = False
    first: tuple[str, ...] = ()
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that a switch can do for us or not, and why not."""

    on: bool
    why: str | None = None


@dataclass(frozen=True, slots=True)
class SwitchStatus:
    """One bridge as it stands. Revisions are the inventory's; `applied_revision` is barrier-confirmed by the switch."""

    dpid: str
    connected: bool
    state: Literal["disconnected", "reading", "synced", "pushing", "backoff", "refused"]
    since: str | None = None  # RFC 3339, of the last change of `connected`
    address: str | None = None
    wanted_revision: int = 0
    applied_revision: int = 0
    flows: int = 0  # wanted on the switch now
    ports: int = 0  # bound ports
    uplinks: tuple[str, ...] = ()  # interfaces that count as uplinks now
    last_error: str | None = None
    retry_at: str | None = None
    flow_mods: int = 0  # sent since the process started
    last_push: dict[str, Any] = field(default_factory=dict)  # flow_mods, seconds, revision
    bridge: str | None = None  # its name on its host, where an OVSDB tells it
    software: str | None = None  # as the switch, or its OVSDB, names its version
    datapath_type: str | None = None  # where an OVSDB tells it, as are the capabilities
    capabilities: Mapping[str, str] = field(default_factory=dict)
    drift: Mapping[str, Any] = field(default_factory=dict)  # what audits found since the process started
    warnings: Mapping[str, str] = field(default_factory=dict)  # code -> detail
    features: Mapping[str, Feature] = field(default_factory=dict)  # by name


@dataclass(frozen=True, slots=True)
class PortStatus:
    """Where a port is and whether its flows are on the switch."""

    state: Literal["building", "active", "down", "error"]
    reason: str | None = None  # machine word: unbound, switch_disconnected, interface_missing, link_down, ...
    message: str | None = None
    dpid: str | None = None
    ofport: int | None = None
    flows: int = 0
    applied_revision: int = 0


class Firewall(Protocol):
    """The running firewall. Every method is called from a green thread; `write`, `wait` and `port_drops` block."""

    inventory: Inventory  # to be read between, and never across, anything that yields
    events: Events
    default_limits: Defaults

    def write(self, change: Callable[[Inventory, str], T]) -> T:
        """Run `change(inventory, now)` alone, make what it did durable, then return its result.

        All or nothing: what `change` raises is raised here and nothing has changed; so with `StoreUnavailable`.
        `change` must not yield; `now` is the RFC 3339 time to give to `Inventory.put`.
        """

    def wait(self, revision: int, seconds: float) -> list[str]:
        """Wait until every connected switch has confirmed `revision`, at most `seconds`; the datapath ids that lag."""

    def switches(self) -> list[SwitchStatus]:
        """Every switch that is connected, was connected since start or is configured, by datapath id."""

    def reconcile(self, dpid: str, seconds: float) -> Drift | None:
        """Compare all that a switch holds with what is wanted, and mend it. None if that takes longer than `seconds`;
        it goes on then. `NotConnected` if the switch is not there.
        """

    def port_status(self, port: Port) -> PortStatus: ...

    def port_drops(self, port: Port) -> dict[str, int] | None:
        """Packets that the port sent and each guard has dropped since its flows were installed, by reason.

        None if the port is not plugged into a connected switch, or if the switch does not answer within a second. Open
        vSwitch counts with a delay of about half a second.
        """

    def zone(self, tenant: str) -> int: ...

    def trace(self, question: Question) -> Trace:
        """What would happen to a packet. `NotFound` and `Unreachable` say what the question lacks."""

    def zones_by_switch(self, tenant: str) -> dict[str, list[tuple[int, int]]]:
        """By datapath id, (segment, zone) of the tenant's ports that are plugged there, or that should be while the
        switch is away."""

    def connections(self, dpid: str, zone: Zone, is_fresh: bool = False) -> Listing:
        """The connections in a zone of a switch, at most two seconds old unless they must be fresh. Waits.

        `Unavailable` if the switch is away, or if its control socket is not known or does not answer.
        """

    def zone_use(self, dpid: str, zones: Collection[int]) -> dict[int, ZoneUse]:
        """How full zones of a switch are. Waits. What the switch does not tell is left out."""

    def flush(self, dpid: str, zone: Zone, which: Sequence[Tuple] | None = None) -> None:
        """Have a switch forget the connections of a zone that one of the tuples describes; all of them for None. Waits.

        `Unavailable` if the switch does not do it; some of it may be done then.
        """

    def ready(self) -> dict[str, str]:
        """What is not ready yet: component -> reason. Empty when everything is."""
