"""What must hold after every change, whatever the history."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from copy import copy
from itertools import combinations

from app.core.flow import Flow, Match
from app.core.inventory import LEDGER, Inventory, Write
from app.core.program import Program
from app.core.values import Direction, SwitchPort
from tests.model.frames import Five
from tests.model.reference_policy import Policies, mirrors
from tests.model.small_world import DEFAULT_RATE, DEFAULT_UPLINKS, DPID, LISTED

Tables = dict[str, dict[tuple[str, ...], object]]


def from_scratch(inventory: Inventory, ports: Iterable[SwitchPort], trust_local: bool) -> Program:
    program = Program(inventory, DPID, DEFAULT_UPLINKS, trust_local, (LISTED,), DEFAULT_RATE)
    for _ in program.compile(ports):
        pass
    return program


def check_program(program: Program, scratch: Program) -> None:
    wanted, expected = program.wanted, scratch.wanted
    assert wanted.keys() == expected.keys(), (
        f"missing: {[expected[c] for c in expected.keys() - wanted.keys()]}, "
        f"left over: {[wanted[c] for c in wanted.keys() - expected.keys()]}"
    )
    assert (program.owners, program.rivals) == (scratch.owners, scratch.rivals)
    assert (program.meters, program.zones()) == (scratch.meters, scratch.zones())


def check_flows(flows: Iterable[Flow]) -> None:
    """A slot holds one flow; where two flows of one priority overlap, it makes no difference which one is met."""
    shapes: dict[tuple[int, int], dict[tuple[tuple[str, int], ...], list[Flow]]] = defaultdict(dict)
    slots = set()
    for flow in flows:
        assert flow.slot not in slots, f"two flows in one slot: {flow}"
        slots.add(flow.slot)
        mask = tuple((name, mask) for name, _, mask in flow.match)
        shapes[flow.table, flow.priority].setdefault(mask, []).append(flow)
    # Flows of the same mask differ in a value, so they cannot overlap.
    for by_mask in shapes.values():
        for some, others in combinations(by_mask.values(), 2):
            for one in some:
                for other in others:
                    if one.actions != other.actions:
                        assert not overlap(one.match, other.match), f"{one} and {other} overlap"


def overlap(one: Match, other: Match) -> bool:
    """Whether some packet matches both."""
    masks = {name: (value, mask) for name, value, mask in other}
    for name, value, mask in one:
        if name in masks:
            other_value, other_mask = masks[name]
            if (value ^ other_value) & mask & other_mask:
                return False
    return True


def tables(inventory: Inventory) -> Tables:
    return {kind: copy(rows) for kind, rows in inventory._tables.items()}


def check_replay(inventory: Inventory, replayed: Inventory) -> None:
    """Loaded from its journal, an inventory is the same, and finds the same."""
    assert tables(inventory) == tables(replayed)
    for index, one in vars(inventory._indexes).items():
        if not index.startswith("_"):
            assert filled(one) == filled(getattr(replayed._indexes, index)), index


def filled(index: object) -> object:
    """An index without its empty places."""
    if not isinstance(index, dict):
        return index
    return {key: content for key, value in index.items() if (content := filled(value)) or not isinstance(value, dict)}


def check_label(inventory: Inventory, policies: Policies, label: int, about: Five) -> None:
    """A label just written names, for each role that was judged, a policy's epoch and the rule that admits."""
    ids = {epoch: id for id, (_, epoch) in inventory._tables["policy"].items()}
    assert label & (1 << 64) - 1, "nobody was judged"
    offsets: tuple[tuple[Direction, int], ...] = (("egress", 0), ("ingress", 32))
    for direction, offset in offsets:
        epoch, rule_id = (label >> bits & 0xFFFFFFFF for bits in (offset, offset + 64))
        if not epoch:
            assert not rule_id
            continue
        tenant, egress, *groups = ids[epoch]
        decider = policies.decider(tenant, direction, about)
        if decider is not None:
            assert (decider.action, inventory.guardrail_id(decider.name)) == ("allow", rule_id)
            continue
        if direction == "egress" and egress.startswith("any"):
            assert rule_id == 0, "everything may leave: no rule decided"
            continue
        owner, group, key = inventory.rule_of(rule_id) or ("", "", "")
        assert owner == tenant
        assert group in groups
        rule = policies.groups[owner, group].rule(key)
        assert rule
        assert any(r.direction == direction and policies.admits(tenant, r, about) for r in (rule, *mirrors((rule,))))


class Numbers:
    """Watches that zones, policy numbers, epochs, rule ids and numbers of address sets are handed out once."""

    def __init__(self) -> None:
        self._last = {"number": 0, "epoch": 0, "rule_id": 0, "zone": 0, "set": 0}
        # Guardrails and rules have their ids of one counter.
        self._counter = {"guardrail_id": "rule_id"}

    def watch(self, journal: Iterable[Write]) -> None:
        for write in journal:
            if write.kind not in LEDGER or write.after is None:
                continue
            if write.kind == "policy":
                number, epoch = write.after
                old_number, old_epoch = write.before or (None, None)
                if number != old_number:
                    self._fresh("number", number)
                if epoch != old_epoch:
                    self._fresh("epoch", epoch)
            elif (kind := self._counter.get(write.kind, write.kind)) in self._last and write.after != write.before:
                self._fresh(kind, write.after)

    def _fresh(self, kind: str, number: int) -> None:
        assert number > self._last[kind], f"{kind} {number} was used before"
        self._last[kind] = number
