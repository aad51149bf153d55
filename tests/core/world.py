"""A small world for the pure core: tenants, ports and an uplink on one simulated switch."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.core.addresses import address_number
from app.core.inventory import Inventory
from app.core.packets import Packet
from app.core.pipeline import BROADCAST
from app.core.program import Program
from app.core.simulator import Classifier, Outcome, Simulator
from app.core.values import Binding, Group, Port, Rule, SwitchPort, Tenant

DPID = "0000000000000001"
UPLINK = SwitchPort(1, "ext", "02:00:00:00:00:fe")
OUTSIDE_MAC, OUTSIDE = "02:00:00:00:00:01", "192.168.0.254"
NOW = "2026-01-01T00:00:00Z"
ICMP, TCP, UDP = 1, 6, 17
LAYER_4 = {TCP: ("tcp_src", "tcp_dst"), UDP: ("udp_src", "udp_dst"), ICMP: ("icmpv4_type", "icmpv4_code")}


def mac_number(mac: str) -> int:
    return int(mac.replace(":", ""), 16)


def ip_packet(in_port: int, eth: tuple[str, str], ip: tuple[str, str], protocol: int, a: int = 0, b: int = 0) -> Packet:
    """An IPv4 packet; `a`, `b` are its ports, or ICMP type and code."""
    packet = {
        "in_port": in_port, "eth_src": mac_number(eth[0]), "eth_dst": mac_number(eth[1]), "eth_type": 0x0800,
        "ipv4_src": address_number(ip[0]), "ipv4_dst": address_number(ip[1]), "ip_proto": protocol,
    }  # fmt: skip
    return packet | dict(zip(LAYER_4.get(protocol, ()), (a, b), strict=False))


def arp_packet(in_port: int, op: int, sha: str, spa: str, tpa: str, eth_src: str = "", eth_dst: str = "") -> Packet:
    return {
        "in_port": in_port, "eth_src": mac_number(eth_src or sha), "eth_type": 0x0806, "arp_op": op,
        "eth_dst": mac_number(eth_dst) if eth_dst else BROADCAST, "arp_sha": mac_number(sha),
        "arp_spa": address_number(spa), "arp_tpa": address_number(tpa), "arp_tha": 0,
    }  # fmt: skip


@dataclass
class World:
    """An inventory, the program of its one switch, and a simulator that keeps its connections over changes."""

    inventory: Inventory = field(default_factory=Inventory)

    def __post_init__(self) -> None:
        self.program = Program(self.inventory, DPID, ("ext",), trust_local=False)
        self.simulator = Simulator(Classifier(()))
        self.compile([UPLINK])

    def compile(self, ports: list[SwitchPort]) -> None:
        for _ in self.program.compile(ports):
            pass
        self.refresh()

    def refresh(self) -> None:
        self.program.follow(self.inventory.take_journal())
        self.simulator.classifier = Classifier(self.program.wanted.values())

    def put(self, *values: Tenant | Group | Port) -> None:
        for value in values:
            self.inventory.put(value, NOW)
        self.refresh()

    def plug(self, ofport: int, name: str) -> None:
        self.program.plug(SwitchPort(ofport, name, "fe:00:00:00:00:00"))
        self.refresh()

    def send(self, packet: Packet) -> Outcome:
        return self.simulator.send(packet)


def tcp_in(key: str, low: int, high: int | None = None, cidr: str | None = None) -> Rule:
    return Rule(key, "ingress", "IPv4", TCP, (low, high or low), remote_cidr=cidr)


@dataclass(frozen=True)
class Vm:
    """A registered port of the seed with what packets need to know."""

    tenant: str
    name: str
    ofport: int
    mac: str
    address: str
    rule: Rule
    peer: str = ""

    def values(self) -> tuple[Tenant, Group, Port]:
        binding = Binding(DPID, interface=self.name)
        return (
            Tenant(self.tenant),
            Group(self.tenant, "g", rules=(self.rule,)),
            Port(self.tenant, self.name, self.mac, (self.address,), ("g",), binding),
        )


VM1 = Vm("red", "vm1", 2, "52:54:00:60:84:ff", "192.168.0.1", tcp_in("ssh", 22))
VM2 = Vm("blue", "vm2", 3, "52:54:00:99:90:78", "192.168.0.2", tcp_in("http", 80))
EXT = Vm("", "ext", 1, OUTSIDE_MAC, OUTSIDE, tcp_in("none", 1))


def seed() -> World:
    world = World()
    world.put(*VM1.values(), *VM2.values())
    world.plug(2, "vm1")
    world.plug(3, "vm2")
    return world


def between(a: Vm, b: Vm, protocol: int, sport: int = 0, dport: int = 0) -> Packet:
    return ip_packet(a.ofport, (a.mac, b.mac), (a.address, b.address), protocol, sport, dport)
