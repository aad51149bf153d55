"""Scans do not blow up the datapath: what they leave does not grow with the number of packets.

Which bits of a packet a datapath flow matches is decided by the flow tables that the packet ran through. Ports and
addresses are looked up in tries (see `topology.prefixes`), so a packet that fits no rule is told apart from the rules
by as many leading bits as that takes. An exact port among all others needs the 16 prefixes that leave it out, and
itself; a network of length n needs n. One datapath flow each, however many ports or addresses are tried.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.switch import scans
from tests.switch.site import Site, rule
from topology import SEED, datapath, frames, nd
from topology.bursts import pour
from topology.labs import Family

pytestmark = pytest.mark.switch
EXT, VM1 = SEED.host("ext"), SEED.host("vm1")
ADDRESSES, QUESTIONS = 10_000, 1_000
# Packets in 4 ms, well below what an interface queues: Open vSwitch may not have its turn for a while, and of few
# packets every lost one counts.
PACE, SLOW = 100, 20
ETH_TYPE: dict[Family, str] = {4: "0x0800", 6: "0x86dd"}
NETWORK: dict[Family, str] = {4: "10.0.0.0/8", 6: "fd77::/32"}


def _held(site: Site, source: str) -> list[datapath.DatapathFlow]:
    """The family's datapath flows of what came from a host, in all passes."""
    port = str(datapath.port_numbers(site.fabric.ovs)[source])
    held = datapath.flows(site.fabric.ovs)
    return [f for f in held if f.match.get("in_port") == port and f.match.get("eth_type") == ETH_TYPE[site.family]]


def _pour(site: Site, source: str, packets: Iterator[bytes], at_once: int = PACE) -> int:
    host = site.fabric.host(source)
    return pour(host.nic, packets, at_once, opened=host.socket)


def _scan(site: Site, source: str, packets: Iterator[bytes], at_once: int = PACE) -> int:
    """How many datapath flows a scan leaves; most of it must have been seen, or it would prove nothing."""
    site.fabric.ovs.settle()
    sent = _pour(site, source, packets, at_once)
    time.sleep(0.3)
    held = _held(site, source)
    seen = sum(flow.packets + 1 for flow in held if flow.recirc_id == 0)
    assert seen > 0.9 * sent, f"{seen} of {sent} packets were seen"
    print(f"\nIPv{site.family}, {sent} packets from {source}: {len(held)} datapath flows")
    return len(held)


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_scan_of_all_ports_leaves_few_datapath_flows(dual, protocol):
    """vm1 admits TCP 22. The prefixes that leave a port out are 16 and itself is one, in the pass after
    conntrack; DHCP's server port is told apart in the same way, and its prefixes cut those of 22 in at most 16
    more. One flow more for the pass before conntrack and a few for what vm1 answers or what was established.
    Measured: TCP 24, UDP 2.
    """
    assert _scan(dual, "ext", scans.ports(EXT, VM1, dual.family, protocol)) <= 2 * 16 + 8
    assert dual.passes(("ext", "vm1", 22)) == [True]
    admitted = {entry.original["dport"] for entry in _scanned(dual)}
    assert admitted == ({"22"} if protocol == "tcp" else set())


def _scanned(site: Site) -> list[datapath.Connection]:
    """What the scan put into the connection table."""
    return [entry for entry in datapath.connections(site.fabric.ovs) if entry.original.get("sport") == "40000"]


@pytest.mark.parametrize("vary", ["source", "target"])
def test_a_scan_of_addresses_leaves_few_datapath_flows(dual, vary):
    """vm1 admits a network of length n, so at most n prefixes leave it out, and the pass before conntrack has one
    flow; where members of a group are named, each adds at most as many as its address has bits. Measured: 2.
    """
    site_rules = "/v1/tenants/red/groups/ssh/rules"
    dual.put(f"{site_rules}/some", rule("ingress", "udp", 22, family=dual.family, remote_cidr=NETWORK[dual.family]))
    dual.put(f"{site_rules}/own", rule("ingress", "udp", 22, family=dual.family, remote_group="ssh"))
    assert _scan(dual, "ext", scans.addresses(EXT, VM1, dual.family, ADDRESSES, vary=vary)) <= 32 + 8


@pytest.mark.parametrize("vary", ["source", "target"])
def test_a_vm_that_tries_many_addresses_leaves_few_datapath_flows(dual, vary):
    """Under forged sources: the guard looks for its own address among them, at most 128 prefixes leave it out;
    with its own source to many targets: none is told apart, since it may send to all. Measured: 1 and 3.
    """
    packets = scans.addresses(VM1, EXT, dual.family, ADDRESSES if vary == "source" else QUESTIONS, vary=vary)
    assert _scan(dual, "vm1", packets, SLOW if vary == "target" else PACE) <= (32 if dual.family == 4 else 128) + 8


def test_questions_for_many_addresses_leave_one_datapath_flow_each_until_they_have_been_idle(dual):
    """ARP's and neighbour discovery's target has no trie in Open vSwitch, and who is asked decides where the
    question goes. So each leaves a flow, for ten seconds (other_config:max-idle); Open vSwitch bounds their
    number (flow-limit, 200 000).
    """
    dual.fabric.ovs.settle()
    if dual.family == 4:
        asked = [frames.arp(VM1, f"192.168.{1 + n // 250}.{1 + n % 250}") for n in range(QUESTIONS)]
    else:
        asked = [nd.solicitation(VM1, f"fd00::5:{n:x}") for n in range(QUESTIONS)]
    _pour(dual, "vm1", (frame.raw for frame in asked))
    time.sleep(0.3)
    assert len(datapath.flows(dual.fabric.ovs)) <= QUESTIONS + 64
