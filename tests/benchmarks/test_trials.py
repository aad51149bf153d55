"""The trials in small: faults and floods as `python -m benchmarks` runs them, with its verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import faults, flood, full_zone, fuzz, report

pytestmark = pytest.mark.switch
SECONDS = 12.0


def test_fuzz_of_rest_and_openflow_breaks_nothing_and_changes_no_switch(place: Path) -> None:
    result = fuzz.run(place / "fuzz", SECONDS)
    assert result.wrong == ()
    assert result.flow_mods == 0
    assert sum(result.rest["counts"].values()) > 100
    assert sum(result.strangers.values()) > 20
    assert "aim 0" in report.table("fuzz", fuzz.report(result), fuzz.COLUMNS)


def test_a_flood_fills_its_own_limit_and_nobody_elses(place: Path) -> None:
    size = flood.Size(seconds=2, rounds=1, connections=20, streams=10, rate=5000)
    found = flood.run(place / "flood", size, flood.PHASES[1:])
    (limited,) = found[flood.LIMITED]
    assert (limited.failed, limited.kept) == (0, len(flood.KEPT))
    assert limited.sent > limited.entries > 500
    assert limited.entries <= flood.LIMITS["connections"]
    assert found[flood.UNLIMITED][0].entries > flood.LIMITS["connections"]
    assert "flood, limits" in report.table("flood", flood.report(found), flood.COLUMNS)


def test_in_a_full_zone_everything_is_done_and_nobody_refused(place: Path) -> None:
    result = full_zone.run(place / "crowd", connections=3000, opened=20)
    assert (result.entries, result.failed) == (3000, 0)
    table = report.table("crowd", full_zone.report(result), full_zone.COLUMNS)
    assert "200 in" in table
    assert ", 0 entries after" in table


def test_a_fault_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(ValueError, match="no fault 'nonsense'"):
        faults.named(["nonsense"])
    assert len(faults.named([])) == 1 + len(faults.CELLS)
