"""What a datapath drops, as its own flows tell it (`dpctl/dump-flows`): no packet comes to the controller for it.

A datapath flow matches only what had to be looked at to decide, so a sample tells that much of its packets and no more.
After conntrack a packet is found by another flow, which says of where it came from only a number; the flow that sent it
there says the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

_LINE = re.compile(r"^(\S.*), packets:(\d+), bytes:\d+, used:[^,]+, (?:flags:[^,]*, )?actions:(.*)$")
_PART = re.compile(r"([a-z0-9_]+)\(((?:[^()]|\([^()]*\))*)\)")
_RECIRCULATED = re.compile(r"recirc\((0x[0-9a-f]+)\)")
_MAC = re.compile(r"(src|dst)=([0-9a-f]{2}(?::[0-9a-f]{2}){5})(?=,|$)")
_VLAN = re.compile(r"vid=(\d+)")
DROPS = ("drop", "")
DULL = ("recirc_id", "packet_type", "ct_state", "ct_label", "ct_mark", "ct_zone", "skb_priority", "skb_mark", "dp_hash")


@dataclass(frozen=True, slots=True)
class Sample:
    """What one datapath flow has dropped since the last look. `match` is what is known of the packets, in the words of
    ovs-dpctl; the interface, MACs and VLAN id of it once more, where they are exact."""

    interface: str
    packets: int
    match: str
    eth_src: str | None = None
    eth_dst: str | None = None
    vlan: int = 0


@dataclass(frozen=True, slots=True)
class _Flow:
    text: str
    parts: Mapping[str, str]
    packets: int
    actions: str

    @property
    def recirc(self) -> str:
        return self.parts.get("recirc_id", "0")


class Sampler:
    """Looks again and again at what a datapath says of its flows."""

    def __init__(self) -> None:
        self._before: dict[str, int] = {}  # packets of each flow that drops, by its text

    def look(self, lines: Iterable[str]) -> list[Sample]:
        """What was dropped since the last look. Flows that were not there then count as a whole."""
        flows = list(filter(None, map(_read, lines)))
        origins = {number: flow for flow in flows for number in _RECIRCULATED.findall(flow.actions)}
        found, now = [], dict[str, int]()
        for flow in flows:
            if flow.actions in DROPS:
                now[flow.text] = flow.packets
                before = self._before.get(flow.text, 0)
                new = flow.packets - before if flow.packets >= before else flow.packets
                if new:
                    found.append(_sample(list(_way(flow, origins)), new))
        self._before = now
        return found


def _read(line: str) -> _Flow | None:
    found = _LINE.match(line.strip())
    if not found:
        return None
    return _Flow(found[1], dict(_PART.findall(found[1])), int(found[2]), found[3])


def _way(flow: _Flow, origins: Mapping[str, _Flow]) -> Iterator[_Flow]:
    """The flow and those by which its packets came, the last first."""
    seen: set[str] = set()
    here: _Flow | None = flow
    while here is not None and here.text not in seen:
        seen.add(here.text)
        yield here
        here = origins.get(here.recirc)


def _sample(way: list[_Flow], packets: int) -> Sample:
    parts: dict[str, str] = {}
    for flow in reversed(way):  # what was found out later is more
        parts.update({name: text for name, text in flow.parts.items() if name not in DULL})
    macs = dict(_MAC.findall(parts.get("eth", "")))
    vlan = _VLAN.match(parts.get("vlan", ""))
    match = ",".join(f"{name}({text})" for name, text in parts.items())
    return Sample(
        parts.get("in_port", ""), packets, match, macs.get("src"), macs.get("dst"), int(vlan[1]) if vlan else 0
    )
