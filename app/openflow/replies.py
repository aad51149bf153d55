"""What a switch answers, read straight from the bytes: os-ken's objects take fifty times as long and stop the hub.

Nothing here trusts a length it was sent: whatever does not add up raises `Malformed`.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from struct import error as StructError  # noqa: N812 - it is a class
from typing import Any, Literal, NamedTuple

from app.core.pipeline import LOCAL
from app.openflow.actions import VERSIONS

ERROR = 1
MULTIPART_REPLY = 19
FLOW_STATS, PORT_DESCRIPTION = 1, 13
MORE = 1
EXPERIMENTER_ERROR = 0xFFFF

HEADER = Struct("!BBHI")
_MULTIPART = Struct("!HH4x")
# length, table, pad, seconds, nanoseconds, priority, idle, hard, flags, importance (1.3: pad), pad, cookie, counters
_FLOW = Struct("!HBxI4xH10xQQQ")
SMALLEST_FLOW = _FLOW.size + 8  # with an empty match
_PORT = {4: Struct("!I4x6s2x16sII24x"), 5: Struct("!IH2x6s2x16sII")}
_PROPERTY = Struct("!HH")
_ERROR = _CONFIG = Struct("!HH")  # type and code; flags and miss_send_len
_DATAPATH = Struct("!Q")
MOST_PORTS = 0xFF00  # Open vSwitch numbers its ports below this, whatever OpenFlow's version (OFPP_MAX of 1.0)
PORT_DOWN = LINK_DOWN = 1  # OFPPC_PORT_DOWN, OFPPS_LINK_DOWN


class Malformed(Exception):
    """Bytes that no switch sends."""


class Installed(NamedTuple):
    """A flow as the switch has it. `seconds` since it was installed; counters as far as the switch has counted."""

    table: int
    priority: int
    cookie: int
    packets: int
    bytes: int
    seconds: int


class SwitchPort(NamedTuple):
    """A port of a bridge. Interface names longer than 15 characters arrive cut off. LOCAL has ofport 0xfffffffe."""

    ofport: int
    name: str
    hw_addr: str
    live: bool


class PortChange(NamedTuple):
    kind: Literal["added", "removed", "changed"]
    port: SwitchPort


class Complaint(NamedTuple):
    """An error message: `text` for people, `type` and `code` of the specification, `about` our transaction id."""

    about: int
    type: int
    code: int
    text: str


def body(message: bytes) -> tuple[memoryview, bool]:
    """A multipart reply's content and whether more is to come."""
    try:
        _, flags = _MULTIPART.unpack_from(message, HEADER.size)
    except StructError as error:
        raise Malformed("multipart reply without a header") from error
    return memoryview(message)[HEADER.size + _MULTIPART.size :], bool(flags & MORE)


def datapath_id(message: bytes) -> int:
    """Who a FEATURES_REPLY says that it is from. Raises Malformed."""
    try:
        return _DATAPATH.unpack_from(message, HEADER.size)[0]  # type: ignore[no-any-return]
    except StructError as error:
        raise Malformed("features without a datapath id") from error


def switch_flags(message: bytes) -> int:
    """The flags of a GET_CONFIG reply. Raises Malformed."""
    try:
        return _CONFIG.unpack_from(message, HEADER.size)[0]  # type: ignore[no-any-return]
    except StructError as error:
        raise Malformed("configuration without flags") from error


def flows(entries: memoryview) -> Iterator[Installed]:
    """The entries of an OFPMP_FLOW reply, OpenFlow 1.3 and 1.4 alike. Raises Malformed."""
    offset, end = 0, len(entries)
    while offset < end:
        if end - offset < SMALLEST_FLOW:
            raise Malformed(f"{end - offset} bytes cannot be a flow")
        length, table, seconds, priority, cookie, packets, octets = _FLOW.unpack_from(entries, offset)
        if length < SMALLEST_FLOW or offset + length > end:
            raise Malformed(f"a flow of {length} bytes where {end - offset} are left")
        yield Installed(table, priority, cookie, packets, octets, seconds)
        offset += length


def ports(version: int, entries: memoryview) -> Iterator[SwitchPort]:
    """The entries of an OFPMP_PORT_DESC reply. Raises Malformed."""
    form = _PORT[version]
    offset, end = 0, len(entries)
    while offset < end:
        if end - offset < form.size:
            raise Malformed(f"{end - offset} bytes cannot be a port")
        fields = form.unpack_from(entries, offset)
        length = form.size if version < 5 else fields[1]
        if length < form.size or offset + length > end:
            raise Malformed(f"a port of {length} bytes where {end - offset} are left")
        check_properties(entries[offset + form.size : offset + length])
        if fields[0] >= MOST_PORTS and fields[0] != LOCAL:
            raise Malformed(f"a port numbered {fields[0]:#x}")
        yield _port(fields[0], *fields[-4:])
        offset += length


def check_properties(properties: memoryview) -> None:
    """Raises Malformed unless the lengths of a list of properties add up: os-ken's parser loops for ever on a zero."""
    offset, end = 0, len(properties)
    while offset < end:
        length = _PROPERTY.unpack_from(properties, offset)[1] if end - offset >= _PROPERTY.size else 0
        if length < _PROPERTY.size or offset + length > end:
            raise Malformed(f"a property of {length} bytes where {end - offset} are left")
        offset += length + -length % 8


def _port(ofport: int, hw_addr: bytes, name: bytes, config: int, state: int) -> SwitchPort:
    text = name.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")
    return SwitchPort(ofport, text, hw_addr.hex(":"), not config & PORT_DOWN and not state & LINK_DOWN)


def port_change(message: Any) -> PortChange:
    """What os-ken's OFPPortStatus message says."""
    parts, ofproto = message.desc, message.datapath.ofproto
    kinds: dict[int, Literal["added", "removed", "changed"]]
    kinds = {ofproto.OFPPR_ADD: "added", ofproto.OFPPR_DELETE: "removed", ofproto.OFPPR_MODIFY: "changed"}
    hw_addr = bytes.fromhex(parts.hw_addr.replace(":", ""))
    port = _port(parts.port_no, hw_addr, parts.name, parts.config, parts.state)
    return PortChange(kinds[message.reason], port)


def complaint(message: bytes) -> Complaint:
    """An error message, with its type and code in words where the specification has some. Raises Malformed."""
    try:
        version, _, _, xid = HEADER.unpack_from(message)
        kind, code = _ERROR.unpack_from(message, HEADER.size)
    except StructError as error:
        raise Malformed("error message without a type") from error
    if kind == EXPERIMENTER_ERROR:
        return Complaint(xid, kind, code, f"experimenter error {code}")
    ofproto, _ = VERSIONS.get(version) or VERSIONS[max(VERSIONS)]
    words = (ofproto.ofp_error_type_to_str(kind), ofproto.ofp_error_code_to_str(kind, code))
    return Complaint(xid, kind, code, " ".join(word.split("(")[0] for word in words))
