"""Random histories of a small world: whatever happened, the flows do what the reference model says."""

from __future__ import annotations

from random import Random

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.core.inventory import Inventory
from app.core.limits import Limits
from app.core.values import AddressGroup, Group, Guardrail, Port, Rule, Switch, Tenant, Value
from tests.model import invariants
from tests.model import small_world as small
from tests.model.forging import in_fragments
from tests.model.frames import LOCAL
from tests.model.profiles import effort
from tests.model.showing import show
from tests.model.side_by_side import SideBySide
from tests.model.traffic import along, remembered, some_frame

SEEDS = st.integers(0, 2**16)


class Histories(RuleBasedStateMachine):
    """Changes, plugs and packets in any order."""

    world: SideBySide

    @initialize(
        trust_local=st.booleans(), hesitant=st.booleans(), groups=st.lists(small.groups, max_size=5),
        ports=st.lists(small.ports(), min_size=2, max_size=6), keep_foreign=st.booleans(),
    )  # fmt: skip
    def begin(
        self, trust_local: bool, hesitant: bool, groups: list[Group], ports: list[Port], keep_foreign: bool
    ) -> None:
        self.world = SideBySide(trust_local, hesitant)
        for value in (*small.nothing_yet(), *groups, *ports):
            self.world.put(value)
        self.world.follow()
        for ofport, name in ((LOCAL, small.BR0), (1, "ext0"), *((n + 1, f"v{n}") for n in (1, 2, 3))):
            self.world.plug(ofport, name)
        self.world.follow()
        self.started(keep_foreign)

    def started(self, keep_foreign: bool) -> None:
        """For machines that build on this one."""

    def ready(self) -> None:
        """Called before packets are sent."""

    # -- what the operator does

    @rule(tenant=small.tenants, limits=small.limits)
    def put_tenant(self, tenant: str, limits: Limits) -> None:
        self.changed(self.world.put(Tenant(tenant, limits=limits)))

    @rule(group=small.groups)
    def put_group(self, group: Group) -> None:
        self.changed(self.world.put(group))

    @rule(data=st.data(), added=small.rules())
    def put_rule(self, data: st.DataObject, added: Rule) -> None:
        group = self.pick(data, "group")
        if isinstance(group, Group):
            others = tuple(r for r in group.rules if r.key != added.key)
            self.changed(self.world.put(Group(group.tenant, group.name, rules=(*others, added))))

    @rule(data=st.data())
    def drop_rule(self, data: st.DataObject) -> None:
        group = self.pick(data, "group")
        if isinstance(group, Group) and group.rules:
            gone = data.draw(st.sampled_from(group.rules))
            others = tuple(r for r in group.rules if r != gone)
            self.changed(self.world.put(Group(group.tenant, group.name, rules=others)))

    @rule(port=small.ports())
    def put_port(self, port: Port) -> None:
        self.changed(self.world.put(port))

    @rule(address_group=small.address_groups)
    def put_address_group(self, address_group: AddressGroup) -> None:
        self.changed(self.world.put(address_group))

    @rule(guardrail=small.guardrails())
    def put_guardrail(self, guardrail: Guardrail) -> None:
        self.changed(self.world.put(guardrail))

    @rule(data=st.data(), change=small.changes)
    def change_one_thing_of_a_port(self, data: st.DataObject, change: dict[str, object]) -> None:
        port = self.pick(data, "port")
        if isinstance(port, Port):
            self.changed(self.world.put(small.changed(port, change)))

    @rule(data=st.data())
    def delete_port(self, data: st.DataObject) -> None:
        port = self.pick(data, "port")
        if port is not None:
            self.changed(self.world.delete("port", *port.id))

    @rule(data=st.data(), kind=st.sampled_from(("group", "address_group", "tenant", "guardrail")))
    def delete_if_unused(self, data: st.DataObject, kind: str) -> None:
        value = self.pick(data, kind)
        if value is not None:
            self.changed(self.world.delete(kind, *value.id))

    @rule(switch=small.switches)
    def put_switch(self, switch: Switch) -> None:
        self.changed(self.world.put(switch))

    @rule(ports=st.lists(small.ports(), max_size=3), groups=st.lists(small.groups, max_size=3), undo=st.booleans())
    def several_at_once(self, ports: list[Port], groups: list[Group], undo: bool) -> None:
        """One journal for all; or none of it."""
        before, revision = invariants.tables(self.world.inventory), self.world.inventory.revision
        known = self.world.reference.known
        for value in (*groups, *ports):
            self.world.put(value)
        if undo:
            self.world.inventory.undo()
            self.world.inventory.revision, self.world.reference.known = revision, known
            assert invariants.tables(self.world.inventory) == before
        self.changed(True)

    # -- what the switch does

    @rule(ofport=st.sampled_from(small.OFPORTS), name=st.sampled_from(small.INTERFACES))
    def plug(self, ofport: int, name: str) -> None:
        """An interface comes, is renamed, or moves to another number before it is gone from the old one."""
        others = [other for other, known in self.world.plugged.items() if known == name and other != ofport]
        self.world.plug(ofport, name)
        invariants.check_flows(self.world.program.wanted.values())
        for other in others:
            self.world.unplug(other)
        self.changed(True)

    @precondition(lambda self: self.world.plugged)
    @rule(data=st.data())
    def unplug(self, data: st.DataObject) -> None:
        self.world.unplug(data.draw(st.sampled_from(sorted(self.world.plugged))))
        self.changed(True)

    @rule(names=st.permutations(small.INTERFACES), data=st.data())
    def everything_was_plugged_elsewhere_meanwhile(self, names: list[str], data: st.DataObject) -> None:
        """As a switch finds out that reconnects, perhaps with an interface half moved when the connection broke."""
        before = dict(self.world.plugged)
        if before:
            self.world.plug(9, data.draw(st.sampled_from(sorted(before.values()))))
        kept = data.draw(st.booleans())
        self.world.plugged = before if kept else dict(zip(small.OFPORTS, names[: len(before)], strict=False))
        for _ in self.world.program.compile(self.world.switch_ports()):
            pass
        self.changed(True)

    @rule()
    def plug_local(self) -> None:
        self.world.plug(LOCAL, small.BR0)
        self.changed(True)

    # -- packets

    @rule(seed=SEEDS)
    def send(self, seed: int) -> None:
        self.ready()
        rng, world = Random(seed), self.world
        for _ in range(40):
            frame = some_frame(rng, world.bridge(), world.reference.known)
            note(f"{show(frame)} -> {world.send(frame)}")

    @rule(seed=SEEDS)
    def everybody_goes_on_talking(self, seed: int) -> None:
        self.ready()
        rng, world = Random(seed), self.world
        known = remembered(world.reference.known)
        for zone, about in rng.sample(known, min(15, len(known))):
            answer = about.answer
            for way in rng.choice(((about,), (answer,), (about, answer), (answer, about))):
                frame = along(rng, world.bridge(), zone, way)
                world.send(in_fragments(rng, frame) if rng.random() < 0.1 else frame)

    # -- always

    def changed(self, really: bool) -> None:
        if really:
            self.world.follow()
            self.world.check()

    def pick(self, data: st.DataObject, kind: str) -> Value | None:
        values = [stored.value for stored in self.world.inventory.list(kind)]
        return data.draw(st.sampled_from(values)) if values else None

    @invariant()
    def a_store_that_has_it_all_gives_it_all_back(self) -> None:
        if hasattr(self, "world"):
            fresh = Inventory()
            for kind, rows in reversed(invariants.tables(self.world.inventory).items()):
                for id, content in reversed(rows.items()):
                    fresh.load(kind, id, content)
            invariants.check_replay(self.world.inventory, fresh)


TestHistories = Histories.TestCase
TestHistories.settings = effort(70)
