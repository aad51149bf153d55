"""Random histories with the switch at the other end of a session: in the end it holds exactly what is wanted."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from app.core import ledger
from app.core.dialogue import Audit, Changed, Committed, Refused, Reported, Tick
from app.core.flow import flow, output
from app.core.limits import Rate
from app.core.pipeline import Table
from app.core.session import Session, State
from app.core.values import AddressGroup, Binding, Group, Port, Tenant
from tests.model import small_world as small
from tests.model.profiles import effort
from tests.model.switch import Driver, meters_of
from tests.model.test_histories import Histories

FOREIGN = range(4)  # cookies of somebody else's flows
ASIDE = 200  # a table that no packet of ours comes to
SLICE, USUAL_SLICE = 40, ledger.SLICE
STEPS = st.integers(0, 3)  # of a push: meters, the bundle, what goes


class Pushes(Histories):
    """As `Histories`, but packets meet what the switch holds."""

    driver: Driver
    in_parts: bool  # more of the change under way is to come
    told: dict[int, Rate]  # the meters that the session was told of; `check` takes note of the dirty ones

    def started(self, keep_foreign: bool) -> None:
        program = self.world.program
        program.take_dirty()
        self.told = dict(program.meters)
        ledger.SLICE, self.in_parts = SLICE, False
        self.driver = Driver(Session(program.wanted, keep_foreign, program.meters))

    def changed(self, really: bool) -> None:
        super().changed(really)
        cookies, now = self.world.program.take_dirty(), dict(self.world.program.meters)
        meters = {number for number in self.told.keys() | now.keys() if self.told.get(number) != now.get(number)}
        self.told = now
        if cookies or meters or really:
            self.driver.tell(Changed(cookies, self.world.inventory.revision, meters, self.in_parts))

    def settle(self) -> None:
        self.the_last_part_of_a_change_comes()
        self.driver.settle()

    def ready(self) -> None:
        """Let it settle; then the switch holds what is wanted, and nothing is left to say."""
        driver, wanted = self.driver, self.world.program.wanted
        self.settle()
        session = driver.session
        assert (session.state, session.last_error) == (State.SYNCED, None)
        assert session.applied_revision == session.wanted_revision
        assert driver.table.contents(besides=lambda cookie: session.keep_foreign and cookie in FOREIGN) == wanted
        assert driver.table.meters == self.world.program.meters
        assert driver.table.fragments
        assert session.keep_foreign or not driver.table.groups
        assert all(len(push) for push in driver.pushes), "an empty bundle was sent"
        self.world.install(driver.table.flows())

    @rule(refuse=st.booleans(), pieces=st.booleans(), steps=STEPS)
    def the_switch_answers(self, refuse: bool, pieces: bool, steps: int) -> None:
        self.driver.answer(refuse, pieces, steps)

    @rule()
    def the_next_changes_are_parts_of_one(self) -> None:
        self.in_parts = True

    @rule()
    def the_last_part_of_a_change_comes(self) -> None:
        if self.in_parts:
            self.in_parts = False
            self.driver.tell(Changed(set(), self.world.inventory.revision))

    @rule()
    def connect(self) -> None:
        if self.driver.session.state is State.DISCONNECTED:
            self.driver.connect()

    @rule(steps=STEPS)
    def disconnect(self, steps: int) -> None:
        self.driver.disconnect(steps)

    @precondition(lambda self: self.driver.session.state not in (State.READING, State.PUSHING))
    @rule(event=st.sampled_from((Committed(), Reported([]), Reported([(0, 1, 2)], more=True), Refused("late"), Tick())))
    def an_answer_comes_too_late(self, event: Committed | Reported | Refused | Tick) -> None:
        state = self.driver.session.state
        assert self.driver.tell(event) == []
        assert self.driver.session.state is state

    @rule()
    def a_reconnect_with_nothing_changed_sends_nothing(self) -> None:
        self.settle()
        count = len(self.driver.pushes)
        self.driver.disconnect()
        self.settle()
        assert len(self.driver.pushes) == count

    @rule(group=small.groups, address_group=small.address_groups, port=small.ports())
    def what_concerns_others_sends_nothing(self, group: Group, address_group: AddressGroup, port: Port) -> None:
        """A tenant with a port on another switch comes and goes."""
        elsewhere = {"tenant": "violet", "vlan": 99, "binding": Binding(small.OTHER_DPID, interface="far")}
        everything = (
            Tenant("violet"), *(AddressGroup("violet", name) for name in small.ADDRESS_GROUPS),
            *(Group("violet", name) for name in small.GROUPS), replace(address_group, tenant="violet"),
            replace(group, tenant="violet"), replace(port, **elsewhere),
        )  # fmt: skip
        for value in everything:
            self.world.put(value)
            self.world.follow()
        self.world.delete("port", "violet", port.name)
        for name in small.GROUPS:
            self.world.put(Group("violet", name))
        for kind, names in (("group", small.GROUPS), ("address_group", small.ADDRESS_GROUPS)):
            for name in names:
                assert self.world.delete(kind, "violet", name)
        assert self.world.delete("tenant", "violet")
        self.world.follow()
        assert self.world.program.take_dirty() == set()
        self.changed(True)

    @rule(data=st.data())
    def an_address_group_that_grows_brings_its_members_only(self, data: st.DataObject) -> None:
        group = self.pick(data, "address_group")
        if isinstance(group, AddressGroup):
            before = dict(self.world.program.wanted)
            self.world.put(replace(group, cidrs=(*group.cidrs, "10.9.0.0/16")))
            self.world.follow()
            wanted = self.world.program.wanted
            assert before.items() <= wanted.items()
            assert {wanted[cookie].table for cookie in wanted.keys() - before.keys()} <= {Table.MEMBER}
            self.changed(True)

    @rule(data=st.data())
    def a_port_goes_while_the_switch_is_read(self, data: st.DataObject) -> None:
        self.settle()
        self.driver.disconnect()
        self.driver.connect()
        self.driver.answer(pieces=True)
        self.delete_port(data)

    # -- what others do to the switch while nobody looks

    @rule(data=st.data(), cookie=st.sampled_from(FOREIGN), aside=st.booleans())
    def somebody_adds_a_flow(self, data: st.DataObject, cookie: int, aside: bool) -> None:
        """Aside; or in the place of one of ours, which it would go on to block if it were kept."""
        self.driver.disconnect()
        place = flow(ASIDE, 1, output(1), in_port=cookie)
        if not aside and not self.driver.session.keep_foreign and self.driver.table.held:
            place = data.draw(st.sampled_from(self.driver.table.flows()))._replace(actions=())
        self.driver.table.add(cookie, place)

    @precondition(lambda self: self.driver.table.held)
    @rule(data=st.data(), copy=st.booleans())
    def somebody_copies_or_removes_a_flow(self, data: st.DataObject, copy: bool) -> None:
        """The copy has another priority: one that differs in the match alone would pass for the original if that went,
        because matches are not compared."""
        self.driver.disconnect()
        cookie, taken = data.draw(st.sampled_from(list(self.driver.table.held.values())))
        if copy:
            self.driver.table.add(cookie, taken._replace(priority=taken.priority ^ 1))
        else:
            del self.driver.table.held[taken.slot]

    @rule()
    def the_switch_restarts_empty(self) -> None:
        self.driver.disconnect()
        self.driver.table.held.clear()
        self.driver.table.meters.clear()

    # -- and what audits find of it

    @rule()
    def an_audit_begins(self) -> None:
        """It goes on while other things happen."""
        self.driver.tell(Audit())

    @precondition(lambda self: self.driver.table.held)
    @rule(data=st.data(), how=st.sampled_from(("delete", "alter", "copy", "replace")))
    def what_somebody_does_is_found_by_content(self, data: st.DataObject, how: str) -> None:
        """In step, so that nobody but an audit looks."""
        self.settle()
        table, keeps = self.driver.table, self.driver.session.keep_foreign
        ours = [(cookie, flow) for cookie, flow in table.held.values() if not (keeps and cookie in FOREIGN)]
        if not ours:
            return
        cookie, taken = data.draw(st.sampled_from(ours))
        self.driver.tell(Audit())
        before, pushes = len(self.driver.audits), len(self.driver.pushes)
        if how == "delete":
            del table.held[taken.slot]
        elif how == "alter":
            table.add(cookie, taken._replace(actions=(("output", 99),)))
        elif how == "replace":
            table.add(0, taken._replace(actions=(("output", 99),)))
        else:
            table.add(cookie, taken._replace(priority=taken.priority ^ 1))
        self.settle()
        findings = self.driver.audits[before].findings
        assert findings is not None
        assert self.driver.audits[before].mended
        assert len(findings) == {"replace": 1 if keeps else 2}.get(how, 1)
        (push,) = self.driver.pushes[pushes:]
        assert {*push.adds, *push.deletes} <= {cookie, 0}, "what is as it should be is not touched"
        self.ready()
        self.driver.audits.clear()

    @precondition(lambda self: self.driver.table.meters)
    @rule(data=st.data(), altered=st.booleans())
    def what_somebody_does_to_a_meter_is_found(self, data: st.DataObject, altered: bool) -> None:
        self.settle()
        table = self.driver.table
        if not table.meters:
            return
        number = data.draw(st.sampled_from(sorted(table.meters)))
        self.driver.tell(Audit())
        if altered:
            table.meters[number] = Rate(0, 0)
        else:
            del table.meters[number]
            table.held = {slot: kept for slot, kept in table.held.items() if number not in meters_of(kept[1])}
        self.settle()
        self.ready()
        self.driver.audits.clear()

    @rule(number=st.integers(0, 3), groups=st.booleans(), meanwhile=st.booleans())
    def somebody_adds_a_group_or_has_fragments_treated_otherwise(
        self, number: int, groups: bool, meanwhile: bool
    ) -> None:
        self.settle()
        if not meanwhile:
            self.driver.disconnect()
        self.driver.table.groups.update([number] if groups else [])
        self.driver.table.fragments = groups
        if meanwhile:
            self.driver.tell(Audit())
        self.ready()
        self.driver.audits.clear()

    @invariant()
    def audits_find_what_somebody_did_and_nothing_else(self) -> None:
        """Whoever does something while nobody looks is found when the switch comes back, and by no audit."""
        if hasattr(self, "driver"):
            assert not [audit for audit in self.driver.audits if audit.findings]

    def teardown(self) -> None:
        if hasattr(self, "driver"):
            self.ready()
        ledger.SLICE = USUAL_SLICE


TestPushes = Pushes.TestCase
TestPushes.settings = effort(40)
