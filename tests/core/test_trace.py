"""trace answers as the switch would, and says why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.core.problems import NotFound
from app.core.trace import Question, Trace, trace
from app.core.values import Binding, PolicyKey, SwitchPort
from tests.core.world import DPID, NOW, World, seed

TCP = 6


@pytest.fixture
def world() -> World:
    return seed()


def ask(world: World, tenant: str, source: str, target: str, **more: object) -> Trace:
    question = Question(tenant, source, target, **({"protocol": TCP} | more))  # type: ignore[arg-type]
    return trace(world.inventory, {DPID: world.program}, question)


def test_an_allowed_packet_names_the_rule(world: World) -> None:
    answer = ask(world, "red", "ip:192.168.0.254", "vm1", target_port=22)
    assert (answer.verdict, answer.reason, answer.rule, answer.port) == ("allow", "rule", "red/g/ssh", "red/vm1")
    assert answer.delivered_to == ("vm1",)
    assert answer.packet["ipv4_src"] == "192.168.0.254"
    assert answer.packet["eth_dst"] == "52:54:00:60:84:ff"
    assert [step.stage for step in answer.steps] == ["GUARD", "TARGET", "COMMIT", "OUTPUT"]


def test_port_0_is_asked_about_as_any_other(world: World) -> None:
    assert ask(world, "red", "ip:192.168.0.254", "vm1", source_port=0, target_port=22).packet["tcp_src"] == 0
    assert ask(world, "red", "ip:192.168.0.254", "vm1", target_port=22).packet["tcp_src"] != 0


def test_a_denied_packet_names_near_misses(world: World) -> None:
    answer = ask(world, "red", "ip:192.168.0.254", "vm1", target_port=23)
    assert (answer.verdict, answer.stage, answer.reason, answer.port) == (
        "deny",
        "TARGET",
        "no_rule_matches",
        "red/vm1",
    )
    assert [(miss.rule, miss.because) for miss in answer.near_misses] == [
        ("g/ssh", "the port is 23, the rule is for 22")
    ]
    assert answer.delivered_to == ()


def test_between_tenants_both_verdicts_are_shown(world: World) -> None:
    answer = ask(world, "red", "vm1", "blue/vm2", target_port=80)
    assert answer.verdict == "allow"
    assert [(s.stage, s.rule) for s in answer.steps if s.result == "allow"] == [("SOURCE", None), ("TARGET", "g/http")]
    assert ask(world, "red", "vm1", "ip:192.168.0.2", target_port=80).port == "blue/vm2", "an address finds its port"


@pytest.mark.parametrize("spoofed", [{"mac": "52:54:00:00:00:01"}, {"address": "192.168.0.9"}])
def test_spoofing_is_named(world: World, spoofed: dict[str, str]) -> None:
    answer = ask(world, "red", "vm1", "ip:192.168.0.254", target_port=22, **spoofed)
    assert (answer.verdict, answer.stage, answer.reason) == ("deny", "GUARD", "spoofed")


def test_outside_under_a_local_mac_is_named(world: World) -> None:
    answer = ask(world, "red", "ip:192.168.0.254", "vm1", target_port=22, mac="52:54:00:99:90:78")
    assert (answer.verdict, answer.stage, answer.reason) == ("deny", "UPLINK", "spoofed")


@pytest.mark.parametrize(
    ("state", "verdict", "reason"),
    [("established", "allow", "established"), ("related", "allow", "established"), ("invalid", "deny", "invalid")],
)
def test_other_connection_states(world: World, state: str, verdict: str, reason: str) -> None:
    answer = ask(world, "red", "ip:192.168.0.254", "vm1", target_port=23, state=state)
    assert (answer.verdict, answer.reason) == (verdict, reason)


def test_an_unplugged_port_is_named(world: World) -> None:
    world.program.unplug(2)
    answer = ask(world, "red", "vm1", "ip:192.168.0.254", target_port=22)
    assert (answer.verdict, answer.stage, answer.reason) == ("deny", "BINDING", "not_plugged")


def test_an_unknown_port_is_an_error(world: World) -> None:
    with pytest.raises(NotFound):
        ask(world, "red", "nobody", "vm1")


def test_a_packet_between_two_switches_is_followed_on_both(world: World) -> None:
    from app.core.program import Program
    from app.core.values import Binding, SwitchPort

    port = world.inventory.get("port", "blue", "vm2").value
    world.put(type(port)("blue", "vm2", port.mac, port.addresses, port.groups, Binding("0000000000000002", "vm2")))
    other = Program(world.inventory, "0000000000000002", ("ext",), trust_local=False)
    for switch_port in (SwitchPort(7, "ext", "02:00:00:00:00:07"), SwitchPort(8, "vm2", "02:00:00:00:00:08")):
        other.plug(switch_port)
    programs = {DPID: world.program, "0000000000000002": other}
    allowed = trace(world.inventory, programs, Question("red", "vm1", "blue/vm2", TCP, target_port=80))
    denied = trace(world.inventory, programs, Question("red", "vm1", "blue/vm2", TCP, target_port=81))
    assert (allowed.verdict, allowed.delivered_to) == ("allow", ("vm2",))
    assert (denied.verdict, denied.stage, denied.port) == ("deny", "TARGET", "blue/vm2")


def test_the_way_back_is_told_of_what_arrives(world: World) -> None:
    back = ask(world, "red", "ip:192.168.0.254", "vm1", target_port=22).way_back
    assert back is not None
    assert (back.verdict, back.reason, back.delivered_to) == ("allow", "established", ("ext",))
    assert back.packet["tcp_src"] == 22
    assert ask(world, "red", "ip:192.168.0.254", "vm1", target_port=23).way_back is None
    error = ask(world, "red", "ip:192.168.0.254", "vm1", protocol=1, icmp_type=3, icmp_code=3, state="related")
    assert error.way_back is None, "nobody answers an error"


def test_a_port_in_another_segment_is_not_reached_by_whom_has_its_mac_here(world: World) -> None:
    """MACs are unique in a segment: what vm1 sends to the other one's MAC, vm2 gets."""
    twin = replace(world.inventory.port(("blue", "vm2")), name="twin", vlan=5, binding=Binding(DPID, "twin"))
    world.inventory.put(twin, NOW)
    world.program.follow(world.inventory.take_journal())
    world.compile([*world.program.ports.values(), SwitchPort(9, "twin", "fe:00:00:00:00:09")])
    answer = ask(world, "red", "vm1", "blue/twin", target_port=80)
    assert (answer.verdict, answer.reason, answer.delivered_to) == ("deny", "other_segment", ())
    assert [step.rule for step in answer.steps if step.result == "allow"] == [None, "g/http"], "vm2's rule"


def test_a_connection_that_is_there_is_judged_by_its_own_label(world: World) -> None:
    def known(label: int | None, is_reply: bool = False) -> str:
        ends = ("vm1", "ip:192.168.0.254") if is_reply else ("ip:192.168.0.254", "vm1")
        ports = {"source_port": 22, "target_port": 5} if is_reply else {"source_port": 5, "target_port": 22}
        return ask(world, "red", *ends, state="established", label=label, is_reply=is_reply, **ports).reason

    epoch = world.inventory.policy(PolicyKey.of(world.inventory.port(("red", "vm1")))).epoch
    assert [known(label) for label in (None, epoch << 32, 77 << 32)] == ["established", "established", "rule"]
    assert [known(label, is_reply=True) for label in (None, epoch << 32)] == ["established", "established"]
