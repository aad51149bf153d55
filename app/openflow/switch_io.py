"""What the controller asks of a switch: its ports, its flows, a change of flows, the flushing of a conntrack zone,
and how it treats fragments.

Every function here waits for the switch, so it belongs into a greenlet of its own, never into a handler of os-ken's
events. All raise `SwitchTrouble`: `Gone`, `TimedOut`, `Refused`, or `Confused` for answers that make no sense.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from struct import Struct
from typing import Any, NamedTuple

from os_ken.lib import hub

from app.core.flow import Flow, Match
from app.openflow import replies
from app.openflow.bundle import Bundle, by_cookie
from app.openflow.conversation import Conversation, Gone, Refused, SwitchTrouble, TimedOut
from app.openflow.replies import Installed, Malformed, PortChange, SwitchPort, port_change
from app.openflow.templates import ALL_TABLES, ANY, templates

__all__ = [
    "Confused", "Gone", "Installed", "PortChange", "PushResult", "Refused", "SwitchPort", "SwitchTrouble", "TimedOut",
    "Which", "flows", "flush_zone", "match_fragments", "port_change", "ports", "push", "read_flows",
]  # fmt: skip

SECONDS = 30.0
TURN = 500  # flows read before others get the hub
MOST_FLOWS = 4_000_000  # more is not an answer but an attack on our memory

EXPERIMENTER, GET_CONFIG_REQUEST, SET_CONFIG, MULTIPART_REQUEST, BARRIER_REQUEST = 4, 7, 9, 18, 20
NICIRA = 0x2320
NXT_CT_FLUSH_ZONE = 29

FRAGMENTS, NX_MATCH = 0b11, 0b11  # OFPC_FRAG_MASK, and Open vSwitch's value in it (openflow/nicira-ext.h)
MISS_SEND_LEN = 128  # OFP_DEFAULT_MISS_SEND_LEN; no flow of ours sends packets to the controller

_HEADER = Struct("!BBHI")
_SET_CONFIG = Struct("!BBHIHH")
_REQUEST = Struct("!BBHIHH4x")
# which flows: table, out_port, out_group, cookie, cookie mask; a match follows
_FLOW_REQUEST = Struct("!B3xII4xQQ")
_FLUSH_ZONE = Struct("!BBHIII6xH")

_bundle_numbers = itertools.count(1)


class Confused(SwitchTrouble):
    """The switch's answer cannot be read."""


class PushResult(NamedTuple):
    """What a push did: messages sent for flows (adds and deletes), and how long it took until it was confirmed."""

    flow_mods: int
    seconds: float


class Which(NamedTuple):
    """Which flows: of one table or all, whose match is at least this one, whose cookie equals this one in its mask."""

    table: int = ALL_TABLES
    match: Match = ()
    cookie: int = 0
    cookie_mask: int = 0


EVERY = Which()


def push(
    datapath: Any,
    adds: Mapping[int, Flow] | Iterable[Flow],
    deletes: Collection[int],
    seconds: float = SECONDS,
) -> PushResult:
    """Delete all flows with the cookies `deletes` and add `adds` in one atomic step; returns when that is confirmed.

    `adds` are flows, or flows under their cookies, which saves computing them. Nothing is sent when there is nothing to
    change. Raises Refused when the switch refuses any part: then nothing of it is applied and the message names flows.
    After Gone and TimedOut it is unknown what is applied; read the flows again.
    """
    start = time.monotonic()
    flows, cookies = by_cookie(adds), tuple(deletes)
    if not flows and not cookies:
        return PushResult(0, 0.0)
    with _conversation(datapath, Bundle.size(flows, cookies), seconds) as talk:
        wire = templates(datapath.ofproto.OFP_VERSION)
        bundle = Bundle(wire, next(_bundle_numbers) & ANY, talk.first, flows, cookies)
        _prepare(talk, bundle)
        talk.say(bundle.commit())
        talk.until(bundle.settled_xid)
        _raise_complaints(talk, bundle)
    return PushResult(len(flows) + len(cookies), time.monotonic() - start)


def read_flows(datapath: Any, which: Which = EVERY, seconds: float = 2 * SECONDS) -> list[Installed]:
    """All that `flows` gives."""
    return [flow for some in flows(datapath, which, seconds) for flow in some]


def flows(datapath: Any, which: Which = EVERY, seconds: float = 2 * SECONDS) -> Iterator[list[Installed]]:
    """The switch's flows, or some of them. Hidden ones are left out.

    They come some hundreds at a time; between two lists others get the hub.
    """
    count = 0
    with _conversation(datapath, 1, seconds) as talk:
        asked = _FLOW_REQUEST.pack(which.table, ANY, ANY, which.cookie, which.cookie_mask)
        asked += templates(datapath.ofproto.OFP_VERSION).match(which.match)
        for entries in _multipart(datapath, talk, replies.FLOW_STATS, asked):
            found = replies.flows(entries)
            while some := list(itertools.islice(found, TURN)):
                yield some
                hub.sleep(0)
                count += len(some)
            if count > MOST_FLOWS:
                raise Confused(f"more than {MOST_FLOWS} flows")


def ports(datapath: Any, seconds: float = SECONDS) -> list[SwitchPort]:
    """The bridge's ports, LOCAL included."""
    found: list[SwitchPort] = []
    version = datapath.ofproto.OFP_VERSION
    with _conversation(datapath, 1, seconds) as talk:
        # OpenFlow 1.3 and 1.4 ask for all ports with an empty body
        for entries in _multipart(datapath, talk, replies.PORT_DESCRIPTION, b""):
            found += replies.ports(version, entries)
            hub.sleep(0)
            if len(found) > MOST_FLOWS:
                raise Confused(f"more than {MOST_FLOWS} ports")
    return found


def match_fragments(datapath: Any, seconds: float = SECONDS) -> None:
    """Have flows see the ports of first fragments (`ovs-ofctl set-frags nx-match`); returns when that is confirmed.

    Open vSwitch begins with hiding them; the setting is the bridge's and survives our connection.
    """
    version = datapath.ofproto.OFP_VERSION
    with _conversation(datapath, 2, seconds) as talk:
        put = _SET_CONFIG.pack(version, SET_CONFIG, _SET_CONFIG.size, talk.first, NX_MATCH, MISS_SEND_LEN)
        talk.say(put + _HEADER.pack(version, GET_CONFIG_REQUEST, _HEADER.size, talk.first + 1))
        reply = talk.until(talk.first + 1)
        _raise_complaints(talk)
        flags = replies.switch_flags(reply)
    if flags & FRAGMENTS != NX_MATCH:
        raise Confused(f"the switch does not match fragments as it was told: flags {flags:#x}")


def flush_zone(datapath: Any, zone: int, seconds: float = SECONDS) -> None:
    """Forget every connection in a conntrack zone (NXT_CT_FLUSH_ZONE, ovs-fields(7)); returns when that is done."""
    version = datapath.ofproto.OFP_VERSION
    with _conversation(datapath, 2, seconds) as talk:
        flush = _FLUSH_ZONE.pack(
            version, EXPERIMENTER, _FLUSH_ZONE.size, talk.first, NICIRA, NXT_CT_FLUSH_ZONE, zone
        )  # fmt: skip
        talk.say(flush + _HEADER.pack(version, BARRIER_REQUEST, _HEADER.size, talk.first + 1))
        talk.until(talk.first + 1)
        _raise_complaints(talk)


# -- how --------------------------------------------------------------------------------------------------------------


@contextmanager
def _conversation(datapath: Any, xids: int, seconds: float) -> Iterator[Conversation]:
    try:
        with Conversation(datapath, xids, seconds) as talk:
            yield talk
    except Malformed as error:
        raise Confused(str(error)) from error


def _prepare(talk: Conversation, bundle: Bundle) -> None:
    """Fill an open bundle and see that nothing of it is refused; otherwise discard it and raise Refused."""
    ready = False
    try:
        for chunk in bundle.chunks():
            talk.say(chunk)
            hub.sleep(0)
        talk.until(bundle.barrier_xid)
        ready = not talk.complaints
    finally:
        if not ready:  # whatever stopped us, a killed greenlet included: leave no open bundle behind
            talk.say(bundle.discard())
    _raise_complaints(talk, bundle)


def _multipart(datapath: Any, talk: Conversation, kind: int, which: bytes) -> Iterator[memoryview]:
    """Ask for statistics and give the content of every reply. Raises Refused."""
    length = _REQUEST.size + len(which)
    version = datapath.ofproto.OFP_VERSION
    talk.say(_REQUEST.pack(version, MULTIPART_REQUEST, length, talk.first, kind, 0) + which)
    more = True
    while more:
        message = talk.until(talk.first)
        _raise_complaints(talk)
        entries, more = replies.body(message)
        yield entries


def _raise_complaints(talk: Conversation, bundle: Bundle | None = None) -> None:
    if not talk.complaints:
        return
    about = [bundle.subject(complaint.about) if bundle else None for complaint in talk.complaints]
    # an error about the bundle itself only repeats that one of its parts failed
    told = [pair for pair in zip(talk.complaints, about, strict=True) if pair[1] is not None]
    told = told or list(zip(talk.complaints, about, strict=True))
    text = "; ".join(complaint.text + _of(subject) for complaint, subject in told[:3])
    rest = f" (and {talk.count - len(told[:3])} more)" if talk.count > len(told[:3]) and len(told) > 3 else ""
    raise Refused([complaint for complaint, _ in told], talk.count, text + rest)


def _of(subject: Flow | int | None) -> str:
    if subject is None:
        return ""
    return f" for {subject}" if isinstance(subject, Flow) else f" for deleting cookie {subject:#018x}"
