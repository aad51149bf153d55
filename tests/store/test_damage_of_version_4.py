"""What damage there can be in a database of version 4 that older ones could not have."""

import pytest

from app.store import Store
from tests.store.histories import sample
from tests.store.test_damage import document, edit, refused_untouched
from tests.store.test_store import committed

SSH, DNS, CI, OTHER = '["no-ssh"]', '["all-dns"]', '["ci"]', '["prometheus"]'
DAMAGES = {
    "quota out of range": (document("tenant", '["acme"]', '"ports":100', '"ports":-1'), "ports is a number from 0 to"),
    "quota unknown": (document("tenant", '["acme"]', '"ports":100', '"portz":100'), "quota/ports is missing"),
    "two guardrails with one priority": (
        document("guardrail", DNS, '"priority":20', '"priority":10'),
        "guardrail/all-dns and guardrail/no-ssh have priority 10",
    ),
    "guardrail of nobody": (
        document("guardrail", SSH, '"tenants":["acme"]', '"tenants":["nobody"]'),
        "names tenant nobody, which does not exist",
    ),
    "guardrail without a number": (
        edit(f"DELETE FROM item WHERE kind = 'guardrail_id' AND id = '{SSH}'"),
        "guardrail_id/no-ssh is missing",
    ),
    "guardrail with a rule's number": (document("guardrail_id", SSH, '"number":7', '"number":1'), "are both 1"),
    "token of nobody": (
        document("token", CI, '"tenant":"acme"', '"tenant":"nobody"'),
        "token/ci belongs to tenant nobody, which does not exist",
    ),
    "two tokens with one secret": (
        document("token", OTHER, '"digest":null', f'"digest":"{"ab" * 32}"'),
        "token/prometheus and token/ci have the same secret",
    ),
    "digest that is none": (document("token", CI, "abab", "ABAB"), "64 hexadecimal digits"),
    "assertions of nobody": (
        edit(
            'UPDATE item SET id = \'["nobody"]\', document = replace(document, \'"tenant":"acme"\','
            " '\"tenant\":\"nobody\"') WHERE kind = 'assertions'"
        ),
        "assertions/nobody belongs to tenant nobody, which does not exist",
    ),
    "no table of the audit log": (edit("DROP TABLE audit_tenant"), "the table audit_tenant is missing"),
}


@pytest.fixture
def written(tmp_path):
    store = Store.open(tmp_path)
    committed(store, sample())
    store.close()
    (tmp_path / "lock").unlink()
    return tmp_path


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_of_version_4_is_refused_and_left_as_it_is(name, written):
    refused_untouched(written, *DAMAGES[name])
