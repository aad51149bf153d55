"""What the firewall means, told a second time: no flows, no tables, no registers, no labels, no epochs.

Only the operator's values and what is plugged where, a frame, and for every tenant and segment the connections that
were seen. It shares with the compiler nothing but `app.core.values` and the names of a packet's fields.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from app.core.values import Direction, Port
from tests.model.frames import (
    ARP,
    EVERYBODY,
    LATER,
    LIMITED_BROADCAST,
    LOCAL,
    MLD_QUERY,
    MLD_REPORTS,
    NA,
    ND,
    NS,
    RA,
    RARP,
    REDIRECT,
    REPLY,
    REQUEST,
    RS,
    WHOLE,
    Five,
    Frame,
)
from tests.model.reference_bridge import Bridge, Goal, Out
from tests.model.reference_guard import asks_for_an_address, refusal

ALL_DHCP_SERVERS = 0xFF02 << 112 | 1 << 16 | 2  # ff02::1:2 (RFC 8415)
Zone = tuple[str, int]  # tenant and segment
Known = dict[Zone, set[Five]]
Denied = tuple[Direction, int, int]  # a port's ofport, and its segment (egress) or its tag (ingress)


@dataclass(frozen=True)
class Answer:
    """Where the frame comes out; the guard that refused it, if one did; whether it is certain that it is counted."""

    outs: set[Out] = field(default_factory=set)
    refused: str | None = None
    certain: bool = True


@dataclass(frozen=True)
class Verdict:
    """What one end says of a packet; if it passes, perhaps a zone learns of the connection."""

    passes: bool
    learns: Zone | None = None
    denied: bool = False  # by its policy, and not because the packet belongs to nothing


NO, DENIED = Verdict(False), Verdict(False, denied=True)


@dataclass
class Reference:
    """The firewall. `known` holds, for each zone, the first packets of the connections that it has seen. `met` says of
    the last frame at which ofports it began something that was allowed, and whether the port there opens it; `denied`
    whose policies did not let it out or in."""

    known: Known = field(default_factory=dict)
    met: set[tuple[int, bool]] = field(default_factory=set)
    denied: set[Denied] = field(default_factory=set)

    def deliver(self, bridge: Bridge, frame: Frame) -> Answer:
        self.met, self.denied = set(), set()
        if bridge.is_vm(frame["in_port"]):
            return self._from_vm(bridge, frame)
        trusted = bridge.uplinks | ({LOCAL} if bridge.local is not None else set())
        if frame["in_port"] not in trusted or bridge.impersonates(frame):
            return Answer()
        return Answer(self._from_outside(bridge, frame))

    def _from_vm(self, bridge: Bridge, frame: Frame) -> Answer:
        sender = bridge.sender(frame)
        if sender is None or not sender.enabled:
            return Answer()
        if frame.vlan_vid and bridge.seat(frame)[1] == 0:
            return Answer(refused="ethertype")
        refused = refusal(sender, frame, bridge.listed)
        if refused:
            return Answer(refused=refused)
        if _leaves_at_once(sender, frame):
            return Answer(bridge.outs(frame, Goal(outside=True)))
        goal = _neighbourhood(bridge, frame)
        if goal is not None:
            return Answer(bridge.outs(frame, goal))
        outs = self._on_the_way(bridge, frame)
        return Answer(outs) if outs else self._stopped(bridge, sender, frame)

    def _stopped(self, bridge: Bridge, sender: Port, frame: Frame) -> Answer:
        """By the last of the guards, if only DHCP servers say it; answers and what goes nowhere need not be asked."""
        about = frame.inner or frame.connection if frame.family else None
        if about is None or not bridge.policies.forbids(sender, "egress", about):
            return Answer()
        asked = frame.to_many or bridge.by_mac(sender.vlan, frame["eth_dst"]) != Goal()
        _, answers = recall(self.known.get((sender.tenant, sender.vlan), set()), about, frame.inner)
        return Answer(refused="dhcp", certain=not answers and frame.inner is None and frame.fragment == WHOLE and asked)

    def _from_outside(self, bridge: Bridge, frame: Frame) -> set[Out]:
        goal = _neighbourhood(bridge, frame)
        if frame.icmp6 in (RA, RS, REDIRECT, MLD_QUERY) or (frame.icmp6 in ND and not frame.well_formed):
            goal = _from_router(bridge, frame)
        elif frame.family == 4 and frame.is_dhcp("server") and _to_everybody(frame):
            goal = Goal(bridge.everybody(frame.vlan), outside=True, copied=True)
        return bridge.outs(frame, goal) if goal is not None else self._on_the_way(bridge, frame)

    def _on_the_way(self, bridge: Bridge, frame: Frame) -> set[Out]:
        """What is neither refused nor about the neighbourhood itself."""
        if frame.family is None:
            return bridge.outs(frame, _by_mac_alone(bridge, frame))
        return self._to_many(bridge, frame) if frame.to_many else self._to_one(bridge, frame)

    def _to_many(self, bridge: Bridge, frame: Frame) -> set[Out]:
        """Everybody who may hear it does; nobody remembers."""
        sender, segment, allows = bridge.sender(frame), bridge.segment(frame), bridge.policies.allows
        if frame.fragment:
            return bridge.outs(frame, Goal(outside=True)) if sender is None else set()
        if sender and not (_asks_dhcp(frame) or allows(sender, "egress", frame.five)):
            if not bridge.policies.forbids(sender, "egress", frame.five):
                self.denied.add(("egress", frame["in_port"], segment))
            return set()
        hears = bridge.policies.hears_many
        hearers = (seat for seat in bridge.everybody(segment) if hears(bridge.seats[seat], frame.five))
        return bridge.outs(frame, Goal(tuple(hearers), outside=True, copied=True))

    def _to_one(self, bridge: Bridge, frame: Frame) -> set[Out]:
        """Every local end must be allowed what the connection was to it when it began; then its zone knows it."""
        sender, goal = bridge.sender(frame), bridge.by_mac(bridge.segment(frame), frame["eth_dst"])
        said = self._end(bridge, sender, frame, sends=True) if sender else Verdict(True)
        if not said.passes:
            if said.denied and goal != Goal():
                self.denied.add(("egress", frame["in_port"], bridge.segment(frame)))
            return set()
        begins = frame.fragment != LATER  # of others the ports are not known
        if begins and said.learns and goal != Goal():
            self.met.add((frame["in_port"], True))
        heard = {seat: self._end(bridge, bridge.seats[seat], frame, sends=False) for seat in goal.seats}
        hearers = tuple(seat for seat, verdict in heard.items() if verdict.passes)
        self.denied |= {("ingress", *seat) for seat, verdict in heard.items() if verdict.denied}
        self.met |= {(seat[0], False) for seat in hearers if begins and heard[seat].learns}
        if hearers or goal.outside:
            for verdict in (said, *(heard[seat] for seat in hearers)):
                if verdict.learns and frame.connection:
                    self.known.setdefault(verdict.learns, set()).add(frame.connection)
        return bridge.outs(frame, Goal(hearers, goal.outside))

    def _end(self, bridge: Bridge, port: Port, frame: Frame, sends: bool) -> Verdict:
        if frame.fragment == WHOLE and bridge.policies.passes(port, "egress" if sends else "ingress", frame.five):
            return Verdict(True)
        about = frame.connection
        if about is None:
            return NO
        zone = port.tenant, port.vlan
        original, answers = recall(self.known.get(zone, set()), about, frame.inner)
        if original is None and (frame.inner is not None or not about.begins):
            return NO
        if original is None and bridge.sender(frame) is None and frame.is_dhcp("server"):
            return Verdict(True)  # infrastructure: nobody learns of it
        role = "egress" if sends != answers else "ingress"
        if not bridge.policies.allows(port, role, original or about):  # type: ignore[arg-type]
            is_counted = frame.fragment != LATER and not (
                sends and role == "egress" and bridge.policies.forbids(port, role, original or about)
            )
            return DENIED if is_counted else NO
        return Verdict(True, None if original else zone)


def recall(mine: set[Five], about: Five, inner: Five | None) -> tuple[Five | None, bool]:
    """The first packet of the connection that this one belongs to, and whether this one answers it."""
    asked = inner or about
    if asked in mine:
        return asked, inner is not None  # an error goes against the packet that it is about
    for original in mine:
        if asked == original.answer:
            return original, inner is None
    return None, False


def _asks_dhcp(frame: Frame) -> bool:
    return asks_for_an_address(frame) or (frame.is_dhcp("client") and frame.target == ALL_DHCP_SERVERS)


def _to_everybody(frame: Frame) -> bool:
    return frame["eth_dst"] == EVERYBODY and frame.target == LIMITED_BROADCAST


def _leaves_at_once(sender: Port, frame: Frame) -> bool:
    """What is for routers and switches only."""
    if sender.spoof_guard == "off":
        return False
    reports = frame.icmp6 in MLD_REPORTS and frame.fragment == WHOLE
    return frame["eth_type"] == RARP or reports or frame.icmp6 == RS


def _by_mac_alone(bridge: Bridge, frame: Frame) -> Goal:
    """Ethertypes that no policy knows pass if the operator lists them; others between uplinks only."""
    goal = bridge.by_mac(bridge.segment(frame), frame["eth_dst"])
    if frame.to_many:
        return Goal(outside=True)
    return goal if frame["eth_type"] in bridge.listed else Goal(outside=goal.outside)


def _from_router(bridge: Bridge, frame: Frame) -> Goal | None:
    """What routers outside say needs no rule; what is badly formed, or said to routers, stays outside."""
    if frame.to_many and ((frame.icmp6 == RA and frame.well_formed) or _asks_who_listens(frame)):
        return Goal(bridge.everybody(frame.vlan), outside=True, copied=True)
    if frame.icmp6 in (RA, REDIRECT) and frame.well_formed:
        return None if frame.to_many else bridge.by_mac(frame.vlan, frame["eth_dst"])
    return Goal(outside=True)


def _asks_who_listens(frame: Frame) -> bool:
    return frame.icmp6 == MLD_QUERY and frame["icmpv6_code"] == 0 and frame.fragment == WHOLE


def _neighbourhood(bridge: Bridge, frame: Frame) -> Goal | None:
    """Where ARP and neighbour discovery go; None if it is something else."""
    if frame["eth_type"] == ARP:
        return _arp(bridge, frame)
    sender = bridge.sender(frame)
    unguarded = sender is not None and sender.spoof_guard == "off" and frame.fragment == WHOLE
    if frame.icmp6 in (NS, NA) and (frame.well_formed or unguarded):
        return _nd(bridge, frame)
    if frame.icmp6 in (RA, REDIRECT) and unguarded and not frame.to_many:
        return bridge.by_mac(bridge.segment(frame), frame["eth_dst"])
    return None


def _arp(bridge: Bridge, frame: Frame) -> Goal:
    segment, asks = bridge.segment(frame), frame["arp_op"] == REQUEST
    announces = asks and frame["arp_spa"] == frame["arp_tpa"]
    if announces or (frame["arp_op"] == REPLY and frame["eth_dst"] == EVERYBODY):
        return Goal(bridge.everybody(segment), outside=True, copied=True)
    if asks:
        return _ask(bridge, frame, 4, frame["arp_tpa"], probes=frame["arp_spa"] == 0)
    return bridge.by_mac(segment, frame["eth_dst"])


def _nd(bridge: Bridge, frame: Frame) -> Goal:
    segment = bridge.segment(frame)
    if frame.icmp6 == NS and frame["icmpv6_code"]:
        return Goal(outside=True)  # whatever an unguarded port may mean by it
    if frame.icmp6 == NS:
        return _ask(bridge, frame, 6, frame["ipv6_nd_target"], probes=frame.source == 0)
    if frame.to_many:
        return Goal(bridge.everybody(segment), outside=True, copied=True)
    return bridge.by_mac(segment, frame["eth_dst"])


def _ask(bridge: Bridge, frame: Frame, family: int, number: int, probes: bool) -> Goal:
    goal = bridge.by_address(bridge.segment(frame), family, number)
    sender = bridge.sender(frame)
    if probes and sender and sender.spoof_guard == "enforce" and goal == Goal((bridge.seat(frame),)):
        return Goal(
            outside=True
        )  # whether anybody else has what is its own; unguarded ports are not looked at for that
    return goal
