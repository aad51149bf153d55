"""Open vSwitch's messages that make it forget connections (openflow/nicira-ext.h: NXT_CT_FLUSH_ZONE, NXT_CT_FLUSH).

Both wait for the switch, as everything in `switch_io`. Neither says how many connections went: Open vSwitch does not.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from struct import Struct
from typing import Any

from app.core.connections import Icmp
from app.core.flushes import Tuple, Zone
from app.openflow.asking import EXPERIMENT, EXPERIMENTER, NICIRA, SECONDS, barrier, conversation, raise_complaints
from app.openflow.conversation import Refused

NXT_CT_FLUSH_ZONE, NXT_CT_FLUSH = 29, 32
ORIGINAL, ZONE_ID = (
    0,
    2,
)  # NXT_CT_ORIG_TUPLE, NXT_CT_ZONE_ID; all others stay unsaid: before 3.1.4 and 3.2.2 Open vSwitch
# passed over what it did not know, and would have flushed more than was meant
SOURCE, DESTINATION, SOURCE_PORT, DESTINATION_PORT, ICMP_ID, ICMP_TYPE, ICMP_CODE = range(7)  # NXT_CT_TUPLE_*
TURN = 100  # messages before a barrier: so many are under way at once
BAD_REQUEST, NOT_KNOWN = 1, (3, 4)  # OFPET_BAD_REQUEST: OFPBRC_BAD_EXPERIMENTER, OFPBRC_BAD_EXP_TYPE

_PROPERTY = Struct("!HH")
_PORT = Struct("!H2x")  # 16 bits are padded (OpenFlow 1.5.1, section 7.2.1)
_NESTED = bytes(4)  # before what is nested
_FLUSH = Struct("!B7x")  # protocol
_ZONE = Struct("!6xH")


class Unsupported(Refused):
    """The switch does not know the message: it is older than Open vSwitch 3.1, or something else."""


def flush_zone(datapath: Any, zone: Zone, seconds: float = SECONDS) -> None:
    """Forget every connection of a zone; returns when that is done. Raises SwitchTrouble."""
    with conversation(datapath, 2, seconds) as talk:
        talk.say(zone_message(datapath.ofproto.OFP_VERSION, talk.first, zone) + barrier(datapath, talk.first + 1))
        talk.until(talk.first + 1)
        raise_complaints(talk)


def flush_connections(datapath: Any, zone: Zone, which: Sequence[Tuple], seconds: float = SECONDS) -> None:
    """Forget the connections of a zone that one of the tuples describes; returns when that is done.

    Raises Unsupported, or another SwitchTrouble: then some of it may be done.
    """
    version = datapath.ofproto.OFP_VERSION
    for start in range(0, len(which), TURN):
        some = which[start : start + TURN]
        with conversation(datapath, len(some) + 1, seconds) as talk:
            *ids, last = talk.xids
            orders = [tuple_message(version, id, zone, each) for id, each in zip(ids, some, strict=True)]
            talk.say(b"".join(orders) + barrier(datapath, last))
            talk.until(last)
            if any(each.type == BAD_REQUEST and each.code in NOT_KNOWN for each in talk.complaints):
                raise Unsupported(talk.complaints, talk.count, "the switch cannot flush single connections")
            raise_complaints(talk)


def zone_message(version: int, xid: int, zone: Zone) -> bytes:
    return _message(version, xid, NXT_CT_FLUSH_ZONE, _ZONE.pack(zone.number))


def tuple_message(version: int, xid: int, zone: Zone, which: Tuple) -> bytes:
    """There is no such message without a zone: Open vSwitch would take it for zone 0."""
    content = _FLUSH.pack(which.protocol) + _nested(ORIGINAL, _tuple(which))
    return _message(version, xid, NXT_CT_FLUSH, content + _property(ZONE_ID, _PORT.pack(zone.number)))


def _message(version: int, xid: int, subtype: int, content: bytes) -> bytes:
    length = EXPERIMENT.size + len(content)
    return EXPERIMENT.pack(version, EXPERIMENTER, length, xid, NICIRA, subtype) + content


def _tuple(which: Tuple) -> bytes:
    parts = [(SOURCE, which.source, _address), (DESTINATION, which.destination, _address)]
    said = b"".join(_property(kind, pack(value)) for kind, value, pack in parts if value is not None)
    if which.icmp:
        return said + _icmp(which.icmp)
    ports = ((SOURCE_PORT, which.sport), (DESTINATION_PORT, which.dport))
    return said + b"".join(_property(kind, _PORT.pack(port)) for kind, port in ports if port)


def _icmp(icmp: Icmp) -> bytes:
    one = Struct("!B").pack
    return b"".join((
        _property(ICMP_ID, _PORT.pack(icmp.id)),
        _property(ICMP_TYPE, one(icmp.type)),
        _property(ICMP_CODE, one(icmp.code)),
    ))  # fmt: skip


def _address(text: str) -> bytes:
    """IPv4 in IPv6's form (RFC 4291, section 2.5.5.2)."""
    if ":" in text:
        return socket.inet_pton(socket.AF_INET6, text)
    return bytes(10) + b"\xff\xff" + socket.inet_pton(socket.AF_INET, text)


def _property(kind: int, value: bytes) -> bytes:
    """Its length counts no padding; what follows begins at a multiple of eight."""
    length = _PROPERTY.size + len(value)
    return _PROPERTY.pack(kind, length) + value + bytes(-length % 8)


def _nested(kind: int, content: bytes) -> bytes:
    return _property(kind, _NESTED + content) if content else b""
