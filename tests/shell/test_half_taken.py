"""A change that is taken in turns reaches the switch as a whole, even if something else is being pushed meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from app import green
from app.bridges.upkeep import AT_ONCE, LONG, Upkeep
from app.core.dialogue import Again, Changed, Committed, Connected, Event, Push, Reported, Resume, Surveyed
from app.core.inventory import Inventory
from app.core.program import Program
from app.core.session import Session, State
from app.core.simulator import Classifier, Simulator
from app.core.values import Binding, Group, Guardrail, Port, Tenant, Value
from tests.core.world import DPID, EXT, NOW, TCP, Vm, between, tcp_in
from tests.model.switch import SwitchTable

NO_SSH = Guardrail("no-ssh", 10, "deny", "ingress", protocol=TCP, ports=(22, 22))
SSH, HTTP = tcp_in("ssh", 22), tcp_in("http", 80)
NEW_VM = Vm("red", "c0", 2, "52:54:00:01:00:00", "10.9.0.0", SSH)


@dataclass
class Site:
    """A bridge without its sockets: what the session pushes is in force when the switch says so."""

    inventory: Inventory = field(default_factory=Inventory)
    table: SwitchTable = field(default_factory=SwitchTable)
    waiting: list[Push] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.program = Program(self.inventory, DPID, ("ext",), trust_local=False)
        self.upkeep = Upkeep(self.program, 0, lambda port: port, self.said, lambda: pytest.fail("not followed"))
        self.session = Session(self.program.wanted, rates=self.program.meters)
        self.simulator = Simulator(Classifier(()))
        self.upkeep.begin()
        names = ["ext", *(f"v{n}" for n in range(LONG + AT_ONCE))]
        for _ in self.upkeep.compile((n, name, "fe:00:00:00:00:00", True) for n, name in enumerate(names, 1)):
            pass
        self.tell(Connected(), Surveyed(), Reported(()))
        self.confirm()

    def said(self, more: bool) -> None:
        cookies, meters = self.program.take_dirty(), self.program.take_dirty_meters()
        self.tell(Changed(cookies, self.upkeep.revision, meters, more))

    def tell(self, *events: Event) -> None:
        for event in events:
            effects = self.session.handle(event, 0.0)
            while Again() in effects:
                effects = self.session.handle(Resume(), 0.0)
            self.waiting += [effect for effect in effects if isinstance(effect, Push)]

    def confirm(self) -> None:
        """The switch carries out what it was sent, until nothing is left to do."""
        while self.waiting:
            self.table.apply(self.waiting.pop(0))
            self.tell(Committed())
        self.simulator.classifier = Classifier(self.table.flows())

    def put(self, *values: Value) -> None:
        for value in values:
            self.inventory.put(value, NOW)
        self.upkeep.follow(self.inventory.take_journal(), self.inventory.revision)

    def rest(self) -> None:
        """Until nothing is under way."""
        while self.upkeep._busy:
            green.sleep(0)
        self.confirm()
        assert (self.session.state, self.session.applied_revision) == (State.SYNCED, self.inventory.revision)

    def hears(self, port: int) -> bool:
        """Whether the VM hears a stranger."""
        return bool(self.simulator.send(between(EXT, NEW_VM, TCP, 40000, port)).ports)


def crowd() -> list[Port]:
    """More ports than are taken at once."""
    return [
        Port("red", f"c{n}", f"52:54:00:01:00:{n:02x}", (f"10.9.0.{n}",), ("all",), Binding(DPID, f"v{n}"))
        for n in range(LONG)
    ]


@pytest.fixture
def site() -> Site:
    site = Site()
    site.put(Tenant("red"), Group("red", "all", rules=(SSH,)), Group("red", "other", rules=(HTTP,)))
    site.confirm()
    return site


def test_a_denial_that_comes_behind_a_long_change_finds_no_connection_that_was_let_in_before_it(site: Site) -> None:
    site.put(Port("red", "o", "52:54:00:02:00:00", (), ("other",), Binding(DPID, f"v{LONG}")))
    assert site.waiting, "that is being pushed"
    site.put(*crowd())
    site.put(NO_SSH)
    green.sleep(0)
    site.confirm()
    site.hears(22)  # perhaps: nobody has denied it yet
    site.rest()
    assert not site.hears(22)


def test_who_changes_groups_amid_a_long_change_hears_nothing_that_neither_the_old_nor_the_new_one_admits(
    site: Site,
) -> None:
    site.put(*crowd())
    site.put(Port("red", "o", "52:54:00:02:00:00", (), ("other",), Binding(DPID, f"v{LONG}")))
    site.rest()
    assert (site.hears(22), site.hears(80)) == (True, False)
    site.put(Port("red", "p", "52:54:00:02:00:01", (), ("other",), Binding(DPID, f"v{LONG + 1}")))
    assert site.waiting, "that is being pushed"
    site.put(*(replace(port, groups=("other",)) for port in crowd()), Group("red", "other", rules=(SSH,)))
    for _ in range(3):
        green.sleep(0)
        site.confirm()
        assert not site.hears(80)
    site.rest()
    assert (site.hears(22), site.hears(80)) == (True, False)
