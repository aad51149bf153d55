"""Why: what a real switch itself says of packets, flows, rules and drift, by REST."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.core.flow import OWNER, OWNER_SHIFT
from tests.switch.conftest import POLICY
from tests.switch.site import DPID, Site, eventually, running_site
from topology import SEED

pytestmark = pytest.mark.switch
RED, BLUE = "/v1/tenants/red", "/v1/tenants/blue"
VM1, VM2 = f"{RED}/ports/vm1", f"{BLUE}/ports/vm2"
SSH = "trace?src=ip:192.168.0.254&dst=vm1&proto=tcp&dport=22"


@pytest.fixture(scope="module")
def running(place: Path) -> Iterator[Site]:
    control = str(place / "switch" / "vswitchd.ctl")
    settings = {"control_socket": control, "audit_interval": "0", "drop_samples": "1"}
    with running_site(place, SEED, settings=settings) as site:
        yield site


@pytest.fixture
def site(running: Site) -> Iterator[Site]:
    running.reset(POLICY)
    yield running
    running.end_streams()


@pytest.mark.parametrize(
    "question",
    [
        f"{RED}/{SSH}",
        f"{RED}/{SSH.replace('=22', '=8080')}",
        f"{RED}/{SSH}&ct_state=established",
        f"{RED}/{SSH}&ct_state=invalid",
        f"{RED}/trace?src=vm1&dst=blue/vm2&proto=tcp&dport=80",
        f"{RED}/trace?src=vm1&dst=blue/vm2&proto=udp&dport=80",
        f"{RED}/trace?src=vm1&dst=ip:192.168.0.254&ip=192.168.0.77",
        f"{RED}/trace?src=vm1&dst=ip:192.168.0.254&mac=52:54:00:99:90:78",
    ],
)
def test_the_switch_agrees_with_the_model(site: Site, question: str) -> None:
    answer = site.controller.get(f"{question}&datapath=true")
    (there,) = answer["datapath"]["switches"]
    assert answer["datapath"]["agrees"] is True, answer["datapath"]
    assert there["compared"]["sections"] == there["compared"]["of"]
    assert "Datapath actions" in there["output"]


def test_a_switch_that_goes_another_way_is_an_event_and_is_counted(site: Site) -> None:
    flow = next(each for each in site.flows() if each.table == 60 and "tp_dst=22" in each.text)
    match = re.sub(r"priority=\d+,", "", flow.text.partition(" actions=")[0])
    site.fabric.ovs.ofctl("mod-flows", f"table=60,{match},actions=drop")
    answer = site.controller.get(f"{RED}/{SSH}&datapath=true")
    assert (answer["verdict"], answer["datapath"]["agrees"]) == ("allow", False)
    assert "goes on" in answer["datapath"]["switches"][0]["differences"][0] or "meets" in str(answer["datapath"])
    (event,) = site.controller.get("/v1/events?type=trace.disagreement")["items"]
    assert (event["data"]["switch"], event["data"]["tenant"]) == (DPID, "red")
    metrics = site.controller.ask("GET", "/metrics").body
    assert f'ovswarden_trace_disagreements_total{{switch="{DPID}"}} 1' in str(metrics)
    drift = site.controller.get(f"/v1/switches/{DPID}/drift")
    assert (drift["altered"], drift["missing"], drift["in_step"]) == (1, 0, False)
    (odd,) = drift["items"]
    assert (odd["wanted"]["actions"], odd["held"]["actions"]) == (flow.actions, "drop")
    assert resync(site, VM1)["confirmed"]
    assert site.controller.get(f"/v1/switches/{DPID}/drift")["in_step"]
    assert site.controller.get(f"{RED}/{SSH}&datapath=true")["datapath"]["agrees"] is True


def test_flows_of_a_port_are_told_as_ovs_ofctl_tells_them_each_with_its_rule(site: Site) -> None:
    dumped = {flow.cookie: flow.text for flow in site.flows()}
    listed = site.controller.get(f"{VM1}/flows?limit=1000")
    assert (listed["not_installed"], listed["switch"]) == (0, DPID)
    assert len(listed["items"]) == listed["flows"] > 20
    for each in listed["items"]:
        assert dumped[int(each["cookie"], 16)] == f"{each['match']} actions={each['actions']}"
    ruled = {each["rule"] for each in listed["items"] if each["table"] == "POLICY"}
    assert ruled == {None, "ssh/ssh"}
    text = site.controller.ask("GET", f"{VM1}/flows", headers={"Accept": "text/plain"}).body
    assert sum("# ssh/ssh" in line for line in text.splitlines()) == 1


def test_every_flow_of_the_switch_is_told_to_the_letter(site: Site) -> None:
    dumped = {flow.cookie: flow.text for flow in site.flows()}
    tables = site.controller.get(f"/v1/switches/{DPID}/flows")["tables"]
    assert sum(each["flows"] for each in tables) == len(dumped)
    seen = 0
    for table in tables:
        items = site.controller.get(f"/v1/switches/{DPID}/flows?table={table['table']}&limit=1000")["items"]
        for each in items:
            assert dumped[int(each["cookie"], 16)] == f"{each['match']} actions={each['actions']}"
        seen += len(items)
    assert seen == len(dumped)


def test_a_rule_tells_how_often_it_has_decided_and_when_last(site: Site) -> None:
    def rule() -> dict[str, Any]:
        items = site.controller.get(f"{VM1}/effective-rules")["items"]
        return next(each for each in items if each["rule"] == "ssh/ssh")

    before = rule()
    assert (before["hits"], before["last_used"], before["origin"]) == (0, None, {"group": "ssh"})
    assert site.passes(("ext", "vm1", 22)) == [True]
    used = eventually(lambda: rule() if rule()["hits"] else None)
    assert used["hits"] == 1, "of a connection only the first packet asks the rules"
    assert used["last_used"] >= used["counted_since"]
    everything = site.controller.get(f"{VM1}/effective-rules")
    assert everything["last_used_unknown"] is None
    assert everything["shared_by"] == 1
    assert everything["items"][-1]["origin"] == {"default": "default_egress"}


def test_a_trace_finds_the_connection_and_says_what_becomes_of_it(site: Site) -> None:
    stream = site.stream("client-push", "ext", "vm1", 22)
    # A list of the switch's connections is kept for two seconds: it may be from before this one.
    assert eventually(lambda: site.controller.get(f"{RED}/{SSH}")["conntrack"]["items"])
    found = site.controller.get(f"{RED}/{SSH}")["conntrack"]
    (entry,) = found["items"]
    assert (entry["protocol"], entry["responder"]["rule"]) == ("tcp", "ssh/ssh")
    assert found["now"] == {"verdict": "allow", "decided_by": found["now"]["decided_by"]}
    assert found["now"]["decided_by"]["reason"] == "established"
    back = site.controller.get(f"{RED}/trace?src=vm1&dst=ip:192.168.0.254&proto=tcp&sport=22")["conntrack"]
    assert len(back["items"]) == 1
    site.put(f"{RED}/groups/ssh", {"rules": []})
    now = site.controller.get(f"{RED}/{SSH}")["conntrack"]
    assert now["now"]["verdict"] == "deny"
    stream.close()


def test_the_way_back_is_traced_too(site: Site) -> None:
    answer = site.controller.get(f"{RED}/{SSH}")
    assert answer["way_back"]["verdict"] == "allow"
    assert answer["way_back"]["decided_by"]["reason"] == "established"
    assert site.controller.get(f"{RED}/{SSH.replace('=22', '=23')}")["way_back"] is None


def test_a_port_s_flows_that_are_gone_are_seen_and_put_back(site: Site) -> None:
    wanted = sorted(site.cookies())
    items = site.controller.get(f"{VM2}/flows?part=port&limit=1000")["items"]
    gone = [int(each["cookie"], 16) for each in items][:5]
    for cookie in gone:
        assert cookie >> OWNER_SHIFT == OWNER
        site.fabric.ovs.ofctl("del-flows", f"cookie={cookie:#x}/-1")
    assert site.controller.get(f"{VM2}/flows")["not_installed"] == 5
    assert site.controller.get(f"/v1/switches/{DPID}/drift")["missing"] == 5
    assert resync(site, VM2)["confirmed"]
    assert sorted(site.cookies()) == wanted


def test_what_is_dropped_is_sampled_with_who_sent_it_to_whom(site: Site) -> None:
    """The first packet of a kind makes the datapath's flow and is not counted by it."""
    site.fabric.ovs.settle()
    with site.fabric.host("vm2").socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(20):
            sender.sendto(b"?", ("192.168.0.1", 9999))
            time.sleep(0.02)
    path = "/v1/drop-samples?tenant=red&port=vm1"
    found = eventually(lambda: site.controller.get(path)["items"])
    assert {(each["sender"], each["receiver"], each["interface"]) for each in found} == {
        ("blue/vm2", "red/vm1", "vm2"),
    }
    assert sum(each["packets"] for each in found) <= 20
    assert "proto=17" in found[0]["match"]


def resync(site: Site, path: str) -> dict[str, Any]:
    reply = site.controller.ask("POST", f"{path}:resync?wait=5s")
    assert reply.status == 200, reply.body
    return dict(reply.body)
