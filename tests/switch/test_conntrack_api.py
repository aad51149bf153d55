"""The connections of a real switch by REST: whose they are, what a tightening says of them, what a flush cuts."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.switch.site import DPID, Site, both, port, rule, running_site
from topology import datapath
from topology.labs import Host, Lab, Probe
from topology.listeners import Listener
from topology.namespaces import INET

pytestmark = pytest.mark.switch
NEAR, FAR = ("10.1.0.1", "fd00:1::1"), ("10.1.0.254", "fd00:1::fe")
EXT = Host("ext", "52:54:00:e0:00:fe", "192.168.0.254", ofport=1, address6="fd00::fe")
RED, BLUE = (
    Host(tenant, "52:54:00:aa:00:01", NEAR[0], tenant=tenant, groups=("web",), address6=NEAR[1], vlan=tag)
    for tenant, tag in (("red", 10), ("blue", 20))
)
FAR_OF = {
    tag: Host(f"ext.{tag}", "52:54:00:ff:00:01", FAR[0], address6=FAR[1], trunk="ext", tag=tag) for tag in (10, 20)
}
LAB = Lab("overlapping", (EXT, *FAR_OF.values(), RED, BLUE), ("ext",))
CONNTRACK = "/v1/tenants/{}/conntrack"
WHICH = ("sport=40401&dport=80", "protocol=udp&dport=80")
NO_FAREWELL = struct.pack("ii", 1, 0)  # what was not answered is not repeated after the end of a test
Open = Callable[..., socket.socket]


@pytest.fixture(scope="module")
def running(place: Path) -> Iterator[Site]:
    """Two tenants with the same MAC and addresses, in segments 10 and 20."""
    with running_site(place, LAB, settings={"control_socket": str(place / "switch" / "vswitchd.ctl")}) as site:
        yield site


@pytest.fixture
def site(running: Site) -> Iterator[Site]:
    rules = [rule("ingress", "tcp", 80) | {"key": "http"}, rule("ingress", "tcp", 443) | {"key": "https"}]
    rules += [rule("ingress", "udp", 80) | {"key": "udp"}]
    rules += [{"key": "ping6", "direction": "ingress", "protocol": "icmpv6", "icmp_type": 128}]
    policy = []
    for host in (RED, BLUE):
        tenant = f"/v1/tenants/{host.tenant}"
        policy.append({"path": tenant, "body": {}})
        policy.append({"path": f"{tenant}/groups/web", "body": {"rules": rules}})
        policy.append({"path": f"{tenant}/ports/{host.name}", "body": port(host, addresses=both(host))})
    running.reset(policy)
    yield running
    running.end_streams()


@pytest.fixture
def opens(site: Site) -> Iterator[Open]:
    """Opens a TCP connection that has carried a byte either way, from one of `sport`."""
    with ExitStack() as until:
        listening: set[tuple[str, int]] = set()

        def open(source: str, target: str, number: int, sport: int) -> socket.socket:
            if (target, number) not in listening:
                until.enter_context(Listener(site.fabric.host(target), [Probe("tcp", number)], 4))
                listening.add((target, number))
            client = until.enter_context(site.fabric.host(source).socket(INET[4], socket.SOCK_STREAM))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_FAREWELL)
            client.bind(("", sport))
            client.settimeout(5)
            client.connect((LAB.host(target).address, number))
            exchange(client)
            return client

        yield open


def exchange(client: socket.socket) -> None:
    client.send(b"?")
    assert client.recv(1) == b"?"


def fresh(site: Site, tenant: str = "red", query: str = "") -> list[dict[str, Any]]:
    """A flush that means nothing has the switch list anew."""
    site.controller.ask("DELETE", CONNTRACK.format(tenant) + "?src=203.0.113.1")
    found = site.controller.get(f"{CONNTRACK.format(tenant)}?{query}")
    assert (found["unavailable"], found["unreadable"], found["left_out"]) == ([], 0, 0)
    return found["items"]


def flush(site: Site, query: str, tenant: str = "red") -> dict[str, Any]:
    reply = site.controller.ask("DELETE", f"{CONNTRACK.format(tenant)}?{query}")
    assert reply.status == 200, reply.body
    return reply.body


def sports(items: list[dict[str, Any]]) -> list[int]:
    return sorted(item["sport"] for item in items)


def test_a_live_stream_is_listed_with_its_port_rule_and_epoch_and_the_other_tenants_is_not(site):
    for tenant, tag in (("red", 10), ("blue", 20)):
        site.stream("client-push", f"ext.{tag}", tenant, 80, sport=40000 + tag)
    (item,) = fresh(site, query="dport=80")
    assert item["timeout"] > 1000
    assert item["responder"].pop("rule_id") > 0
    assert {name: item[name] for name in item if name not in ("zone", "timeout")} == {
        "switch": DPID, "vlan": 10, "protocol": "tcp", "src": FAR[0], "dst": NEAR[0], "sport": 40010, "dport": 80,
        "state": "ESTABLISHED",
        "initiator": {"port": None, "rule": None, "epoch": None},
        "responder": {"port": "red", "rule": "web/http", "epoch": "current"},
    }  # fmt: skip
    (other,) = fresh(site, "blue", "rule=web/http&state=ESTABLISHED&port=blue&src=10.1.0.0/24")
    assert (other["sport"], other["vlan"]) == (40020, 20)
    assert other["zone"] != item["zone"]


def test_after_a_tightening_an_entry_is_old_until_its_next_packet(site, opens):
    web, other = opens("ext.10", "red", 80, 40101), opens("ext.10", "red", 443, 40102)
    site.delete("/v1/tenants/red/groups/web/rules/https")
    assert sports(fresh(site, query="epoch=old")) == [40101, 40102]
    assert [item["responder"]["rule"] for item in fresh(site, query="sport=40102")] == ["gone"]
    exchange(web)
    assert sports(fresh(site, query="epoch=current")) == [40101]
    other.settimeout(0.3)
    other.send(b"?")
    with pytest.raises(TimeoutError):
        other.recv(1)
    assert sports(fresh(site, query="epoch=old")) == [40102]
    assert flush(site, "rule=gone")["flushed"][-1]["connections"] == 1
    assert sports(fresh(site)) == [40101]


def test_a_flush_by_filter_cuts_exactly_what_it_means(site, opens):
    clients = {sport: opens("ext.10", "red", 80, sport) for sport in (40201, 40202, 40203)}
    twin = opens("ext.20", "blue", 80, 40202)
    done = flush(site, "sport=40202&src=10.1.0.254")
    (told,) = (each for each in done["flushed"] if each["vlan"] == 10)
    assert (told["how"], told["connections"], told["left"]) == ("connections", 1, 0)
    assert sports(fresh(site, query="dport=80")) == [40201, 40203]
    assert sports(fresh(site, "blue", "dport=80")) == [40202]
    for client in (*clients.values(), twin):
        exchange(client)
    # what the rules allow is taken up again with its next packet
    again = {item["sport"]: item["responder"] for item in fresh(site, query="dport=80")}
    assert sorted(again) == [40201, 40202, 40203]
    assert again[40202]["rule"] == "web/http"


@pytest.mark.parametrize("egress", ["any", "rules"])
def test_an_answer_after_a_flush_is_judged_as_if_its_sender_had_opened_the_connection(site, egress):
    """Here the VM alone sends, so the next packet is its."""
    site.patch("/v1/tenants/red/ports/red", {"egress": egress})
    stream = site.stream("server-push", "ext.10", "red", 80, sport=40301)
    assert flush(site, "sport=40301")["complete"]
    time.sleep(0.3)  # what is on its way
    assert stream.alive(within=1) is (egress == "any")
    found = [
        (each["src"], each["initiator"]["rule"]) for each in fresh(site) if 40301 in (each.get("sport"), each["dport"])
    ]
    assert found == ([(NEAR[0], "default")] if egress == "any" else [])


@pytest.mark.parametrize("query", ["all=true", "vlan=10&vlan=0"])
def test_all_empties_the_tenants_zones_and_nobody_elses(site, opens, query):
    for tag, tenant in ((10, "red"), (20, "blue")):
        opens(f"ext.{tag}", tenant, 80, 40401)
        assert site.fabric.udp(f"ext.{tag}", tenant, 80)
    before = [len(fresh(site, "blue", which)) for which in WHICH]
    assert [len(fresh(site, "red", which)) for which in WHICH] == before == [1, 1]
    assert {each["how"] for each in flush(site, query)["flushed"]} == {"zone"}
    assert [len(fresh(site, "red", which)) for which in WHICH] == [0, 0]
    assert [len(fresh(site, "blue", which)) for which in WHICH] == before


def test_icmpv6_is_left_alone_and_the_switch_lives(site):
    assert site.fabric.icmp("ext.10", "red", 2.0, 6)
    (item,) = fresh(site, query="protocol=icmpv6")
    assert item["icmp_type"] == 128
    pid = site.fabric.ovs.pid("ovs-vswitchd")
    for query in ("protocol=icmpv6", "src=fd00:1::fe", "port=red"):
        (done,) = (each for each in flush(site, query)["flushed"] if each["vlan"] == 10)
        assert (done["connections"], done["left"]) == (0, 1), query
    assert site.fabric.ovs.pid("ovs-vswitchd") == pid
    assert len(fresh(site, query="protocol=icmpv6")) == 1
    flush(site, "all=true")
    assert fresh(site) == []


def test_the_summary_counts(site, opens):
    clients = [opens("ext.10", "red", 80, 40500 + n) for n in range(3)]
    assert site.fabric.udp("ext.10", "red", 80)
    fresh(site)
    summary = site.controller.get(CONNTRACK.format("red") + "/summary")
    (zone,) = (each for each in summary["switches"] if each["vlan"] == 10)
    assert (zone["connections"], zone["limit"], zone["refused"]) == (4, 100_000, 0)
    assert summary["protocols"] == {"tcp": 3, "udp": 1}
    assert summary["states"] == {"ESTABLISHED": len(clients)}
    assert summary["epochs"] == {"current": 4}
    assert summary["top_ports"] == [{"port": "red", "connections": 4}]


def test_without_a_control_socket_there_is_no_list_and_a_flush_says_what_a_tuple_can(site, opens):
    for sport in (40601, 40602):
        opens("ext.10", "red", 80, sport)
    site.put(f"/v1/switches/{DPID}", {"control_socket": ""})
    refusal = site.controller.ask("DELETE", CONNTRACK.format("red") + "?epoch=old")
    assert (refusal.status, refusal.body["code"]) == (409, "not_flushed")
    answer = site.controller.get(CONNTRACK.format("red"))
    assert answer["items"] == []
    assert [each["reason"] for each in answer["unavailable"]] == ["no_control_socket"]
    (done,) = (each for each in flush(site, "protocol=tcp&sport=40601&port=red")["flushed"] if each["vlan"] == 10)
    assert done["how"] == "tuples"
    left = {each.original.get("sport") for each in datapath.connections(site.fabric.ovs)}
    assert left & {"40601", "40602"} == {"40602"}
