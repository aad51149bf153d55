"""What all tests share, and those with a real switch."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import settings

from tests.model.profiles import PROFILE
from topology import isolated

# Examples that are new every time are for those who look for faults: HYPOTHESIS_PROFILE=thorough. Not for the gate.
settings.register_profile("gate", derandomize=PROFILE != "thorough", print_blob=True)
settings.load_profile("gate")


@pytest.fixture(scope="module", autouse=True)
def own_network(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each module marked `switch` has a network namespace to itself: there port 6653 is free, and so is the userspace
    datapath, of which a namespace can have one only."""
    with isolated() if request.node.get_closest_marker("switch") else nullcontext():
        yield


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A directory whose name is short enough for a switch's unix sockets."""
    with tempfile.TemporaryDirectory(prefix="ow-") as directory:
        yield Path(directory)
