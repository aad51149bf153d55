"""The connections that the bridges' datapaths know: which are whose, how many, and the way to be rid of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import structlog

from app.bridges.bridge import Bridge
from app.bridges.line import Line
from app.bridges.listing import Lists
from app.core.commits import ZONES
from app.core.connections import Listing
from app.core.flushes import Tuple, Zone, in_words
from app.core.inventory import Inventory
from app.core.values import Port
from app.openflow.conntrack import Unsupported, flush_connections, flush_zone
from app.openflow.conversation import SwitchTrouble
from app.ovs.control import ControlTrouble
from app.service import Unavailable, ZoneUse

LOG = structlog.get_logger(__name__)
LIST_SECONDS = 10.0
AWAY = Unavailable("switch_disconnected", "the switch is not connected")
Pairs = list[tuple[int, int]]  # (segment, zone)


class Tracking:
    """Provides what `app.service.Firewall` says of connections."""

    def __init__(self, inventory: Inventory, bridges: Mapping[str, Bridge]) -> None:
        self._inventory, self._bridges = inventory, bridges
        self._lists: dict[str, Lists] = {}

    def zones_by_switch(self, tenant: str) -> dict[str, Pairs]:
        """Bridges on one datapath have its zones in common: they are told of under the first of them."""
        pairs = self._inventory.zones(tenant)
        found: dict[str, Pairs] = {}
        told: set[tuple[object, int]] = set()
        away = self._away(tenant)
        for dpid in sorted(self._bridges.keys() | away.keys()):
            bridge = self._bridges.get(dpid)
            here = bridge.program.zones() if bridge and bridge.connected else away.get(dpid, set())
            datapath = bridge.side.key if bridge and bridge.side.has_control else dpid
            new = [(vlan, zone) for vlan, zone in pairs if zone in here and (datapath, zone) not in told]
            told |= {(datapath, zone) for _, zone in new}
            if new:
                found[dpid] = new
        return found

    def connections(self, dpid: str, zone: Zone, is_fresh: bool) -> Listing:
        if dpid not in self._bridges:
            raise AWAY
        lists = self._lists.get(dpid)
        if lists is None:
            lists = self._lists[dpid] = Lists(lambda number: self._lines(dpid, number))
        return lists.get(zone, is_fresh)

    def zone_use(self, dpid: str, zones: Collection[int]) -> dict[int, ZoneUse]:
        bridge = self._bridges.get(dpid)
        if bridge is None:
            return {}
        refused = self._refused(bridge, zones)
        try:
            known = bridge.side.use(zones)
        except ControlTrouble:
            known = {}
        return {
            zone: ZoneUse(known[zone].connections, known[zone].limit, refused.get(zone))
            if zone in known
            else ZoneUse(refused=refused.get(zone))
            for zone in zones
        }

    def flush(self, dpid: str, zone: Zone, which: Sequence[Tuple] | None) -> None:
        bridge = self._bridges.get(dpid)
        if bridge is None or bridge.line is None:
            raise AWAY
        if which is not None and not which:
            return
        try:
            self._flush(bridge, bridge.line, zone, which)
        except SwitchTrouble as error:
            raise Unavailable("switch_failed", str(error)) from error
        finally:
            if dpid in self._lists:
                self._lists[dpid].forget(zone)
        LOG.info("connections flushed", switch=dpid, zone=zone.number, orders="all" if which is None else len(which))

    # -- within

    def _flush(self, bridge: Bridge, line: Line, zone: Zone, which: Sequence[Tuple] | None) -> None:
        if which is None:
            flush_zone(line.datapath, zone)
            return
        try:
            flush_connections(line.datapath, zone, which)
        except Unsupported as error:
            self._flush_in_words(bridge, zone, which, error)

    def _flush_in_words(self, bridge: Bridge, zone: Zone, which: Sequence[Tuple], error: Unsupported) -> None:
        """The control socket knew whole tuples long before OpenFlow did."""
        words = [in_words(each) for each in which]
        if None in words:
            raise Unavailable("flush_unsupported", f"{error}, but its whole zones") from error
        try:
            for said in filter(None, words):
                bridge.side.flush(zone, said)
        except ControlTrouble as trouble:
            raise Unavailable("flush_unsupported", f"{error}; {trouble}") from trouble

    def _lines(self, dpid: str, zone: int) -> list[str]:
        bridge = self._bridges.get(dpid)
        if bridge is None:
            raise AWAY
        try:
            return bridge.side.connections(zone, LIST_SECONDS)
        except ControlTrouble as error:
            reason = "control_socket_unreachable" if bridge.side.has_control else "no_control_socket"
            raise Unavailable(reason, str(error)) from error

    def _refused(self, bridge: Bridge, zones: Collection[int]) -> dict[int, int]:
        """Packets for which a zone had no room, by zone; none if the switch does not say in time."""
        if bridge.line is None:
            return {}
        cookies = {zone: bridge.program.zone_cookies(zone).values() for zone in zones}
        try:
            counters = {cookie: packets for table in ZONES for cookie, packets in bridge.line.counters(table).items()}
        except SwitchTrouble:
            return {}
        return {zone: sum(counters.get(cookie, 0) for cookie in each) for zone, each in cookies.items()}

    def _away(self, tenant: str) -> dict[str, set[int]]:
        """The zones of ports that are bound to switches, by datapath id."""
        zones = dict(self._inventory.zones(tenant))
        found: dict[str, set[int]] = {}
        for stored in self._inventory.list("port", tenant):
            port = stored.value
            assert isinstance(port, Port)
            if port.binding and port.binding.switch is not None:
                found.setdefault(self._inventory.switch_id(port.binding.switch), set()).add(zones[port.vlan])
        return found
