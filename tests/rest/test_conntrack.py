"""The connections of a tenant by REST: whose they are, filters, pages, what is missing, what is flushed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from app.core.connections import Icmp, Listing
from app.core.flushes import Tuple, Zone
from app.core.values import PolicyKey
from app.service import SwitchStatus, Unavailable, ZoneUse
from rest.application import Limits
from tests.rest.local import DPID, Client, LocalFirewall, unchanged

PATH = "/v1/tenants/acme/conntrack"
OTHER = "0000000000000002"
AWAY = Unavailable("no_control_socket", "no control socket is known")


def line(
    protocol: str, source: str, destination: str, sport: int = 1000, dport: int = 80, zone: int = 1, **more: Any
) -> str:
    """A line of the dump; `initiator` and `responder` are (epoch, rule id)."""
    (e0, r0), (e1, r1) = more.get("initiator", (0, 0)), more.get("responder", (0, 0))
    label = e0 | e1 << 32 | r0 << 64 | r1 << 96
    ports = f"sport={sport},dport={dport}"
    if protocol.startswith("icmp"):
        ports = f"id={sport},type={more.get('type', 8)},code=0"
    state = f",protoinfo=(state={more['state']})" if "state" in more else ""
    tail = f"zone={zone},timeout={more.get('timeout', 60)}" + (f",labels={label:#x}" if label else "") + state
    ends = f"orig=(src={source},dst={destination},{ports}),reply=(src={destination},dst={source},{ports})"
    return f"{protocol},{ends},{tail}"


@pytest.fixture
def epoch(call: Client) -> int:
    """Of the policy of acme's ports of group web."""
    return call.firewall.inventory.epoch(PolicyKey("acme", ("web",)))


@pytest.fixture
def live(call: Client, epoch: int) -> list[str]:
    """What the switch has of acme: zone 1."""
    rule = call.firewall.inventory.rule_id("acme", "web", "ssh")
    lines = [
        line("tcp", "10.9.0.1", "10.0.0.1", 5000, 22, responder=(epoch, rule), state="ESTABLISHED"),
        line("tcp", "10.9.0.2", "10.0.0.1", 5001, 22, responder=(epoch + 1000, 99), state="SYN_SENT"),
        line("udp", "10.0.0.1", "10.8.0.1", 5002, 53, initiator=(epoch, 0)),
        line("icmp", "10.0.0.1", "10.8.0.1", 7, initiator=(epoch, 0)),
        line("icmpv6", "fe80::5054:ff:fe00:1", "fe80::9", 8, type=128, initiator=(epoch, 0)),
        line("udp", "10.9.0.3", "10.0.0.1", 5003, 53),
    ]
    call.firewall.conntrack[DPID, 1] = lines
    return lines


def items(call: Client, query: str = "") -> list[dict[str, Any]]:
    answer = call.get(PATH + query)
    assert answer.status_int == 200, answer.text
    return answer.json["items"]


def test_a_connection_is_shown_with_its_ends_rules_and_epochs(call: Client, live: list[str]) -> None:
    (tcp,) = items(call, "?state=ESTABLISHED")
    assert tcp.pop("responder") == {"port": "vm1", "rule": "web/ssh", "epoch": "current", "rule_id": 1}
    assert tcp == {
        "switch": DPID, "vlan": 0, "zone": 1, "protocol": "tcp", "src": "10.9.0.1", "dst": "10.0.0.1",
        "sport": 5000, "dport": 22, "state": "ESTABLISHED", "timeout": 60,
        "initiator": {"port": None, "rule": None, "epoch": None},
    }  # fmt: skip


def test_an_old_epoch_a_rule_that_is_gone_the_default_and_no_label_say_so(call: Client, live: list[str]) -> None:
    by_port = {item.get("sport"): item for item in items(call)}
    assert by_port[5001]["responder"] == {"port": "vm1", "rule": "gone", "epoch": "old", "rule_id": 99}
    assert by_port[5002]["initiator"] == {"port": "vm1", "rule": "default", "epoch": "current"}
    assert by_port[5003]["responder"] == {"port": "vm1", "rule": None, "epoch": "none"}


def test_icmp_shows_type_code_and_id(call: Client, live: list[str]) -> None:
    (icmp,) = items(call, "?protocol=icmp")
    assert (icmp["icmp_type"], icmp["icmp_code"], icmp["icmp_id"]) == (8, 0, 7)
    assert "sport" not in icmp


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 6), ("?protocol=tcp", 2), ("?protocol=tcp&protocol=udp", 4), ("?protocol=17", 2), ("?src=10.9.0.1", 1),
        ("?src=10.9.0.0/24", 3), ("?dst=10.0.0.1&protocol=tcp", 2), ("?dst=fe80::/64", 1), ("?sport=5000", 1),
        ("?dport=22&dport=53", 4), ("?state=SYN_SENT", 1), ("?rule=web/ssh", 1), ("?rule=default", 3),
        ("?rule=gone", 1),
        ("?epoch=current", 4), ("?epoch=old", 1), ("?epoch=none", 1), ("?port=vm1", 6), ("?vlan=0", 6), ("?vlan=7", 0),
        (f"?switch={DPID}", 6), ("?epoch=current&protocol=tcp", 1),
    ],
)  # fmt: skip
def test_filters_narrow_and_repeated_ones_widen(call: Client, live: list[str], query: str, count: int) -> None:
    assert len(items(call, query)) == count


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?vlan=5000", "out_of_range"), ("?src=10.0.0.1/8", "host_bits_set"), ("?src=x", "invalid_cidr"),
        ("?protocol=any", "unknown_protocol"), ("?protocol=quic", "unknown_protocol"), ("?sport=70000", "out_of_range"),
        ("?state=HAPPY", "not_one_of"), ("?rule=ssh", "malformed"), ("?epoch=new", "not_one_of"),
        ("?protocol=icmp&dport=80", "not_applicable"), ("?dports=80", "unknown_parameter"),
        ("?limit=1001", "out_of_range"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_filter_that_cannot_be_is_refused(call: Client, live: list[str], method: str, query: str, code: str) -> None:
    answer = call(method, PATH + query)
    wanted = "unknown_parameter" if method == "DELETE" and "limit" in query else code
    assert (answer.status_int, answer.json["errors"][0]["code"]) == (400, wanted)
    assert call.firewall.flushed == []


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_tenant_or_a_port_that_is_not_there_is_not_found(call: Client, live: list[str], method: str) -> None:
    assert call(method, "/v1/tenants/nobody/conntrack?all=true".replace("?all=true", "?vlan=0")).status_int == 404
    answer = call(method, PATH + "?switch=hots-1")
    assert (answer.status_int, answer.json["kind"]) == (404, "switch"), "a slip is not an empty list, nor a done flush"
    assert call(method, PATH + "?port=vm9").json["kind"] == "port"


def test_pages_join_to_the_whole_list_in_one_order(call: Client, live: list[str]) -> None:
    whole, path, found = items(call), PATH + "?limit=2", []
    while path:
        answer = call.get(path).json
        assert len(answer["items"]) <= 2
        found += answer["items"]
        path = answer["next"]
    assert found == whole
    live.reverse()
    assert items(call) == whole


def test_a_cursor_survives_connections_that_come_and_go(call: Client, live: list[str]) -> None:
    first = call.get(PATH + "?limit=3").json
    rest = items(call)[3:]
    gone = [each for each in live if f"dport={first['items'][-1].get('dport')}" in each][:1]
    call.firewall.conntrack[DPID, 1] = [each for each in live if each not in gone]
    assert call.get(first["next"]).json["items"] == rest


def test_a_switch_without_a_list_is_named_and_the_others_are_listed(call: Client, live: list[str]) -> None:
    call.firewall.conntrack[OTHER, 1] = AWAY
    answer = call.get(PATH).json
    assert len(answer["items"]) == len(live)
    assert answer["unavailable"] == [{"switch": OTHER, "reason": AWAY.reason, "detail": str(AWAY)}]


def test_unreadable_lines_are_counted(call: Client, live: list[str]) -> None:
    live += ["nonsense", line("tcp", "10.0.0.1", "10.0.0.2", zone=2)]
    answer = call.get(PATH).json
    assert (len(answer["items"]), answer["unreadable"], answer["left_out"]) == (6, 2, 0)


def test_another_tenants_port_at_the_other_end_is_not_named(call: Client, live: list[str]) -> None:
    call.put("/v1/tenants/umbrella")
    call.put("/v1/tenants/umbrella/ports/vm7", {"mac": "52:54:00:00:00:07", "addresses": ["10.9.0.1"]})
    assert items(call, "?state=ESTABLISHED")[0]["initiator"] == {"port": None, "rule": None, "epoch": None}


def test_a_pairs_address_is_the_port_whose_policy_admitted_it(call: Client, epoch: int) -> None:
    pair = {"allowed_address_pairs": [{"address": "10.7.0.0/24"}]}
    for name, mac, group in (("r1", "52:54:00:00:00:0a", "base"), ("r2", "52:54:00:00:00:0b", "web")):
        body = {"mac": mac, "groups": [group], **pair}
        assert call.put(f"/v1/tenants/acme/ports/{name}", body).status_int == 201
    call.firewall.conntrack[DPID, 1] = [line("tcp", "10.9.0.1", "10.7.0.3", responder=(epoch, 1))]
    (found,) = items(call)
    assert found["responder"] == {"port": "r2", "rule": "web/ssh", "epoch": "current", "rule_id": 1}


def test_the_summary_counts_by_zone_protocol_state_epoch_and_port(call: Client, live: list[str]) -> None:
    call.firewall.uses[DPID, 1] = ZoneUse(6, 20000, 3)
    call.firewall.conntrack[OTHER, 1] = AWAY
    answer = call.get(PATH + "/summary").json
    assert answer["switches"] == [
        {"switch": DPID, "vlan": 0, "zone": 1, "connections": 6, "limit": 20000, "refused": 3},
        {"switch": OTHER, "vlan": 0, "zone": 1, "connections": None, "limit": None, "refused": None},
    ]
    assert answer["protocols"] == {"icmp": 1, "icmpv6": 1, "tcp": 2, "udp": 2}
    assert answer["states"] == {"ESTABLISHED": 1, "SYN_SENT": 1}
    assert answer["epochs"] == {"current": 4, "none": 1, "old": 1}
    assert answer["top_ports"] == [{"port": "vm1", "connections": 6}]
    assert answer["unavailable"][0]["switch"] == OTHER


# -- flushing


def flush(call: Client, query: str, status: int = 200) -> dict[str, Any]:
    with unchanged(call.firewall):
        answer = call("DELETE", PATH + query)
    assert answer.status_int == status, answer.text
    return answer.json


def connect(call: Client, *dpids: str) -> None:
    call.firewall.statuses = {dpid: SwitchStatus(dpid, connected=True, state="synced") for dpid in dpids}


def test_nothing_said_is_nothing_flushed(call: Client, live: list[str]) -> None:
    assert flush(call, "", 400)["errors"][0]["code"] == "missing"
    assert flush(call, "?all=false", 400)["errors"][0]["code"] == "missing"
    assert flush(call, "?all=true&port=vm1", 400)["errors"][0]["code"] == "contradiction"
    assert call.firewall.flushed == []


@pytest.mark.parametrize("query", ["?all=true", "?vlan=0", "?all=true&vlan=0"])
def test_all_is_the_tenants_zones_on_every_switch_that_is_there(call: Client, live: list[str], query: str) -> None:
    connect(call, DPID, OTHER)
    call.put("/v1/tenants/umbrella")
    answer = flush(call, query)
    assert call.firewall.flushed == [(DPID, 1, None), (OTHER, 1, None)]
    assert [each["how"] for each in answer["flushed"]] == ["zone", "zone"]
    assert answer["complete"]


def test_a_filter_flushes_exactly_the_connections_it_means(call: Client, live: list[str]) -> None:
    answer = flush(call, "?epoch=old")
    assert call.firewall.flushed == [(DPID, 1, [Tuple(6, "10.9.0.2", "10.0.0.1", 5001, 22)])]
    assert answer["flushed"] == [
        {"switch": DPID, "vlan": 0, "zone": 1, "ok": True, "how": "connections", "connections": 1, "left": 0}
    ]


def test_what_cannot_be_said_exactly_is_left_and_counted(call: Client, live: list[str]) -> None:
    answer = flush(call, "?rule=default")
    udp, icmp = Tuple(17, "10.0.0.1", "10.8.0.1", 5002, 53), Tuple(1, "10.0.0.1", "10.8.0.1", icmp=Icmp(8, 0, 7))
    assert call.firewall.flushed == [(DPID, 1, [icmp, udp])]
    assert (answer["flushed"][0]["connections"], answer["flushed"][0]["left"], answer["complete"]) == (2, 1, False)


def test_no_match_sends_nothing(call: Client, live: list[str]) -> None:
    assert flush(call, "?src=10.99.0.1")["flushed"][0]["connections"] == 0
    assert call.firewall.flushed == []


def test_without_a_list_the_message_says_what_it_can(call: Client) -> None:
    call.firewall.conntrack[DPID, 1] = AWAY
    answer = flush(call, "?src=10.9.0.1&protocol=tcp&dport=22")
    ((dpid, zone, which),) = call.firewall.flushed
    assert (dpid, zone, set(which or ())) == (DPID, 1, {Tuple(6, "10.9.0.1", None, None, 22)})
    assert answer["flushed"][0]["protocols"] == ["tcp"]
    answer = flush(call, "?port=vm1")
    assert {each.protocol for each in call.firewall.flushed[1][2] or ()} == {6, 17, 132}
    assert answer["flushed"][0]["how"] == "tuples"


@pytest.mark.parametrize(
    "query", ["?epoch=old", "?src=10.9.0.0/24", "?protocol=icmp", "?rule=web/ssh", "?state=CLOSING"]
)
def test_without_a_list_the_rest_is_refused(call: Client, query: str) -> None:
    call.firewall.conntrack[DPID, 1] = AWAY
    problem = flush(call, query, 409)
    assert problem["code"] == "not_flushed"
    assert "needs a list" in problem["flushed"][0]["detail"]
    assert call.firewall.flushed == []


def test_a_switch_that_cannot_does_not_keep_the_others_from_it(call: Client, live: list[str]) -> None:
    connect(call, DPID, OTHER)
    call.firewall.unflushable[OTHER] = Unavailable("disconnected", "the switch is not connected")
    answer = flush(call, "?all=true")
    assert [each["ok"] for each in answer["flushed"]] == [True, False]
    assert not answer["complete"]
    call.firewall.unflushable[DPID] = call.firewall.unflushable[OTHER]
    assert flush(call, "?all=true", 409)["code"] == "not_flushed"


def test_a_switch_that_is_away_with_the_tenants_ports_is_told_of(call: Client, live: list[str]) -> None:
    call.firewall.unflushable[DPID] = Unavailable("disconnected", "the switch is not connected")
    assert flush(call, "?all=true", 409)["flushed"][0]["reason"] == "disconnected"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", PATH), ("GET", PATH + "/summary"), ("DELETE", PATH + "?src=10.9.0.1"), ("DELETE", PATH + "?all=true"),
     ("GET", "/v1/tenants/acme")],
)  # fmt: skip
def test_nobody_else_waits_for_a_switch_that_stands_still(
    call: Client, live: list[str], monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    connect(call, DPID)
    held, asked = [0], []

    @contextmanager
    def slot() -> Iterator[None]:
        held[0] += 1
        yield
        held[0] -= 1

    def watched(kept: Any) -> Any:
        def ask(*about: Any, **more: Any) -> Any:
            asked.append(held[0])
            return kept(*about, **more)

        return ask

    for name in ("connections", "zone_use", "flush"):
        monkeypatch.setattr(call.firewall, name, watched(getattr(call.firewall, name)))
    assert Client(call.firewall, Limits(slot=slot))(method, path).status_int == 200
    assert asked
    assert set(asked) == {0}


def test_a_switch_that_lists_nothing_is_asked_once_for_all_zones_of_a_flush(
    call: Client, live: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def fail(dpid: str, zone: Zone, is_fresh: bool = False) -> Listing:
        asked.append((dpid, zone.number))
        raise AWAY

    monkeypatch.setattr(call.firewall, "zones_by_switch", lambda tenant: {DPID: [(0, 1), (7, 1)], OTHER: [(0, 1)]})
    monkeypatch.setattr(call.firewall, "connections", fail)
    assert len(flush(call, "?epoch=old", 409)["flushed"]) == 3
    assert asked == [(DPID, 1), (OTHER, 1)]


def test_a_zone_that_changes_hands_meanwhile_is_neither_shown_nor_flushed(
    call: Client, live: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    firewall, listed = call.firewall, LocalFirewall.connections

    def lose(self: LocalFirewall, *about: Any, **more: Any) -> Any:
        listing = listed(self, *about, **more)
        monkeypatch.setattr(firewall.inventory, "zones", lambda tenant: [])
        return listing

    monkeypatch.setattr(LocalFirewall, "connections", lose)
    kept = firewall.inventory.zones
    assert items(call) == []
    monkeypatch.setattr(firewall.inventory, "zones", kept)
    answer = call("DELETE", PATH + "?protocol=tcp")
    assert (answer.status_int, answer.json["flushed"][0]["reason"]) == (409, "zone_released")
    assert firewall.flushed == []
