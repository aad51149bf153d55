"""Tells a switch to send us no packets: we ask for none, and a foreign flow that does must not flood us."""

from __future__ import annotations

from struct import Struct
from typing import Any

from app.openflow.asking import HEADER, barrier, conversation, raise_complaints

SECONDS = 10.0
SET_ASYNC = 28
EVERY_PORT_EVENT = 0b111  # added, deleted, modified
# packet-in, port status, flow removed: as the masks of OpenFlow 1.3, for master (or equal) and slave each, and as
# the properties of 1.4, where slave comes first
_WANTED = (0, EVERY_PORT_EVENT, 0)
_PROPERTY = Struct("!HHI")
_MASKS = Struct("!6I")
OPENFLOW_13 = 4


def no_packets(datapath: Any, seconds: float = SECONDS) -> None:
    """No packet-in and no flow-removed on this connection; port events go on. Confirmed. Raises SwitchTrouble."""
    version = datapath.ofproto.OFP_VERSION
    twice = [mask for mask in _WANTED for _ in range(2)]
    if version == OPENFLOW_13:
        body = _MASKS.pack(*twice)
    else:
        body = b"".join(_PROPERTY.pack(kind, _PROPERTY.size, mask) for kind, mask in enumerate(twice))
    with conversation(datapath, 2, seconds) as talk:
        head = HEADER.pack(version, SET_ASYNC, HEADER.size + len(body), talk.first)
        talk.say(head + body + barrier(datapath, talk.first + 1))
        talk.until(talk.first + 1)
        raise_complaints(talk)
