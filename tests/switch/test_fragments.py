"""Fragments of what is allowed pass, the very first datagram's too; no trick with fragments opens anything."""

from __future__ import annotations

import contextlib
import itertools
import socket

import pytest

from tests.switch.site import Site, rule
from topology import SEED, datapath, fragments, frames
from topology.fragments import cuts, datagram, pieces
from topology.frames import Frame, group_mac
from topology.labs import Host
from topology.namespaces import INET
from topology.probes import send
from topology.sniffer import Sniffer

pytestmark = pytest.mark.switch
EXT, VM1, VM2 = (SEED.host(name) for name in ("ext", "vm1", "vm2"))
OPEN, CLOSED = 5353, 5354


def test_a_datagram_in_fragments_passes_whole_or_not_at_all(dual):
    def answered(source: str, target: Host) -> bool:
        ping = ["ping", "-c", "1", "-W", "2", "-s", "4000", target.ip(dual.family)]
        return dual.fabric.host(source).run(ping, check=False).returncode == 0

    assert answered("vm1", EXT)
    with Sniffer({"vm1": dual.fabric.host("vm1")}) as sniffer:
        assert not answered("ext", VM1)
        heard = sniffer.listen(0.1)
    assert [raw for _, raw in heard if _is_data(raw)] == []


def _is_data(raw: bytes) -> bool:
    """Any IPv4, or a fragment of IPv6; not neighbour discovery."""
    return raw[12:14] == b"\x08\x00" or (raw[12:14] == b"\x86\xdd" and raw[20] == 44)


@pytest.mark.parametrize(
    ("low", "high", "size", "arrives"), [(0, 1023, 4000, False), (0, 6000, 100, True), (5353, 5353, 4000, True)]
)
@pytest.mark.parametrize("source", ["ext", "vm1"])
def test_a_datagram_in_fragments_is_judged_by_its_own_port(dual, source, low, high, size, arrives):
    dual.put("/v1/tenants/blue/groups/web/rules/udp", rule("ingress", "udp", low, high, dual.family))
    with (
        dual.fabric.host("vm2").socket(INET[dual.family], socket.SOCK_DGRAM) as receiver,
        dual.fabric.host(source).socket(INET[dual.family], socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind((VM2.ip(dual.family), 5353))
        receiver.settimeout(2.0 if arrives else 0.5)
        sender.sendto(bytes(size), (VM2.ip(dual.family), 5353))
        heard = 0
        with contextlib.suppress(TimeoutError):
            heard = len(receiver.recv(5000))
    assert heard == (size if arrives else 0)


def _open(site: Site) -> None:
    site.put("/v1/tenants/red/groups/ssh/rules/dns", rule("ingress", "udp", OPEN, family=site.family))
    site.put("/v1/tenants/blue/groups/web/rules/dns", rule("ingress", "udp", OPEN, family=site.family))


def _arrives(site: Site, target: Host, port: int, *sent: Frame, source: str = "ext") -> bytes:
    """What the target's service has of a datagram that is sent in these pieces."""
    with site.fabric.host(target.name).socket(INET[site.family], socket.SOCK_DGRAM) as receiver:
        receiver.bind(("", port))
        receiver.settimeout(1.0)
        send(site.fabric.host(source), *sent)
        with contextlib.suppress(TimeoutError):
            return receiver.recv(65535)
    return b""


@pytest.mark.parametrize(("source", "target"), [("ext", "vm1"), ("vm1", "vm2"), ("vm1", "ext")])
def test_the_first_datagram_of_a_connection_passes_in_fragments_in_any_order(dual, source, target):
    _open(dual)
    ends = (SEED.host(source), SEED.host(target))
    for number, order in enumerate(((0, 1, 2), (2, 1, 0), (1, 0, 2))):
        body = datagram(*ends, dual.family, sport=41000 + number, dport=OPEN)
        made = pieces(*ends, body, cuts(len(body)), dual.family)
        assert _arrives(dual, ends[1], OPEN, *(made[n] for n in order), source=source) == body[8:], order


def test_fragments_of_an_established_connection_pass_in_both_directions(dual):
    _open(dual)
    with (
        dual.fabric.host("vm1").socket(INET[dual.family], socket.SOCK_DGRAM) as service,
        dual.fabric.host("ext").socket(INET[dual.family], socket.SOCK_DGRAM) as client,
    ):
        service.bind(("", OPEN))
        for end in (service, client):
            end.settimeout(3)
        client.connect((VM1.ip(dual.family), OPEN))
        client.send(b"small")
        _, whom = service.recvfrom(100)
        for size in (4000, 100, 9000):
            service.sendto(bytes(size), whom)
            assert len(client.recv(65535)) == size
            client.send(bytes(size))
            assert len(service.recv(65535)) == size


def test_a_datagram_in_fragments_to_a_closed_port_reaches_nobody_and_opens_nothing(dual):
    _open(dual)
    assert dual.leaks("ext", *fragments.whole(EXT, VM1, dual.family, dport=CLOSED)) == []
    assert dual.leaks("vm2", *fragments.whole(VM2, VM1, dual.family, dport=CLOSED)) == []
    assert datapath.connections(dual.fabric.ovs) == []


def test_later_fragments_without_a_first_reach_nobody_and_open_nothing(dual):
    _open(dual)
    for source in (EXT, VM2):
        body = datagram(source, VM1, dual.family, dport=OPEN)
        assert dual.leaks(source.name, *pieces(source, VM1, body, cuts(len(body))[1:], dual.family)) == []
    assert datapath.connections(dual.fabric.ovs) == []


def test_a_first_fragment_to_an_open_port_lets_no_other_datagrams_pieces_in(dual):
    """The pieces that follow carry another identity: they are of a datagram whose beginning nobody has seen."""
    _open(dual)
    body = datagram(EXT, VM1, dual.family, dport=OPEN)
    first, *_ = pieces(EXT, VM1, body, cuts(len(body)), dual.family)
    *_, other = pieces(EXT, VM1, body, cuts(len(body)), dual.family)
    assert dual.leaks("ext", first, other) == []


@pytest.mark.parametrize("kind", ["header overwritten by an overlap", "header overwritten from the end", "inside"])
def test_overlapping_fragments_do_not_pass(dual, kind):
    """The first says an open port, and another piece over it a closed one (RFC 1858, RFC 5722)."""
    _open(dual)
    honest, lie = (datagram(EXT, VM1, dual.family, size=2600, dport=port) for port in (OPEN, CLOSED))
    how = {
        "header overwritten by an overlap": ((honest, (0, 1400)), (lie, (0, 1400)), (lie, (1400, len(lie)))),
        "header overwritten from the end": ((lie, (1400, len(lie))), (honest, (0, 1400)), (lie, (0, 1408))),
        "inside": ((honest, (0, 1400)), (lie, (1304, 2600)), (lie, (2600, len(lie)))),
    }[kind]
    sent = _of_one(dual, [(body[:end] if end < len(body) else body, (begin, end)) for body, (begin, end) in how])
    assert _arrives(dual, VM1, CLOSED, *sent) == b""
    assert not [entry for entry in datapath.connections(dual.fabric.ovs) if entry.original["dport"] == str(CLOSED)]


ORDERS = tuple(itertools.permutations(("allowed", "denied", "later")))


@pytest.mark.parametrize(("source", "target"), [("ext", "vm1"), ("vm2", "vm1"), ("vm1", "ext")])
def test_a_denied_first_fragment_does_not_pass_in_the_company_of_an_allowed_one_of_its_identity(dual, source, target):
    """Two datagrams with one identity share a later piece: it must not take the wrong beginning for the right one."""
    _open(dual)
    dual.put("/v1/tenants/red/groups/ssh/rules/out", rule("egress", "udp", OPEN, family=dual.family))
    dual.patch("/v1/tenants/red/ports/vm1", {"egress": "rules"})
    ends, family = (SEED.host(source), SEED.host(target)), dual.family
    burst, denied, after = [], [], []
    for number, order in enumerate(ORDERS * 2):
        ports = {"sport": 45000 + number, "size": 2600}
        bodies = [datagram(*ends, family, dport=port, **ports) for port in (OPEN, CLOSED)]
        (allowed, later), (refused,) = (
            pieces(*ends, body, cut, family, identity=900 + number)
            for body, cut in zip(bodies, (((0, 1400), (1400, 2608)), ((0, 1400),)), strict=True)
        )
        burst += [{"allowed": allowed, "denied": refused, "later": later}[name] for name in order]
        denied.append(refused)
        after.append(frames.udp(*ends, family=family, sport=ports["sport"], dport=CLOSED))
    with Sniffer(dual.fabric.hosts) as sniffer:
        send(dual.fabric.host(source), *burst)
        sniffer.listen(0.5)
        assert [order for order, frame in zip(ORDERS * 2, denied, strict=True) if sniffer.saw(frame, 0.0)] == []
    assert dual.leaks(source, *after) == []
    assert {e.original["dport"] for e in datapath.connections(dual.fabric.ovs) if e.protocol == "udp"} <= {str(OPEN)}


def _of_one(site: Site, parts: list[tuple[bytes, tuple[int, int]]]) -> list[Frame]:
    """Pieces of different bodies that all claim to be of one datagram."""
    length = max(end for _, (_, end) in parts)
    made = []
    for body, cut in parts:
        made += pieces(EXT, VM1, body.ljust(length, b"\0"), (cut,), site.family, identity=77)
    return made


def test_a_tiny_first_fragment_hides_no_port(dual):
    """The piece that would have the ports ends before them; the next one brings them (RFC 1858, 3.)."""
    _open(dual)
    dual.put("/v1/tenants/red/groups/ssh/rules/web", rule("ingress", "tcp", OPEN, family=dual.family))
    syn = fragments.opening(EXT, VM1, dual.family, dport=CLOSED)
    for tiny in (((0, 8), (8, len(syn))), ((8, len(syn)), (0, 8)), ((0, 16), (16, len(syn)))):
        assert dual.leaks("ext", *pieces(EXT, VM1, syn, tiny, dual.family, protocol=6)) == []
    body = datagram(EXT, VM1, dual.family, size=2600, dport=CLOSED)
    assert dual.leaks("ext", *pieces(EXT, VM1, body, ((0, 8), (8, 1408), (1408, len(body))), dual.family)) == []
    assert datapath.connections(dual.fabric.ovs) == []


def test_fragments_of_multicast_reach_no_vm(dual):
    group = "224.0.0.251" if dual.family == 4 else "ff02::fb"
    everything = {"direction": "ingress", "ethertype": f"IPv{dual.family}"}
    dual.put("/v1/tenants/red/groups/ssh/rules/all", everything)
    own = {"address": group} if dual.family == 4 else {"address": "0.0.0.0", "address6": group}
    crowd = Host("crowd", group_mac(group), **own)
    for source in (EXT, VM2):
        assert dual.leaks(source.name, *fragments.whole(source, crowd, dual.family)) == []
