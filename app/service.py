"""What the REST API may ask of the running firewall. The shell (`app.controller`) provides it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

from app.core.inventory import Inventory
from app.core.trace import Question, Trace
from app.core.values import Port

T = TypeVar("T")


class StoreUnavailable(Exception):
    """The change could not be made durable (disk full, store closed). Nothing was changed."""


class Unreachable(Exception):
    """A switch that the answer needs is not connected."""


@dataclass(frozen=True, slots=True)
class SwitchStatus:
    """One bridge as it stands. Revisions are the inventory's; `applied_revision` is barrier-confirmed by the switch."""

    dpid: str
    connected: bool
    state: Literal["disconnected", "reading", "synced", "pushing", "backoff"]
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

    def write(self, change: Callable[[Inventory, str], T]) -> T:
        """Run `change(inventory, now)` alone, make what it did durable, then return its result.

        All or nothing: what `change` raises is raised here and nothing has changed; so with `StoreUnavailable`.
        `change` must not yield; `now` is the RFC 3339 time to give to `Inventory.put`.
        """

    def wait(self, revision: int, seconds: float) -> list[str]:
        """Wait until every connected switch has confirmed `revision`, at most `seconds`; the datapath ids that lag."""

    def switches(self) -> list[SwitchStatus]:
        """Every switch that is connected, was connected since start or is configured, by datapath id."""

    def port_status(self, port: Port) -> PortStatus: ...

    def port_drops(self, port: Port) -> dict[str, int] | None:
        """Packets that the port sent and each guard has dropped since its flows were installed, by reason.

        None if the port is not plugged into a connected switch, or if the switch does not answer within a second. Open
        vSwitch counts with a delay of about half a second.
        """

    def zone(self, tenant: str) -> int: ...

    def trace(self, question: Question) -> Trace:
        """What would happen to a packet. `NotFound` and `Unreachable` say what the question lacks."""

    def ready(self) -> dict[str, str]:
        """What is not ready yet: component -> reason. Empty when everything is."""
