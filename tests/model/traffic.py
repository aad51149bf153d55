"""Traffic of the small world: mostly what honest parties would send, often with one thing forged."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from app.core.values import Port
from tests.model import forging
from tests.model.addresses import WIDTH, Net, identities, link_local
from tests.model.frames import (
    DHCP,
    EVERYBODY,
    GRE,
    ICMP,
    ICMPV6,
    LATER,
    LAYER_4,
    LIMITED_BROADCAST,
    LOCAL,
    MLD_QUERY,
    NA,
    NS,
    RARP,
    SCTP,
    TAG,
    TCP,
    UDP,
    Five,
    Frame,
)
from tests.model.packets import Packet, address, arp, group_mac, icmp6, ip, mac, solicited
from tests.model.reference import Known, Zone
from tests.model.reference_bridge import Bridge
from tests.model.small_world import (
    LISTED,
    NUMBERS,
    OUTSIDE_ADDRESSES,
    OUTSIDE_ADDRESSES_6,
    OUTSIDE_MACS,
    PAIR_ADDRESSES,
    VLANS,
    VM_ADDRESSES,
)

ALL_NODES, ALL_ROUTERS, DHCP_SERVERS, MDNS = (address(a) for a in ("ff02::1", "ff02::2", "ff02::1:2", "ff02::fb"))
ALL_HOSTS = address("224.0.0.1")
OUTSIDE = {4: OUTSIDE_ADDRESSES, 6: OUTSIDE_ADDRESSES_6}
ERROR = {4: (ICMP, 3, 3), 6: (ICMPV6, 1, 4)}


@dataclass(frozen=True)
class Party:
    """Somebody who can send: where, with what tag, as whom."""

    ofport: int
    vlan_vid: int
    segment: int
    mac: int
    address: dict[int, int]  # by family

    @property
    def sends(self) -> dict[str, int]:
        return {"vlan_vid": self.vlan_vid} if self.vlan_vid else {}


def some_frame(rng: Random, bridge: Bridge, known: Known) -> Frame:
    """A frame from anybody to anybody."""
    kind = rng.random()
    if kind < 0.3 and any(known.values()):
        frame = _continued(rng, bridge, known)
    else:
        sender, receiver = _two(rng, bridge)
        make = rng.choices((_begun, _to_many, _arp, _nd, _other), (40, 15, 14, 25, 3))[0]
        frame = Frame(make(rng, sender, receiver) | sender.sends)
    if rng.random() < 0.2:
        frame = forging.forged(rng, frame)
    return forging.in_fragments(rng, frame) if rng.random() < 0.1 and not frame.inner else frame


def _two(rng: Random, bridge: Bridge) -> tuple[Party, Party]:
    """Two parties, mostly of one segment."""
    segment = rng.choice([port.vlan for port in bridge.seats.values()] or [0])
    near = [seat for seat, port in bridge.seats.items() if port.vlan == segment or rng.random() < 0.1]
    parties = [_vm(rng, seat, bridge.seats[seat]) for seat in (*near, *near)]
    parties += [_outsider(rng, bridge, segment) for _ in range(2)]
    sender, receiver = rng.sample(parties, 2)
    return sender, receiver


def _vm(rng: Random, seat: tuple[int, int], port: Port) -> Party:
    ofport, tag = seat
    mac_number, nets = rng.choice(list(identities(port).items()))
    families = {f: _inside(rng, [n for n in nets if n.family == f] or [Net(4, 0, 32)]) for f in (4, 6)}
    return Party(ofport, TAG | tag if tag else 0, port.vlan, mac_number, families)


def _inside(rng: Random, nets: list[Net]) -> int:
    """One of the addresses, or one of a network's that are talked about here."""
    chosen = rng.choice(nets)
    if chosen.length == WIDTH[chosen.family]:
        return chosen.value
    return (0x0A000000 if chosen.family == 4 else 0xFD << 120) + rng.randrange(1, 8)


def _outsider(rng: Random, bridge: Bridge, segment: int) -> Party:
    ways = [*bridge.uplinks, *bridge.uplinks, LOCAL] if bridge.local is not None else [*bridge.uplinks] or [1]
    if rng.random() < 0.1:
        segment = rng.choice(VLANS)
    tag = TAG | segment if segment or rng.random() < 0.05 else 0
    sources = [mac(rng.choice(OUTSIDE_MACS)), *(m for port in bridge.seats.values() for m in identities(port))]
    eth_src = sources[0] if rng.random() < 0.9 else rng.choice(sources)
    return Party(rng.choice(ways), tag, segment, eth_src, {f: address(rng.choice(OUTSIDE[f])) for f in (4, 6)})


def _layer_4(rng: Random, family: int) -> tuple[int, int, int]:
    protocol = rng.choice((TCP, TCP, UDP, UDP, ICMP if family == 4 else ICMPV6, SCTP, GRE))
    if protocol == ICMP:
        return (protocol, *rng.choice(((8, 0), (8, 0), (0, 0), (13, 0), (3, 3))))
    if protocol == ICMPV6:
        return (protocol, *rng.choice(((128, 0), (128, 0), (129, 0), (1, 4), (128, 1))))
    if protocol == UDP and rng.random() < 0.2:
        client, server = DHCP[family]
        return protocol, *rng.choice(((client, server), (server, client)))
    return (protocol, 0, 0) if protocol == GRE else (protocol, rng.choice((40000, 68, 22)), rng.choice(NUMBERS))


def _begun(rng: Random, sender: Party, receiver: Party) -> Packet:
    family = rng.choice((4, 4, 6))
    protocol, a, b = _layer_4(rng, family)
    about = Five(family, protocol, sender.address[family], receiver.address[family], a, b)
    return ip(sender.ofport, sender.mac, receiver.mac, about)


def _to_many(rng: Random, sender: Party, receiver: Party) -> Packet:
    family = rng.choice((4, 4, 6))
    client, server = DHCP[family]
    protocol, a, b = _layer_4(rng, family)
    source, target = sender.address[family], rng.choice((ALL_HOSTS, LIMITED_BROADCAST))
    eth_dst = EVERYBODY if target == LIMITED_BROADCAST else 0x01005E000001
    if rng.random() < 0.3:
        protocol, (a, b) = UDP, rng.choice(((client, server), (server, client)))
        source = rng.choice((0, source)) if (family, a) == (4, 68) else source
    if family == 6:
        target = rng.choice((ALL_NODES, DHCP_SERVERS, MDNS))
        eth_dst = group_mac(target)
    return ip(sender.ofport, sender.mac, eth_dst, Five(family, protocol, source, target, a, b))


def _arp(rng: Random, sender: Party, receiver: Party) -> Packet:
    source, target = sender.address[4], receiver.address[4]
    if rng.random() < 0.1:
        return arp(sender.ofport, sender.mac, rng.choice((EVERYBODY, receiver.mac)), 3, sender.mac, 0, 0, RARP)
    if rng.random() < 0.2:
        target = address(rng.choice((*VM_ADDRESSES, *OUTSIDE_ADDRESSES)))
    if rng.random() < 0.4:
        nearly = source ^ 1 << rng.choice((0, 1, 7, 30, 31))
        source, target = rng.choice(((source, source), (source, nearly), (0, target), (0, source)))
    eth_dst = rng.choice((EVERYBODY, receiver.mac))
    return arp(sender.ofport, sender.mac, eth_dst, rng.choice((1, 1, 2)), sender.mac, source, target)


def _nd(rng: Random, sender: Party, receiver: Party) -> Packet:
    source, target = sender.address[6], receiver.address[6]
    kind = rng.choice((NS, NS, NS, NA, NA, 133, 134, MLD_QUERY, 131, 132, 143, 137))
    if kind == NS:
        return _asked(rng, sender, target if rng.random() < 0.8 else address(rng.choice(PAIR_ADDRESSES[6:9])[:7]))
    to = rng.choice((ALL_NODES, ALL_ROUTERS, target))
    eth_dst = group_mac(to) if to != target else receiver.mac
    if kind == NA:
        tll = rng.choice((0, sender.mac))
        return icmp6(sender.ofport, sender.mac, eth_dst, source, to, NA, ipv6_nd_target=source, ipv6_nd_tll=tll)
    source = rng.choice((source, 0, link_local(sender.mac).value))
    return icmp6(sender.ofport, sender.mac, eth_dst, source, to, kind)


def _asked(rng: Random, sender: Party, target: int) -> Packet:
    """A neighbour solicitation: for somebody's address, or to find out whether one's own is another's."""
    source, sll = sender.address[6], rng.choice((0, sender.mac))
    if rng.random() < 0.4:
        source, sll, target = 0, rng.choice((0, 0, 0, sender.mac)), rng.choice((sender.address[6], target))
    to = solicited(target)
    return icmp6(sender.ofport, sender.mac, group_mac(to), source, to, NS, ipv6_nd_target=target, ipv6_nd_sll=sll)


def _other(rng: Random, sender: Party, receiver: Party) -> Packet:
    eth_dst = rng.choice((receiver.mac, receiver.mac, EVERYBODY, 0x0180C200000E))
    kind = rng.choice((LISTED, LISTED, 0x8100, 0x88CD))
    return {"in_port": sender.ofport, "eth_src": sender.mac, "eth_dst": eth_dst, "eth_type": kind}


def _continued(rng: Random, bridge: Bridge, known: Known) -> Frame:
    """The next packet of a connection, in either direction, or an ICMP error about it."""
    zone, about = rng.choice(remembered(known))
    about = about.answer if rng.random() < 0.6 else about
    if rng.random() < 0.8:
        return along(rng, bridge, zone, about)
    target = about.source if rng.random() < 0.8 else address(rng.choice(OUTSIDE[about.family]))
    back = Five(about.family, ERROR[about.family][0], about.target, target, *ERROR[about.family][1:])
    if rng.random() < 0.2:
        ports = about.protocol in LAYER_4 and about.protocol not in (ICMP, ICMPV6)
        about = about._replace(second=about.second ^ 1) if ports else about._replace(protocol=UDP)
    return along(rng, bridge, zone, back, about)


def remembered(known: Known) -> list[tuple[Zone, Five]]:
    return sorted((zone, about) for zone, mine in known.items() for about in mine)


def along(rng: Random, bridge: Bridge, zone: Zone, about: Five, inner: Five | None = None) -> Frame:
    """A packet with this 5-tuple, sent by the owner of its source to the owner of its destination."""
    sender, receiver = (_place(rng, bridge, zone[1], about.family, end) for end in (about.source, about.target))
    return Frame(ip(sender.ofport, sender.mac, receiver.mac, about) | sender.sends, inner)


def _place(rng: Random, bridge: Bridge, segment: int, family: int, number: int) -> Party:
    for seat, port in bridge.seats.items():
        for mac_number, nets in identities(port).items() if port.vlan == segment else ():
            if any(n.length and n.has(family, number) for n in nets):
                tag = TAG | seat[1] if seat[1] else 0
                return Party(seat[0], tag, segment, mac_number, {family: number})
    ofport = rng.choice(sorted(bridge.uplinks) or [1])
    return Party(ofport, TAG | segment if segment else 0, segment, mac(OUTSIDE_MACS[0]), {family: number})


__all__ = ["LATER", "Party", "along", "remembered", "some_frame"]
