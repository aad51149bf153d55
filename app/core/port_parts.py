"""The flows that decide about a port, by what they are for and by the rule that they come from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from app.core.flow import Flow
from app.core.inventory import Inventory
from app.core.pipeline import Reg
from app.core.program import Program
from app.core.values import Group, PolicyKey, Port

# Whose: the port's alone, its switch port's, or of all the ports that carry the same policy or are in the same zone.
Part = Literal["port", "rate", "policy", "guardrail", "zone"]


class Mine(NamedTuple):
    """A wanted flow, what it is for, and the rule that it comes from: group/key or guardrail:name."""

    part: Part
    flow: Flow
    rule: str | None = None


def flows_of(program: Program, inventory: Inventory, port: Port) -> Iterator[Mine]:
    """The flows of a port that is plugged into a switch; none of one that is not. Members of address sets, of which
    there may be very many, and what is the same for every port are left out."""
    seat = program.seat(port.id)
    plugged = program.plugged(seat) if seat is not None else None
    if plugged is None:
        return
    names = {number: name for name, number in rule_ids(inventory, port).items()}
    fragments = (
        ("port", program.fragment("port", *plugged.seat)),
        ("rate", program.fragment("rate", plugged.ofport)),
        ("policy", program.fragment("epoch", plugged.policy)),
        ("policy", program.fragment("policy", plugged.policy)),
        ("guardrail", tuple(program.overrides(plugged.policy))),
        ("zone", program.fragment("zone", plugged.zone)),
    )
    for part, flows in fragments:
        for flow in flows:
            yield Mine(part, flow, names.get(rule_id(flow)))  # type: ignore[arg-type]


def rule_id(flow: Flow) -> int:
    """The id of the rule that a flow attributes what it decides to; 0 if to none."""
    return next((action[2] for action in flow.actions if action[:2] == ("set", Reg.RULE)), 0)


def rule_ids(inventory: Inventory, port: Port) -> dict[str, int]:
    """The ids of the rules and guardrails that a port meets, by group/key and guardrail:name."""
    found = {guardrail.reference: number for number, guardrail in inventory.guardrails(port.tenant)}
    for name in port.groups:
        group = inventory.get("group", port.tenant, name).value
        assert isinstance(group, Group)
        for rule in group.rules:
            found[f"{name}/{rule.key}"] = inventory.rule_id(port.tenant, name, rule.key)
    return found


def carriers(program: Program, inventory: Inventory, port: Port) -> int:
    """How many ports on a switch carry the port's policy, itself included."""
    number = inventory.policy_number(PolicyKey.of(port))
    plugged = map(program.plugged, program.owners)
    return sum(each is not None and each.policy == number for each in plugged)
