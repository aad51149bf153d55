"""The databases and control sockets of all bridges, and who keeps the zones of which datapath."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import structlog

from app.core.inventory import Inventory, Write
from app.core.limits import Limits
from app.core.program import Program
from app.core.values import Switch, Tenant
from app.errors import StartError
from app.ovs import database, threads
from app.ovs.control import Control
from app.ovs.database import Database
from app.ovs.keeper import Keeper
from app.ovs.side import Remotes, Side
from app.ovs.zones import Wish
from app.service import Feature
from app.settings import Settings

LOG = structlog.get_logger(__name__)


class HasSide(Protocol):
    """What is asked of a bridge."""

    dpid: str
    program: Program
    warnings: Any
    features: dict[str, Feature]

    def interfaces_changed(self, ofports: set[int]) -> None: ...


class Surroundings:
    """The databases and control sockets of all bridges: bridges that name the same share it."""

    def __init__(self, settings: Settings, inventory: Inventory) -> None:
        threads.prepare_ovs()
        files = {name: getattr(settings, name) for name in ("ovsdb_private_key", "ovsdb_certificate", "ovsdb_ca_cert")}
        if all(files.values()):
            _check_readable(files)
            database.trust(*files.values())
        self.settings, self.inventory = settings, inventory
        self.sides: dict[str, Side] = {}
        self._databases: dict[str, Database] = {}
        self._controls: dict[str, Control] = {}
        self._keepers: dict[tuple[str, str, str | None], Keeper] = {}

    def remotes(self, dpid: str) -> Remotes:
        """What is configured for a switch: its own, else the settings'."""
        stored = self.inventory.get("switch", dpid).value if self.inventory.find("switch", dpid) else None
        ovsdb, control = (stored.ovsdb, stored.control_socket) if isinstance(stored, Switch) else (None, None)
        settings = self.settings
        return (
            settings.ovsdb if ovsdb is None else ovsdb,
            settings.control_socket if control is None else control,
        )

    def database(self, remote: str) -> Database | None:
        if remote and remote not in self._databases:
            self._databases[remote] = Database(remote, lambda: self._news(remote))
        return self._databases.get(remote)

    def keeper(self, remotes: Remotes, type: str | None) -> Keeper:
        """The one of a datapath: two bridges on one share their zones, and so their limits."""
        remote, path = remotes
        if path and path not in self._controls:
            self._controls[path] = Control(path)
        key = (remote, path, type)
        if key not in self._keepers:
            there, told = self.database(remote), lambda: self._refresh(key)
            self._keepers[key] = Keeper(type, there, self._controls.get(path), self.inventory.zone_owners, told)
        return self._keepers[key]

    def beside(self, bridge: HasSide) -> Side:
        """What a bridge has. Its program may be another one by and by."""
        notify = bridge.interfaces_changed
        return Side(self, bridge.dpid, lambda: bridge.program.zones(), notify, bridge.warnings, bridge.features)

    def follow(self, writes: Sequence[Write]) -> None:
        """The inventory changed: tenants' limits, zones that come and go, where a database is. Never raises."""
        try:
            self._follow(writes)
        except Exception:
            LOG.exception("limits and databases could not follow a change")

    def _follow(self, writes: Sequence[Write]) -> None:
        changed: dict[int, Wish | None] = {}
        for write in writes:
            if write.kind == "zone":
                changed |= {zone: self.wish(zone) for zone in (write.before, write.after) if zone}
            elif write.kind == "tenant" and _limits(write.before) != _limits(write.after):
                changed |= {zone: self.wish(zone) for _, zone in self.inventory.zones(write.id[0])}
            elif write.kind == "switch" and write.id[0] in self.sides:
                self.sides[write.id[0]].settings_changed()
        if changed:
            for keeper in self._keepers.values():
                keeper.follow(changed)
            for side in self.sides.values():
                side.forget({zone for zone, wish in changed.items() if wish is None})

    def wish(self, zone: int) -> Wish | None:
        """What a zone should have; None if no tenant has it."""
        owner = self.inventory.zone_owners().get(zone)
        if owner is None:
            return None
        limits = self.inventory.limits(owner[0])
        default = self.settings.connections
        return Wish(default if limits.connections is None else limits.connections, limits.timeouts)

    def tidy(self) -> None:
        """Leave what no bridge names any more."""
        used = {side.key for side in self.sides.values()}
        for key in self._keepers.keys() - used:
            self._keepers.pop(key).close()
        for remote in self._databases.keys() - {remote for remote, _, _ in used}:
            self._databases.pop(remote).close()
        for path in self._controls.keys() - {path for _, path, _ in used}:
            del self._controls[path]

    def _news(self, remote: str) -> None:
        for side in list(self.sides.values()):
            if side.key[0] == remote:
                side.database_changed()
        for key, keeper in list(self._keepers.items()):
            if key[0] == remote:
                keeper.database_changed()

    def _refresh(self, key: tuple[str, str, str | None]) -> None:
        for side in list(self.sides.values()):
            if side.key == key:
                side.refresh()


def _check_readable(files: Mapping[str, str]) -> None:
    """The library that reads them later tells no more than that it could not."""
    for option, path in files.items():
        try:
            with open(path):
                pass
        except OSError as error:
            raise StartError(f"{option} = {path}: {error.strerror}") from error


def _limits(stored: object) -> Limits | None:
    value = getattr(stored, "value", None)
    return value.limits if isinstance(value, Tenant) else None
