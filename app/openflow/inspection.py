"""Everything that a switch holds, to be compared with what is wanted, and a push of all that differs.

Every function waits for the switch, like those of `switch_io`, and raises SwitchTrouble.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.core.audit import Held
from app.core.dialogue import Push, Surveyed
from app.openflow import replies, switch_io
from app.openflow.asking import GET_CONFIG_REQUEST, HEADER, SECONDS, conversation, raise_complaints
from app.openflow.decoding import decoder
from app.openflow.meters import delete_groups, delete_meters, groups, meters, set_meters


def survey(datapath: Any, audit: int | None = None) -> Surveyed:
    """What there is besides flows."""
    return Surveyed(meters(datapath), tuple(groups(datapath)), matches_fragments(datapath), audit)


def matches_fragments(datapath: Any, seconds: float = SECONDS) -> bool:
    """Whether flows see the ports of first fragments, as `switch_io.match_fragments` has it."""
    with conversation(datapath, 1, seconds) as talk:
        talk.say(HEADER.pack(datapath.ofproto.OFP_VERSION, GET_CONFIG_REQUEST, HEADER.size, talk.first))
        reply = talk.until(talk.first)
        raise_complaints(talk)
        return replies.switch_flags(reply) & switch_io.FRAGMENTS == switch_io.NX_MATCH


def held(datapath: Any) -> Iterator[list[Held]]:
    """The switch's flows with their content, some hundreds at a time; between two lists others get the hub."""
    return switch_io.flows(datapath, read=decoder(datapath.ofproto.OFP_VERSION).flows)


def push(datapath: Any, wanted: Push) -> switch_io.PushResult:
    """Meters that flows are to use first, then the flows in one bundle, then what no flow uses any more.

    A meter takes the flows that use it along when it is deleted, so it must be none that is wanted. When this raises,
    it is unknown what of it is in force, except that the bundle is in force as a whole or not at all.
    """
    set_meters(datapath, wanted.meters, wanted.replaced)
    result = switch_io.push(datapath, wanted.adds, wanted.deletes)
    delete_meters(datapath, wanted.unmeters)
    delete_groups(datapath, wanted.ungroups)
    if wanted.fragments:
        switch_io.match_fragments(datapath)
    return result
