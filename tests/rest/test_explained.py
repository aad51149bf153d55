"""Why, by REST: what a switch says of a packet, of a port's flows and rules, of itself; and who may know."""

from __future__ import annotations

import pytest

from app.core.explained import Checked, Count, Difference, Differences, DropSeen, Installed, PortUse, RuleUse
from app.core.flow import flow, goto, set_field
from app.core.packets import FiveTuple, fields_of
from app.core.pipeline import Reg, Table
from app.core.question import Leg, NearMiss, Step, Trace
from app.core.sections import Section
from app.service import SwitchStatus
from tests.rest.explanations import Told
from tests.rest.local import DPID, Client, LocalFirewall

PORT = "/v1/tenants/acme/ports/vm1"
SWITCH = f"/v1/switches/{DPID}"
TRACE = "/v1/tenants/acme/trace?src=vm1&dst=ip:10.0.0.2&proto=tcp&dport=22"
RULE = flow(Table.POLICY, 21, set_field(Reg.VERDICT, 1), set_field(Reg.RULE, 3), eth_type=0x800, ip_proto=6, tcp_dst=22)
OWN = flow(Table.GUARD, 700, goto(1), in_port=7)


def counted(each: object, packets: int = 5) -> Count:
    return Count(each.cookie, each.table, each.priority, each, packets, 60 * packets, 90)  # type: ignore[attr-defined]


@pytest.fixture
def told(call: Client, firewall: LocalFirewall) -> Told:
    firewall.explaining = told = Told()
    firewall.places["vm1"], firewall.ofports["vm1"] = DPID, 7
    firewall.statuses[DPID] = SwitchStatus(DPID, True, "synced")
    told.flows = [Installed("policy", "web/ssh", RULE, counted(RULE)), Installed("port", None, OWN, None)]
    told.held = [counted(OWN), counted(RULE), Count(1, 60, 9, None, 1, 60, 2)]
    return told


def test_the_flows_of_a_port_come_with_their_rule_and_counters(call: Client, told: Told) -> None:
    listed = call.get(f"{PORT}/flows").json
    assert (listed["switch"], listed["ofport"], listed["flows"], listed["not_installed"]) == (DPID, 7, 2, 1)
    own, rule = listed["items"]
    assert (own["part"], own["rule"], own["installed"], own["packets"]) == ("port", None, False, None)
    assert (rule["rule"], rule["table"], rule["match"]) == ("web/ssh", "POLICY", "priority=21,tcp,tp_dst=22")
    assert (rule["actions"], rule["packets"]) == ("set_field:0x1->reg11,set_field:0x3->reg12", 5)
    assert [each["part"] for each in call.get(f"{PORT}/flows?part=policy").json["items"]] == ["policy"]
    first = call.get(f"{PORT}/flows?limit=1").json
    assert len(call.get(first["next"]).json["items"]) == 1


def test_as_text_they_are_what_ovs_ofctl_writes(call: Client, told: Told) -> None:
    own, rule = call.get(f"{PORT}/flows", Accept="text/plain").text.splitlines()
    assert own == "# not installed: table=0, priority=700,in_port=7 actions=goto_table:1  # port"
    assert rule == (
        f"cookie={RULE.cookie:#x}, duration=90s, table=60, n_packets=5, n_bytes=300, priority=21,tcp,tp_dst=22 "
        "actions=set_field:0x1->reg11,set_field:0x3->reg12  # web/ssh"
    )


def test_a_port_that_is_nowhere_has_no_flows_and_is_not_taken_anew(call: Client, firewall: LocalFirewall) -> None:
    listed = call.get(f"{PORT}/flows").json
    assert (listed["items"], listed["switch"]) == ([], None)
    answer = call("POST", f"{PORT}:resync")
    assert (answer.status_int, answer.json["code"], answer.json["reason"]) == (409, "port_not_plugged", "unbound")


def test_a_switch_that_does_not_answer_is_503(call: Client, firewall: LocalFirewall) -> None:
    firewall.places["vm1"], firewall.ofports["vm1"] = DPID, 7
    firewall.statuses[DPID] = SwitchStatus(DPID, False, "disconnected")
    asked = [("GET", f"{PORT}/flows"), ("GET", f"{SWITCH}/flows"), ("GET", f"{SWITCH}/drift")]
    for method, path in [*asked, ("POST", f"{PORT}:resync"), ("GET", f"{TRACE}&datapath=true")]:
        answer = call(method, path)
        assert (answer.status_int, answer.json["code"]) == (503, "switch_unreachable"), path
        assert answer.json["reason"] == "switch_disconnected"
    rules = call.get(f"{PORT}/effective-rules").json
    assert rules["unavailable"]["reason"] == "switch_disconnected"
    assert [(each["rule"], each["hits"]) for each in rules["items"]] == [("web/ssh", None), (None, None)]


def test_effective_rules_come_with_origin_hits_and_last_use(call: Client, told: Told) -> None:
    call.put("/v1/tenants/acme/groups/base", {"rules": [
        {"key": "mon", "direction": "ingress", "remote_address_group": "mon"},
        {"key": "out", "direction": "egress", "protocol": "udp"},
    ]})  # fmt: skip
    call("PATCH", PORT, {"groups": ["base", "web"]}, {"Content-Type": "application/merge-patch+json"})
    told.use = PortUse(DPID, 3, {"web/ssh": RuleUse(2, 40, 600, 60), None: RuleUse(1, 0, 600, None)})
    answer = call.get(f"{PORT}/effective-rules").json
    by_rule = {each["rule"]: each for each in answer["items"]}
    assert list(by_rule) == ["base/mon", "base/out", "web/ssh", None]
    ssh = by_rule["web/ssh"]
    assert (ssh["hits"], ssh["flows"], ssh["origin"], ssh["port_min"]) == (40, 2, {"group": "web"}, 22)
    assert ssh["counted_since"] < ssh["last_used"]
    assert (by_rule["base/mon"]["remote_networks"], by_rule["base/mon"]["hits"]) == (["10.9.0.0/28"], 0)
    assert by_rule["base/out"]["effective"] is False
    assert "egress is any" in by_rule["base/out"]["because"]
    assert by_rule[None]["last_used"] is None
    assert (answer["shared_by"], answer["switch"]) == (3, DPID)


@pytest.mark.parametrize(("confirms", "status"), [(True, 200), (False, 202)])
def test_a_port_s_flows_are_taken_anew(confirms: bool, status: int, call: Client, told: Told) -> None:
    told.confirms = confirms
    answer = call("POST", f"{PORT}:resync?wait=2s")
    assert (answer.status_int, answer.json["flows"], answer.json["confirmed"]) == (status, 7, confirms)
    assert told.resynced == [("vm1", DPID, 2.0)]
    assert ("Retry-After" in answer.headers) is not confirms


def test_a_switch_s_flows_are_counted_by_table_and_listed_of_one(call: Client, told: Told) -> None:
    tables = call.get(f"{SWITCH}/flows").json["tables"]
    assert [(each["table"], each["flows"]) for each in tables] == [("GUARD", 1), ("POLICY", 2)]
    listed = call.get(f"{SWITCH}/flows?table=POLICY").json
    assert [each["match"] for each in listed["items"]] == ["priority=21,tcp,tp_dst=22", None]
    assert call.get(f"{SWITCH}/flows?table=60").json["flows"] == 2
    text = call.get(f"{SWITCH}/flows?table=POLICY", Accept="text/plain").text
    assert text.splitlines()[1].endswith("# (says what no flow of ovswarden can)")
    assert "POLICY" in call.get(f"{SWITCH}/flows", Accept="text/plain").text
    answer = call.get(f"{SWITCH}/flows?table=POLICIES")
    assert (answer.status_int, answer.json["errors"][0]["code"]) == (400, "unknown_table")


def test_drift_tells_what_is_wanted_and_what_is_held(call: Client, told: Told) -> None:
    assert call.get(f"{SWITCH}/drift").json["in_step"] is True
    other = Count(RULE.cookie, 60, 21, flow(60, 21), 0, 0, 0)
    told.differences = Differences(
        True, 1, 1, 1, (Difference("altered", RULE, other), Difference("missing", OWN, None))
    )  # fmt: skip
    answer = call.get(f"{SWITCH}/drift").json
    assert (answer["missing"], answer["extra"], answer["altered"], answer["in_step"]) == (1, 1, 1, False)
    altered, missing = answer["items"]
    assert (altered["wanted"]["actions"], altered["held"]["actions"]) == (
        "set_field:0x1->reg11,set_field:0x3->reg12",
        "drop",
    )
    assert missing["held"] is None
    assert len(call.get(f"{SWITCH}/drift?limit=1").json["items"]) == 1


@pytest.mark.parametrize("agrees", [True, False, None])
def test_the_switch_s_own_trace_stands_beside_the_model_s(agrees: bool | None, call: Client, told: Told) -> None:
    differences = () if agrees else ("the model meets A, the switch B",)
    told.checks = [Checked(DPID, agrees, differences, (0, 10, 0), "in_port=1", ("est,trk",), 2, 3, "the answer")]
    answer = call.get(f"{TRACE}&datapath=true").json["datapath"]
    assert (answer["checked"], answer["agrees"], answer["tables"]) == (True, agrees, [0, 10])
    (there,) = answer["switches"]
    assert there["asked"] == "ofproto/trace in_port=1 --ct-next est,trk"
    assert (there["compared"], there["output"]) == ({"sections": 2, "of": 3}, "the answer")
    text = call.get(f"{TRACE}&datapath=true", Accept="text/plain").text
    assert {True: "ofproto/trace: agrees", False: "DISAGREES", None: "cannot tell"}[agrees] in text
    assert call.get(TRACE).json["datapath"] == {"checked": False}


ENTRY = (
    "tcp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=41000,dport=22),reply=(src=10.0.0.2,dst=10.0.0.1,sport=22,dport=41000),"
    "zone={},labels=0x1,protoinfo=(state=ESTABLISHED)"
)


def test_the_connection_that_a_packet_belongs_to_is_found(call: Client, firewall: LocalFirewall, told: Told) -> None:
    zone = firewall.inventory.zone("acme")
    five = FiveTuple(4, 6, 0x0A000001, 0x0A000002, 49152, 22)
    leg = Leg(DPID, {"in_port": 7, **fields_of(five)}, Section())
    firewall.traced = Trace("allow", "TARGET", "established", None, "acme/vm1", {}, (), (), ("ext",), (leg,))
    others = [ENTRY.replace("dport=22", "dport=23"), ENTRY.replace("10.0.0.2", "10.0.0.3")]
    firewall.conntrack[DPID, zone] = [each.format(zone) for each in (ENTRY, *others)]
    found = call.get(TRACE).json["conntrack"]
    assert [(each["sport"], each["state"]) for each in found["items"]] == [(41000, "ESTABLISHED")]
    assert found["now"]["verdict"] == "allow"
    supposed = firewall.asked[-1]
    assert (supposed.state, supposed.label, supposed.source_port) == ("established", 1, 41000)
    assert "in conntrack:" in call.get(TRACE, Accept="text/plain").text
    assert call.get(f"{TRACE}&sport=41001").json["conntrack"]["items"] == []
    assert call.get(f"{TRACE}&conntrack=false").json["conntrack"] is None


def test_nobody_sees_another_tenant_s_ports_and_rules_in_a_trace(call: Client, firewall: LocalFirewall) -> None:
    call.put("/v1/tenants/other")
    steps = (Step("SOURCE", "allow", "acme/vm1", None, "fine"), Step("TARGET", "deny", "other/db", "g/k", "secret"),
             Step("OUTPUT", "deliver", None, None, "to secret"))  # fmt: skip
    back = Trace("deny", "TARGET", "rule", "other/g/k", "other/db", {}, steps, (), ())
    misses = (NearMiss("g/k", "other/db", "secret"),)
    packet: dict[str, str | int] = {"eth_src": "a", "eth_dst": "secret", "in_port": 1}
    firewall.traced = Trace("allow", "TARGET", "rule", "other/g/k", "other/db", packet, steps, misses, ("secret",),
                            way_back=back)  # fmt: skip
    made = call("POST", "/v1/tokens", {"id": "t1", "role": "viewer", "tenant": "acme"}).json
    theirs = call.bearing(made["token"]).get(TRACE)
    assert theirs.status_int == 200
    assert not any(word in theirs.text for word in ("secret", "other/", "g/k"))
    assert theirs.json["steps"][1] == {
        "stage": "TARGET", "result": "deny", "port": None, "rule": None, "detail": "beyond the tenant"
    }  # fmt: skip
    assert theirs.json["steps"][0]["port"] == "acme/vm1"
    assert "other/db" in call.get(TRACE).text


def test_sampled_drops_are_seen_by_whom_they_concern(call: Client, told: Told) -> None:
    match = "in_port(tap9),eth(src=52:54:00:00:00:09,dst=52:54:00:00:00:01),eth_type(0x0800),ipv4(proto=6),tcp(dst=22)"
    told.drop_interval = 5
    told.drops = [
        DropSeen("2026-11-22T15:00:00Z", DPID, "tap9", "other/db", "acme/vm1", 3, match),
        DropSeen("2026-11-22T15:00:01Z", DPID, "tap9", "other/db", None, 4, match),
        DropSeen("2026-11-22T15:00:02Z", DPID, "tap1", "acme/vm1", "acme/vm2", 5, match),
    ]
    call.put("/v1/tenants/other")
    everything = call.get("/v1/drop-samples").json
    assert [each["packets"] for each in everything["items"]] == [5, 4, 3]
    assert (everything["items"][1]["sender"], everything["every_seconds"]) == ("other/db", 5)
    assert [e["packets"] for e in call.get("/v1/drop-samples?tenant=acme&port=vm2&limit=1").json["items"]] == [5]
    made = call("POST", "/v1/tokens", {"id": "t1", "role": "viewer", "tenant": "acme"}).json
    theirs = call.bearing(made["token"]).get("/v1/drop-samples")
    assert [(e["packets"], e["sender"], e["interface"]) for e in theirs.json["items"]] == [
        (5, "acme/vm1", "tap1"),
        (3, None, None),
    ]
    assert "tap9" not in theirs.text
    assert theirs.json["items"][1]["match"] == "eth_type(0x0800),ipv4(proto=6),tcp(dst=22)"
    assert call.bearing(made["token"]).get("/v1/drop-samples?tenant=other").status_int == 404
