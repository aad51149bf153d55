"""Guardrails: what they cost a switch, and what they do there to packets and to what is told of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.core.belonging import Belonging
from app.core.connections import read
from app.core.inventory import Inventory
from app.core.multicast import Listing, within_reach
from app.core.pipeline import Reg, Table, Way
from app.core.policies import Policies
from app.core.program import Program
from app.core.simulator import Classifier
from app.core.trace import Question, Trace, trace
from app.core.values import Binding, Group, Guardrail, Port, Rule, SwitchPort, Tenant
from tests.core.world import DPID, EXT, NOW, TCP, UDP, VM1, VM2, World, between, seed, tcp_in

NO_SSH = Guardrail("no-ssh", 10, "deny", "ingress", protocol=TCP, ports=(22, 22))
SSH = replace(NO_SSH, name="ssh", priority=20, action="allow")
NAMED = tuple(f"t{n}" for n in range(1, 31))


# -- flows


def rails(program: Program) -> int:
    return sum(flow.table == Table.GUARDRAILS for flow in program.wanted.values())


def test_without_guardrails_there_is_no_flow_of_them_and_one_for_all_costs_the_same_with_more_policies() -> None:
    world = seed()
    plain = set(world.program.wanted)
    assert rails(world.program) == 0
    world.inventory.put(NO_SSH, NOW)
    world.refresh()
    assert rails(world.program) == 1
    world.inventory.put(replace(NO_SSH, name="b", priority=11, tenants=("red", "blue")), NOW)
    world.inventory.put(replace(NO_SSH, name="c", priority=12, tenants=("red",)), NOW)
    world.refresh()
    assert rails(world.program) == 1 + 2 + 1
    world.program.unplug(VM1.ofport)
    assert rails(world.program) == 1 + 1
    world.plug(VM1.ofport, "vm1")
    assert rails(world.program) == 1 + 2 + 1
    for name in ("no-ssh", "b", "c"):
        world.inventory.delete("guardrail", name, now=NOW)
    world.refresh()
    assert rails(world.program) == 0
    assert len(world.program.wanted.keys() ^ plain) == 2 * 6, "the epochs of one policy, before and after"


def street() -> tuple[Inventory, Program]:
    """Thirty tenants with a port and a policy each, that admit SSH."""
    inventory = Inventory()
    for n in range(1, 31):
        values = Tenant(f"t{n}"), Group(f"t{n}", "g", rules=(tcp_in("ssh", 22),))
        binding = Binding(DPID, interface=f"v{n}")
        for value in (*values, Port(f"t{n}", "p", f"52:54:00:00:00:{n:02x}", (), ("g",), binding)):
            inventory.put(value, NOW)
    program = Program(inventory, DPID)
    for _ in program.compile(SwitchPort(n, f"v{n}", "fe:00:00:00:00:00") for n in range(1, 31)):
        pass
    inventory.take_journal()
    return inventory, program


def test_a_guardrail_of_many_policies_is_there_before_any_of_them_has_its_new_epoch() -> None:
    inventory, program = street()
    before = {cookie for cookie, flow in program.wanted.items() if flow.table in (Table.SOURCE, Table.TARGET)}
    inventory.put(replace(NO_SSH, tenants=tuple(f"t{n}" for n in range(1, 31))), NOW)
    program.take(inventory.take_journal())
    turns = 0
    for _ in program.settle():
        turns += 1
        if not before <= program.wanted.keys():
            assert rails(program) == 30, "all of it came first"
    assert turns >= 30
    assert not before <= program.wanted.keys()


@pytest.mark.parametrize(("before", "after"), [(None, NAMED), (NAMED, None), (NAMED, NAMED[:20])])
def test_a_guardrail_that_is_for_others_now_denies_all_the_time_what_it_denies_before_and_after(
    before: tuple[str, ...] | None, after: tuple[str, ...] | None
) -> None:
    inventory, program = street()
    packet = {"eth_type": 0x0800, "ip_proto": TCP, "tcp_dst": 22, Reg.DIRECTION: int(Way.INGRESS)}
    for tenants in (before, after):
        for _ in program.settle():
            pass
        inventory.put(replace(NO_SSH, tenants=tenants), NOW)
        program.take(inventory.take_journal())
    for _ in program.settle():
        asked = Classifier(program.wanted.values())
        for number in range(1, 21):
            assert asked.lookup(Table.GUARDRAILS, packet | {Reg.CALL: number}), f"policy {number} has none"
    assert rails(program) == (1 if after is None else len(after))


def test_those_whose_own_rules_may_admit_it_are_asked_first_about_what_many_are_told() -> None:
    by_rules, by_guardrails = Listing(guarded=True), Listing(guarded=True, by_rules=False)
    crowd = {n: (n, (0,), by_rules if n > 1000 else by_guardrails) for n in range(1, 1101)}
    asked = [number for part in within_reach(crowd) for number, _, _ in part]
    assert asked[:100] == list(range(1001, 1101))
    assert asked[100:] == list(range(1, 621))
    plain = {n: (n, (0,), Listing()) for n in range(1, 1101)}
    assert sum(map(len, within_reach(plain))) == 900, "nobody pays who has none"


def test_policies_are_listed_for_many_when_a_guardrail_may_let_it_in_and_not_for_tcp() -> None:
    world, number = seed(), 1
    listed: Policies = world.program._policies
    assert listed.listed(number) is None
    for guardrail, expected in (
        (SSH, None),
        (replace(SSH, protocol=UDP, tenants=("blue",)), None),
        (replace(SSH, protocol=UDP), Listing(0, True, False)),
        (replace(SSH, protocol=UDP, direction="egress"), None),
    ):
        world.inventory.put(guardrail, NOW)  # type: ignore[arg-type]
        world.refresh()
        assert listed.listed(number) == expected


# -- what is told


def ask(world: World, port: int) -> Trace:
    question = Question("red", "ip:192.168.0.254", "vm1", protocol=TCP, target_port=port)
    return trace(world.inventory, {DPID: world.program}, question)


def test_trace_names_the_guardrail_that_decides() -> None:
    world = seed()
    world.inventory.put(replace(SSH, ports=(23, 23)), NOW)
    world.inventory.put(NO_SSH, NOW)
    world.refresh()
    allowed = ask(world, 23)
    assert (allowed.verdict, allowed.reason, allowed.rule) == ("allow", "guardrail", "guardrail:ssh")
    assert [step.rule for step in allowed.steps if step.stage == "TARGET"] == ["guardrail:ssh"]
    denied = ask(world, 22)
    assert (denied.verdict, denied.stage, denied.reason) == ("deny", "TARGET", "guardrail")
    assert (denied.rule, denied.port) == ("guardrail:no-ssh", "red/vm1")
    assert [(miss.rule, miss.because) for miss in denied.near_misses] == [("g/ssh", "guardrail:no-ssh denies it first")]
    undecided = ask(world, 24)
    assert (undecided.reason, undecided.rule) == ("no_rule_matches", None)
    assert [miss.rule for miss in undecided.near_misses] == ["guardrail:ssh", "g/ssh"]


def test_a_connection_says_which_guardrail_admitted_it() -> None:
    world = seed()
    world.inventory.put(replace(SSH, ports=(23, 23)), NOW)
    world.refresh()
    assert world.send(between(EXT, VM1, TCP, 40000, 23)).ports == {VM1.ofport}
    ((key, entry),) = world.simulator.connections.items()
    assert entry.label >> 96 == world.inventory.guardrail_id("ssh")
    line = (
        "tcp,orig=(src=192.168.0.254,dst=192.168.0.1,sport=40000,dport=23),reply=(src=192.168.0.1,dst=192.168.0.254,"
        f"sport=23,dport=40000),zone={key[0]},labels={entry.label:#x},protoinfo=(state=ESTABLISHED)"
    )
    (run,) = read([line], key[0], run=1)
    _, responder = Belonging(world.inventory, "red").parties(run.connections[0], 0)
    assert (responder.port, responder.rule, responder.epoch) == ("vm1", "guardrail:ssh", "current")


def test_what_a_policy_drops_is_counted_for_the_port_whose_it_is() -> None:
    world = seed()
    for packet, port, reason in (
        (between(EXT, VM1, TCP, 40000, 23), VM1, "ingress"),
        (between(VM1, VM2, TCP, 40000, 81), VM2, "ingress"),
    ):
        counter = world.program.drop_cookies((port.tenant, port.name))[reason]
        assert world.send(packet).path[-1].cookie == counter
    world.inventory.put(replace(NO_SSH, direction="egress", ports=None), NOW)
    world.refresh()
    counter = world.program.drop_cookies((VM1.tenant, VM1.name))["egress"]
    assert world.send(between(VM1, VM2, TCP, 40000, 80)).path[-1].cookie == counter


def test_a_fragment_that_shows_no_ports_is_not_allowed_for_its_zeros_and_denied_for_them() -> None:
    """A first fragment may be too short for them."""
    world = seed()
    world.inventory.put(replace(SSH, protocol=UDP, ports=(0, 22)), NOW)
    world.refresh()
    packet = between(EXT, VM1, UDP, 40000, 0)
    assert world.send(packet).ports == {VM1.ofport}
    world.simulator.connections.clear()
    assert world.send(packet | {"ip_frag": 1}).ports == set()
    world.inventory.put(replace(SSH, protocol=UDP, ports=None), NOW)
    world.refresh()
    assert world.send(packet | {"ip_frag": 1}).ports == {VM1.ofport}
    world.inventory.put(replace(NO_SSH, protocol=UDP, ports=(0, 22)), NOW)
    world.refresh()
    world.simulator.connections.clear()
    assert world.send(packet | {"ip_frag": 1}).ports == set()


def test_what_many_are_told_is_denied_and_allowed_by_guardrails_too() -> None:
    world = seed()
    world.put(Group("red", "g", rules=(VM1.rule, Rule("mdns", "ingress", "IPv4", UDP, (5353, 5353)))))
    told = between(EXT, VM1, UDP, 5353, 5353) | {"eth_dst": 0x01005E0000FB}
    assert world.send(told).ports == {VM1.ofport}
    mdns = replace(NO_SSH, protocol=UDP, ports=(5353, 5353))
    for guardrail, heard in (
        (mdns, set()),
        (replace(mdns, name="tcp", protocol=TCP, priority=5), set()),
        (replace(mdns, tenants=("blue",)), {VM1.ofport}),
        (replace(mdns, action="allow"), {VM1.ofport, VM2.ofport}),
    ):
        world.inventory.put(guardrail, NOW)
        world.refresh()
        assert world.send(told).ports == heard
