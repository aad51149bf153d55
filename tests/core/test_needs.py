"""The exemplars that a switch is shown before it is served cover what the pipeline uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from app.core.flow import Action, Flow
from app.core.needs import IPV6_ORIGINAL, NEEDS, denied, refusal
from app.core.pipeline import Table
from tests.model.full_house import full_house

# in every switch with OpenFlow 1.3; the others have to be asked for
PLAIN_FIELDS = {
    "in_port", "eth_dst", "eth_src", "eth_type", "ip_proto", "ipv4_src", "ipv4_dst", "ipv6_src", "ipv6_dst", "tcp_src",
    "tcp_dst", "udp_src", "udp_dst", "sctp_src", "sctp_dst", "icmpv4_type", "icmpv4_code",
}  # fmt: skip
PLAIN_ACTIONS = {"output", "meter"}  # meters are sought only when somebody wants a rate


def kinds(actions: Iterable[Action]) -> Iterator[str]:
    for action in actions:
        if action[0] == "ct":
            yield f"ct {'commit' if action[3] else 'track'}"
            yield from (f"ct {kind}" for kind in kinds(action[4]))
        else:
            yield action[0]


def used(flows: Iterable[Flow]) -> tuple[set[str], set[str]]:
    flows = list(flows)
    return {part[0] for flow in flows for part in flow.match}, {kind for flow in flows for kind in kinds(flow.actions)}


def test_every_field_and_action_of_the_pipeline_is_asked_for() -> None:
    fields, actions = used(full_house().program.wanted.values())
    asked_fields, asked_actions = used(need.flow for need in NEEDS)
    assert fields - asked_fields - PLAIN_FIELDS == set()
    assert actions - asked_actions - PLAIN_ACTIONS == set()


def test_the_exemplars_are_of_the_pipelines_tables_and_differ() -> None:
    assert {need.flow.table for need in NEEDS} <= set(Table)
    assert len({need.flow for need in NEEDS}) == len({need.name for need in NEEDS}) == len(NEEDS)
    assert sum(part[0] == IPV6_ORIGINAL for need in NEEDS for part in need.flow.match) == 1


def test_what_the_database_says_of_the_datapath_counts_too() -> None:
    able = {"ct_state": "true", "ct_clear": "true", "max_vlan_headers": "1"}
    assert denied({}) == denied(able) == []
    (lacking,) = denied(able | {"ct_clear": "false"})
    assert lacking.name == "ct_clear"
    assert refusal([lacking]) == (
        "the datapath lacks ct_clear (Open vSwitch 2.7, Linux 4.15); nothing is installed on it"
    )
