"""Ports and switch ports of the program's tests, and the comparison with a program from scratch."""

from __future__ import annotations

from app.core.program import Program
from app.core.values import Binding, Group, Port, SwitchPort, Tenant
from tests.core.world import DPID, World, tcp_in
from tests.model.invariants import check_program


def port(n: int, name: str = "", groups: tuple[str, ...] = ("g",), **more: object) -> Port:
    usual = {"binding": Binding(DPID, interface=f"v{n}"), "addresses": (f"10.0.0.{n}",)}
    return Port("red", name or f"p{n}", f"52:54:00:00:00:{n:02x}", groups=groups, **(usual | more))  # type: ignore[arg-type]


def switch_port(ofport: int, name: str) -> SwitchPort:
    return SwitchPort(ofport, name, f"fe:00:00:00:00:{ofport & 0xFF:02x}")


def plugged_world() -> World:
    """Port p1 in group g, plugged as v1 under number 2."""
    world = World()
    world.put(Tenant("red"), Group("red", "g", rules=(tcp_in("ssh", 22),)), Group("red", "h"), port(1))
    world.plug(2, "v1")
    world.program.take_dirty()
    return world


def check(world: World) -> None:
    scratch = Program(world.inventory, DPID, ("ext",), trust_local=False)
    for _ in scratch.compile(world.program.ports.values()):
        pass
    check_program(world.program, scratch)
