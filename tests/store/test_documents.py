"""The documents of the store: what is written is read back, and nothing else is read at all."""

import json

import pytest
from hypothesis import given

from app.core.inventory import KINDS, LEDGER, Inventory
from app.documents import DecodeError, decode, encode
from tests.store.histories import histories, replay, sample, sample_of_version_1

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
        ({"schema": 3}, "newer than 2"),
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
        return body | {"value": {**body["value"], "labels": []}}

    old = TENANT | {"value": {"name": "acme"}}
    assert decode("tenant", ("acme",), old, upgrades=(describe, label)).value.description == "tenant"
    newer = TENANT | {"schema": 2, "value": {"name": "acme", "description": "kept"}}
    assert decode("tenant", ("acme",), newer, upgrades=(describe, label)).value.description == "kept"
