"""What the switches themselves say when somebody wants to know why: their own trace, their flows and counters.

Everything here waits for a switch, and changes nothing on it but `resync`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice

import structlog

from app import green
from app.bridges.bridge import Bridge
from app.bridges.line import Line
from app.core.audit import Held
from app.core.explained import Checked, Count, Difference, Differences, DropSeen, Installed, PortUse, RuleUse
from app.core.flow import OWNER, OWNER_SHIFT, Flow
from app.core.flow import flow as matching
from app.core.inventory import Inventory
from app.core.pipeline import Reg, Table
from app.core.port_parts import carriers, flows_of, rule_id, rule_ids
from app.core.question import Trace
from app.core.values import Port
from app.events import Events, EventType
from app.openflow import replies
from app.openflow.conversation import SwitchTrouble
from app.openflow.decoding import decoder
from app.openflow.switch_io import EVERY, Which, flows
from app.openflow.templates import templates
from app.ovs import idle, threads
from app.service import Unavailable
from app.why import second_opinion
from app.why.drop_log import DropLog

LOG = structlog.get_logger(__name__)
SECONDS = 5.0  # a question, at most
POLL = 0.02  # seconds between two looks whether something is confirmed
TURN = 100  # flows that are read, content and all, before others get the hub
ONE_BY_ONE = 256  # flows that are asked for by their cookies
OPENFLOW_14 = 5  # its matches are those of 1.5
EXACT = (1 << 64) - 1
SHOWN = 1000  # differences kept
DISAGREEMENT: EventType = "trace.disagreement"


class Explaining:
    """Provides what `app.service.Firewall` says of explanations. `disagreed` hears the switch that contradicts."""

    def __init__(
        self,
        inventory: Inventory,
        bridges: Mapping[str, Bridge],
        events: Events,
        disagreed: Callable[[str], None] = lambda dpid: None,
    ) -> None:
        self._inventory, self._bridges, self._events, self._disagreed = inventory, bridges, events, disagreed

        self._log = DropLog(0, inventory, bridges.values)

    def sample(self, interval: int) -> None:
        """Begin to sample what is dropped, every so many seconds; 0: do not."""
        self._log.interval = interval
        self._log.start()

    @property
    def drop_interval(self) -> int:
        return self._log.interval

    @property
    def drops(self) -> Sequence[DropSeen]:
        """What was dropped lately, the oldest first."""
        return self._log.seen

    # -- a packet

    def check(self, trace: Trace, tenant: str) -> list[Checked]:
        """`trace` put to every switch that it leads over. A switch that contradicts is told of as an event."""
        bridges = {leg.dpid: self._bridge(leg.dpid) for leg in trace.legs}
        steps = {dpid: second_opinion.step(bridge) for dpid, bridge in bridges.items()}
        found = [second_opinion.ask(bridges[leg.dpid], leg, steps[leg.dpid]) for leg in trace.legs]
        for each in found:
            if each.agrees is False:
                told = {"asked": each.flow, "states": each.states, "differences": each.differences[:5]}
                LOG.warning(DISAGREEMENT, switch=each.dpid, **told)
                self._events.add(DISAGREEMENT, switch=each.dpid, tenant=tenant, first=list(each.differences[:5]))
                self._disagreed(each.dpid)
        return found

    # -- a port

    def port_flows(self, port: Port, dpid: str) -> list[Installed]:
        """The flows that decide about a port on its switch, with the switch's counters."""
        bridge = self._bridge(dpid)
        wanted = list(flows_of(bridge.program, self._inventory, port))
        cookies = {mine.flow.cookie: mine for mine in wanted}
        seen: dict[int, Count] = {}
        with _spoken(bridge) as line:
            for which in _which([mine.flow for mine in wanted]):
                seen |= {count.cookie: count for count in self._counts(line, which) if count.cookie in cookies}
        return [Installed(mine.part, mine.rule, mine.flow, seen.get(cookie)) for cookie, mine in cookies.items()]

    def port_use(self, port: Port, dpid: str) -> PortUse:
        """How often each rule of a port's policy has decided on its switch, and when it did so last."""
        bridge = self._bridge(dpid)
        installed = [
            each for each in self.port_flows(port, dpid) if each.flow.table in (Table.POLICY, Table.GUARDRAILS)
        ]
        names: dict[int, str | None] = {number: name for name, number in rule_ids(self._inventory, port).items()}
        idle_for, unknown = self._idle(bridge, port)
        found: dict[str | None, RuleUse] = {}
        for each in installed:
            name = names.get(rule_id(each.flow)) or (None if not rule_id(each.flow) else "")
            if name != "" and each.count is not None and _decides(each.flow):
                found[name] = _added(found.get(name, RuleUse()), each.count, idle_for.get(each.count.cookie))
        return PortUse(dpid, carriers(bridge.program, self._inventory, port), found, unknown)

    def _idle(self, bridge: Bridge, port: Port) -> tuple[dict[int, int], str | None]:
        """Seconds since the flows of the port's policy were met, by cookie; or why nobody knows."""
        path = bridge.side.management(second_opinion.bridge_name(bridge))
        seat = bridge.program.seat(port.id)
        plugged = bridge.program.plugged(seat) if seat else None
        if path is None or plugged is None:
            return {}, "no control_socket is configured for this switch"
        wire, found = templates(OPENFLOW_14), dict[int, int]()
        try:
            for table, match in ((Table.POLICY, {Reg.CALL: plugged.policy}), (Table.GUARDRAILS, {})):
                asked = wire.match(matching(table, 0, **match).match)  # type: ignore[arg-type]
                with green.Timeout(SECONDS, idle.NoAnswer("no answer in time")):
                    found |= threads.aside(idle.idle_seconds, path, int(table), asked, SECONDS)
        except idle.NoAnswer as error:
            return {}, str(error)
        return found, None

    def resync(self, port: Port, dpid: str, seconds: float) -> tuple[int, bool]:
        """Have the switch take a port's flows anew, in one step; how many, and whether it confirmed them in time."""
        bridge, end = self._bridge(dpid), time.monotonic() + seconds
        cookies = {mine.flow.cookie for mine in flows_of(bridge.program, self._inventory, port)}
        bridge.doubt(cookies)
        while not (confirmed := bridge.session.holds(cookies)) and time.monotonic() < end:
            green.sleep(POLL)
            cookies &= bridge.program.wanted.keys()
        return len(cookies), confirmed

    # -- a switch

    def switch_flows(self, dpid: str, table: int | None = None) -> list[Count]:
        """The flows of a switch, or of one of its tables."""
        with _spoken(self._bridge(dpid)) as line:
            return list(self._counts(line, EVERY if table is None else Which(table)))

    def table_sizes(self, dpid: str) -> dict[int, tuple[int, int]]:
        """The flows of each table of a switch that has any, and the packets that they have counted."""
        found: dict[int, tuple[int, int]] = {}
        with _spoken(self._bridge(dpid)) as line:
            for each in (flow for some in flows(line.datapath) for flow in some):
                count, packets = found.get(each.table, (0, 0))
                found[each.table] = count + 1, packets + each.packets
        return found

    def drift(self, dpid: str) -> Differences:
        """Compare what a switch holds with what is wanted, and mend nothing."""
        bridge = self._bridge(dpid)
        before, wanted = second_opinion.step(bridge), bridge.program.wanted
        seen: set[int] = set()
        odd: list[Difference] = []
        counts = {"missing": 0, "extra": 0, "altered": 0}
        with _spoken(bridge) as line:
            for count in self._counts(line, EVERY):
                mine = wanted.get(count.cookie)
                if mine is not None and mine == count.flow and count.cookie not in seen:
                    seen.add(count.cookie)
                elif mine is not None or count.cookie >> OWNER_SHIFT == OWNER or not bridge.session.keep_foreign:
                    kind = "extra" if mine is None or count.cookie in seen else "altered"
                    seen.add(count.cookie)
                    counts[kind] += 1
                    odd += [Difference(kind, mine, count)] if len(odd) < SHOWN else []
        missing = [cookie for cookie in wanted if cookie not in seen]
        counts["missing"] = len(missing)
        odd += [Difference("missing", wanted[cookie], None) for cookie in islice(missing, SHOWN)]
        settled = before is not None and before == second_opinion.step(bridge)
        return Differences(settled, **counts, first=tuple(odd))

    # -- within

    def _bridge(self, dpid: str) -> Bridge:
        bridge = self._bridges.get(dpid)
        if bridge is None or bridge.line is None:
            raise Unavailable("switch_disconnected", "the switch is not connected")
        return bridge

    @staticmethod
    def _counts(line: Line, which: Which) -> Iterator[Count]:
        read = decoder(line.datapath.ofproto.OFP_VERSION).flows

        def both(entries: memoryview) -> Iterator[Count]:
            for n, (held, seen) in enumerate(zip(read(entries), replies.flows(entries), strict=True), 1):
                yield _count(held, seen)
                if n % TURN == 0:
                    green.sleep(0)

        for some in flows(line.datapath, which, SECONDS if which is not EVERY else 6 * SECONDS, both):
            yield from some


@contextmanager
def _spoken(bridge: Bridge) -> Iterator[Line]:
    """The way to a switch; what goes wrong on it is Unavailable."""
    line = bridge.line
    if line is None:
        raise Unavailable("switch_disconnected", "the switch is not connected")
    try:
        yield line
    except SwitchTrouble as error:
        raise Unavailable("switch_failed", str(error)) from error


def _count(held: Held, seen: replies.Installed) -> Count:
    return Count(held.cookie, held.table, held.priority, held.flow, seen.packets, seen.bytes, seen.seconds)


def _which(wanted: list[Flow]) -> Iterator[Which]:
    """How to ask for these flows: few by their cookies, which Open vSwitch has an index of; many by their tables."""
    by_table: dict[int, list[Flow]] = {}
    for each in wanted:
        by_table.setdefault(each.table, []).append(each)
    for table, mine in by_table.items():
        if len(mine) > ONE_BY_ONE:
            policies = {value for each in mine for name, value, _ in each.match if name == Reg.CALL}
            same = matching(table, 0, **{Reg.CALL: policies.pop()}).match if len(policies) == 1 else ()
            yield Which(table, same)
        else:
            yield from (Which(table, (), each.cookie, EXACT) for each in mine)


def _decides(flow: Flow) -> bool:
    return any(action[:2] == ("set", Reg.VERDICT) for action in flow.actions)


def _added(use: RuleUse, count: Count, idle_for: int | None) -> RuleUse:
    last = [each for each in (use.idle, idle_for if count.packets else None) if each is not None]
    since = min(count.seconds, use.seconds) if use.seconds is not None else count.seconds
    return RuleUse(use.flows + 1, use.packets + count.packets, since, min(last, default=None))
