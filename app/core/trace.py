"""Why a packet passes or does not: the compiled flows run over it, conntrack included.

A packet between ports of two switches is followed on both. Only the fragments that can matter to the packet are run, so
the cost does not grow with the bridge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from app.core import described
from app.core.ends import End, find_ends, seats_of
from app.core.flow import Flow
from app.core.inventory import Inventory
from app.core.near_misses import near_misses
from app.core.packets import FiveTuple, Packet, fields_of, tuple_of
from app.core.pipeline import LOCAL, TAG, Table
from app.core.problems import NotFound
from app.core.program import Program
from app.core.question import ConnectionState, Leg, NearMiss, Question, Step, Trace
from app.core.simulator import Classifier, Connection, Outcome, Simulator
from app.core.story import Story
from app.core.values import Direction, PolicyKey

__all__ = ["ConnectionState", "Leg", "NearMiss", "Question", "Step", "Trace", "trace"]


def trace(inventory: Inventory, programs: Mapping[str, Program], question: Question) -> Trace:
    """Follow the packet that `question` describes, and what answers it. `NotFound` if it names a port that does not
    exist."""
    source, target = find_ends(inventory, programs, question)
    for end in (source, target):
        if end.id is not None and end.plugged is None:
            return _unplugged(end)
        if end.plugged is not None and not end.plugged.enabled:
            return _disabled(end)
    if source.dpid is None and target.dpid is None:
        raise NotFound("port", f"{question.source} or {question.target}")
    there = _Walk(inventory, programs, question, source, target, Story(inventory, source, target))
    there.go()
    found = there.trace()
    back = there.answer()
    return found if back is None else replace(found, way_back=back)


def _unplugged(end: End) -> Trace:
    detail = f"{end.name} is not plugged into a connected switch"
    step = Step("BINDING", "drop", end.name, None, detail)
    return Trace("deny", "BINDING", "not_plugged", None, end.name, {}, (step,), (), ())


def _disabled(end: End) -> Trace:
    step = Step("BINDING", "drop", end.name, None, f"{end.name} is not enabled")
    return Trace("deny", "BINDING", "disabled", None, end.name, {}, (step,), (), ())


@dataclass(slots=True)
class _Walk:
    """The packet on its way, switch by switch. An answer finds the `connections` that the packet has left behind."""

    inventory: Inventory
    programs: Mapping[str, Program]
    question: Question
    source: End
    target: End
    story: Story
    sent: Packet | None = None  # an answer, without its in_port and tag; None: what the question describes
    connections: dict[str, dict[tuple[int, FiveTuple], Connection]] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    legs: list[Leg] = field(default_factory=list)
    delivered: tuple[str, ...] = ()

    def go(self) -> None:
        """Over the switch of the sender, then over that of the receiver."""
        for dpid in dict.fromkeys((self.source.dpid, self.target.dpid)):
            if dpid is not None and not self._follow(dpid, self.programs[dpid]):
                break

    def answer(self) -> Trace | None:
        """What becomes of the answer; None if nothing answers, or there is nobody to."""
        packet = self.legs[0].packet if self.legs else {}
        if not self.delivered or self.question.state in ("related", "invalid") or not tuple_of(packet).may_begin:
            return None
        answer = fields_of(tuple_of(packet).answered()) | {"nw_ttl": packet["nw_ttl"]}
        sent = answer | {"eth_src": self.target.mac, "eth_dst": packet["eth_src"]}
        story = Story(self.inventory, self.target, self.source)
        back = _Walk(
            self.inventory, self.programs, self.question, self.target, self.source, story, sent, self.connections
        )
        back.go()
        return back.trace()

    def trace(self) -> Trace:
        story, packet = self.story, dict(self.legs[0].packet) if self.legs else {}
        verdict: Literal["allow", "deny"] = "allow" if self.delivered else "deny"
        missed: tuple[NearMiss, ...] = ()
        if not self.delivered and story.reason in ("no_rule_matches", "guardrail") and story.port:
            way: Direction = "egress" if story.port == self.source.name else "ingress"
            missed = near_misses(self.inventory, tuple(story.port.split("/")), way, packet, story.rule)
        decided = (story.stage, story.reason, story.rule, story.port)
        shown = described.readable(packet)
        return Trace(verdict, *decided, shown, tuple(self.steps), missed, self.delivered, tuple(self.legs))

    def _follow(self, dpid: str, program: Program) -> bool:
        """Run the packet over one switch. True if it left by an uplink towards the other."""
        self.delivered = ()
        in_port = self._way_in(dpid, program)
        if in_port is None:
            self.story.reason = "no_uplink"
            self.steps.append(Step(Table.GUARD.name, "drop", None, None, f"switch {dpid} has no uplink"))
            return False
        outcome = self._send(dpid, program, in_port)
        self.steps.extend(self.story.tell(outcome))
        there = self.target.plugged if self.target.dpid == dpid else None
        reached = sorted(outcome.ports & ({there.ofport} if there else _ways_out(program)))
        self.delivered = tuple(program.ports[ofport].name for ofport in reached)
        if reached:
            detail = f"to {', '.join(self.delivered)} of switch {dpid}"
            self.steps.append(Step(Table.OUTPUT.name, "deliver", None, None, detail))
        elif self.source.segment != self.target.segment:
            ends = (
                f"{self.source.name} is in segment {self.source.segment}, {self.target.name} in {self.target.segment}"
            )
            self.story.stage, self.story.reason, self.story.rule = Table.DEST.name, "other_segment", None
            self.steps.append(Step(Table.DEST.name, "drop", None, None, f"{ends}: only a router outside leads there"))
        elif outcome.path and outcome.path[-1].table == Table.OUTPUT:
            self.story.stage, self.story.reason = Table.OUTPUT.name, "nowhere_to_go"
        return bool(reached) and there is None

    def _way_in(self, dpid: str, program: Program) -> int | None:
        if self.source.plugged and self.source.dpid == dpid:
            return self.source.plugged.ofport
        return min(_ways_out(program), default=None)

    def _send(self, dpid: str, program: Program, in_port: int) -> Outcome:
        at_home = self.source.plugged is not None and in_port == self.source.plugged.ofport
        tag = self.source.plugged.tag if self.source.plugged and at_home else (self.source.segment or 0)
        if self.sent is None:
            packet = described.packet(self.question, self.source, self.target, in_port, tag)
        else:
            packet = {"in_port": in_port, **({"vlan_vid": TAG | tag} if tag else {}), **self.sent}
        simulator = Simulator(Classifier(self._flows(program, packet)), self.connections.setdefault(dpid, {}))
        inner = None
        if self.sent is None:
            epochs = self._epoch(self.source), self._epoch(self.target)
            inner = described.suppose(simulator, self.question, packet, (self.source, self.target), epochs)
        outcome = simulator.send(packet, inner)
        self.legs.append(Leg(dpid, packet, outcome.section))
        return outcome

    def _epoch(self, end: End) -> int:
        return self.inventory.policy(PolicyKey.of(self.inventory.port(end.id))).epoch if end.id else 0

    def _flows(self, program: Program, packet: Packet) -> Iterator[Flow]:
        """The fragments that can matter: the bridge's own, those of both ends and of whoever sits at the switch port,
        and of whose MACs the packet carries."""
        yield from program.fragment("fixed")
        yield from program.fragment("outside")
        segment = self.source.segment or 0
        macs = [packet[name].to_bytes(6, "big").hex(":") for name in ("eth_src", "eth_dst")]
        claimed = [self.inventory.holder(segment, mac=mac) for mac in macs]
        here = [seat for seat in program.owners if seat[0] == packet["in_port"]]
        plugged = {each.seat: each for each in seats_of(program, self.source.id, self.target.id, *claimed)}
        plugged |= {seat: each for seat in here if (each := program.plugged(seat)) is not None}
        for mac in {packet["eth_src"], packet["eth_dst"]}:
            yield from program.fragment("mac", segment, mac)
            plugged |= {each.seat: each for each in program.holders(segment, mac)}
        for seat in plugged:
            yield from program.fragment("port", *seat)
        for ofport in {ofport for ofport, _ in plugged}:
            yield from program.fragment("rate", ofport)
        for policy in {port.policy for port in plugged.values()}:
            yield from program.fragment("epoch", policy)
            yield from program.fragment("policy", policy)
            yield from program.members(policy)
            yield from program.overrides(policy)
        for zone in {port.zone for port in plugged.values()}:
            yield from program.fragment("zone", zone)


def _ways_out(program: Program) -> set[int]:
    uplinks = {port.ofport for port in program.uplinks()}
    return uplinks or ({LOCAL} if program.local_is_uplink() else set())
