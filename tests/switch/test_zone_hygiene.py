"""Zones change hands: nobody finds what another tenant left behind, and nobody loses what is in use."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.core.inventory import Write
from app.core.zones import LAST
from app.store import Store
from tests.switch.conftest import POLICY
from tests.switch.site import SWITCH, Site, eventually, port, running_site
from topology import SEED, datapath
from topology.labs import Probe
from topology.listeners import Listener
from topology.namespaces import INET

pytestmark = pytest.mark.switch
GREEN = "/v1/tenants/green"
PLANTED = 4712  # both ports of the connection that `plant` makes
NO_FAREWELL = struct.pack("ii", 1, 0)  # what was not answered is not repeated after the end of a test


@pytest.fixture(scope="module")
def running(place: Path) -> Iterator[Site]:
    """Zones do not rest, and only two were never handed out: the third tenant gets one that was another's."""
    store = Store.open(place / "state")
    store.commit([[Write("counter", ("zone",), None, LAST - 2)]], store.load().revision)
    store.close()
    with running_site(place, SEED, settings={"zone_rest": "0"}) as site:
        yield site


@pytest.fixture
def opened(site: Site) -> Iterator[socket.socket]:
    """ext has an established connection to red's vm1."""
    with ExitStack() as until:
        until.enter_context(Listener(site.fabric.host("vm1"), [Probe("tcp", 22)], 4))
        client = until.enter_context(site.fabric.host("ext").socket(INET[4], socket.SOCK_STREAM))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_FAREWELL)
        client.settimeout(2)
        client.connect((SEED.host("vm1").address, 22))
        exchange(client)
        yield client


def exchange(client: socket.socket) -> None:
    client.send(b"?")
    assert client.recv(1) == b"?"


def of(client: socket.socket, entries: list[datapath.Connection]) -> int:
    """The label of the client's connection, which must be there once."""
    (label,) = (e.labels for e in entries if e.original.get("sport") == str(client.getsockname()[1]))
    return label


def zone(site: Site, tenant: str) -> int:
    return int(site.controller.get(f"/v1/tenants/{tenant}")["status"]["conntrack_zone"])


def held(site: Site, number: int) -> list[datapath.Connection]:
    return datapath.connections(site.fabric.ovs, number)


def emptied(site: Site) -> list[int]:
    """The zones that were emptied, in order."""
    return [int(each) for each in re.findall(r"zone emptied.*? zone=(\d+)", site.controller.log.read_text())]


def planted(site: Site, number: int) -> bool:
    """Whether a zone holds what `plant` put there: VMs may have sent something of their own since."""
    return any(entry.original.get("sport") == str(PLANTED) for entry in held(site, number))


def plant(site: Site, number: int) -> None:
    """A connection in a zone, whoever has it."""
    ends = socket.inet_aton("192.168.0.254") + socket.inet_aton(SEED.host("vm1").address)
    datagram = struct.pack("!HHHH", PLANTED, PLANTED, 8, 0)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 28, 1, 0, 64, 17, 0) + ends
    total = sum(struct.unpack("!10H", head))
    head = head[:10] + struct.pack("!H", ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF) + head[12:]
    frame = bytes.fromhex("020000000002020000000001") + b"\x08\x00" + head + datagram
    commit = f"ct(commit,zone={number},exec(set_field:1->ct_label))"
    site.fabric.ovs.ofctl("packet-out", f"in_port=CONTROLLER,packet={frame.hex()},actions={commit}")
    assert planted(site, number)


def hand_over(site: Site) -> int:
    """red goes; green gets its machine, with its MAC and address, and its zone."""
    was = zone(site, "red")
    site.delete("/v1/tenants/red/ports/vm1")
    site.controller.delete("/v1/tenants/red?cascade=true")
    site.put(GREEN, {})
    assert zone(site, "green") == was
    site.put(f"{GREEN}/ports/vm1", port(SEED.host("vm1"), groups=[]))
    return was


def test_who_gets_a_zone_and_the_machine_in_it_gets_none_of_its_connections(site, opened):
    before = held(site, zone(site, "red"))
    assert before
    was = hand_over(site)
    assert not {entry.labels for entry in before} & {entry.labels for entry in held(site, was)}
    opened.settimeout(0.7)
    opened.send(b"?")
    with pytest.raises(TimeoutError):
        opened.recv(1)
    assert not {entry.labels for entry in before} & {entry.labels for entry in held(site, was)}


def test_the_connections_of_a_tenant_that_goes_are_forgotten_and_no_others(site, opened):
    was, blue = zone(site, "red"), zone(site, "blue")
    assert site.fabric.udp("vm2", "ext", 4711)
    others = len(held(site, blue))
    site.delete("/v1/tenants/red/ports/vm1")
    assert held(site, was), "the zone is still red's"
    site.controller.delete("/v1/tenants/red?cascade=true")
    assert eventually(lambda: held(site, was) == [])
    assert len(held(site, blue)) == others > 0


def test_what_somebody_left_in_a_zone_is_gone_before_the_first_flow_leads_there(site):
    site.delete("/v1/tenants/red/ports/vm1")
    site.controller.delete("/v1/tenants/red?cascade=true")
    site.put(GREEN, {})
    number = zone(site, "green")
    assert eventually(lambda: held(site, number) == [])
    plant(site, number)
    site.put(f"{GREEN}/ports/vm1", port(SEED.host("vm1"), groups=[]))
    assert not planted(site, number)
    assert emptied(site)[-1] == number


def test_a_switch_that_comes_late_finds_nothing_of_who_had_the_zone_before(site):
    """Neither it nor the controller that runs now knows the other."""
    site.fabric.ovs.vsctl("del-controller", "br0")
    site.controller.kill()
    site.controller.start()
    number = zone(site, "red")
    site.controller.delete("/v1/tenants/red?cascade=true")
    site.controller.put(GREEN, {})
    assert zone(site, "green") == number
    site.controller.put(f"{GREEN}/ports/vm1", port(SEED.host("vm1"), groups=[]))
    plant(site, number)
    plant(site, blue := zone(site, "blue"))
    site.fabric.ovs.set_controller("br0", SWITCH)
    site.controller.wait_connected()
    assert not planted(site, number)
    assert planted(site, blue)


def test_a_port_that_goes_and_comes_back_keeps_the_tenants_connections(site, opened):
    before = emptied(site)
    site.delete("/v1/tenants/red/ports/vm1")
    site.put("/v1/tenants/red/ports/vm1", next(doc["body"] for doc in POLICY if doc["path"].endswith("vm1")))
    site.fabric.ovs.settle()
    exchange(opened)
    assert emptied(site) == before


@pytest.mark.parametrize("how", ["killed", "reconnected"])
def test_a_restart_and_a_reconnect_empty_nothing_but_what_is_nobodys(site, opened, how):
    site.put(GREEN, {})
    resting = zone(site, "green")
    site.controller.delete(GREEN)
    assert eventually(lambda: resting in emptied(site))
    before, label = emptied(site), of(opened, held(site, zone(site, "red")))
    if how == "killed":
        site.controller.kill()
        plant(site, resting)
        site.controller.start()
    else:
        site.fabric.ovs.vsctl("del-controller", "br0")
        assert eventually(lambda: not site.status()["connected"])
        site.fabric.ovs.set_controller("br0", SWITCH)
    site.controller.wait_connected()
    if how == "killed":
        assert eventually(lambda: not planted(site, resting))
    site.fabric.ovs.settle()
    exchange(opened)
    assert set(emptied(site)[len(before) :]) <= {resting}
    assert of(opened, held(site, zone(site, "red"))) == label
