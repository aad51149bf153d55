"""The IDL's replica of a database: which columns it keeps, and what its rows say as values."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ovs.db.idl import Idl, SchemaHelper

from app.ovs.facts import BridgeFacts, Controller, Interface, Snapshot
from app.ovs.zones import Held, Wish

DATABASE = "Open_vSwitch"
# Nothing that changes with traffic, like statistics: each change is looked at.
COLUMNS = {
    "Open_vSwitch": ("ovs_version", "bridges", "datapaths"),
    "Bridge": ("name", "datapath_id", "datapath_type", "fail_mode", "controller", "other_config", "ports"),
    "Controller": ("target", "connection_mode"),
    "Port": ("interfaces",),
    "Interface": ("name", "ofport", "external_ids"),
    "Datapath": ("capabilities", "ct_zones", "external_ids"),
    "CT_Zone": ("timeout_policy", "limit", "external_ids"),
    "CT_Timeout_Policy": ("timeouts", "external_ids"),
}
NEEDED = ("Open_vSwitch", "Bridge", "Controller", "Port", "Interface")


def chosen(schema: dict[str, Any]) -> SchemaHelper:
    """What to keep of the database whose schema this is: older and newer ones have fewer and more columns."""
    tables = schema["tables"]
    if missing := [table for table in NEEDED if table not in tables]:
        raise ValueError(f"its schema has no table {', '.join(missing)}")
    helper = SchemaHelper(schema_json=schema)
    for table, columns in COLUMNS.items():
        if table in tables:
            helper.register_columns(table, [column for column in columns if column in tables[table]["columns"]])
    return helper


class Replica(Idl):  # type: ignore[misc]
    """The IDL's replica, which remembers the rows that changed; `changed` is emptied by who has looked at them."""

    def __init__(self, remote: str, schema: SchemaHelper, probe_interval: int) -> None:
        self.changed: set[tuple[str, UUID]] = set()
        super().__init__(remote, schema, probe_interval=probe_interval, leader_only=False)

    def notify(self, event: str, row: Any, updates: Any = None) -> None:
        self.changed.add((row._table.name, row.uuid))


class Reader:
    """Makes snapshots of one replica. What rows say is slow to ask for, so only those that changed are asked."""

    def __init__(self, idl: Replica, dpids: dict[UUID, str]) -> None:
        """`dpids` are datapath ids by row, kept by the caller: ovsdb-server forgets them when it restarts, until
        ovs-vswitchd tells it again, and the bridges are nevertheless who they were."""
        self._idl, self._dpids = idl, dpids
        self._interfaces: dict[UUID, tuple[int, Interface] | None] = {}
        self._members: dict[UUID, list[UUID]] = {}  # the interfaces of each port
        self._ports: dict[UUID, list[UUID]] = {}  # the ports of each bridge

    def snapshot(self) -> Snapshot:
        idl = self._idl
        changed, idl.changed = idl.changed, set()
        for table, uuid in changed:
            self._look(table, uuid)
        bridges = (self._bridge(row) for row in idl.tables["Bridge"].rows.values())
        return Snapshot(
            ovs_version=next((_one(row.ovs_version) for row in idl.tables["Open_vSwitch"].rows.values()), ""),
            bridges=tuple(sorted(bridges, key=lambda bridge: bridge.name)),
            capabilities={type: dict(row.capabilities) for type, row in datapaths(idl).items()},
            zones_have_limits="limit" in _zone_columns(idl),
            zones_have_timeouts="timeout_policy" in _zone_columns(idl),
        )

    def _look(self, table: str, uuid: UUID) -> None:
        row = self._idl.tables[table].rows.get(uuid)
        if table == "Interface":
            _keep(self._interfaces, uuid, _interface(row) if row else None)
        elif table == "Port":
            _keep(self._members, uuid, [each.uuid for each in row.interfaces] if row else None)
        elif table == "Bridge":
            _keep(self._ports, uuid, [each.uuid for each in row.ports] if row else None)
            told = row and (_one(row.datapath_id) or row.other_config.get("datapath-id"))
            if told:
                self._dpids[uuid] = told.lower().removeprefix("0x").replace(":", "").rjust(16, "0")

    def _bridge(self, row: Any) -> BridgeFacts:
        members = (self._members.get(port, ()) for port in self._ports.get(row.uuid, ()))
        found = (self._interfaces.get(interface) for interfaces in members for interface in interfaces)
        return BridgeFacts(
            name=row.name,
            dpid=self._dpids.get(row.uuid, ""),
            datapath_type=row.datapath_type or "system",
            fail_mode=_one(row.fail_mode),
            disable_in_band=row.other_config.get("disable-in-band") == "true",
            controllers=tuple(sorted(_controller(each) for each in row.controller)),
            interfaces=dict(each for each in found if each),
        )


def datapaths(idl: Replica) -> dict[str, Any]:
    """The rows of the datapaths, by type."""
    roots = idl.tables["Open_vSwitch"].rows.values()
    return {type: row for root in roots for type, row in getattr(root, "datapaths", {}).items()}


def held(idl: Replica, datapath: Any) -> dict[int, Held]:
    """What the zones of a datapath have."""
    return {int(zone): Held(_wish(row), "ovswarden" in row.external_ids) for zone, row in datapath.ct_zones.items()}


def _zone_columns(idl: Replica) -> Any:
    return idl.tables["CT_Zone"].columns if "CT_Zone" in idl.tables else ()


def _wish(zone: Any) -> Wish:
    limit = zone.limit[0] if "limit" in zone._table.columns and zone.limit else 0
    policy = zone.timeout_policy[0] if zone.timeout_policy else None
    return Wish(
        int(limit), tuple(sorted((key, int(value)) for key, value in policy.timeouts.items())) if policy else ()
    )


def _interface(row: Any) -> tuple[int, Interface] | None:
    id, ofport = row.external_ids.get("iface-id"), row.ofport
    return (int(ofport[0]), Interface(row.name, id)) if id and ofport and ofport[0] > 0 else None


def _controller(row: Any) -> Controller:
    return Controller(row.target, _one(row.connection_mode) == "out-of-band")


def _keep(kept: dict[UUID, Any], uuid: UUID, value: Any) -> None:
    if value is None:
        kept.pop(uuid, None)
    else:
        kept[uuid] = value


def _one(optional: Any) -> str:
    return str(optional[0]) if optional else ""
