"""What the controller asks of a switch: its ports, its flows, a change of flows, and how it treats fragments.

Every function here waits for the switch, so it belongs into a greenlet of its own, never into a handler of os-ken's
events. All raise `SwitchTrouble`: `Gone`, `TimedOut`, `Refused`, or `Confused` for answers that make no sense.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from struct import Struct
from typing import Any, NamedTuple, TypeVar

from app import green
from app.core.flow import Flow, Match
from app.openflow import replies
from app.openflow.asking import (
    GET_CONFIG_REQUEST,
    HEADER,
    MOST,
    SECONDS,
    SET_CONFIG,
    Confused,
    conversation,
    multipart,
    raise_complaints,
)
from app.openflow.bundle import Bundle, by_cookie
from app.openflow.conversation import Conversation, Gone, Refused, SwitchTrouble, TimedOut
from app.openflow.replies import MOST_PORTS, Installed, PortChange, SwitchPort, port_change
from app.openflow.templates import ALL_TABLES, ANY, templates

__all__ = [
    "Confused", "Gone", "Installed", "PortChange", "PushResult", "Refused", "SwitchPort", "SwitchTrouble", "TimedOut",
    "Which", "flows", "match_fragments", "port_change", "ports", "push", "read_flows",
]  # fmt: skip

TURN = 500  # flows read before others get the hub

FRAGMENTS, NX_MATCH = 0b11, 0b11  # OFPC_FRAG_MASK, and Open vSwitch's value in it (openflow/nicira-ext.h)
MISS_SEND_LEN = 128  # OFP_DEFAULT_MISS_SEND_LEN; no flow of ours sends packets to the controller

_SET_CONFIG = Struct("!BBHIHH")
# which flows: table, out_port, out_group, cookie, cookie mask; a match follows
_FLOW_REQUEST = Struct("!B3xII4xQQ")

T = TypeVar("T")
_bundle_numbers = itertools.count(1)


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
    with conversation(datapath, Bundle.size(flows, cookies), seconds) as talk:
        wire = templates(datapath.ofproto.OFP_VERSION)
        bundle = Bundle(wire, next(_bundle_numbers) & ANY, talk.first, flows, cookies)
        _prepare(talk, bundle)
        talk.say(bundle.commit())
        talk.until(bundle.settled_xid)
        raise_complaints(talk, bundle)
    return PushResult(len(flows) + len(cookies), time.monotonic() - start)


def read_flows(datapath: Any, which: Which = EVERY, seconds: float = 2 * SECONDS) -> list[Installed]:
    """All that `flows` gives."""
    return [flow for some in flows(datapath, which, seconds) for flow in some]


def flows(
    datapath: Any,
    which: Which = EVERY,
    seconds: float = 2 * SECONDS,
    read: Callable[[memoryview], Iterator[T]] = replies.flows,  # type: ignore[assignment]
) -> Iterator[list[T]]:
    """The switch's flows, or some of them, as `read` finds them in a reply. Hidden ones are left out.

    They come some hundreds at a time; between two lists others get the hub.
    """
    count = 0
    with conversation(datapath, 1, seconds) as talk:
        asked = _FLOW_REQUEST.pack(which.table, ANY, ANY, which.cookie, which.cookie_mask)
        asked += templates(datapath.ofproto.OFP_VERSION).match(which.match)
        for entries in multipart(datapath, talk, replies.FLOW_STATS, asked):
            found = read(entries)
            while some := list(itertools.islice(found, TURN)):
                yield some
                green.sleep(0)
                count += len(some)
            if count > MOST:
                raise Confused(f"more than {MOST} flows")


def ports(datapath: Any, seconds: float = SECONDS) -> list[SwitchPort]:
    """The bridge's ports, LOCAL included."""
    found: list[SwitchPort] = []
    version = datapath.ofproto.OFP_VERSION
    with conversation(datapath, 1, seconds) as talk:
        # OpenFlow 1.3 and 1.4 ask for all ports with an empty body
        for entries in multipart(datapath, talk, replies.PORT_DESCRIPTION, b""):
            found += replies.ports(version, entries)
            green.sleep(0)
            if len(found) > MOST_PORTS:
                raise Confused(f"more than {MOST_PORTS} ports")
    return found


def match_fragments(datapath: Any, seconds: float = SECONDS) -> None:
    """Have flows see the ports of first fragments (`ovs-ofctl set-frags nx-match`); returns when that is confirmed.

    Open vSwitch begins with hiding them; the setting is the bridge's and survives our connection.
    """
    version = datapath.ofproto.OFP_VERSION
    with conversation(datapath, 2, seconds) as talk:
        put = _SET_CONFIG.pack(version, SET_CONFIG, _SET_CONFIG.size, talk.first, NX_MATCH, MISS_SEND_LEN)
        talk.say(put + HEADER.pack(version, GET_CONFIG_REQUEST, HEADER.size, talk.first + 1))
        reply = talk.until(talk.first + 1)
        raise_complaints(talk)
        flags = replies.switch_flags(reply)
    if flags & FRAGMENTS != NX_MATCH:
        raise Confused(f"the switch does not match fragments as it was told: flags {flags:#x}")


def _prepare(talk: Conversation, bundle: Bundle) -> None:
    """Fill an open bundle and see that nothing of it is refused; otherwise discard it and raise Refused."""
    ready = False
    try:
        for chunk in bundle.chunks():
            talk.say(chunk)
            green.sleep(0)
        talk.until(bundle.barrier_xid)
        ready = not talk.complaints
    finally:
        if not ready:  # whatever stopped us, a killed greenlet included: leave no open bundle behind
            talk.say(bundle.discard())
    raise_complaints(talk, bundle)
