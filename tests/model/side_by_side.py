"""The firewall and its reference model side by side: the same changes, the same packets, the same answer."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from ipaddress import IPv4Address

from app.core.inventory import Inventory
from app.core.problems import Refused
from app.core.program import Program
from app.core.simulator import Classifier, Simulator
from app.core.values import Binding, Group, Port, Switch, SwitchPort, Value
from tests.model import invariants
from tests.model.conntrack import Hesitant
from tests.model.packets import Packet, mac
from tests.model.reference import LOCAL, Bridge, Reference, Tuple
from tests.model.small_world import BR0, DEFAULT_UPLINKS, DPID, LOCAL_MAC

NOW = "2026-01-01T00:00:00Z"


class SideBySide:
    """One switch, guarded; beside it the model. `hesitant` chooses when conntrack calls a connection established."""

    def __init__(self, trust_local: bool = True, hesitant: bool = False) -> None:
        self.trust_local = trust_local
        self.inventory, self.replayed, self.numbers = Inventory(), Inventory(), invariants.Numbers()
        self.plugged: dict[int, str] = {}  # ofport -> interface
        self.program = Program(self.inventory, DPID, DEFAULT_UPLINKS, trust_local)
        self.simulator: Simulator = (Hesitant if hesitant else Simulator)(Classifier(()))
        self.reference = Reference()
        self.follow()

    # -- changes

    def put(self, value: Value) -> bool:
        """False if the inventory refuses."""
        try:
            self.inventory.put(value, NOW)
        except Refused:
            return False
        return True

    def delete(self, kind: str, *id: str) -> bool:
        try:
            self.inventory.delete(kind, *id)
        except Refused:
            return False
        if kind == "tenant":
            self.reference.known.pop(id[0], None)  # its zone is gone, and with it what the zone knew
        return True

    def plug(self, ofport: int, name: str) -> None:
        self.plugged[ofport] = name
        self.program.plug(self.switch_port(ofport))

    def unplug(self, ofport: int) -> None:
        del self.plugged[ofport]
        self.program.unplug(ofport)

    def switch_port(self, ofport: int) -> SwitchPort:
        return SwitchPort(
            ofport, self.plugged[ofport], LOCAL_MAC if ofport == LOCAL else f"fe:00:00:00:00:{ofport:02x}"
        )

    def switch_ports(self) -> list[SwitchPort]:
        return [self.switch_port(ofport) for ofport in self.plugged]

    def follow(self) -> None:
        """Let the program know, and the switch have it."""
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
        switch = self.inventory.find("switch", DPID)
        assert switch is None or isinstance(switch.value, Switch)
        names = [DPID, *([switch.value.name] if switch and switch.value.name else [])]
        patterns = switch.value.uplinks if switch and switch.value.uplinks is not None else DEFAULT_UPLINKS
        owned = {ofport: port for ofport, name in self.plugged.items() if (port := self._owner(names, ofport, name))}
        free = {ofport: name for ofport, name in self.plugged.items() if ofport not in owned}
        uplinks = {o for o, name in free.items() if o != LOCAL and any(fnmatchcase(name, p) for p in patterns)}
        local = mac(LOCAL_MAC) if self.trust_local and free.get(LOCAL) == BR0 else None
        return Bridge(owned, self._groups(), frozenset(uplinks), local)

    def _owner(self, names: list[str], ofport: int, interface: str) -> Port | None:
        """The port bound here: by the interface's name before its number, by the datapath id before the switch's."""
        for wanted in ({"interface": interface}, {"ofport": ofport}):
            if wanted.get("ofport") == LOCAL:
                continue
            for name in names:
                binding = Binding(name, **wanted)  # type: ignore[arg-type]
                for stored in self.inventory.list("port"):
                    if isinstance(stored.value, Port) and stored.value.binding == binding:
                        return stored.value
        return None

    def _groups(self) -> dict[tuple[str, ...], Group]:
        groups = [stored.value for stored in self.inventory.list("group")]
        return {group.id: group for group in groups if isinstance(group, Group)}

    # -- packets

    def send(self, packet: Packet, inner: Tuple | None = None) -> set[int]:
        """Send a packet through both; they must agree on who receives it and on who knows the connection then."""
        expected = self.reference.deliver(self.bridge(), packet, inner)
        outcome = self.simulator.send(packet, inner)
        told = f"{show(packet)}{f' about {inner}' if inner else ''}"
        got = [port for port, _ in outcome.outputs]
        assert set(got) == expected, f"{told}: model {expected}, flows {got}, path {outcome.path}"
        assert len(got) == len(expected), f"{told}: delivered twice, {got}"
        assert self.known_to_switch() == self.known_to_model(), told
        for name in outcome.commits:
            invariants.check_label(self.inventory, self.simulator.connections[name].label, name[1])
        return expected

    def known_to_switch(self) -> set[tuple[int, Tuple]]:
        zones = set(self.inventory._tables["zone"].values())
        return {name for name in self.simulator.connections if name[0] in zones}

    def known_to_model(self) -> set[tuple[int, Tuple]]:
        zones = self.inventory._tables["zone"]
        return {(zones[tenant, "0"], about) for tenant, mine in self.reference.known.items() for about in mine}

    # -- invariants

    def check(self) -> None:
        """What must hold when the program has followed."""
        scratch = invariants.from_scratch(self.inventory, self.switch_ports(), self.trust_local)
        invariants.check_program(self.program, scratch)
        invariants.check_flows(self.program.wanted.values())
        invariants.check_replay(self.inventory, self.replayed)


def show(packet: Packet) -> str:
    def value(name: str, number: int) -> object:
        if name in ("ipv4_src", "ipv4_dst", "arp_spa", "arp_tpa"):
            return IPv4Address(number)
        return f"{number:012x}" if name in ("eth_src", "eth_dst", "arp_sha") else number

    return " ".join(f"{name}={value(name, number)}" for name, number in packet.items())
