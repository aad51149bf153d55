"""What switches say when they are asked why: as a test has it, or nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn

from app.core.explained import Checked, Count, Differences, DropSeen, Installed, PortUse
from app.core.trace import Trace
from app.core.values import Port
from app.service import Unavailable


class Silent:
    """No switch is there."""

    drops: tuple[DropSeen, ...] = ()  # known without asking a switch
    drop_interval = 0

    def __getattr__(self, name: str) -> NoReturn:
        raise Unavailable("switch_disconnected", "the switch is not connected")

    def __deepcopy__(self, memo: object) -> Silent:
        return self


@dataclass
class Told:
    """Provides `app.service.Explanations`."""

    checks: list[Checked] = field(default_factory=list)
    flows: list[Installed] = field(default_factory=list)
    use: PortUse | None = None
    held: list[Count] = field(default_factory=list)
    differences: Differences = field(default_factory=lambda: Differences(True))
    resynced: list[tuple[str, str, float]] = field(default_factory=list)
    confirms: bool = True
    drop_interval: int = 0
    drops: list[DropSeen] = field(default_factory=list)

    def check(self, trace: Trace, tenant: str) -> list[Checked]:
        return self.checks

    def port_flows(self, port: Port, dpid: str) -> list[Installed]:
        return self.flows

    def port_use(self, port: Port, dpid: str) -> PortUse:
        assert self.use is not None
        return self.use

    def resync(self, port: Port, dpid: str, seconds: float) -> tuple[int, bool]:
        self.resynced.append((port.name, dpid, seconds))
        return 7, self.confirms

    def switch_flows(self, dpid: str, table: int | None = None) -> list[Count]:
        return [each for each in self.held if table in (None, each.table)]

    def table_sizes(self, dpid: str) -> dict[int, tuple[int, int]]:
        return {table: (sum(each.table == table for each in self.held), 0) for table in {e.table for e in self.held}}

    def drift(self, dpid: str) -> Differences:
        return self.differences
