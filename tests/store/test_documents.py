"""The documents of the store: what is written is read back, and nothing else is read at all."""

import json

import pytest
from hypothesis import given

from app.core.inventory import KINDS, LEDGER, Inventory
from app.documents import DecodeError, decode, encode
from tests.store.histories import histories, replay, sample

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
    inventory = replay(Inventory(), sample())
    ledger = {
        ("policy", ("acme", "rules", "web")): {"schema": 1, "number": 1, "epoch": 1},
        ("zone", ("umbrella", "7")): {"schema": 1, "number": 3},
        ("counter", ("rule_id",)): {"schema": 1, "number": 3},
    }
    for (kind, id), document in ledger.items():
        assert decode(kind, id, document) == inventory._tables[kind][id]
    written = json.loads(PORT)
    assert decode("port", ("acme", "web-1"), written) == inventory.get("port", "acme", "web-1")


PORT = """{"schema": 1, "revision": 4, "created_at": "2026-11-22T10:00:00.000Z",
  "updated_at": "2026-11-22T10:00:00.000Z", "value": {"tenant": "acme", "name": "web-1", "mac": "52:54:00:00:00:01",
  "addresses": ["10.0.0.1"], "groups": ["web"], "binding": {"switch": "br-a", "interface": "tap0", "ofport": null},
  "egress": "rules", "vlan": 0, "labels": [["os", "žluť"]]}}"""


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"schema": 2}, "newer than 1"),
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


@pytest.mark.parametrize("document", [[], "x", None, 5, {}, {"schema": 1}])
@pytest.mark.parametrize("kind", [*KINDS.values(), *LEDGER, "unheard-of"])
def test_nothing_else_is_taken_for_a_document(kind, document):
    with pytest.raises(DecodeError):
        decode(kind, ("acme",), document)


def test_an_old_document_is_upgraded_step_by_step():
    def describe(kind, body):
        return body | {"value": {**body["value"], "description": kind}}

    def label(kind, body):
        return body | {"value": {**body["value"], "labels": []}}

    old = TENANT | {"value": {"name": "acme"}}
    assert decode("tenant", ("acme",), old, upgrades=(describe, label)).value.description == "tenant"
    newer = TENANT | {"schema": 2, "value": {"name": "acme", "description": "kept"}}
    assert decode("tenant", ("acme",), newer, upgrades=(describe, label)).value.description == "kept"
