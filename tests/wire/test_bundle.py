"""What a bundle consists of, byte by byte."""

from __future__ import annotations

import struct

import pytest
from os_ken.ofproto.ofproto_protocol import ProtocolDesc

from app.core.flow import flow, goto
from app.openflow.bundle import CHUNK, Bundle, by_cookie
from app.openflow.templates import templates

FLOWS = by_cookie(flow(3, 4, goto(5), reg1=number, eth_type=0x0800) for number in range(3000))
DELETES = (11, 22, 33)


def split(stream: bytes) -> list[bytes]:
    found = []
    while stream:
        length = struct.unpack_from("!H", stream, 2)[0]
        found.append(stream[:length])
        stream = stream[length:]
    return found


def bundle(version: int) -> Bundle:
    return Bundle(templates(version), 9, 1000, FLOWS, DELETES)


@pytest.mark.parametrize("version", [4, 5])
def test_it_is_open_then_changes_then_a_barrier_with_rising_ids(version: int) -> None:
    messages = split(b"".join(bundle(version).chunks()))
    xids = [struct.unpack_from("!I", message, 4)[0] for message in messages]
    assert xids == list(range(1000, 1000 + len(FLOWS) + len(DELETES) + 2))
    assert messages[-1] == struct.pack("!BBHI", version, 20, 8, bundle(version).barrier_xid)


@pytest.mark.parametrize("version", [4, 5])
def test_every_message_is_what_os_ken_would_send(version: int) -> None:
    datapath = ProtocolDesc(version)
    parser, ofproto = datapath.ofproto_parser, datapath.ofproto
    control, prefix = (parser.ONFBundleCtrlMsg, "ONF_BCT") if version == 4 else (parser.OFPBundleCtrlMsg, "OFPBCT")
    add = parser.ONFBundleAddMsg if version == 4 else parser.OFPBundleAddMsg
    first, delete = split(b"".join(bundle(version).chunks()))[:2]
    open_ = control(datapath, 9, getattr(ofproto, f"{prefix}_OPEN_REQUEST"), 3, [])
    inner = parser.OFPFlowMod(
        datapath, cookie=11, cookie_mask=(1 << 64) - 1, table_id=0xFF, command=ofproto.OFPFC_DELETE, priority=0,
        out_port=0xFFFFFFFF, out_group=0xFFFFFFFF, instructions=[],
    )  # fmt: skip
    wrapped = add(datapath, 9, 3, inner, [])
    for message, xid, sent in ((open_, 1000, first), (wrapped, 1001, delete)):
        message.set_xid(xid)
        message.serialize()
        assert bytes(message.buf) == sent


def test_the_inner_message_has_the_outer_id() -> None:
    for message in split(b"".join(bundle(5).chunks()))[1:-1]:
        assert message[4:8] == message[16 + 4 : 16 + 8]


def test_pieces_are_about_64_kilobytes() -> None:
    sizes = [len(chunk) for chunk in bundle(5).chunks()]
    assert len(sizes) > 3
    assert all(CHUNK <= size < CHUNK + 300 for size in sizes[:-1])


def test_an_id_names_what_its_message_was_about() -> None:
    each = bundle(5)
    assert each.subject(1000) is None
    assert [each.subject(1001 + index) for index in range(3)] == list(DELETES)
    assert [each.subject(1004 + index) for index in range(3000)] == list(FLOWS.values())
    assert each.subject(each.barrier_xid) is None
    assert each.settled_xid < 1000 + Bundle.size(FLOWS, DELETES)
