"""What the datapath holds: nothing of what was denied, little of what is established."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.switch.site import Site, eventually, rule
from topology import SEED, datapath
from topology.labs import Probe
from topology.listeners import Listener
from topology.namespaces import INET

pytestmark = pytest.mark.switch
LOW = (1 << 32) - 1
L4 = {"tcp", "udp", "sctp", "icmp", "ct_tuple4", "ct_nw_proto", "ct_tp_src", "ct_tp_dst"}


def test_a_denied_connection_leaves_no_entry_in_any_zone(dual):
    for source, target in (("ext", "vm1"), ("ext", "vm2"), ("vm1", "vm2"), ("vm2", "vm1")):
        assert not dual.fabric.tcp(source, target, 4711, 0.3, dual.family)
        assert not dual.fabric.udp(source, target, 4711, 0.3, dual.family)
        assert not dual.fabric.icmp(source, target, 0.3, dual.family)
    assert datapath.connections(dual.fabric.ovs) == []


def test_a_connection_that_one_side_allows_and_the_other_denies_is_in_neither_zone(dual):
    assert not dual.fabric.tcp("vm1", "vm2", 4711, 0.3, dual.family)
    assert datapath.connections(dual.fabric.ovs) == []


def test_an_allowed_connection_carries_epoch_and_rule_in_its_label(dual):
    assert dual.fabric.tcp("ext", "vm1", 22, family=dual.family)
    (entry,) = datapath.connections(dual.fabric.ovs)
    assert _halves(entry.labels) == (0, _epoch(dual, SSH), 0, _rule_id(dual, 22))
    assert entry.labels >> 96 != 0


def test_a_connection_of_the_vm_carries_its_epoch_and_no_rule(dual):
    assert dual.fabric.udp("vm1", "ext", 4711, family=dual.family)
    (entry,) = datapath.connections(dual.fabric.ovs)
    assert _halves(entry.labels) == (_epoch(dual, SSH), 0, 0, 0)


def test_a_connection_between_tenants_is_in_both_zones_each_with_its_own_half(dual):
    assert dual.fabric.tcp("vm1", "vm2", 80, family=dual.family)
    entries = datapath.connections(dual.fabric.ovs)
    assert len({entry.zone for entry in entries}) == len(entries) == 2
    labels = sorted(_halves(entry.labels) for entry in entries)
    assert labels == sorted([(_epoch(dual, SSH), 0, 0, 0), (0, _epoch(dual, WEB), 0, _rule_id(dual, 80))])


# -- established traffic between a VM and the outside


@pytest.mark.parametrize("kind", ["tcp", "udp"])
@pytest.mark.parametrize(("source", "target"), [("vm1", "ext"), ("ext", "vm1")])
def test_established_traffic_takes_one_recirculation_and_matches_no_port_and_no_remote_address(
    dual, talks, kind, source, target
):
    dual.put("/v1/tenants/red/groups/ssh/rules/udp", rule("ingress", "udp", 22, family=dual.family))
    talk = talks(kind, source, target, 22)
    dual.fabric.ovs.settle()  # drops the flows that the connection's first packets needed
    _exchange([talk] * 20)
    held = eventually(lambda: _ip_flows(dual, packets=10))
    assert held
    assert datapath.recirculations(held) == 1
    for flow in held:
        assert not L4 & flow.match.keys(), flow
        assert SEED.host("ext").ip(dual.family) not in str(flow.match), flow
        said = flow.match.get(f"ipv{dual.family}", "").split(",")
        addresses = ",".join(part for part in said if not part.startswith(("frag=", "proto=")))
        assert addresses in ("", f"src={SEED.host('vm1').ip(dual.family)}"), flow


@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_many_connections_to_one_service_need_no_more_datapath_flows_than_a_few(dual, talks, kind, record_property):
    dual.put("/v1/tenants/blue/groups/web/rules/udp", rule("ingress", "udp", 80, family=dual.family))
    counts = []
    for more in (10, 150):
        opened = [talks(kind, "ext", "vm2", 80) for _ in range(more)]
        dual.fabric.ovs.settle()
        _exchange(opened * 2)
        counts.append(len(_ip_flows(dual)))
    record_property("datapath flows", counts)
    print(f"\ndatapath flows of 10 and of 160 established {kind} connections: {counts}")
    assert 0 < counts[1] <= counts[0]


@pytest.fixture
def talks(dual) -> Iterator[Callable[[str, str, str, int], socket.socket]]:
    """Opens established connections: the client has had an answer."""
    with ExitStack() as until:
        listening: set[tuple[str, Probe]] = set()

        def talk(kind: str, source: str, target: str, port: int) -> socket.socket:
            if (service := (target, Probe(kind, port))) not in listening:
                until.enter_context(Listener(dual.fabric.host(target), [service[1]], dual.family))
                listening.add(service)
            sort = socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM
            client = until.enter_context(dual.fabric.host(source).socket(INET[dual.family], sort))
            client.settimeout(5)
            client.connect((SEED.host(target).ip(dual.family), port))
            _exchange([client])
            return client

        yield talk


def _exchange(clients: list[socket.socket]) -> None:
    for client in clients:
        client.send(b"?")
        assert client.recv(1) == b"?"


def _ip_flows(site: Site, packets: int = 0) -> list[datapath.DatapathFlow]:
    """The family's flows of the datapath, once they have carried so many packets each; ND aside."""
    kind = {4: "0x0800", 6: "0x86dd"}[site.family]
    held = [flow for flow in datapath.flows(site.fabric.ovs) if flow.match.get("eth_type") == kind]
    held = [flow for flow in held if "proto=58" not in flow.match.get("ipv6", "")]
    return held if all(flow.packets >= packets for flow in held) else []


# -- what the switch's own flows say


SSH, WEB = 22, 80
NUMBER = r"0x[0-9a-f]+|\d+"


def _halves(label: int) -> tuple[int, int, int, int]:
    """Initiator's epoch, responder's epoch, initiator's rule, responder's rule."""
    return label & LOW, label >> 32 & LOW, label >> 64 & LOW, label >> 96


def _policy(site: Site, port: int) -> tuple[int, int]:
    """Number of the policy that admits a TCP port, and the id of the rule that does."""
    protocol = "tcp6" if site.family == 6 else "tcp"
    (text,) = (f.text for f in site.flows() if f",{protocol}," in f.text and f"tp_dst={port}" in f.text)
    number, loaded = re.search(rf"reg9=({NUMBER})", text), re.search(rf"({NUMBER})->(?:NXM_NX_REG12|reg12)", text)
    return int(number[1], 0), int(loaded[1], 0)


def _rule_id(site: Site, port: int) -> int:
    return _policy(site, port)[1]


def _epoch(site: Site, port: int) -> int:
    """The present epoch of the policy that admits a TCP port."""
    number = _policy(site, port)[0]
    texts = (f.text for f in site.flows() if re.search(rf"\breg1={number:#x}\b", f.text) and "reg2" in f.text)
    (loaded,) = {re.search(rf"({NUMBER})->(?:NXM_NX_REG2\b|reg2\b)", text)[1] for text in texts}
    return int(loaded, 0)


def test_the_zone_of_a_tenant_that_goes_is_emptied_and_no_other(site):
    assert site.fabric.tcp("ext", "vm1", 22)
    assert site.fabric.tcp("ext", "vm2", 80)
    zones = {entry.zone for entry in datapath.connections(site.fabric.ovs)}
    site.controller.delete("/v1/tenants/red?cascade=true")
    eventually(lambda: len(datapath.connections(site.fabric.ovs)) == 1)
    (kept,) = datapath.connections(site.fabric.ovs)
    assert len(zones) == 2
    assert kept.reply["sport"] == "80"
