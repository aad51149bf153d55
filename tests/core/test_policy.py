"""The policy compiler: exact, minimal, never ambiguous."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import policy
from app.core.pipeline import Table
from app.core.policy import is_tighter, port_masks
from app.core.values import Policy, Rule
from tests.model.invariants import check_flows
from tests.model.small_world import rule_sets, rules

PORTS = st.tuples(st.integers(0, 65535), st.integers(0, 65535)).map(lambda pair: (min(pair), max(pair)))


def tcp(key: str, low: int, high: int, cidr: str | None = None) -> Rule:
    return Rule(key, "ingress", "IPv4", 6, (low, high), remote_cidr=cidr)


def of(some: Iterable[Rule], egress: str) -> Policy:
    """A policy of these rules, with a number for each address set that they name."""
    sets = tuple((remote, crc32(str(remote).encode())) for remote in {rule.remote for rule in some if rule.remote})
    return Policy(7, 9, tuple(enumerate(some, 1)), egress, sets=sets)  # type: ignore[arg-type]


# -- port masks


@given(PORTS)
def test_port_masks_match_exactly_the_range(ports: tuple[int, int]) -> None:
    low, high = ports
    masks = port_masks(low, high)
    covered = 0
    for value, mask in masks:
        assert 0 <= mask <= 0xFFFF
        assert value & ~mask == 0
        size = 0x10000 - mask
        assert size & (size - 1) == 0
        assert low <= value
        assert value + size - 1 <= high
        covered += size
    assert covered == high - low + 1
    assert len(set(masks)) == len(masks)


@pytest.mark.parametrize(
    ("low", "high", "count"),
    [(0, 65535, 1), (0, 0, 1), (65535, 65535, 1), (22, 23, 1), (1, 65534, 30), (1, 65535, 16), (0, 65534, 16),
     (1024, 65535, 6)],
)  # fmt: skip
def test_port_masks_are_as_few_as_known(low: int, high: int, count: int) -> None:
    assert len(port_masks(low, high)) == count


def test_port_masks_are_the_fewest_prefixes() -> None:
    """Against dynamic programming over all ranges of 6 bits. Masks with holes would sometimes be fewer (1-13: 4, not
    5), but they overlap one another, and Open vSwitch's port tries know prefixes only."""
    width = 6
    blocks = [(n << bits, (n + 1) << bits) for bits in range(width + 1) for n in range(1 << (width - bits))]
    for low in range(1 << width):
        fewest = {low: 0}
        for end in range(low + 1, (1 << width) + 1):
            fewest[end] = 1 + min(fewest[first] for first, last in blocks if last == end and first >= low)
            assert len(port_masks(low, end - 1)) == fewest[end]


# -- flows


@given(rule_sets, st.sampled_from(("any", "rules")))
def test_flows_of_a_policy_never_overlap_at_one_priority(some: tuple[Rule, ...], egress: str) -> None:
    flows = list(policy.flows(of(some, egress)))
    check_flows(flows)
    assert len({flow.cookie for flow in flows}) == len(flows)


def test_specificity_is_injective_and_fits_a_priority() -> None:
    """Up to the 128 address bits of IPv6, and an address set. With ports only the protocol is matched."""
    ports = [(source, target, 1) for source, target in product(range(17), range(17)) if source or target]
    asked = [*ports, *((0, 0, depth) for depth in range(4))]
    numbers = [policy._specificity(where, *detail) for where, detail in product(range(130), asked)]
    assert len(set(numbers)) == len(numbers)
    assert min(numbers) > 1, "1 is the default egress"
    assert max(numbers) < 65536


def test_the_same_match_of_several_rules_is_one_flow_of_the_oldest() -> None:
    one, other = tcp("a", 22, 22), tcp("b", 22, 22)
    flows = {f for f in policy.flows(Policy(1, 1, ((8, one), (3, other)))) if ("ip_proto", 6, 0xFF) in f.match}
    assert [f.actions[-1] for f in flows] == [("set", "reg12", 3)]


def test_egress_rules_mean_nothing_while_everything_may_leave() -> None:
    rule = Rule("k", "egress", "IPv4", 6)
    assert set(policy.flows(Policy(1, 1, ((1, rule),), "any"))) == set(policy.flows(Policy(1, 1, (), "any")))
    assert set(policy.flows(Policy(1, 1, ((1, rule),), "rules"))) > set(policy.flows(Policy(1, 1, (), "rules")))


# -- tightening


SSH, WEB = tcp("ssh", 22, 22), tcp("web", 80, 80)


@pytest.mark.parametrize(
    ("old", "new", "tighter"),
    [
        ([], [SSH], False),
        ([SSH], [SSH, WEB], False),
        ([SSH, WEB], [SSH], True),
        ([SSH], [WEB], True),
        ([SSH], [tcp("other", 22, 22)], False),
        ([SSH], [tcp("ssh", 22, 22, "0.0.0.0/0")], False),
        ([SSH], [tcp("ssh", 22, 22, "10.0.0.0/8")], True),
        ([Rule("e", "egress")], [], False),
    ],
)
def test_removing_or_narrowing_is_tighter_and_adding_or_renaming_is_not(
    old: list[Rule], new: list[Rule], tighter: bool
) -> None:
    assert is_tighter(old, new, "any") is tighter


def test_egress_rules_count_where_egress_is_by_rules() -> None:
    assert is_tighter([Rule("e", "egress")], [], "rules")


@given(st.lists(rules(), max_size=4), st.lists(rules(), max_size=4), st.sampled_from(("any", "rules")))
def test_what_is_not_tighter_allows_all_that_was_allowed(old: list[Rule], new: list[Rule], egress: str) -> None:
    def allowed(some: list[Rule]) -> set[object]:
        return {f.match for f in policy.flows(of(some, egress)) if f.table == Table.POLICY}

    if not is_tighter(old, new, egress):  # type: ignore[arg-type]
        assert allowed(old) <= allowed(new)
    assert not is_tighter(old, [*new, *old], egress)  # type: ignore[arg-type]
