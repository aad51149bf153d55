"""What conntrack is taken to do, where the pipeline relies on it."""

from __future__ import annotations

import pytest

from app.core.values import Group, Rule
from tests.core.world import EXT, ICMP, VM1, World, between, seed


@pytest.fixture
def world() -> World:
    """VM1 accepts all ICMP."""
    world = seed()
    world.put(Group("red", "g", rules=(Rule("icmp", "ingress", "IPv4", ICMP),)))
    return world


@pytest.mark.parametrize("request_type", [8, 13, 15])
def test_an_icmp_request_begins_a_connection_and_its_answer_belongs_to_it(world: World, request_type: int) -> None:
    assert world.send(between(EXT, VM1, ICMP, request_type, 0)).ports == {VM1.ofport}
    assert world.send(between(VM1, EXT, ICMP, request_type + 1 if request_type > 8 else 0, 0)).ports == {EXT.ofport}
    assert len(world.simulator.connections) == 1


@pytest.mark.parametrize("kind", [0, 3, 5, 11, 14, 16])
def test_an_icmp_message_that_answers_nothing_is_invalid_even_where_a_rule_allows_it(world: World, kind: int) -> None:
    """Conntrack lets only requests begin something (lib/conntrack.c icmp4_validate_new, nf_conntrack_proto_icmp.c)."""
    outcome = world.send(between(EXT, VM1, ICMP, kind, 0))
    assert (outcome.outputs, outcome.commits) == ([], [])
