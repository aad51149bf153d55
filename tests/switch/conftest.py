"""A real controller and a real switch, shared by the tests of a module; every test begins with the demo's policy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.switch.site import Site
from topology import SEED, realise
from topology.controller import ROOT, Controller

POLICY = json.loads((ROOT / "demo" / "policy.json").read_text())
SWITCH = "tcp:127.0.0.1:6653"


@pytest.fixture(scope="module")
def running(place: Path) -> Iterator[Site]:
    with (
        Controller(place, SEED.uplinks) as controller,
        realise(SEED, SWITCH, place / "switch") as fabric,
    ):
        controller.wait_connected()
        yield Site(controller, fabric)


@pytest.fixture
def site(running: Site) -> Iterator[Site]:
    """The seed's lab under the seed's policy and nothing else, whatever the test before left behind."""
    running.reset(POLICY)
    yield running
    running.end_streams()
