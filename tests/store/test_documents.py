"""The documents of the store: what is written is read back, and nothing else is read at all."""

import json

import pytest
from hypothesis import given

from app.core.inventory import KINDS, LEDGER, Inventory
from app.documents import DecodeError, decode, encode
from app.upgrades import NEW_IN_4
from tests.store.histories import NOW, histories, replay, sample, sample_of_version_1

TENANT = {
    "schema": 1,
    "revision": 3,
    "created_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-01-01T00:00:00Z",
    "value": {"name": "acme", "description": "", "labels": [["tier", "gold"]]},
}


@given(histories)
def test_every_row_survives_the_way_through_json(history):
    inventory = replay(Inventory(), history)
    for kind in (*KINDS.values(), *LEDGER):
        for id, content in inventory._tables[kind].items():
            assert decode(kind, id, json.loads(json.dumps(encode(kind, content)))) == content


def test_the_documents_of_schema_1_stay_readable():
    """Written down once. If this fails, a step in `UPGRADES` is missing; do not change the documents here."""
    inventory = replay(Inventory(), sample_of_version_1())
    ledger = {
        ("policy", ("acme", "rules", "web")): {"schema": 1, "number": 1, "epoch": 1},
        ("zone", ("umbrella", "7")): {"schema": 1, "number": 3},
        ("counter", ("rule_id",)): {"schema": 1, "number": 3},
    }
    for (kind, id), document in ledger.items():
        assert decode(kind, id, document) == inventory._tables[kind][id]
    assert decode("port", ("acme", "web-1"), json.loads(PORT_1)) == inventory.get("port", "acme", "web-1")
    assert decode("group", ("acme", "web"), json.loads(GROUP_1)) == inventory.get("group", "acme", "web")


def test_the_documents_of_schema_2_stay_readable():
    inventory = replay(Inventory(), sample())
    assert decode("port", ("acme", "api-1"), json.loads(PORT_2)) == inventory.get("port", "acme", "api-1")
    assert decode("group", ("acme", "api"), json.loads(GROUP_2)) == inventory.get("group", "acme", "api")
    named = "acme", "monitoring"
    assert decode("address_group", named, json.loads(ADDRESS_GROUP_2)) == inventory.get("address_group", *named)
    assert decode("set", ("acme", "group", "web"), {"schema": 2, "number": 7}) == 7


def test_the_documents_of_schema_3_stay_readable():
    inventory = replay(Inventory(), sample())
    assert decode("tenant", ("stark",), json.loads(TENANT_3)) == inventory.get("tenant", "stark")
    assert decode("port", ("stark", "vm"), json.loads(PORT_3)) == inventory.get("port", "stark", "vm")
    dpid = "0000000000000001"
    assert decode("switch", (dpid,), json.loads(SWITCH_3)) == inventory.get("switch", dpid)
    assert decode("resting", ("6",), {"schema": 3, "released_at": NOW}) == NOW


@pytest.mark.parametrize(
    ("member", "impossible", "complaint"),
    [
        ("connections", -1, r"value/limits: connections -1 is not in 0\.\.4294967295"),
        ("connections", 2**32, "connections 4294967296 is not in"),
        ("connections", "20000", "value/limits/connections is '20000', not a whole number"),
        ("new_per_second", 0, "without a limit per second there is no burst"),
        ("burst", 1_000_001, r"burst 1000001 is not in 0\.\.1000000"),
        ("timeouts", [["udp_first", 0]], r"timeout udp_first 0 is not in 1\.\.2147483648"),
        ("timeouts", [["udp", 20]], "'udp' is not a timeout"),
        ("timeouts", [["udp_first", 20], ["udp_first", 30]], "given twice"),
        ("surprise", 1, "value/limits/surprise is unknown"),
    ],
)
def test_limits_that_cannot_be_are_not_read(member, impossible, complaint):
    document = json.loads(TENANT_3)
    document["value"]["limits"][member] = impossible
    with pytest.raises(DecodeError, match=complaint):
        decode("tenant", ("stark",), document)


@pytest.mark.parametrize("moment", ["", "yesterday", "2026-11-22 10:00:00Z", "2026-11-22T10:00:00+01:00", 1795000000])
def test_a_release_is_at_a_time_in_utc(moment):
    with pytest.raises(DecodeError, match=r"not a time in UTC|not text"):
        decode("resting", ("6",), {"schema": 3, "released_at": moment})


TENANT_3 = """{"schema": 3, "revision": 10, "created_at": "2026-11-22T10:00:00.000Z",
  "updated_at": "2026-11-22T10:00:00.000Z", "value": {"name": "stark", "description": "", "labels": [], "limits":
  {"connections": 20000, "new_per_second": 500, "burst": 1000, "timeouts": [["tcp_established", 3600],
  ["udp_first", 20]]}}}"""
SWITCH_3 = """{"schema": 3, "revision": 11, "created_at": "2026-11-22T10:00:00.000Z",
  "updated_at": "2026-11-22T10:00:00.000Z", "value": {"dpid": "0000000000000001", "name": null, "uplinks": null,
  "description": "", "ovsdb": "unix:/run/openvswitch/db.sock", "control_socket": ""}}"""
PORT_3 = """{"schema": 3, "revision": 12, "created_at": "2026-11-22T10:00:00.000Z",
  "updated_at": "2026-11-22T10:00:00.000Z", "value": {"tenant": "stark", "name": "vm", "mac": "52:54:00:00:00:04",
  "addresses": [], "groups": [], "binding": {"switch": null, "interface": null, "ofport": null, "tag": 9,
  "iface_id": "vm-1:eth0"}, "egress": "any", "vlan": 0, "labels": [], "allowed_address_pairs": [],
  "spoof_guard": "enforce", "dhcp_server": false, "enabled": true}}"""
GROUP_1 = """{"schema": 1, "revision": 3, "created_at": "2026-11-22T10:00:00.000Z",
  "updated_at": "2026-11-22T10:00:00.000Z", "value": {"tenant": "acme", "name": "web", "description": "web servers",
  "rules": [
    {"key": "dns", "direction": "egress", "ethertype": "IPv4", "protocol": 17, "ports": [53, 53], "icmp_type": null,
     "icmp_code": null, "remote_cidr": "192.0.2.53/32"},
    {"key": "http", "direction": "ingress", "ethertype": "IPv4", "protocol": 6, "ports": [80, 443], "icmp_type": null,
     "icmp_code": null, "remote_cidr": "0.0.0.0/0"},
    {"key": "ping", "direction": "ingress", "ethertype": "IPv4", "protocol": 1, "ports": null, "icmp_type": 8,
     "icmp_code": 0, "remote_cidr": null}]}}"""
GROUP_2 = """{"schema": 2, "revision": 8, "created_at": "2026-11-22T10:00:00.000Z",
  "updated_at": "2026-11-22T10:00:00.000Z", "value": {"tenant": "acme", "name": "api", "description": "",
  "rules": [
    {"key": "from-web", "direction": "ingress", "ethertype": "IPv4", "protocol": 6, "ports": [8080, 8080],
     "icmp_type": null, "icmp_code": null, "remote_cidr": null, "source_ports": [1024, 65535],
     "remote_group": "web", "remote_address_group": null, "stateful": true},
    {"key": "mon", "direction": "ingress", "ethertype": "IPv6", "protocol": 58, "ports": null, "icmp_type": 128,
     "icmp_code": 0, "remote_cidr": null, "source_ports": null, "remote_group": null,
     "remote_address_group": "monitoring", "stateful": true},
    {"key": "ntp", "direction": "egress", "ethertype": "IPv4", "protocol": 17, "ports": [123, 123],
     "icmp_type": null, "icmp_code": null, "remote_cidr": null, "source_ports": null, "remote_group": null,
     "remote_address_group": null, "stateful": false}]}}"""
ADDRESS_GROUP_2 = """{"schema": 2, "revision": 7, "created_at": "2026-11-22T10:00:00.000Z",
  "updated_at": "2026-11-22T10:00:00.000Z", "value": {"tenant": "acme", "name": "monitoring",
  "description": "the watchers", "cidrs": ["10.9.0.0/28", "2001:db8:9::/64"]}}"""
PORT_2 = """{"schema": 2, "revision": 9, "created_at": "2026-11-22T10:00:00.000Z",
  "updated_at": "2026-11-22T10:00:00.000Z", "value": {"tenant": "acme", "name": "api-1", "mac": "52:54:00:00:00:03",
  "addresses": ["10.0.0.3", "2001:db8::3"], "groups": ["api", "web"], "binding": {"switch": "br-a",
  "interface": "tap0", "ofport": null, "tag": 5}, "egress": "any", "vlan": 7, "labels": [], "allowed_address_pairs": [
  {"address": "10.0.0.100", "mac": "00:00:5e:00:01:0a"}, {"address": "2001:db8:1::/64", "mac": null}],
  "spoof_guard": "off", "dhcp_server": true, "enabled": false}}"""
PORT_1 = """{"schema": 1, "revision": 4, "created_at": "2026-11-22T10:00:00.000Z",
  "updated_at": "2026-11-22T10:00:00.000Z", "value": {"tenant": "acme", "name": "web-1", "mac": "52:54:00:00:00:01",
  "addresses": ["10.0.0.1"], "groups": ["web"], "binding": {"switch": "br-a", "interface": "tap0", "ofport": null},
  "egress": "rules", "vlan": 0, "labels": [["os", "žluť"]]}}"""


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"schema": 5}, "newer than 4"),
        ({"schema": None}, "no schema"),
        ({"schema": True}, "no schema"),
        ({"revision": "3"}, "revision is '3', not a whole number"),
        ({"revision": True}, "not a whole number"),
        ({"surprise": 1}, "surprise is unknown"),
        ({"value": None}, "value is not an object"),
        ({"value": {"name": "acme", "labels": []}}, "value/description is missing"),
        ({"value": {"name": "acme", "description": "", "labels": [["tier"]]}}, "value/labels/0 is not a list of 2"),
        ({"value": {"name": "ACME", "description": "", "labels": []}}, "not a name"),
        ({"value": {"name": "other", "description": "", "labels": []}}, "the document of other"),
    ],
)
def test_a_document_that_is_off_names_the_place(change, complaint):
    with pytest.raises(DecodeError, match=complaint):
        decode("tenant", ("acme",), TENANT | change)


OFF = [{"value": value} for value in (None, [], {}, {"rules": None}, {"rules": [1]}, {"binding": 5})]


@pytest.mark.parametrize("document", [[], "x", None, 5, {}, {"schema": 1}, *({"schema": 1, **off} for off in OFF)])
@pytest.mark.parametrize("kind", [*KINDS.values(), *LEDGER, "unheard-of"])
def test_nothing_else_is_taken_for_a_document(kind, document):
    with pytest.raises(DecodeError):
        decode(kind, ("acme",), document)


@pytest.mark.parametrize("value", [None, 0, 1, "true"])
def test_whether_is_neither_a_number_nor_text(value):
    document = json.loads(PORT_2)
    document["value"]["enabled"] = value
    with pytest.raises(DecodeError, match=r"value/enabled is .*, not true or false"):
        decode("port", ("acme", "api-1"), document)


def test_an_old_document_is_upgraded_step_by_step():
    def describe(kind, body):
        return body | {"value": {**body["value"], "description": kind}}

    def label(kind, body):
        limits = json.loads(TENANT_3)["value"]["limits"]
        return body | {"value": {**body["value"], "labels": [], "limits": limits, **NEW_IN_4["tenant"]}}

    old = TENANT | {"value": {"name": "acme"}}
    assert decode("tenant", ("acme",), old, upgrades=(describe, label)).value.description == "tenant"
    newer = TENANT | {"schema": 2, "value": {"name": "acme", "description": "kept"}}
    assert decode("tenant", ("acme",), newer, upgrades=(describe, label)).value.description == "kept"
