"""What the userspace datapath holds, read from `ovs-appctl dpctl/...` and turned into values."""

from __future__ import annotations

import re
from dataclasses import dataclass

from topology.switch import OpenVSwitch


@dataclass(frozen=True, slots=True)
class DatapathFlow:
    """One line of dpctl/dump-flows; `match` maps a field (`in_port`, `eth`, `ct_zone`...) to its text."""

    match: dict[str, str]
    actions: str
    packets: int

    @property
    def recirc_id(self) -> int:
        return int(self.match.get("recirc_id", "0"), 0)

    @property
    def next_recirc_ids(self) -> tuple[int, ...]:
        """The passes that this flow starts."""
        return tuple(int(number, 0) for number in re.findall(r"recirc\((0x[0-9a-f]+|\d+)\)", self.actions))


@dataclass(frozen=True, slots=True)
class Connection:
    """One line of dpctl/dump-conntrack; `original` and `reply` map src, dst, sport, dport (or id...)."""

    protocol: str
    original: dict[str, str]
    reply: dict[str, str]
    zone: int = 0
    mark: int = 0
    labels: int = 0
    state: str = ""


def flows(ovs: OpenVSwitch) -> list[DatapathFlow]:
    """All datapath flows of the switch."""
    return [parse_flow(line) for line in ovs.appctl("dpctl/dump-flows").splitlines() if "actions:" in line]


def connections(ovs: OpenVSwitch, zone: int | None = None) -> list[Connection]:
    """The conntrack table, or one zone of it."""
    where = [] if zone is None else [f"zone={zone}"]
    lines = ovs.appctl("dpctl/dump-conntrack", *where).splitlines()
    return [parse_connection(line) for line in lines if "orig=" in line]


def parse_flow(line: str) -> DatapathFlow:
    """A line `recirc_id(0),in_port(2),...,eth_type(0x0800), packets:1, ..., actions:...`."""
    before, _, actions = line.partition("actions:")
    match = {
        part.partition("(")[0]: part.partition("(")[2].removesuffix(")")
        for part in _split(before.partition(", packets:")[0])
    }
    packets = re.search(r"packets:(\d+)", before)
    return DatapathFlow(match, actions.strip(), int(packets[1]) if packets else 0)


def parse_connection(line: str) -> Connection:
    """A line `tcp,orig=(src=..,dst=..),reply=(..),zone=1,labels=0x..,protoinfo=(state=ESTABLISHED)`."""
    protocol, *parts = _split(line.strip())
    fields = dict(part.partition("=")[::2] for part in parts)
    return Connection(
        protocol,
        _tuple(fields.get("orig", "()")),
        _tuple(fields.get("reply", "()")),
        int(fields.get("zone", "0"), 0),
        int(fields.get("mark", "0"), 0),
        int(fields.get("labels", "0"), 0),
        _tuple(fields.get("protoinfo", "()")).get("state", ""),
    )


def recirculations(held: list[DatapathFlow], in_port: int | None = None) -> int:
    """The most recirculations any packet takes: 0 when the first pass decides.

    `in_port` is a *datapath* port number (dpctl/show), not an ofport; a packet keeps it through all passes.
    """
    chosen = [flow for flow in held if in_port is None or int(flow.match.get("in_port", "-1")) == in_port]
    return max((_depth(chosen, flow, ()) for flow in chosen if flow.recirc_id == 0), default=0)


def port_numbers(ovs: OpenVSwitch) -> dict[str, int]:
    """Datapath port number of each interface."""
    return {name: int(number) for number, name in re.findall(r"port (\d+): (\S+)", ovs.appctl("dpctl/show"))}


def _depth(held: list[DatapathFlow], flow: DatapathFlow, seen: tuple[int, ...]) -> int:
    depths = [0]
    for number in flow.next_recirc_ids:
        if number not in seen:
            later = (other for other in held if other.recirc_id == number)
            depths.append(1 + max((_depth(held, other, (*seen, number)) for other in later), default=0))
    return max(depths)


def _tuple(text: str) -> dict[str, str]:
    return dict(part.partition("=")[::2] for part in _split(text.removeprefix("(").removesuffix(")")))


def _split(text: str) -> list[str]:
    """Split at the commas that no parenthesis encloses."""
    parts, depth, start = [], 0, 0
    for index, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append(text[start:index].strip())
            start = index + 1
    return [part for part in (*parts, text[start:].strip()) if part]
