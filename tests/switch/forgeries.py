"""The frames of the guard table: what vm1 may send and whom it reaches, and what it may not send, by reason."""

from __future__ import annotations

from topology import SEED, dhcp, fragments, frames, nd
from topology.frames import BROADCAST, Frame
from topology.labs import Host

EXT, VM1, VM2 = (SEED.host(name) for name in ("ext", "vm1", "vm2"))
LISTED, OTHERS = 0x88CC, 0x88B5  # LLDP, which the tests' setting lets pass, and one for experiments
STRANGER, STRANGER6 = "192.168.0.99", "fd00::99"
GROUP_MAC, ODD_MAC = "01:00:5e:00:00:05", "02:00:00:00:66:66"


def fragmented(frame: Frame) -> list[Frame]:
    """The same ICMPv6 message in two pieces, the first with its header (RFC 6980 forbids it)."""
    header, message = frame.raw[14:54], frame.raw[54:]
    source, target = (nd.IPv6Address(header[begin : begin + 16]).compressed for begin in (8, 24))
    ends = (
        Host("x", _mac(frame.raw[6:12]), "0.0.0.0", address6=source),
        Host("y", EXT.mac, "0.0.0.0", address6=target),
    )
    return fragments.pieces(
        *ends, message, ((0, 24), (24, len(message))), 6, protocol=58, to_mac=_mac(frame.raw[:6]), hop_limit=255,
        name=f"{frame.name} in fragments",
    )  # fmt: skip


def _mac(raw: bytes) -> str:
    return raw.hex(":")


def _discover_like(name: str, **different: object) -> Frame:
    """What a client without an address sends, but not quite."""
    from scapy.layers.inet import IP, UDP

    how = {"dst": "255.255.255.255", "mac": BROADCAST, "sport": 68, "dport": 67} | different
    body = IP(src="0.0.0.0", dst=how["dst"]) / UDP(sport=how["sport"], dport=how["dport"])
    return frames.ethernet(name, VM1.mac, str(how["mac"]), body)


def _llc() -> Frame:
    """An IEEE 802.3 frame: a length where the type would be."""
    raw = bytes.fromhex((EXT.mac + VM1.mac).replace(":", "")) + b"\x00\x26\x42\x42\x03" + b"marker of 802.3" + bytes(20)
    return Frame("802.3 with LLC", raw, b"marker of 802.3")


def _service_tag() -> Frame:
    honest = frames.udp(VM1, EXT)
    return Frame("802.1ad tag", honest.raw[:12] + b"\x88\xa8\x00\x07" + honest.raw[12:], honest.marker)


MAC = (
    *(
        frames.wrong_mac(VM1, target, claimed, family)
        for family in (4, 6)
        for target, claimed in ((EXT, ODD_MAC), (EXT, VM2.mac), (VM2, EXT.mac), (EXT, GROUP_MAC), (VM2, BROADCAST))
    ),
    frames.arp(VM1, EXT.address, mac=VM2.mac),
    frames.arp(VM1, EXT.address, mac=GROUP_MAC),
    frames.rarp(VM1, mac=ODD_MAC),
    nd.solicitation(VM1, EXT.ip(6), mac=VM2.mac),
    nd.advertisement(VM1, VM1.ip(6), mac=ODD_MAC),
    dhcp.asks(VM1, mac=VM2.mac),
    dhcp.asks(VM1, 6, mac=VM2.mac),
)
ETHERTYPE = (
    frames.unknown(VM1, EXT, OTHERS),
    frames.unknown(VM1, VM2, OTHERS),
    frames.unknown(VM1, VM2, OTHERS, BROADCAST),
    frames.unknown(VM1, EXT, 0x8863),  # PPPoE discovery
    _llc(),
    *(
        frames.tagged(frame, tag)
        for tag in (0, 7)
        for frame in (frames.udp(VM1, EXT), frames.udp(VM1, VM2, family=6), frames.arp(VM1, EXT.address))
    ),
    frames.tagged(frames.tagged(frames.udp(VM1, EXT), 7), 7),
    frames.tagged(frames.tagged(frames.udp(VM1, EXT), 7), 0),
    frames.tagged(nd.solicitation(VM1, EXT.ip(6)), 7),
    _service_tag(),
)
ARP = (
    frames.arp_wrong_sha(VM1, EXT.address),
    frames.arp_wrong_sha(VM1, EXT.address, VM2.mac, reply_to=EXT),
    frames.arp_wrong_sha(VM1, VM1.address, VM2.mac),
    frames.arp_wrong_spa(VM1, EXT.address, VM2.address),
    frames.arp_wrong_spa(VM1, VM2.address, EXT.address, reply_to=VM2),
    frames.arp_wrong_spa(VM1, STRANGER, STRANGER),
    frames.arp(VM1, VM2.address, spa="0.0.0.0", name="probe for somebody else's"),
    frames.arp(VM1, VM1.address, spa="0.0.0.0", reply_to=EXT, name="reply from 0.0.0.0"),
    frames.rarp(VM1, sha=VM2.mac),
)
IPV4 = (
    frames.wrong_address(VM1, EXT, STRANGER),
    frames.wrong_address(VM1, EXT, VM2.address),
    frames.wrong_address(VM1, VM2, EXT.address),
    frames.wrong_address(VM1, EXT, "127.0.0.1"),
    frames.wrong_address(VM1, EXT, "224.0.0.5"),
    frames.wrong_address_broadcast(VM1, EXT, STRANGER),
    frames.udp(VM1, EXT, address=STRANGER, to="224.0.0.5", name="wrong source to a group"),
    frames.wrong_address(VM1, EXT, "0.0.0.0"),
    frames.wrong_address_broadcast(VM1, EXT, "0.0.0.0"),
    _discover_like("0.0.0.0 from another port", sport=69),
    _discover_like("0.0.0.0 to another port", dport=68),
    _discover_like("0.0.0.0 to one address", dst=EXT.address),
    _discover_like("0.0.0.0 to one MAC", mac=VM2.mac),
)
IPV6 = (
    frames.wrong_address(VM1, EXT, STRANGER6),
    frames.wrong_address(VM1, EXT, VM2.ip(6)),
    frames.wrong_address(VM1, VM2, EXT.ip(6)),
    frames.wrong_address(VM1, EXT, "fe80::1"),
    frames.wrong_address(VM1, EXT, VM2.link_local),
    frames.wrong_address(VM1, EXT, "::"),
    frames.wrong_address(VM1, EXT, "ff02::5"),
    frames.wrong_address_broadcast(VM1, EXT, STRANGER6),
    nd.detection(VM1, VM2.ip(6)),
    nd.detection(VM1, STRANGER6),
    nd.detection(VM1, VM1.ip(6), lladdr="own", name="DAD with a link-layer option"),
)
ND = (
    nd.router_advertisement(VM1),
    nd.router_advertisement(VM1, to=VM2),
    nd.router_advertisement(VM1, source=VM1.ip(6)),
    nd.redirect(VM1, VM2),
    nd.solicitation(VM1, VM2.ip(6), hop_limit=64),
    nd.solicitation(VM1, VM2.ip(6), code=1),
    nd.solicitation(VM1, VM2.ip(6), lladdr=ODD_MAC),
    nd.advertisement(VM1, VM1.ip(6), to=VM2, hop_limit=64),
    nd.advertisement(VM1, VM1.ip(6), to=VM2, code=1),
    nd.advertisement(VM1, VM1.ip(6), to=VM2, lladdr=VM2.mac),
    nd.advertisement(VM1, VM2.ip(6), to=EXT),
    nd.advertisement(VM1, EXT.ip(6), to=VM2),
    nd.advertisement(VM1, STRANGER6),
    nd.router_solicitation(VM1, hop_limit=64),
    nd.router_solicitation(VM1, code=1),
)
MLD = (
    nd.query(VM1),
    nd.query(VM1, source=VM1.ip(6)),
    nd.report(VM1, source=VM1.ip(6)),
    nd.report(VM1, version=1, source=VM1.ip(6)),
    nd.done(VM1, source=VM1.ip(6)),
)
DHCP = (
    dhcp.answers(VM1, EXT),
    dhcp.answers(VM1, VM2),
    dhcp.answers(VM1, None, client=VM2),
    dhcp.answers(VM1, EXT, 6),
    dhcp.answers(VM1, VM2, 6),
    dhcp.answers(VM1, None, 6),
)
BY_REASON = {
    "mac": MAC, "ethertype": ETHERTYPE, "arp": ARP, "ipv4": IPV4, "ipv6": IPV6, "nd": ND, "mld": MLD, "dhcp": DHCP,
}  # fmt: skip

EVERYBODY = {"ext", "vm2"}
HONEST = (
    *((frames.udp(VM1, EXT, family=family), {"ext"}) for family in (4, 6)),
    *((frames.udp(VM1, VM2, family=family), {"vm2"}) for family in (4, 6)),
    (frames.udp(VM1, EXT, family=6, address=VM1.link_local, name="from its link-local address"), {"ext"}),
    (frames.arp(VM1, EXT.address), {"ext"}),
    (frames.arp(VM1, VM2.address), {"vm2"}),
    (frames.arp(VM1, VM2.address, reply_to=VM2), {"vm2"}),
    (frames.arp(VM1, VM1.address, name="gratuitous ARP"), EVERYBODY),
    (frames.arp(VM1, VM1.address, spa="0.0.0.0", name="ARP probe"), {"ext"}),
    (frames.rarp(VM1), {"ext"}),
    (dhcp.asks(VM1), {"ext"}),
    (dhcp.asks(VM1, 6), {"ext"}),
    (nd.solicitation(VM1, EXT.ip(6)), {"ext"}),
    (nd.solicitation(VM1, VM2.ip(6)), {"vm2"}),
    (nd.solicitation(VM1, VM2.ip(6), source=VM1.link_local, lladdr=None), {"vm2"}),
    (nd.solicitation(VM1, VM2.ip(6), to=VM2.ip(6), to_mac=VM2.mac, name="unreachability probe"), {"vm2"}),
    (nd.detection(VM1, VM1.ip(6)), {"ext"}),
    (nd.detection(VM1, VM1.link_local), {"ext"}),
    (nd.advertisement(VM1, VM1.ip(6), to=VM2), {"vm2"}),
    (nd.advertisement(VM1, VM1.ip(6), to=EXT, lladdr=None), {"ext"}),
    (nd.advertisement(VM1, VM1.ip(6), name="unsolicited NA"), EVERYBODY),
    (nd.router_solicitation(VM1), {"ext"}),
    *((nd.report(VM1, version=version, source=source), {"ext"}) for version in (1, 2) for source in (None, "::")),
    (nd.done(VM1), {"ext"}),
    (frames.unknown(VM1, EXT, LISTED), {"ext"}),
)
