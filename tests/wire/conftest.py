from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.openflow.connection import Connection
from tests.wire.dial import dial
from topology.switch import OpenVSwitch


@pytest.fixture(scope="module")
def ovs(place: Path) -> Iterator[OpenVSwitch]:
    """A private Open vSwitch with the bridge br0 and 30 ports."""
    with OpenVSwitch(place) as switch:
        switch.add_bridge("br0", dpid=7)
        switch.add_many_ports("br0", 30, "p")
        yield switch


@pytest.fixture(params=[5, 4], ids=["OpenFlow14", "OpenFlow13"])
def datapath(ovs: OpenVSwitch, request: pytest.FixtureRequest) -> Iterator[Connection]:
    """A served connection to br0, which has no flows."""
    ovs.ofctl("del-flows")
    with dial(ovs.management("br0"), request.param) as connection:
        yield connection
