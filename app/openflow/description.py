"""What a switch says of itself: OFPMP_DESC, the same in OpenFlow 1.3 and 1.4."""

from __future__ import annotations

from struct import Struct
from struct import error as StructError  # noqa: N812 - it is a class
from typing import Any

from app.core.versions import Description
from app.openflow.asking import conversation, multipart
from app.openflow.conversation import Refused

__all__ = ["Description", "describe"]

SECONDS = 10.0
DESCRIPTION = 0  # OFPMP_DESC
_TEXTS = Struct("!256s256s256s32s256s")  # manufacturer, hardware, software, serial number, datapath


def describe(datapath: Any, seconds: float = SECONDS) -> Description:
    """Ask the switch what it is. The texts are what it says, without control characters: empty if nothing.

    Raises SwitchTrouble when the switch does not answer.
    """
    with conversation(datapath, 1, seconds) as talk:
        try:
            entries = next(iter(multipart(datapath, talk, DESCRIPTION, b"")))
            return Description(*map(_text, _TEXTS.unpack_from(entries)))
        except (StructError, Refused):
            return Description("", "", "", "", "")


def _text(field: bytes) -> str:
    """A field up to its zero. It goes into status and log, so it may not steer a terminal."""
    text = field.split(b"\0", 1)[0].decode("utf-8", "replace")
    return "".join(each if each.isprintable() else "?" for each in text)
