"""The benchmarks in small: what they count, never what they time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import connect, hub, report, rest
from benchmarks.site import Site, site
from benchmarks.world import World

pytestmark = pytest.mark.switch
WORLD = World(ports=20, tenants=4)


@pytest.fixture(scope="module")
def bench(place: Path) -> Iterator[Site]:
    with site(place, WORLD) as made:
        yield made


@pytest.fixture(scope="module")
def connected(bench: Site) -> connect.Result:
    return connect.run(bench, rounds=1, count=2)


def test_the_whole_policy_is_loaded(connected: connect.Result) -> None:
    assert connected.writes == WORLD.ports + 2 * WORLD.tenants


def test_the_switch_holds_what_is_wanted(bench: Site, connected: connect.Result) -> None:
    assert connected.flows > 5 * WORLD.ports
    assert bench.status()["flows"] == len(bench.ovs.ofctl("--no-stats", "dump-flows").splitlines())


def test_a_reconnect_and_a_restart_send_nothing(connected: connect.Result) -> None:
    assert connected.sent_again == 0


def test_a_change_sends_its_own_flows_only(connected: connect.Result) -> None:
    assert connected.rule.flow_mods == [1, 1]
    assert all(number <= 32 for number in connected.port.flow_mods)


def test_the_peer_is_given_the_same_flows(bench: Site, connected: connect.Result) -> None:
    flows = (bench.controller.directory / "flows").read_text().splitlines()
    assert len(flows) == connected.flows
    assert all("cookie=0xf5d" in flow for flow in flows)


def test_both_print_a_row_for_everything(bench: Site, connected: connect.Result) -> None:
    assert "one rule more" in report.table("connect", connect.report(bench, connected))
    crowded = hub.run(bench, rounds=1, clients=3, settle=0.5)
    assert len(crowded.syncs) == 1
    assert crowded.echo
    assert crowded.rest["PUT"]
    assert "REST writes" in report.table("hub", hub.report(bench, crowded))
    crowds = list(rest.run(bench, [2], settle=0.5))
    assert "2 clients" in report.table("rest", rest.report(bench, crowds), rest.COLUMNS)


def test_a_late_echo_and_slow_reads_break_the_promise_of_rest() -> None:
    def crowd(clients: int, echo: float, read: float) -> rest.Crowd:
        span = connect.Span(1.0, 0.0, 1.0)
        taken = {"GET": [read] * 100, "PUT": [read], "refused": []}
        return rest.Crowd(clients, hub.Result(span, span, [0.001], [0.001, echo], taken, []))

    assert rest.broken([crowd(20, 0.9, 0.09), crowd(200, 0.9, 2.0)]) == []
    assert [text.split()[:3] for text in rest.broken([crowd(200, 1.1, 0.01), crowd(20, 0.1, 0.11)])] == [
        ["an", "echo", "reply"],
        ["99", "of", "100"],
    ]
