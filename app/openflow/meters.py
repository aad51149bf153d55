"""The meters and groups of a switch (OpenFlow 1.3 and 1.4, 7.3.4.4, 7.3.5.6 to 7.3.5.13; both write them alike).

Meters of ours count packets and have one band, which drops. No flow of ours uses a group. Every function waits for the
switch, like those of `switch_io`, and raises SwitchTrouble.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from struct import Struct
from typing import Any, NamedTuple

from app.core.limits import Rate
from app.openflow.asking import HEADER, SECONDS, barrier, conversation, multipart, raise_complaints
from app.openflow.conversation import Refused
from app.openflow.replies import Malformed

GROUP_MOD, METER_MOD = 15, 29
GROUP_DESCRIPTION, METER_STATS, METER_CONFIG = 7, 9, 10  # of multipart
ADD, MODIFY, DELETE = 0, 1, 2  # OFPMC_*, OFPGC_*
PACKETS, BURST, STATS = 2, 4, 8  # OFPMF_*
OURS = PACKETS | BURST | STATS
DROP = 1  # OFPMBT_DROP
LAST_METER, ALL = 0xFFFF0000, 0xFFFFFFFF  # above the last are Open vSwitch's own, which flows cannot use
UNKNOWN_METER = (12, 3)  # OFPET_METER_MOD_FAILED, OFPMMFC_UNKNOWN_METER
STRANGE = Rate(0, 0)
FEW = 8  # meters asked for one by one
TURN = 500  # messages between two pauses

_METER = Struct("!HHI")  # of a meter-mod: command, flags, meter
_BAND = Struct("!HHII4x")  # type, length, rate, burst size
_WHICH = Struct("!I4x")
_CONFIG = Struct("!HHI")  # length, flags, meter; bands follow
_STATS = Struct("!IH6x28x")  # meter, length; counters of the whole; bands follow
_BAND_STATS = Struct("!Q8x")  # packets, bytes
_GROUP = Struct("!HBxI")  # of a description: length, type, group; buckets follow. Of a group-mod: command, type, group


class _Mods(NamedTuple):
    """Messages about `numbers`, the first of which has the transaction id `first`."""

    kind: str
    numbers: tuple[int, ...]
    first: int

    def subject(self, xid: int) -> str | None:
        place = xid - self.first
        return f"{self.kind} {self.numbers[place]}" if 0 <= place < len(self.numbers) else None


def meters(datapath: Any, seconds: float = SECONDS) -> dict[int, Rate]:
    """The switch's meters. One that does not look like ours has the rate (0, 0)."""
    found: dict[int, Rate] = {}
    with conversation(datapath, 1, seconds) as talk:
        for entries in multipart(datapath, talk, METER_CONFIG, _WHICH.pack(ALL)):
            for entry in _entries(entries, _CONFIG, 0, "meter"):
                _, flags, number = _CONFIG.unpack_from(entry)
                if number <= LAST_METER:
                    found[number] = _rate(flags, entry[_CONFIG.size :])
            talk.pause()
    return found


def set_meters(
    datapath: Any, adds: Mapping[int, Rate], replace: Collection[int] = (), seconds: float = SECONDS
) -> None:
    """Set these meters, of which the switch has those in `replace` already; returns when it has done so.

    Raises Refused, which names meters; the others of them are set then.
    """
    bodies = (_mod(MODIFY if number in replace else ADD, number, rate) for number, rate in adds.items())
    _say(datapath, METER_MOD, "meter", tuple(adds), bodies, seconds)


def delete_meters(datapath: Any, ids: Collection[int], seconds: float = SECONDS) -> None:
    """Delete meters, and with each the flows that use it. Those that are not there are no error."""
    numbers = tuple(ids)
    bodies = (_METER.pack(DELETE, 0, number) for number in numbers)
    _say(datapath, METER_MOD, "meter", numbers, bodies, seconds)


def meter_drops(datapath: Any, ids: Collection[int], seconds: float = SECONDS) -> dict[int, int]:
    """How many packets each of these meters has dropped. Those that are not there are left out."""
    if len(ids) > FEW:
        drops = _drops(datapath, ALL, seconds)
        return {number: drops[number] for number in ids if number in drops}
    found: dict[int, int] = {}
    for number in ids:
        try:
            found |= _drops(datapath, number, seconds)
        except Refused as refusal:
            if (refusal.errors[0].type, refusal.errors[0].code) != UNKNOWN_METER:
                raise
    return found


def groups(datapath: Any, seconds: float = SECONDS) -> list[int]:
    """The numbers of the switch's groups."""
    found: list[int] = []
    with conversation(datapath, 1, seconds) as talk:
        for entries in multipart(datapath, talk, GROUP_DESCRIPTION, b""):
            found += [_GROUP.unpack_from(entry)[2] for entry in _entries(entries, _GROUP, 0, "group")]
            talk.pause()
    return found


def delete_groups(datapath: Any, ids: Collection[int], seconds: float = SECONDS) -> None:
    """Delete groups, and with each the flows that use it. Those that are not there are no error."""
    numbers = tuple(ids)
    bodies = (_GROUP.pack(DELETE, 0, number) for number in numbers)
    _say(datapath, GROUP_MOD, "group", numbers, bodies, seconds)


# -- how --------------------------------------------------------------------------------------------------------------


def _mod(command: int, number: int, rate: Rate) -> bytes:
    return _METER.pack(command, OURS, number) + _BAND.pack(DROP, _BAND.size, rate.per_second, rate.burst)


def _say(
    datapath: Any, kind: int, name: str, numbers: tuple[int, ...], bodies: Iterable[bytes], seconds: float
) -> None:
    """One message per number, then a barrier. Nothing is sent for nothing."""
    if not numbers:
        return
    version = datapath.ofproto.OFP_VERSION
    with conversation(datapath, len(numbers) + 1, seconds) as talk:
        batch: list[bytes] = []
        for xid, body in enumerate(bodies, talk.first):
            batch.append(HEADER.pack(version, kind, HEADER.size + len(body), xid) + body)
            if len(batch) == TURN:
                talk.say(b"".join(batch))
                batch.clear()
                talk.pause()
        talk.say(b"".join((*batch, barrier(datapath, talk.xids[-1]))))
        talk.until(talk.xids[-1])
        raise_complaints(talk, _Mods(name, numbers, talk.first))


def _drops(datapath: Any, number: int, seconds: float) -> dict[int, int]:
    found: dict[int, int] = {}
    with conversation(datapath, 1, seconds) as talk:
        for entries in multipart(datapath, talk, METER_STATS, _WHICH.pack(number)):
            for entry in _entries(entries, _STATS, 4, "meter"):
                bands = entry[_STATS.size :]
                if len(bands) % _BAND_STATS.size:
                    raise Malformed(f"{len(bands)} bytes cannot be the counters of a meter's bands")
                found[_STATS.unpack_from(entry)[0]] = sum(packets for (packets,) in _BAND_STATS.iter_unpack(bands))
            talk.pause()
    return found


def _rate(flags: int, bands: memoryview) -> Rate:
    if flags != OURS or len(bands) != _BAND.size:
        return STRANGE
    kind, length, per_second, burst = _BAND.unpack(bands)
    return Rate(per_second, burst) if (kind, length) == (DROP, _BAND.size) else STRANGE


def _entries(entries: memoryview, head: Struct, length_at: int, name: str) -> Iterator[memoryview]:
    """The entries of a reply, whose 16 bits of length stand at `length_at`. Raises Malformed."""
    offset, end = 0, len(entries)
    while offset < end:
        length = int.from_bytes(entries[offset + length_at : offset + length_at + 2], "big")
        if length < head.size or offset + length > end:
            raise Malformed(f"a {name} of {length} bytes where {end - offset} are left")
        yield entries[offset : offset + length]
        offset += length
