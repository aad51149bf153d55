"""The benchmarks of the datapath in small: what they count, never what they time."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import groups, report, scan, stateless
from benchmarks.datapath import POLLED, UPLINK, VM, WHOLE, Means
from benchmarks.site import site
from benchmarks.world import World
from topology import SwitchError

pytestmark = pytest.mark.switch
CLIENTS = 20


@pytest.fixture(scope="module")
def grouped(place: Path) -> list[groups.Result]:
    directory = place / "groups"
    with site(directory, World(ports=1, tenants=1)) as made:
        made.controller.start()
        made.connect()
        made.controller.wait_connected()
        return list(groups.run(made, sizes=(5, 10), count=2, product=10))


@pytest.fixture(scope="module", params=[(WHOLE, UPLINK), (WHOLE, VM), (POLLED, UPLINK)], ids=["in", "out", "polled"])
def served(place: Path, request: pytest.FixtureRequest) -> stateless.Result:
    """Where the kernel has no AF_XDP, that is measured the other way."""
    means, fed = request.param
    try:
        return _served(place / f"{means.fed}-{fed}", means, fed)
    except SwitchError:
        assert means is POLLED
        return _served(place / f"no-{means.fed}-{fed}", WHOLE, fed)


def _served(directory: Path, means: Means, fed: str) -> stateless.Result:
    return next(stateless.run(directory, means, fed, (CLIENTS,), rounds=1))


def test_a_group_costs_a_flow_for_each_member_and_not_for_each_of_its_rules(grouped: list[groups.Result]) -> None:
    small, big, product = grouped
    assert big.flows - small.flows == 5
    assert product.flows == 10 * groups.RULES


def test_a_member_is_one_flow_whatever_the_size_of_the_group(grouped: list[groups.Result]) -> None:
    small, big, product = grouped
    assert small.added.flow_mods == big.added.flow_mods == [1, 1]
    assert small.removed.flow_mods == big.removed.flow_mods
    assert product.added.flow_mods == [groups.RULES] * 2


def test_a_stateless_rule_needs_no_conntrack(served: stateless.Result) -> None:
    for cost in served.costs[stateless.STATELESS]:
        assert (cost.entries, cost.reading.recirculations) == (0, 0)
        assert cost.reading.packets > 0


def test_the_same_rule_with_conntrack_has_an_entry_for_each_client(served: stateless.Result) -> None:
    for cost in served.costs[stateless.STATEFUL]:
        assert cost.entries == CLIENTS
        assert cost.reading.recirculations >= cost.reading.packets


def test_a_scan_leaves_fewer_datapath_flows_than_it_has_ports(place: Path) -> None:
    found, results = scan.run(place / "scan", scan.scans(ports=1000, addresses=100)[:3])
    assert 0 < found.masks <= found.flows
    assert [result.seen for result in results] == [result.sent for result in results] == [1000, 1000, 100]
    assert all(result.after <= 100 for result in results)
    assert "1000 TCP ports" in report.table("scan", scan.report(found, results), scan.COLUMNS)


def test_everything_is_printed(grouped: list[groups.Result], served: stateless.Result) -> None:
    assert "remote group, 10 members" in report.table("groups", groups.report(grouped), groups.COLUMNS)
    assert "aim" in report.table("stateless", stateless.report([served]), stateless.COLUMNS)
