"""What the REST API may ask of the running firewall. The shell (`app.controller`) provides it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

from app.core.connections import Listing
from app.core.explained import Checked, Count, Differences, DropSeen, Installed, PortUse
from app.core.flushes import Tuple, Zone
from app.core.inventory import Inventory
from app.core.limits import Defaults
from app.core.preview import Preview
from app.core.trace import Question, Trace
from app.core.values import Port
from app.errors import AsideTooLong
from app.events import TYPES as EVENT_TYPES
from app.events import Events, Following, Happened, Overflow, TooMany
from app.observing.observed import Dropped, Fill, Observed
from app.observing.tallies import Meters
from app.plans import Plan, Plans
from app.records import Also, Done, Entry, Note, Page, Prepared, Record, Reply, Search

__all__ = [
    "EVENT_TYPES",
    "Also",
    "AsideTooLong",
    "Done",
    "Drift",
    "Dropped",
    "Entry",
    "Events",
    "Feature",
    "Fill",
    "Firewall",
    "Following",
    "Happened",
    "Meters",
    "NotConnected",
    "Note",
    "Observed",
    "Overflow",
    "Page",
    "Plan",
    "Plans",
    "PortStatus",
    "Prepared",
    "Record",
    "Reply",
    "Search",
    "StoreUnavailable",
    "SwitchStatus",
    "TooMany",
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


class Explanations(Protocol):
    """What the switches themselves say when somebody wants to know why. All of it waits; `Unavailable` if a switch is
    away, or does not tell."""

    def check(self, trace: Trace, tenant: str) -> list[Checked]:
        """A trace put to `ofproto/trace` of every switch that it leads over. Who contradicts is told of as an event."""

    def port_flows(self, port: Port, dpid: str) -> list[Installed]:
        """The flows that decide about a port on a switch, with the switch's counters."""

    def port_use(self, port: Port, dpid: str) -> PortUse:
        """How often each rule of a port's policy has decided on a switch, and when last."""

    def resync(self, port: Port, dpid: str, seconds: float) -> tuple[int, bool]:
        """Have the switch take a port's flows anew, in one step; how many, and whether it confirmed them in time."""

    def switch_flows(self, dpid: str, table: int | None = None) -> list[Count]:
        """The flows of a switch, or of one of its tables."""

    @property
    def drop_interval(self) -> int:
        """Seconds between two looks at what the datapaths drop; 0: nobody looks."""

    @property
    def drops(self) -> Sequence[DropSeen]:
        """What was dropped lately, the oldest first."""

    def table_sizes(self, dpid: str) -> dict[int, tuple[int, int]]:
        """The flows of each table of a switch that has any, and the packets that they have counted."""

    def drift(self, dpid: str) -> Differences:
        """What a switch holds otherwise than wanted. Nothing is mended."""


class Firewall(Protocol):
    """The running firewall. Every method is called from a green thread; `write`, `wait` and `port_drops` block."""

    inventory: Inventory  # to be read between, and never across, anything that yields
    events: Events
    observed: Observed
    meters: Meters
    default_limits: Defaults
    plans: Plans  # that were shown, to be carried out
    explaining: Explanations

    def write(self, change: Callable[[Inventory, str], T], also: Also | None = None) -> T:
        """Run `change(inventory, now)` alone, make what it did durable, then return its result.

        All or nothing: what `change` raises is raised here and nothing has changed; so with `StoreUnavailable`.
        `change` must not yield; `now` is the RFC 3339 time to give to `Inventory.put`. What `also` makes of the change
        that was done becomes durable together with it.
        """

    def place(self, prepared: Prepared, also: Also | None = None) -> Any:
        """As `write`, of what a change did to a copy: nothing is computed, checked or judged again, so that the hub is
        not held however much it is. `Moved` if anything was written since the copy was made.
        """

    def entries(self, search: Search) -> Page:
        """A page of the audit log. Waits; `StoreUnavailable` if it cannot be read, as with `reply`."""

    def reply(self, owner: str, key: str, now: str) -> Reply | None:
        """The answer that a caller got under an idempotency key, if it is not older than a day. Waits."""

    def preview(
        self,
        change: Callable[[Inventory, str], Any],
        with_reach: bool = True,
        told: Callable[[Preview], Any] = lambda found: found,
        seconds: float = 20,
    ) -> Any:
        """What `write(change)` would do now, as a `Preview`: what is written, flows by switch, who can reach whom; or
        what `told` makes of that. Nothing is changed.

        Computed beside the hub (`aside`), by `told` too; what comes back, `result` included, must be such that it can
        be pickled. What they raise is raised here; so are `TooManyFlows`, and `AsideTooLong` after `seconds`.
        """

    def aside(self, function: Callable[[], T], seconds: float = 20) -> T:
        """`function()`, computed beside the hub on the state as it is now: `app.aside.aside`."""

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

    def metrics(self, is_openmetrics: bool) -> bytes:
        """All metrics, as Prometheus text or OpenMetrics. Waits."""

    def ready(self) -> dict[str, str]:
        """What is not ready yet: component -> reason. Empty when everything is."""
