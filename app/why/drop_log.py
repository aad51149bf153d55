"""An optional log of what the switches drop, sampled from their datapaths' flows (setting `drop_samples`)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import structlog

from app import green
from app.bridges.bridge import Bridge
from app.clock import utc_now
from app.core.drop_samples import Sample, Sampler
from app.core.explained import DropSeen
from app.core.inventory import Inventory
from app.ovs.control import ControlTrouble

LOG = structlog.get_logger(__name__)
KEPT = 2000
MOST_BYTES = 16 << 20  # of one datapath's flows
SECONDS = 5.0


class DropLog:
    """Looks at one switch after the other, every `interval` seconds; 0: never. Bridges of one datapath share its flows:
    each sees its own interfaces."""

    def __init__(self, interval: int, inventory: Inventory, bridges: Callable[[], Iterable[Bridge]]) -> None:
        self.interval = interval
        self.seen: deque[DropSeen] = deque(maxlen=KEPT)
        self._inventory, self._bridges = inventory, bridges
        self._samplers: dict[str, Sampler] = {}

    def start(self) -> None:
        if self.interval:
            green.spawn(self._look_for_ever)

    def look(self) -> None:
        """At every switch once. Waits for them; one that does not answer is passed over."""
        there = list(self._bridges())
        self._samplers = {b.dpid: self._samplers.get(b.dpid) or Sampler() for b in there}
        for bridge in there:
            if bridge.connected and bridge.side.has_control:
                try:
                    text = bridge.side.datapath_flows(SECONDS, MOST_BYTES)
                except ControlTrouble as error:
                    LOG.warning("no drops could be sampled", switch=bridge.dpid, error=str(error))
                    continue
                self._note(bridge, self._samplers[bridge.dpid].look(_paced(text.splitlines())))

    def _look_for_ever(self) -> None:
        while True:
            green.sleep(self.interval)
            try:
                self.look()
            except Exception:
                LOG.exception("sampling drops failed")

    def _note(self, bridge: Bridge, samples: Iterable[Sample]) -> None:
        ofports = {port.name: ofport for ofport, port in bridge.program.ports.items()}
        for sample in samples:
            ofport = ofports.get(sample.interface)
            if ofport is None:
                continue  # another bridge's
            sender = self._sender(bridge, ofport, sample)
            segment = self._inventory.port(sender).vlan if sender else sample.vlan
            receiver = self._inventory.holder(segment, mac=sample.eth_dst) if sample.eth_dst else None
            ends = tuple("/".join(id) if id else None for id in (sender, receiver))
            seen = DropSeen(utc_now(), bridge.dpid, sample.interface, *ends, sample.packets, sample.match)
            self.seen.append(seen)
            told: dict[str, Any] = {"sender": seen.sender, "receiver": seen.receiver, "match": seen.match}
            LOG.info("drop sampled", switch=bridge.dpid, interface=seen.interface, packets=seen.packets, **told)

    @staticmethod
    def _sender(bridge: Bridge, ofport: int, sample: Sample) -> tuple[str, ...] | None:
        owners = bridge.program.owners
        return owners.get((ofport, sample.vlan)) or owners.get((ofport, 0))


def _paced(lines: list[str]) -> Iterable[str]:
    for n, line in enumerate(lines):
        yield line
        if n % 500 == 499:
            green.sleep(0)
