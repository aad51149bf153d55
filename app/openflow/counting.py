"""How many packets the flows of a table have met. All of it waits for the switch, as in `switch_io`."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from struct import error as StructError  # noqa: N812 - it is a class
from typing import Any

from app.openflow import switch_io
from app.openflow.asking import conversation, multipart
from app.openflow.replies import Installed, Malformed
from app.openflow.switch_io import Which
from app.openflow.templates import ANY, templates

SECONDS = 10.0
AGGREGATE = 2
_REQUEST = Struct("!B3xII4xQQ")  # as for flows: table, out_port, out_group, cookie, cookie mask; a match follows
_PACKETS = Struct("!Q")


def total_packets(datapath: Any, which: Which, seconds: float = SECONDS) -> int:
    """Packets that these flows have met together: one small answer, however many flows. Raises SwitchTrouble."""
    with conversation(datapath, 1, seconds) as talk:
        asked = _REQUEST.pack(which.table, ANY, ANY, which.cookie, which.cookie_mask)
        asked += templates(datapath.ofproto.OFP_VERSION).match(which.match)
        total = 0
        for entries in multipart(datapath, talk, AGGREGATE, asked):
            try:
                total += _PACKETS.unpack_from(entries)[0]
            except StructError as error:
                raise Malformed("aggregate statistics without a packet count") from error
    return total


def hit_flows(datapath: Any, table: int, seconds: float = SECONDS) -> Iterator[list[Installed]]:
    """The flows of a table that have met a packet, some at a time; in between others get the hub.

    Raises SwitchTrouble.
    """
    for some in switch_io.flows(datapath, Which(table), seconds):
        yield [each for each in some if each.packets]
