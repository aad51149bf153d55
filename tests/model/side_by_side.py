"""The firewall and its reference model side by side: the same changes, the same packets, the same answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase

from app.core.inventory import Inventory
from app.core.limits import Rate
from app.core.packets import FiveTuple
from app.core.pipeline import Reason, Reg, Table
from app.core.problems import Refused
from app.core.program import Program
from app.core.simulator import Classifier, Outcome, Simulator
from app.core.values import Binding, Port, Switch, SwitchPort, Value
from tests.model import invariants
from tests.model.claims import Claims
from tests.model.conntrack import Hesitant
from tests.model.frames import LOCAL, Five, Frame
from tests.model.metering import check_met, meters, unsaid
from tests.model.packets import mac
from tests.model.reference import Answer, Denied, Reference
from tests.model.reference_bridge import Bridge, Out, Seat
from tests.model.reference_policy import Policies
from tests.model.showing import show, show_path
from tests.model.small_world import BR0, DEFAULT_RATE, DEFAULT_UPLINKS, DPID, LISTED, LOCAL_MAC, TAGS

NOW = "2026-01-01T00:00:00Z"
KINDS = ("tenant", "group", "address_group", "port", "switch", "guardrail")


class SideBySide:
    """One switch, guarded; beside it the model. `hesitant` chooses when conntrack calls a connection established."""

    def __init__(self, trust_local: bool = True, hesitant: bool = False) -> None:
        self.trust_local = trust_local
        self.inventory, self.replayed, self.numbers = Inventory(), Inventory(), invariants.Numbers()
        self.plugged: dict[int, str] = {}  # ofport -> interface
        self.program = Program(self.inventory, DPID, DEFAULT_UPLINKS, trust_local, (LISTED,), DEFAULT_RATE)
        self.simulator: Simulator = (Hesitant if hesitant else Simulator)(Classifier(()))
        self.reference = Reference()
        self.meters: dict[int, Rate] = {}  # of who follows the program by what it calls dirty
        self._bridge: Bridge | None = None
        self.follow()

    # -- changes

    def put(self, value: Value) -> bool:
        """False if the inventory refuses, which it does when it has to."""
        return self._try(self.claims().forbid_put(value), lambda: self.inventory.put(value, NOW))

    def delete(self, kind: str, *id: str) -> bool:
        forbidden = self.claims().forbid_delete(self.inventory.get(kind, *id).value)
        return self._try(forbidden, lambda: self.inventory.delete(kind, *id, now=NOW))

    def _try(self, forbidden: bool, change: Callable[[], object]) -> bool:
        refusal: Refused | None = None
        try:
            change()
        except Refused as refused:
            refusal = refused
        assert forbidden == (refusal is not None), f"refused: {refusal!r}"
        self._forget()
        return refusal is None

    def _forget(self) -> None:
        """A zone goes with the tenant, and one of a segment with the last port there; what it knew is gone then."""
        homes = {(stored.value.tenant, stored.value.vlan) for stored in self.inventory.list("port")}  # type: ignore[union-attr]
        homes |= {(*stored.value.id, 0) for stored in self.inventory.list("tenant")}  # type: ignore[misc]
        self.reference.known = {zone: mine for zone, mine in self.reference.known.items() if zone in homes}

    def claims(self) -> Claims:
        return Claims(tuple(stored.value for kind in KINDS for stored in self.inventory.list(kind)))

    def plug(self, ofport: int, name: str) -> None:
        self.plugged[ofport] = name
        self._bridge = None
        self.program.plug(self.switch_port(ofport))

    def unplug(self, ofport: int) -> None:
        del self.plugged[ofport]
        self._bridge = None
        self.program.unplug(ofport)

    def switch_port(self, ofport: int) -> SwitchPort:
        return SwitchPort(
            ofport, self.plugged[ofport], LOCAL_MAC if ofport == LOCAL else f"fe:00:00:00:00:{ofport:02x}"
        )

    def switch_ports(self) -> list[SwitchPort]:
        return [self.switch_port(ofport) for ofport in self.plugged]

    def follow(self) -> None:
        """Let the program know, and the switch have it."""
        self._bridge = None
        journal = self.inventory.take_journal()
        self.numbers.watch(journal)
        for write in journal:
            self.replayed.load(write.kind, write.id, write.after)
        self.program.follow(journal)
        self.install(self.program.wanted.values())

    def install(self, flows: Iterable[object]) -> None:
        self.simulator.classifier = Classifier(flows)  # type: ignore[arg-type]

    # -- what the model sees

    def bridge(self) -> Bridge:
        if self._bridge is None:
            self._bridge = self._look()
        return self._bridge

    def _look(self) -> Bridge:
        switch = self.inventory.find("switch", DPID)
        assert switch is None or isinstance(switch.value, Switch)
        names = [DPID, *([switch.value.name] if switch and switch.value.name else [])]
        patterns = switch.value.uplinks if switch and switch.value.uplinks is not None else DEFAULT_UPLINKS
        seats = self._seats(names)
        free = {ofport: name for ofport, name in self.plugged.items() if ofport not in {seat[0] for seat in seats}}
        uplinks = {o for o, name in free.items() if o != LOCAL and any(fnmatchcase(name, p) for p in patterns)}
        local = mac(LOCAL_MAC) if self.trust_local and free.get(LOCAL) == BR0 else None
        return Bridge(seats, self.policies(), frozenset(uplinks), local, frozenset((LISTED,)))

    def policies(self) -> Policies:
        groups, sets, ports, guardrails = (
            [stored.value for stored in self.inventory.list(kind)]
            for kind in ("group", "address_group", "port", "guardrail")
        )
        return Policies(
            {g.id: g for g in groups}, {s.id: s for s in sets}, tuple(ports), tuple(guardrails)  # type: ignore[misc,arg-type]
        )  # fmt: skip

    def _seats(self, names: list[str]) -> dict[Seat, Port]:
        found = {
            (ofport, tag or 0): self._owner(names, ofport, name, tag)
            for ofport, name in self.plugged.items()
            for tag in (None, *TAGS)
        }
        return {seat: port for seat, port in found.items() if port is not None}

    def _owner(self, names: list[str], ofport: int, interface: str, tag: int | None) -> Port | None:
        """The port bound here: by the interface's name before its number, by the datapath id before the switch's."""
        for wanted in ({"interface": interface}, {"ofport": ofport}):
            if wanted.get("ofport") == LOCAL:
                continue
            for name in names:
                binding = Binding(name, tag=tag, **wanted)  # type: ignore[arg-type]
                for stored in self.inventory.list("port"):
                    if isinstance(stored.value, Port) and stored.value.binding == binding:
                        return stored.value
        return None

    # -- packets

    def send(self, frame: Frame) -> set[Out]:
        """Send a frame through both; they must agree on where it comes out and on who knows the connection then."""
        expected = self.reference.deliver(self.bridge(), frame)
        inner, whole = (FiveTuple(*five) if five else None for five in (frame.inner, frame.whole))
        before = unsaid(self.simulator)
        outcome = self.simulator.send(dict(frame.fields), inner, whole)
        check_met(self.program.meters, self.reference.met, outcome.meters, before, frame)
        self._compare(frame, expected, outcome)
        assert self.known_to_switch() == self.known_to_model(), show(frame)
        self._check_labels(frame, outcome)
        return expected.outs

    def _check_labels(self, frame: Frame, outcome: Outcome) -> None:
        """Of all that was just committed. Fragments are judged each time, so they leave no label."""
        zones = set(self.inventory._tables["zone"].values())
        for zone, about in outcome.commits:
            label = self.simulator.connections[zone, about].label
            if zone in zones and (label or not frame.fragment):
                invariants.check_label(self.inventory, self.policies(), label, Five(*about))

    def _compare(self, frame: Frame, expected: Answer, outcome: Outcome) -> None:
        got = [(ofport, packet.get("vlan_vid", 0)) for ofport, packet in outcome.outputs]
        told = f"{show(frame)}: model {expected}, flows {got}, {show_path(outcome)}"
        assert set(got) == expected.outs, told
        assert len(got) == len(expected.outs), f"delivered twice: {told}"
        sent = {name: value for name, value in frame.fields.items() if name not in ("in_port", "vlan_vid")}
        for _, packet in outcome.outputs:
            assert packet | {"vlan_vid": 0} == sent | {"vlan_vid": 0}, f"{packet} is not what was sent: {told}"
        assert dropped(outcome) in (expected.refused, expected.refused if expected.certain else None), told
        # What is counted as a guard's is not counted as a policy's as well.
        counted = set() if dropped(outcome) else self.reference.denied
        assert denied(outcome) == counted, f"denied {self.reference.denied}: {told}"

    def known_to_switch(self) -> set[tuple[int, Five]]:
        zones = set(self.inventory._tables["zone"].values())
        return {(zone, Five(*about)) for zone, about in self.simulator.connections if zone in zones}

    def known_to_model(self) -> set[tuple[int, Five]]:
        zones, known = self.inventory._tables["zone"], self.reference.known
        return {(zones[tenant, str(vlan)], about) for (tenant, vlan), mine in known.items() for about in mine}

    # -- invariants

    def check(self) -> None:
        """What must hold when the program has followed."""
        scratch = invariants.from_scratch(self.inventory, self.switch_ports(), self.trust_local)
        invariants.check_program(self.program, scratch)
        invariants.check_flows(self.program.wanted.values())
        invariants.check_replay(self.inventory, self.replayed)
        wanted = self.program.meters
        changed = self.program.take_dirty_meters()
        kept = {number: rate for number, rate in self.meters.items() if number not in changed}
        self.meters = kept | {number: wanted[number] for number in changed & wanted.keys()}
        assert self.meters == wanted == meters(self.inventory, self.bridge())


def dropped(outcome: Outcome) -> str | None:
    """The name of the guard's counter that a packet went into."""
    values = {reason for reason, _ in _counted(outcome)} - {Reason.EGRESS, Reason.INGRESS}
    assert len(values) <= 1, "counted as several things"
    return values.pop().name.lower() if values else None


def denied(outcome: Outcome) -> set[Denied]:
    """The counters of policies that a packet went into."""
    found: set[Denied] = set()
    for reason, match in _counted(outcome):
        if reason is Reason.EGRESS:
            found.add(("egress", match["in_port"], match[Reg.SEGMENT]))
        elif reason is Reason.INGRESS:
            found.add(("ingress", match[Reg.DST_PORT] & 0xFFFF, match[Reg.DST_PORT] >> 16))
    return found


def _counted(outcome: Outcome) -> list[tuple[Reason, dict[str, int]]]:
    matches = [{name: value for name, value, _ in f.match} for f in outcome.path if f.table == Table.DROPPED]
    return [(Reason(match[Reg.CALL]), match) for match in matches]
