"""Why a packet passes or does not: the compiled flows run over it, conntrack included.

A packet between ports of two switches is followed on both. Only the fragments that can matter to the packet are run, so
the cost does not grow with the bridge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from app.core import described
from app.core.ends import End, find_ends, seats_of
from app.core.flow import Flow
from app.core.inventory import Inventory
from app.core.near_misses import near_misses
from app.core.packets import Packet
from app.core.pipeline import LOCAL, Table
from app.core.problems import NotFound
from app.core.program import Program
from app.core.question import ConnectionState, NearMiss, Question, Step, Trace
from app.core.simulator import Classifier, Outcome, Simulator
from app.core.story import Story
from app.core.values import Direction, PolicyKey

__all__ = ["ConnectionState", "NearMiss", "Question", "Step", "Trace", "trace"]


def trace(inventory: Inventory, programs: Mapping[str, Program], question: Question) -> Trace:
    """Follow the packet that `question` describes. `NotFound` if it names a port that does not exist."""
    source, target = find_ends(inventory, programs, question)
    for end in (source, target):
        if end.id is not None and end.plugged is None:
            return _unplugged(end)
        if end.plugged is not None and not end.plugged.enabled:
            return _disabled(end)
    legs = [dpid for dpid in dict.fromkeys((source.dpid, target.dpid)) if dpid is not None]
    if not legs:
        raise NotFound("port", f"{question.source} or {question.target}")
    walk = _Walk(inventory, question, source, target, Story(inventory, source, target))
    for dpid in legs:
        if not walk.follow(dpid, programs[dpid]):
            break
    return walk.trace()


def _unplugged(end: End) -> Trace:
    detail = f"{end.name} is not plugged into a connected switch"
    step = Step("BINDING", "drop", end.name, None, detail)
    return Trace("deny", "BINDING", "not_plugged", None, end.name, {}, (step,), (), ())


def _disabled(end: End) -> Trace:
    step = Step("BINDING", "drop", end.name, None, f"{end.name} is not enabled")
    return Trace("deny", "BINDING", "disabled", None, end.name, {}, (step,), (), ())


@dataclass(slots=True)
class _Walk:
    """The packet on its way, switch by switch."""

    inventory: Inventory
    question: Question
    source: End
    target: End
    story: Story
    steps: list[Step] = field(default_factory=list)
    packet: Packet | None = None  # as it began
    delivered: tuple[str, ...] = ()

    def follow(self, dpid: str, program: Program) -> bool:
        """Run the packet over one switch. True if it left by an uplink towards the other."""
        self.delivered = ()
        in_port = self._way_in(dpid, program)
        if in_port is None:
            self.story.reason = "no_uplink"
            self.steps.append(Step(Table.GUARD.name, "drop", None, None, f"switch {dpid} has no uplink"))
            return False
        outcome = self._send(program, in_port)
        self.steps.extend(self.story.tell(outcome))
        there = self.target.plugged if self.target.dpid == dpid else None
        reached = sorted(outcome.ports & ({there.ofport} if there else _ways_out(program)))
        self.delivered = tuple(program.ports[ofport].name for ofport in reached)
        if reached:
            detail = f"to {', '.join(self.delivered)} of switch {dpid}"
            self.steps.append(Step(Table.OUTPUT.name, "deliver", None, None, detail))
        elif outcome.path and outcome.path[-1].table == Table.OUTPUT:
            self.story.stage, self.story.reason = Table.OUTPUT.name, "nowhere_to_go"
        return bool(reached) and there is None

    def trace(self) -> Trace:
        story, packet = self.story, self.packet or {}
        verdict: Literal["allow", "deny"] = "allow" if self.delivered else "deny"
        missed: tuple[NearMiss, ...] = ()
        if story.reason == "no_rule_matches" and story.port:
            way: Direction = "egress" if story.port == self.source.name else "ingress"
            missed = near_misses(self.inventory, tuple(story.port.split("/")), way, packet)
        decided = (story.stage, story.reason, story.rule, story.port)
        return Trace(verdict, *decided, described.readable(packet), tuple(self.steps), missed, self.delivered)

    def _way_in(self, dpid: str, program: Program) -> int | None:
        if self.source.plugged and self.source.dpid == dpid:
            return self.source.plugged.ofport
        return min(_ways_out(program), default=None)

    def _send(self, program: Program, in_port: int) -> Outcome:
        at_home = self.source.plugged is not None and in_port == self.source.plugged.ofport
        tag = self.source.plugged.tag if self.source.plugged and at_home else (self.source.segment or 0)
        packet = described.packet(self.question, self.source, self.target, in_port, tag)
        self.packet = self.packet or packet
        simulator = Simulator(Classifier(self._flows(program)))
        epochs = self._epoch(self.source), self._epoch(self.target)
        inner = described.suppose(simulator, self.question, packet, (self.source, self.target), epochs)
        return simulator.send(packet, inner)

    def _epoch(self, end: End) -> int:
        return self.inventory.policy(PolicyKey.of(self.inventory.port(end.id))).epoch if end.id else 0

    def _flows(self, program: Program) -> Iterator[Flow]:
        """The fragments that can matter: the bridge's own, and those of both ends and of whose MAC is claimed."""
        yield from program.fragment("fixed")
        yield from program.fragment("outside")
        segment = self.source.segment or 0
        claimed = self.inventory.holder(segment, mac=self.question.mac) if self.question.mac else None
        plugged = list(seats_of(program, self.source.id, self.target.id, claimed))
        for port in plugged:
            yield from program.fragment("port", *port.seat)
        for policy in {port.policy for port in plugged}:
            yield from program.fragment("epoch", policy)
            yield from program.fragment("policy", policy)
            yield from program.members(policy)
        for zone in {port.zone for port in plugged}:
            yield from program.fragment("zone", zone)


def _ways_out(program: Program) -> set[int]:
    uplinks = {port.ofport for port in program.uplinks()}
    return uplinks or ({LOCAL} if program.local_is_uplink() else set())
