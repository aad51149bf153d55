"""A real switch sends us no packets, whatever its flows say, and goes on telling of its ports."""

from __future__ import annotations

import pytest

from app.openflow.connection import Connection
from app.openflow.silence import no_packets
from app.openflow.switch_io import match_fragments, read_flows
from topology.switch import OpenVSwitch

pytestmark = pytest.mark.switch
PACKET_IN, FLOW_REMOVED, PORT_STATUS = 10, 11, 12
FRAME = f"{'ff' * 12}88cc{'00' * 46}"


@pytest.fixture
def heard(datapath: Connection, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The types of all messages that arrive."""
    kinds: list[int] = []
    hear = datapath._hear

    def note(message: bytes) -> None:
        kinds.append(message[1])
        hear(message)

    monkeypatch.setattr(datapath, "_hear", note)
    return kinds


def provoke(ovs: OpenVSwitch, datapath: Connection) -> None:
    """Things that a switch tells unless it is told not to."""
    ovs.ofctl("add-flow", "table=0,send_flow_rem,priority=9,actions=CONTROLLER:65535")
    for _ in range(20):
        ovs.ofctl("packet-out", f"in_port=1000,packet={FRAME},actions=TABLE")
    ovs.ofctl("del-flows")
    ovs.vsctl("add-port", "br0", "q", "--", "set", "interface", "q", "type=patch", "options:peer=none")
    ovs.vsctl("del-port", "br0", "q")
    read_flows(datapath)  # what was sent before has arrived


def test_packets_do_not_come_and_port_events_do(ovs: OpenVSwitch, datapath: Connection, heard: list[int]) -> None:
    match_fragments(datapath)  # it asks for some of each packet, too; a management connection gets none before
    provoke(ovs, datapath)
    assert heard.count(PACKET_IN) == 20
    del heard[:]
    no_packets(datapath)
    provoke(ovs, datapath)
    assert (heard.count(PACKET_IN), heard.count(FLOW_REMOVED)) == (0, 0)
    assert heard.count(PORT_STATUS) >= 2


def test_what_os_ken_would_remember_of_ports_is_forgotten(datapath: Connection) -> None:
    datapath.ports[7] = "a port"
    assert datapath.ports == {}
