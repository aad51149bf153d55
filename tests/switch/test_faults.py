"""The fault matrix in short: nothing forbidden passes, and nothing allowed is lost while the datapath runs.

`python -m benchmarks faults` has all of it, and as long as faults last in real life; `test_restart.py` has the ends and
the starts of both sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import faults
from benchmarks.fault_site import FaultSite, fault_site

pytestmark = pytest.mark.switch
SHORT = 1.5  # seconds
CELLS = [
    "controller: hung",
    "network to the controller cut",
    "store: disk full",
    "store: damaged",
    "1000 rule changes",
    "clock set back",
    "ovsdb-server",
    "flow altered",
    "flow injected",
    "interface removed",
]


@pytest.fixture(scope="module")
def place_of_faults(place: Path) -> Iterator[FaultSite]:
    with fault_site(place / "faults") as site:
        yield site


@pytest.mark.parametrize("name", CELLS)
def test_a_fault_opens_nothing_and_cuts_nothing(place_of_faults: FaultSite, name: str) -> None:
    (cell,) = faults.named([name])
    result = faults.judge(place_of_faults, cell, SHORT)
    assert result.wrong == ()
    assert result.seen is not None, result.note  # `make setup` brings what the cells need
    assert result.seen.sent
    assert result.seen.probes


def test_every_fault_of_the_short_matrix_is_one_of_the_whole() -> None:
    assert len(faults.named(CELLS)) == len(CELLS)
