"""A program is kept up to date in turns, and each change is told with the revision that it reaches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from app import green
from app.bridges.upkeep import AT_ONCE, LONG, PIECE, Upkeep
from app.core.inventory import Inventory
from app.core.program import Program
from app.core.values import Binding, Group, Port, Tenant
from app.openflow.replies import PortChange
from app.openflow.replies import SwitchPort as Told
from tests.core.world import DPID, NOW, tcp_in

MANY = 3 * AT_ONCE
MAC = "fe:00:00:00:00:00"


@dataclass
class Kept:
    """A program, and who is told of its changes: parts that end a change are the revisions that they reach."""

    inventory: Inventory = field(default_factory=Inventory)
    parts: list[int | None] = field(default_factory=list)
    held: set[int] = field(default_factory=set)
    failures: int = 0

    def __post_init__(self) -> None:
        self.program = Program(self.inventory, DPID, ("ext",), trust_local=False)
        self.upkeep = Upkeep(self.program, 0, lambda port: port, self.said, self.failed)

    def said(self, more: bool) -> None:
        self.parts.append(None if more else self.upkeep.revision)
        for cookie in self.program.take_dirty():
            (self.held.add if cookie in self.program.wanted else self.held.discard)(cookie)

    def failed(self) -> None:
        self.failures += 1

    def put(self, *values: object) -> int:
        for value in values:
            self.inventory.put(value, NOW)  # type: ignore[arg-type]
        self.upkeep.follow(self.inventory.take_journal(), self.inventory.revision)
        return self.inventory.revision

    def share(self, port: int) -> int:
        """A change of what all ports have: of as many policies as there are ports."""
        return self.put(Group("red", "all", rules=(tcp_in("a", port),)))

    def compile(self, pause: Callable[[], None] = lambda: None) -> None:
        self.upkeep.begin()
        for _ in self.upkeep.compile((n, f"v{n}", MAC, True) for n in range(1, MANY + 1)):
            pause()

    def rest(self) -> None:
        """Until nothing is under way."""
        while self.upkeep._busy and not self.failures:
            green.sleep(0)

    def is_right(self) -> bool:
        """Whether it is what is compiled from scratch, and all of it was told."""
        fresh = Program(self.inventory, DPID, ("ext",), trust_local=False)
        for _ in fresh.compile(self.program.ports.values()):
            pass
        return fresh.wanted == self.program.wanted and self.held == self.program.wanted.keys()


@pytest.fixture
def kept() -> Kept:
    """As many ports as policies, which all share one group."""
    kept = Kept()
    kept.put(Tenant("red"), Group("red", "all"), *(Group("red", f"g{n}") for n in range(1, MANY + 1)))
    kept.put(*map(port, range(1, MANY + 1)))
    kept.compile()
    kept.rest()
    assert kept.parts[-1] == kept.inventory.revision
    assert kept.is_right()
    kept.parts.clear()
    return kept


def port(n: int) -> Port:
    return Port("red", f"p{n}", f"52:54:00:00:00:{n:02x}", (f"10.0.0.{n}",), ("all", f"g{n}"), Binding(DPID, f"v{n}"))


def test_a_small_change_is_told_at_once(kept: Kept) -> None:
    revision = kept.put(Group("red", "g1", rules=(tcp_in("a", 80),)))
    assert kept.parts == [revision]
    assert kept.is_right()


def test_a_big_change_is_told_in_parts_and_claimed_at_the_end(kept: Kept) -> None:
    revision = kept.share(22)
    assert kept.parts == [None]
    kept.rest()
    assert len(kept.parts) > MANY - AT_ONCE
    assert kept.parts[:-1] == [None] * (len(kept.parts) - 1)
    assert kept.parts[-1] == revision
    assert kept.is_right()


def test_what_comes_meanwhile_is_not_claimed_before_it_is_done_and_does_not_hold_up_what_was(kept: Kept) -> None:
    first = kept.share(22)
    green.sleep(0)
    second = kept.share(23)
    kept.rest()
    assert [part for part in kept.parts if part] == [first, second]
    assert kept.is_right()


def test_writes_without_end_do_not_keep_what_was_written_from_being_told(kept: Kept) -> None:
    revisions = []
    for n in range(5 * MANY):
        revisions.append(kept.share(1000 + n))
        green.sleep(0)
    assert [part for part in kept.parts if part], "while it goes on"
    assert {part for part in kept.parts if part} <= set(revisions)
    kept.rest()
    assert kept.parts[-1] == revisions[-1]
    assert kept.is_right()


def test_ports_that_come_and_go_meanwhile_are_followed(kept: Kept) -> None:
    kept.share(22)
    assert kept.upkeep.port_changed(PortChange("removed", Told(3, "v3", MAC, True)))
    assert kept.upkeep.port_changed(PortChange("added", Told(99, "v3", MAC, True)))
    kept.upkeep.interfaces_changed([5, 12345])
    assert 3 in kept.program.ports
    kept.rest()
    assert 3 not in kept.program.ports
    assert kept.program.seat(("red", "p3")) == (99, 0)
    assert kept.is_right()


def test_a_write_while_the_ports_are_read_is_taken_up(kept: Kept) -> None:
    late = iter((22, 23, 24))
    kept.compile(lambda: kept.share(next(late, 24)))
    kept.rest()
    assert kept.parts[-1] == kept.inventory.revision
    assert kept.is_right()


@pytest.mark.parametrize("steps", [0, 1])
def test_a_switch_that_goes_amid_compiling_leaves_a_program_that_is_followed(kept: Kept, steps: int) -> None:
    kept.upkeep.begin()
    compiling = kept.upkeep.compile((n, f"w{n}", MAC, True) for n in range(1, 1000))
    for _ in range(steps):
        next(compiling)
    revision = kept.share(22)
    assert kept.parts == []
    kept.upkeep.give_up()
    kept.rest()
    assert kept.parts[-1] == revision
    assert kept.put(Group("red", "g1", rules=(tcp_in("a", 80),))) == kept.parts[-1]
    kept.compile()
    kept.rest()
    assert kept.is_right()


def test_a_switch_that_comes_back_amid_a_big_change_gets_it_once(kept: Kept) -> None:
    revision = kept.share(22)
    green.sleep(0)
    kept.compile(lambda: green.sleep(0))
    kept.rest()
    assert kept.parts.count(revision) == 1
    assert kept.is_right()


@pytest.mark.parametrize("turns", [0, 1])
def test_what_cannot_be_compiled_is_told_and_not_raised(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    broken = iter([None] * AT_ONCE * turns)

    def place(*_: object) -> None:
        next(broken, None) if turns and broken.__length_hint__() else 1 / 0

    monkeypatch.setattr(kept.program._policies, "_place", place)
    kept.share(22)
    kept.rest()
    assert kept.failures == 1
    assert not [part for part in kept.parts if part], "nothing is claimed"


def test_a_change_that_is_overtaken_by_a_connect_before_it_went_on_does_not_end_the_compiling(kept: Kept) -> None:
    kept.share(22)
    kept.upkeep.begin()
    for _ in kept.program.settle():
        pass
    green.sleep(0)
    green.sleep(0)
    kept.parts.clear()
    revision = kept.share(23)
    assert kept.parts == [], "its ports are not known yet"
    kept.upkeep.give_up()
    kept.rest()
    assert kept.parts[-1] == revision


def crowd(kept: Kept, vlan: int = 0) -> list[Port]:
    """More ports than are taken at once, plugged where nobody sits yet."""
    first = MANY + 1
    kept.upkeep.begin()
    for _ in kept.upkeep.compile((n, f"v{n}", MAC, True) for n in range(1, first + LONG)):
        pass
    return [
        Port(
            "red",
            f"c{n}",
            f"52:54:00:01:00:{n:02x}",
            (f"10.9.0.{n}",),
            ("all",),
            Binding(DPID, f"v{first + n}"),
            vlan=vlan,
        )
        for n in range(LONG)
    ]


def test_a_long_change_is_taken_in_pieces_and_claimed_when_all_of_it_is_there(kept: Kept) -> None:
    ports = crowd(kept)
    kept.parts.clear()
    revision = kept.put(*ports)
    owners = len(kept.program.owners)
    green.sleep(0)
    assert 0 < len(kept.program.owners) - owners <= PIECE
    kept.rest()
    assert kept.parts.count(None) >= LONG // PIECE
    assert kept.parts[-1] == revision
    assert revision not in kept.parts[:-1]
    assert kept.is_right()


def test_a_copy_catches_up_with_a_long_change_at_once_and_tells_nobody(kept: Kept) -> None:
    kept.put(*crowd(kept))
    green.sleep(0)
    told = list(kept.parts)
    kept.upkeep.catch_up()
    for _ in kept.program.settle():
        pass
    assert len(kept.program.owners) == MANY + LONG
    assert kept.parts == told


def test_what_is_written_behind_a_long_change_is_taken_behind_it(kept: Kept) -> None:
    ports = crowd(kept)
    kept.put(*ports)
    green.sleep(0)
    for port in ports[-3:]:  # not taken yet
        kept.inventory.delete("port", *port.id, now=NOW)
    last = kept.put(replace(ports[-4], vlan=7))
    kept.rest()
    assert (kept.parts[-1], kept.is_right()) == (last, True)
    assert kept.program.seat(ports[-1].id) is None


@pytest.mark.parametrize("turns", [0, 1, 3])
def test_a_switch_that_comes_back_amid_a_long_change_gets_all_of_it(kept: Kept, turns: int) -> None:
    revision = kept.put(*crowd(kept))
    for _ in range(turns):
        green.sleep(0)
    crowd(kept)  # the ports are told again
    assert not kept.upkeep._writes
    kept.rest()
    assert (kept.parts[-1], kept.is_right()) == (revision, True)
