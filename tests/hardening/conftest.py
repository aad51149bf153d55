from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hardening.process import Manager, until
from topology.switch import OpenVSwitch


@pytest.fixture(scope="module")
def ovs(place: Path) -> Iterator[OpenVSwitch]:
    directory = place / "ovs"
    directory.mkdir()
    with OpenVSwitch(directory) as switch:
        switch.add_bridge("br0", dpid=7, controller="tcp:127.0.0.1:6653")
        yield switch


@pytest.fixture(scope="module")
def manager(place: Path, ovs: OpenVSwitch) -> Iterator[Manager]:
    """A manager with 256 file descriptors that already serves a real switch: br0, datapath id 7."""
    with Manager(place) as running:
        until(lambda: bool(running.served(7)))
        yield running
