"""The flush messages: byte by byte what ovs-ofctl sends, and what a real switch forgets."""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import threading
from pathlib import Path

import pytest

from app.core.connections import Connection, Icmp, parse
from app.core.flushes import Tuple, Zone, exact, in_words
from app.openflow import conntrack
from app.openflow.connection import Connection as Datapath
from app.openflow.conntrack import Unsupported, flush_connections, flush_zone, tuple_message, zone_message
from topology.switch import OpenVSwitch

pytestmark = pytest.mark.switch
# Frames in hexadecimal: UDP, TCP, ICMP and GRE from 10.0.0.1 to 10.0.0.2, UDP from 2001:db8::1 to 2001:db8::2
ETHERNET, IPV4_TYPE, IPV6_TYPE = "020000000002020000000001", "0800", "86dd"
ENDS4 = "0a0000010a000002"
ENDS6 = "20010db8000000000000000000000001" + "20010db8000000000000000000000002"
HELLO, FEATURES, BARRIER, EXPERIMENTER = 0, 5, 20, 4

SAID = {
    Tuple(6, "10.0.0.1", "10.0.0.2", 1000, 80): (
        "ct_nw_src=10.0.0.1,ct_nw_dst=10.0.0.2,ct_nw_proto=6,ct_tp_src=1000,ct_tp_dst=80"
    ),
    Tuple(17, "2001:db8::1", None, None, 80): "ct_ipv6_src=2001:db8::1,ct_nw_proto=17,ct_tp_dst=80",
    Tuple(17): "ct_nw_proto=17",
    Tuple(47, None, "10.0.0.2"): "ct_nw_dst=10.0.0.2,ct_nw_proto=47",
}


@pytest.mark.skipif(not shutil.which("ovs-ofctl"), reason="needs ovs-ofctl")
@pytest.mark.parametrize("which", SAID, ids=str)
def test_a_flush_is_what_ovs_ofctl_sends(place: Path, which: Tuple) -> None:
    sent = overheard(place, "ct-flush", "zone=77", SAID[which])
    (xid,) = struct.unpack_from("!I", sent, 4)
    assert tuple_message(5, xid, Zone(77), which) == sent


def test_icmp_is_what_ovs_ofctl_sends_but_for_an_answer_without_addresses(place: Path) -> None:
    words = "ct_nw_src=10.0.0.1,ct_nw_dst=10.0.0.2,ct_nw_proto=1,icmp_id=7,icmp_type=8,icmp_code=0"
    sent = overheard(place, "ct-flush", "zone=77", words)
    (xid,) = struct.unpack_from("!I", sent, 4)
    ours = tuple_message(5, xid, Zone(77), Tuple(1, "10.0.0.1", "10.0.0.2", icmp=Icmp(8, 0, 7)))
    zone = struct.pack("!HHH2x", 2, 8, 77)
    original, answer = ours[24 : -len(zone)], sent[24 + len(ours) - 24 - len(zone) : -len(zone)]
    assert sent[24:] == original + answer + zone
    assert struct.unpack_from("!HH", answer) == (1, len(answer))


def test_no_message_has_no_zone() -> None:
    for which in SAID:
        assert tuple_message(5, 1, Zone(77), which).endswith(struct.pack("!HHH2x", 2, 8, 77))
    assert zone_message(5, 1, Zone(77)).endswith(struct.pack("!6xH", 77))


def overheard(place: Path, *command: str) -> bytes:
    """The experimenter message that ovs-ofctl sends to a switch that is none."""
    path = place / "ear"
    path.unlink(missing_ok=True)
    found: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as ear:
        ear.bind(str(path))
        ear.listen(1)
        listener = threading.Thread(target=listen, args=(ear, found))
        listener.start()
        verb, *rest = command
        subprocess.run(
            ["ovs-ofctl", "-O", "OpenFlow14", "--timeout=5", verb, f"unix:{path}", *rest], check=True, timeout=10
        )
        listener.join(10)
    (message,) = found
    return message


def listen(ear: socket.socket, found: list[bytes]) -> None:
    peer, _ = ear.accept()
    with peer:
        peer.settimeout(5)
        peer.sendall(struct.pack("!BBHI", 5, HELLO, 8, 1))
        stream = peer.makefile("rb")
        while len(head := stream.read(8)) == 8:
            version, kind, length, xid = struct.unpack("!BBHI", head)
            content = stream.read(length - 8)
            if kind == EXPERIMENTER:
                found.append(head + content)
            if kind == BARRIER:
                peer.sendall(struct.pack("!BBHI", version, BARRIER + 1, 8, xid))


# -- a real switch

LABEL = "0x00000004000000030000000200000001->ct_label"


@pytest.fixture
def known(ovs: OpenVSwitch, datapath: Datapath) -> list[Connection]:
    """Connections in zone 5, each of them also in zone 6."""
    ovs.appctl("dpctl/flush-conntrack")
    commit = "actions=" + ",".join(f"ct(commit,zone={zone},exec(set_field:{LABEL}))" for zone in (5, 6))
    ovs.program(f"table=0,ip,{commit}\ntable=0,ipv6,{commit}")
    packets = [ipv4(17, udp(1000 + n, 53)) for n in range(5)]
    packets += [ipv4(6, tcp(2000 + n, 80)) for n in range(3)]
    packets += [ipv4(1, echo(77)), ipv4(1, echo(78)), ipv4(47, "0000880000000000"), ipv6(17, udp(1000, 53))]
    for packet in packets:
        ovs.ofctl("packet-out", f"in_port=CONTROLLER,packet={packet},actions=resubmit(,0)")
    held = listed(ovs, 5)
    assert len(held) == len(packets) == len(listed(ovs, 6))
    return held


def test_an_exact_tuple_flushes_one_connection_of_one_zone(ovs: OpenVSwitch, datapath: Datapath, known) -> None:
    left = set(known)
    for each in known:
        said = exact(each)
        assert said is not None, each
        flush_connections(datapath, Zone(5), [said])
        left.remove(each)
        assert {one.key for one in listed(ovs, 5)} == {one.key for one in left}
    assert len(listed(ovs, 6)) == len(known)


def test_many_are_flushed_with_few_barriers(ovs: OpenVSwitch, datapath: Datapath, known, monkeypatch) -> None:
    monkeypatch.setattr(conntrack, "TURN", 5)
    before = datapath.xid
    flush_connections(datapath, Zone(5), [said for each in known if (said := exact(each))])
    assert listed(ovs, 5) == []
    assert datapath.xid - before == len(known) + 3


def test_a_partial_tuple_flushes_what_it_describes(ovs: OpenVSwitch, datapath: Datapath, known) -> None:
    flush_connections(datapath, Zone(5), [Tuple(17, dport=53, source="10.0.0.1")])
    flush_connections(datapath, Zone(5), [Tuple(6, sport=2001)])
    assert sorted((one.protocol, one.sport, ":" in one.source) for one in listed(ovs, 5)) == [
        (1, 0, False), (1, 0, False), (6, 2000, False), (6, 2002, False), (17, 1000, True), (47, 0, False),
    ]  # fmt: skip
    assert len(listed(ovs, 6)) == len(known)


def test_a_zone_is_flushed_and_no_other(ovs: OpenVSwitch, datapath: Datapath, known) -> None:
    flush_zone(datapath, Zone(5))
    assert listed(ovs, 5) == []
    assert len(listed(ovs, 6)) == len(known)


def test_what_is_not_there_any_more_is_no_error(ovs: OpenVSwitch, datapath: Datapath, known) -> None:
    flush_connections(datapath, Zone(7), [said for each in known if (said := exact(each))])
    assert len(listed(ovs, 5)) == len(known)


def test_a_switch_that_does_not_know_the_message_says_so(datapath: Datapath, monkeypatch) -> None:
    monkeypatch.setattr(conntrack, "NXT_CT_FLUSH", 4711)
    with pytest.raises(Unsupported):
        flush_connections(datapath, Zone(5), [Tuple(6, sport=1), Tuple(6, sport=2)])


def test_dpctl_takes_a_whole_tuple_in_our_words(ovs: OpenVSwitch, datapath: Datapath, known) -> None:
    for each in known:
        said = exact(each)
        words = in_words(said) if said else None
        assert words is not None, each
        ovs.appctl("dpctl/flush-conntrack", "zone=5", words)
    assert listed(ovs, 5) == []
    assert in_words(Tuple(6, "10.0.0.1")) is in_words(Tuple(6, "10.0.0.1", "10.0.0.2", 5)) is None


def listed(ovs: OpenVSwitch, zone: int) -> list[Connection]:
    lines = ovs.appctl("dpctl/dump-conntrack", "-s", f"zone={zone}").splitlines()
    found = [parse(line) for line in lines]
    assert all(found), lines
    return [each for each in found if each]


def ipv4(protocol: int, content: str) -> str:
    length = 20 + len(content) // 2
    head = f"4500{length:04x}0001000040{protocol:02x}0000{ENDS4}"
    summed = checksum(bytes.fromhex(head))
    return ETHERNET + IPV4_TYPE + f"4500{length:04x}0001000040{protocol:02x}{summed:04x}{ENDS4}" + content


def ipv6(protocol: int, content: str) -> str:
    pseudo = bytes.fromhex(ENDS6) + struct.pack("!II", len(content) // 2, protocol) + bytes.fromhex(content)
    summed = checksum(pseudo)
    content = content[:12] + f"{summed:04x}" + content[16:]
    return ETHERNET + IPV6_TYPE + f"60000000{len(content) // 2:04x}{protocol:02x}40{ENDS6}" + content


def udp(source: int, target: int) -> str:
    return f"{source:04x}{target:04x}00090000" + "78"  # over IPv4 no checksum is a checksum


def tcp(source: int, target: int) -> str:
    segment = f"{source:04x}{target:04x}00000001000000005002ffff00000000"
    pseudo = bytes.fromhex(ENDS4) + struct.pack("!HH", 6, 20) + bytes.fromhex(segment)
    return segment[:32] + f"{checksum(pseudo):04x}" + segment[36:]


def echo(id: int) -> str:
    head = f"08000000{id:04x}0001"
    return f"0800{checksum(bytes.fromhex(head)):04x}{id:04x}0001"


def checksum(data: bytes) -> int:
    """The Internet's (RFC 1071)."""
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
