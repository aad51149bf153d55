"""Random histories with the switch at the other end of a session: in the end it holds exactly what is wanted."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from app.core.flow import flow, output
from app.core.pipeline import Table
from app.core.session import Changed, Committed, Refused, Reported, Session, State, Tick
from app.core.values import AddressGroup, Binding, Group, Port, Tenant
from tests.model import small_world as small
from tests.model.profiles import effort
from tests.model.switch import Driver
from tests.model.test_histories import Histories

FOREIGN = range(4)  # cookies of somebody else's flows
ASIDE = 200  # a table that no packet of ours comes to


class Pushes(Histories):
    """As `Histories`, but packets meet what the switch holds."""

    driver: Driver

    def started(self, keep_foreign: bool) -> None:
        self.world.program.take_dirty()
        self.driver = Driver(Session(self.world.program.wanted, keep_foreign))

    def changed(self, really: bool) -> None:
        super().changed(really)
        cookies = self.world.program.take_dirty()
        if cookies or really:
            self.driver.tell(Changed(cookies, self.world.inventory.revision))

    def ready(self) -> None:
        """Let it settle; then the switch holds what is wanted, and nothing is left to say."""
        driver, wanted = self.driver, self.world.program.wanted
        driver.settle()
        session = driver.session
        assert (session.state, session.last_error) == (State.SYNCED, None)
        assert session.applied_revision == session.wanted_revision
        assert driver.table.contents(besides=lambda cookie: session.keep_foreign and cookie in FOREIGN) == wanted
        assert all(len(push) for push in driver.pushes), "an empty bundle was sent"
        self.world.install(driver.table.flows())

    @rule(refuse=st.booleans(), pieces=st.booleans())
    def the_switch_answers(self, refuse: bool, pieces: bool) -> None:
        self.driver.answer(refuse, pieces)

    @rule()
    def connect(self) -> None:
        if self.driver.session.state is State.DISCONNECTED:
            self.driver.connect()

    @rule(in_force=st.booleans())
    def disconnect(self, in_force: bool) -> None:
        self.driver.disconnect(in_force)

    @precondition(lambda self: self.driver.session.state not in (State.READING, State.PUSHING))
    @rule(event=st.sampled_from((Committed(), Reported([]), Reported([(0, 1, 2)], more=True), Refused("late"), Tick())))
    def an_answer_comes_too_late(self, event: Committed | Reported | Refused | Tick) -> None:
        state = self.driver.session.state
        assert self.driver.tell(event) == []
        assert self.driver.session.state is state

    @rule()
    def a_reconnect_with_nothing_changed_sends_nothing(self) -> None:
        self.driver.settle()
        count = len(self.driver.pushes)
        self.driver.disconnect()
        self.driver.settle()
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
        self.driver.settle()
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

    def teardown(self) -> None:
        if hasattr(self, "driver"):
            self.ready()


TestPushes = Pushes.TestCase
TestPushes.settings = effort(40)
