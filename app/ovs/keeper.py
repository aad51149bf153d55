"""Keeps the limits and timeouts of the conntrack zones of one datapath as tenants are to have them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from app import green
from app.core.flushes import Zone
from app.ovs import threads
from app.ovs.control import Control, ControlTrouble
from app.ovs.database import Database
from app.ovs.zones import NEVER_REACHED, Use, Wish, counts_by_limit

GATHER = 0.02  # seconds in which changes are gathered
NO_OVSDB = "no ovsdb is configured for this switch"
NO_CONTROL = "no control_socket is configured for this switch"
RETRY = (1.0, 2.0, 5.0, 15.0, 30.0)


class Keeper:
    """Of the datapath of bridges of a `type` (None: not known) that `database` and `control` are of.

    Limits go by the database if its schema has them, else by the control socket; timeouts by the database.
    `limit_trouble` and `timeout_trouble` say why not, and are empty while all is as wished. `in_use` gives the zones of
    all tenants: what another one has is not ours to take away. `told` is called when a trouble comes, changes or goes.
    """

    def __init__(
        self,
        type: str | None,
        database: Database | None,
        control: Control | None,
        in_use: Callable[[], Collection[int]],
        told: Callable[[], None],
    ) -> None:
        self.type, self.database, self.control = type, database, control
        self.limit_trouble = self.timeout_trouble = self.control_trouble = ""
        self._is_set = False  # the control socket has done something for us
        self.name: str | None = None  # as dpctl calls the datapath
        self._in_use, self._told = in_use, told
        self._wishes: dict[int, Wish] = {}
        self._limits: dict[int, int] | None = None  # what the control socket has set; None: to be read
        self._dirty: set[int] = set()
        self._wake = threads.Event()
        self._closed = False
        threads.green(self._run)
        self.limit_trouble, self.timeout_trouble = self._troubles()

    def wish(self, changes: Mapping[int, Wish | None]) -> None:
        """Zones that should have something else now; None: those that no tenant has any more."""
        for zone, wish in changes.items():
            if self._wishes.get(zone) != wish:
                self._dirty.add(zone)
                if wish is None:
                    self._wishes.pop(zone, None)
                else:
                    self._wishes[zone] = wish
        if self._dirty:
            self._ring()

    def follow(self, changes: Mapping[int, Wish | None]) -> None:
        """What tenants should have has changed; zones that are in use here follow."""
        self.wish({zone: wish for zone, wish in changes.items() if zone in self._wishes or wish is None})

    def renew(self, resting: Collection[int] = ()) -> None:
        """ovs-vswitchd may be another process, which knows nothing: give it everything. `resting` zones are nobody's,
        though they may have been when the limits were set."""
        self._limits = self.name = None
        self._dirty |= self._wishes.keys() | set(resting)
        self._ring()

    def database_changed(self) -> None:
        """The database is there, or away, or says something else."""
        self._judge()
        self._ring()

    def use(self, zones: Collection[int], seconds: float) -> dict[int, Use]:
        """Connections and limits of zones now; None where only the limits are known. Waits; raises ControlTrouble."""
        if not zones:
            return {}
        if self.control is None and not self.limit_trouble:
            return {zone: Use(self._wishes[zone].limit, None) for zone in zones if zone in self._wishes}
        control = self._reachable()
        with green.Timeout(seconds, ControlTrouble("no answer in time")):
            found = control.limits(self._datapath(control), zones, seconds)
        return {zone: use._replace(limit=use.limit % NEVER_REACHED) for zone, use in found.items()}

    def connections(self, zone: int, seconds: float) -> list[str]:
        """The entries of a zone. Waits; raises ControlTrouble."""
        control = self._reachable()
        return control.connections(self._datapath(control), zone, seconds)

    def flush(self, zone: Zone, tuple: str) -> None:
        """Have one entry of a zone forgotten; see `Control.flush`. Waits; raises ControlTrouble."""
        control = self._reachable()
        control.flush(self._datapath(control), zone, tuple)

    def ask(self, command: str, *arguments: str, seconds: float, most_bytes: int) -> str:
        """What ovs-vswitchd says to a command. Waits; raises ControlTrouble."""
        return self._reachable().ask(command, *arguments, seconds=seconds, most_bytes=most_bytes)

    def datapath_flows(self, seconds: float, most_bytes: int) -> str:
        """What the datapath does with packets at present. Waits; raises ControlTrouble."""
        control = self._reachable()
        arguments = ("--names", self._datapath(control))
        return control.ask("dpctl/dump-flows", *arguments, seconds=seconds, most_bytes=most_bytes)

    def _reachable(self) -> Control:
        if self.control is None:
            raise ControlTrouble(NO_CONTROL)
        return self.control

    def close(self) -> None:
        """Do nothing any more. Does not yield."""
        self._closed = True
        self._want({})
        self._ring()

    # -- the worker

    def _ring(self) -> None:
        if not self._wake.ready():
            self._wake.send()

    def _run(self) -> None:
        failures = 0
        while not self._closed:
            if failures:
                with green.Timeout(RETRY[min(failures, len(RETRY)) - 1], False):
                    self._wake.wait()
            else:
                self._wake.wait()
            green.sleep(GATHER)
            self._wake = threads.Event()
            if not self._closed:
                failures = 0 if self._apply() else failures + 1

    def _apply(self) -> bool:
        """Do what is to be done; False if it has to be tried again."""
        self._want(self._wishes)
        done = True
        if self.control is not None:
            try:
                self._by_control(self.control)
                self.control_trouble, self._is_set = "", True
            except ControlTrouble as error:
                self.control_trouble, done = str(error), False
        self._judge()
        return done

    def _want(self, wishes: Mapping[int, Wish]) -> None:
        if self.database is not None and self.type is not None:
            by = self.control.path if self.control else ""  # who has another control socket has another keeper
            self.database.want(self.type, wishes, frozenset(self._in_use()), by)

    def _by_control(self, control: Control) -> None:
        datapath = self._datapath(control)
        if self._by_database():
            self._dirty.clear()
            return
        if self._limits is None:
            self._limits = {zone: use.limit for zone, use in control.limits(datapath).items()}
        dirty, limits = set(self._dirty), self._limits
        unlimited = NEVER_REACHED if counts_by_limit(datapath) else 0
        wanted = {zone: self._wishes[zone].limit or unlimited for zone in dirty if zone in self._wishes}
        released = dirty - wanted.keys()
        control.limit(datapath, limits, wanted, released)
        if limits is not self._limits:  # renewed meanwhile
            return
        limits.update({zone: limit for zone, limit in wanted.items() if limit})
        for zone in released | {zone for zone, limit in wanted.items() if not limit}:
            limits.pop(zone, None)
        now = {zone: self._wishes[zone].limit or unlimited if zone in self._wishes else 0 for zone in dirty}
        self._dirty -= {zone for zone, limit in now.items() if limit == limits.get(zone, 0)}

    def _datapath(self, control: Control) -> str:
        if self.name is None:
            self.name = control.datapath(self.type)
        return self.name

    def _by_database(self) -> bool:
        snapshot = self.database.snapshot if self.database else None
        return self.type is not None and snapshot is not None and snapshot.zones_have_limits

    # -- what to say of it

    def _judge(self) -> None:
        before = self.limit_trouble, self.timeout_trouble, self.control_trouble
        self.limit_trouble, self.timeout_trouble = self._troubles()
        if before != (self.limit_trouble, self.timeout_trouble, self.control_trouble) and not self._closed:
            self._told()

    def _troubles(self) -> tuple[str, str]:
        limits = self._database_trouble() if self._by_database() else self._limits_by_control()
        return limits, self._database_trouble() or self._lacks_timeouts()

    def _database_trouble(self) -> str:
        if self.database is None:
            return NO_OVSDB
        if self.database.trouble:
            return self.database.trouble
        if self.type is None:
            return "the configured OVSDB has no such bridge"
        return f"the OVSDB refuses it: {self.database.refusal}" if self.database.refusal else ""

    def _lacks_timeouts(self) -> str:
        snapshot = self.database.snapshot if self.database else None
        has = snapshot is not None and snapshot.zones_have_timeouts
        return "" if has else "the schema of this OVSDB has no timeout policies (Open vSwitch before 2.13)"

    def _limits_by_control(self) -> str:
        if self.control is not None:
            return self.control_trouble or ("" if self._is_set else "not set yet")
        if self.database is None:
            return "no ovsdb and no control_socket is configured for this switch"
        return "the OVSDB knows no limits (Open vSwitch before 3.3) and no control_socket is configured for this switch"
