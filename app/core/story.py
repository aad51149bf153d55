"""The flows that a packet met, told as the stations of its way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.core.ends import End
from app.core.flow import Flow
from app.core.inventory import Inventory
from app.core.pipeline import Priority, Reg, Table
from app.core.question import Step
from app.core.simulator import Outcome


@dataclass(slots=True)
class Story:
    """What decided so far: the stage, the reason, and whose rule."""

    inventory: Inventory
    source: End
    target: End
    stage: str = Table.GUARD.name
    reason: str = "unregistered"
    rule: str | None = None  # tenant/group/key
    port: str | None = None  # tenant/port

    def tell(self, outcome: Outcome) -> Iterator[Step]:
        """The stations of a packet on one switch; what the last of them decided is the story's outcome."""
        path = outcome.path
        if not path:
            self.stage, self.reason = Table.GUARD.name, "unregistered"
            yield Step(
                Table.GUARD.name, "drop", None, None, "the switch port is neither an uplink nor a registered port"
            )
        rule: int | None = None
        for flow in path:
            if flow.table == Table.POLICY:
                rule = {action[1]: action[2] for action in flow.actions}.get(Reg.RULE)
            elif flow.table in _TELLERS:
                yield from _TELLERS[Table(flow.table)](self, flow, rule)
        for zone, _ in outcome.commits:
            yield Step(Table.COMMIT.name, "commit", None, None, f"new connection in zone {zone}")
        if path and path[-1].table in (Table.JUDGE_SOURCE, Table.JUDGE_TARGET):
            yield self._denied(path[-1].table)

    def _guard(self, flow: Flow, rule: int | None) -> Iterator[Step]:
        if flow.actions:
            if flow.priority == Priority.OWN:
                yield Step(Table.GUARD.name, "pass", self.source.name, None, "MAC and address are the port's own")
            else:
                yield Step(Table.GUARD.name, "pass", None, None, "from an uplink")
            return
        self.stage, self.reason, self.port = Table.GUARD.name, "spoofed", self.source.name
        yield Step(Table.GUARD.name, "drop", self.source.name, None, "MAC or address is not the port's own")

    def _uplink(self, flow: Flow, rule: int | None) -> Iterator[Step]:
        if not flow.actions:
            self.stage, self.reason = Table.UPLINK.name, "spoofed"
            yield Step(Table.UPLINK.name, "drop", None, None, "comes from outside under the MAC of a local port")

    def _known(self, flow: Flow, rule: int | None) -> Iterator[Step]:
        stage, end = Table(flow.table).name, self.source if flow.table == Table.SOURCE else self.target
        if not flow.actions:
            self.stage, self.reason, self.port = stage, "invalid", end.name
            yield Step(stage, "drop", end.name, None, "conntrack calls the packet invalid")
        elif flow.priority == Priority.OWN:
            self.stage, self.reason, self.port = stage, "established", end.name
            yield Step(stage, "pass", end.name, None, "belongs to a connection that the present policy has admitted")

    def _accepted(self, flow: Flow, rule: int | None) -> Iterator[Step]:
        stage, end = Table(flow.table).name.removeprefix("ACCEPT_"), self.source
        if flow.table == Table.ACCEPT_TARGET:
            end = self.target
        id = self.inventory.rule_of(rule) if rule else None
        self.stage, self.port, self.rule = stage, end.name, "/".join(id) if id else None
        self.reason = "rule" if id else "default_egress"
        yield Step(
            stage, "allow", end.name, "/".join(id[1:]) if id else None, "" if id else "a port may send what is its own"
        )

    def _denied(self, table: int) -> Step:
        stage, end = ("SOURCE", self.source) if table == Table.JUDGE_SOURCE else ("TARGET", self.target)
        self.stage, self.reason, self.port, self.rule = stage, "no_rule_matches", end.name, None
        return Step(stage, "deny", end.name, None, "no rule of the port's groups allows it")


_TELLERS = {
    Table.GUARD: Story._guard,
    Table.UPLINK: Story._uplink,
    Table.SOURCE: Story._known,
    Table.TARGET: Story._known,
    Table.ACCEPT_SOURCE: Story._accepted,
    Table.ACCEPT_TARGET: Story._accepted,
}
