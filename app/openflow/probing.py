"""Whether a switch can do what the pipeline needs: it is shown one flow of each kind in a bundle that is thrown away.

Open vSwitch examines a flow when it is added to a bundle, the datapath's abilities included, and installs nothing
before the commit, which never comes. So asking changes nothing, whatever the switch carries at the moment.
"""

from __future__ import annotations

import itertools
from struct import Struct
from typing import Any, NamedTuple

from app.core.flow import Flow
from app.core.needs import IPV6_ORIGINAL, NEEDS, Need
from app.openflow.asking import EXPERIMENT, EXPERIMENTER, NICIRA, barrier, conversation, multipart
from app.openflow.bundle import Bundle
from app.openflow.conversation import Conversation, Refused
from app.openflow.templates import OXM, Templates, templates

SECONDS = 10.0
METER_FEATURES = 11  # OFPMP_METER_FEATURES
NXT_CT_FLUSH = 32
BAD_REQUEST, BAD_LENGTH = 1, 6  # OFPET_BAD_REQUEST, OFPBRC_BAD_LEN

_RAW = {IPV6_ORIGINAL: (0x0001F410, 16)}  # NXM headers of fields that os-ken lacks, and their bytes
_MATCH = Struct("!HH")
_FIELD = Struct("!I")
_HEADER_LENGTH = Struct("!H")
_MAX_METER = Struct("!I")
_FLOW_MOD = 48  # bytes of a flow-mod before its match

_numbers = itertools.count(1 << 31)  # of bundles; those of pushes begin with 1


class Abilities(NamedTuple):
    """What a switch lacks of what is needed, and what it has of what is useful."""

    lacking: list[Need]
    meters: int  # how many it can hold
    flush: bool  # whether it knows how to flush single connections (NXT_CT_FLUSH, Open vSwitch 3.1)


def probe(datapath: Any, seconds: float = SECONDS) -> Abilities:
    """Ask for all of it. Nothing is installed. Raises SwitchTrouble."""
    return Abilities(lacking(datapath, seconds), meters(datapath, seconds), can_flush(datapath, seconds))


def lacking(datapath: Any, seconds: float = SECONDS) -> list[Need]:
    """The needs whose flows the switch would not take."""
    flows = {index: need.flow for index, need in enumerate(NEEDS)}
    with conversation(datapath, Bundle.size(flows, ()), seconds) as talk:
        wire = _Wire(templates(datapath.ofproto.OFP_VERSION))
        bundle = Bundle(wire, next(_numbers) & 0xFFFFFFFF, talk.first, flows, ())  # type: ignore[arg-type]
        try:
            for chunk in bundle.chunks():
                talk.say(chunk)
            talk.until(bundle.barrier_xid)
        finally:
            talk.say(bundle.discard())
        refused = [complaint.about - talk.first - 1 for complaint in talk.complaints]
        talk.until(bundle.settled_xid)
    if -1 in refused:  # the opening of the bundle
        return [Need("atomic bundles", "Open vSwitch 2.4", Flow(0, 0, (), ()))]
    return [need for index, need in enumerate(NEEDS) if index in refused]


def meters(datapath: Any, seconds: float = SECONDS) -> int:
    """How many meters the switch can hold; 0 if it has none, or does not know the question."""
    with conversation(datapath, 1, seconds) as talk:
        return _most(datapath, talk)


def _most(datapath: Any, talk: Conversation) -> int:
    try:
        for entries in multipart(datapath, talk, METER_FEATURES, b""):
            return int(_MAX_METER.unpack_from(entries)[0]) if len(entries) >= _MAX_METER.size else 0
    except Refused:
        pass
    return 0


def can_flush(datapath: Any, seconds: float = SECONDS) -> bool:
    """Whether the switch knows NXT_CT_FLUSH.

    It is sent one that breaks off: who knows the message complains of its length, who does not of its kind.
    """
    version = datapath.ofproto.OFP_VERSION
    with conversation(datapath, 2, seconds) as talk:
        broken = EXPERIMENT.pack(version, EXPERIMENTER, EXPERIMENT.size, talk.first, NICIRA, NXT_CT_FLUSH)
        talk.say(broken + barrier(datapath, talk.first + 1))
        talk.until(talk.first + 1)
        return any((each.type, each.code) == (BAD_REQUEST, BAD_LENGTH) for each in talk.complaints)


class _Wire:
    """Templates that can also write matches of fields that no flow of ours has."""

    def __init__(self, inner: Templates) -> None:
        self._inner = inner
        self.version = inner.version

    def add(self, xid: int, _: int, flow: Flow) -> bytes:
        known = tuple(part for part in flow.match if part[0] not in _RAW)
        message = self._inner.add(xid, 0, flow._replace(match=known))
        for name, value, _ in flow.match[len(known) :]:
            message = _with_field(message, *_RAW[name], value)
        return message


def _with_field(message: bytes, header: int, size: int, value: int) -> bytes:
    """A flow-mod with one more field at the end of its match; its prerequisites stand before it."""
    used = _MATCH.unpack_from(message, _FLOW_MOD)[1]
    rest = message[_FLOW_MOD + used + -used % 8 :]
    fields = message[_FLOW_MOD + _MATCH.size : _FLOW_MOD + used] + _FIELD.pack(header) + value.to_bytes(size, "big")
    match = _MATCH.pack(OXM, _MATCH.size + len(fields)) + fields
    whole = message[:_FLOW_MOD] + match + bytes(-len(match) % 8) + rest
    return whole[:2] + _HEADER_LENGTH.pack(len(whole)) + whole[4:]
