"""The flows that a packet met, told as the stations of its way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.core.ends import End
from app.core.flow import Flow
from app.core.guardrails import Guardrail
from app.core.inventory import Inventory
from app.core.pipeline import Priority, Reason, Reg, Table, Verdict
from app.core.question import Step
from app.core.simulator import Outcome

# What each guard asks.
GUARD = {
    Reason.MAC: "the source MAC address is not the port's own",
    Reason.ETHERTYPE: "no such kind of frame passes a port, or it has a VLAN tag",
    Reason.ARP: "the ARP sender is not the port itself",
    Reason.IPV4: "the source address is not the port's own",
    Reason.IPV6: "the source address is not the port's own",
    Reason.ND: "neighbour discovery that a port may not send",
    Reason.MLD: "MLD that a port may not send",
    Reason.DHCP: "a DHCP server's message, and the port is not marked as a DHCP server",
}

# What a policy has dropped is told by who asked it.
POLICY_REASONS = (Reason.EGRESS, Reason.INGRESS)
WORDS = {Reason.ETHERTYPE: "ethertype", Reason.DHCP: "dhcp_server"}


@dataclass(slots=True)
class Story:
    """What decided so far: the stage, the reason, and whose rule."""

    inventory: Inventory
    source: End
    target: End
    stage: str = Table.GUARD.name
    reason: str = "unregistered"
    rule: str | None = None  # tenant/group/key, or guardrail:name
    port: str | None = None  # tenant/port

    def tell(self, outcome: Outcome) -> Iterator[Step]:
        """The stations of a packet on one switch; what the last of them decided is the story's outcome."""
        path = outcome.path
        if not path:
            self.stage, self.reason = Table.GUARD.name, "unregistered"
            detail = "the switch port is neither an uplink nor a registered port"
            yield Step(Table.GUARD.name, "drop", None, None, detail)
        rule: int | None = None
        for flow in path:
            if flow.table in _CALLED:
                rule = _set_by(flow).get(Reg.RULE, rule)
                continue
            if flow.table in _TELLERS:
                yield from _TELLERS[Table(flow.table)](self, flow, rule)
            rule = None  # what was asked is told
        for zone, _ in outcome.commits:
            yield Step(Table.COMMIT.name, "commit", None, None, f"new connection in zone {zone}")

    def _guard(self, flow: Flow, rule: int | None) -> Iterator[Step]:
        if ("goto", Table.UPLINK) in flow.actions:
            yield Step(Table.GUARD.name, "pass", None, None, "from an uplink")
        elif ("goto", Table.ARRIVE) in flow.actions:
            yield Step(Table.GUARD.name, "pass", self.source.name, None, "the port's spoof guard is off")

    def _address(self, flow: Flow, rule: int | None) -> Iterator[Step]:
        if ("goto", Table.DROPPED) not in flow.actions:
            yield Step(Table.GUARD.name, "pass", self.source.name, None, "MAC and address are the port's own")

    def _dropped(self, flow: Flow, rule: int | None) -> Iterator[Step]:
        reason = next(Reason(value) for name, value, _ in flow.match if name == Reg.CALL)
        if reason in POLICY_REASONS:
            return
        self.stage, self.reason, self.port = Table.GUARD.name, WORDS.get(reason, "spoofed"), self.source.name
        yield Step(Table.GUARD.name, "drop", self.source.name, None, GUARD[reason])

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

    def _judged(self, flow: Flow, rule: int | None) -> Iterator[Step]:
        """A verdict for a new connection, or one without conntrack. `rule` is who decided, of rules and guardrails."""
        sends = flow.table in (Table.ACCEPT_SOURCE, Table.TRACK_SOURCE, Table.MULTICAST_OUT)
        stage, end = ("SOURCE", self.source) if sends else ("TARGET", self.target)
        guardrail = self.inventory.guardrail_of(rule) if rule else None
        if _set_by(flow).get(Reg.CALL) in POLICY_REASONS:
            self.reason, self.rule = "no_rule_matches", None
            detail = "no rule of the port's groups allows it"
            if guardrail is not None:
                self.reason, self.rule = "guardrail", guardrail.reference
                detail = "the operator denies it, whatever the port's groups say"
            self.stage, self.port = stage, end.name
            yield Step(stage, "deny", end.name, self.rule, detail)
        elif (Reg.VERDICT, Verdict.ALLOWED, 0xFFFFFFFF) in flow.match:
            self.stage, self.port = stage, end.name
            yield self._allowed(flow, rule, guardrail)

    def _allowed(self, flow: Flow, rule: int | None, guardrail: Guardrail | None) -> Step:
        id = self.inventory.rule_of(rule) if rule else None
        self.rule, shown = ("/".join(id), "/".join(id[1:])) if id else (None, None)
        self.reason, detail = "rule" if id else "default_egress", "" if id else "a port may send what is its own"
        if guardrail is not None:
            self.reason, self.rule = "guardrail", guardrail.reference
            shown, detail = self.rule, "the operator allows it, whatever the port's groups say"
        if flow.table in (Table.TRACK_SOURCE, Table.TRACK_TARGET):
            self.reason, detail = "stateless_rule", "without conntrack"
        return Step(self.stage, "allow", self.port, shown, detail)

    def _limited(self, flow: Flow, rule: int | None) -> Iterator[Step]:
        if not flow.actions:
            end = self.source if flow.table == Table.LIMIT_SOURCE else self.target
            self.stage, self.reason, self.port, self.rule = Table.COMMIT.name, "zone_is_full", end.name, None
            yield Step(Table.COMMIT.name, "drop", end.name, None, "the conntrack zone has no room for the connection")


def _set_by(flow: Flow) -> dict[str, int]:
    """What a flow writes into registers."""
    return {action[1]: action[2] for action in flow.actions if action[0] == "set"}


_CALLED = (Table.POLICY, Table.SETS, Table.MEMBER, Table.GUARDRAILS, Table.SERVERS)
_TELLERS = {
    Table.GUARD: Story._guard,
    Table.ADDRESS: Story._address,
    Table.UPLINK: Story._uplink,
    Table.SOURCE: Story._known,
    Table.TARGET: Story._known,
    Table.TRACK_SOURCE: Story._judged,
    Table.ACCEPT_SOURCE: Story._judged,
    Table.TRACK_TARGET: Story._judged,
    Table.ACCEPT_TARGET: Story._judged,
    Table.LIMIT_SOURCE: Story._limited,
    Table.LIMIT_TARGET: Story._limited,
    Table.MULTICAST_OUT: Story._judged,
    Table.DROPPED: Story._dropped,
}
