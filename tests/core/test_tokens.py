"""Tokens as values, and what the inventory says of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.core.inventory import Inventory
from app.core.parsing import Invalid
from app.core.problems import BindingConflict, InUse, Problem
from app.core.tokens import Token, parse_certificate
from app.core.values import Tenant
from app.documents import decode, encode

NOW = "2026-11-22T15:02:11Z"
DIGEST = "ab" * 32


def viewer(name: str = "ci", **members: object) -> Token:
    return Token(**{"name": name, "role": "viewer", "tenant": "acme", "digest": DIGEST} | members)  # type: ignore[arg-type]


@pytest.fixture
def inventory() -> Inventory:
    inventory = Inventory()
    inventory.put(Tenant("acme"), NOW)
    return inventory


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "admin"},
        {"name": "No"},
        {"tenant": None},
        {"role": "operator"},
        {"digest": None},
        {"digest": "AB" * 32},
        {"certificate": "ci.example"},
        {"certificate": "DNS:CI.example"},
        {"expires_at": "tomorrow"},
    ],
)
def test_a_token_that_makes_no_sense_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises((Invalid, ValueError)):
        viewer(**wrong)


def test_names_in_certificates_are_canonical() -> None:
    assert parse_certificate("DNS:CI.Example") == "DNS:ci.example"
    assert parse_certificate("URI:spiffe://example/ns/CI") == "URI:spiffe://example/ns/CI"
    for wrong in ("", "DNS:", "dns:ci.example", "DNS: x", "CN:a\nb", "X:y"):
        with pytest.raises(Invalid):
            parse_certificate(wrong)


def test_a_token_is_found_by_its_digest_and_its_certificate_while_it_is_there(inventory: Inventory) -> None:
    stored = inventory.put(viewer(certificate="DNS:ci.example"), NOW)
    assert inventory.token(DIGEST) == inventory.token_of("DNS:ci.example") == stored
    assert inventory.tokens_of("acme") == [stored]
    inventory.delete("token", "ci", now=NOW)
    assert (inventory.token(DIGEST), inventory.token_of("DNS:ci.example"), inventory.tokens_of("acme")) == (
        None,
        None,
        [],
    )


def test_a_secret_or_a_certificate_stands_for_one_token(inventory: Inventory) -> None:
    inventory.put(viewer(certificate="DNS:ci.example"), NOW)
    inventory.put(viewer(certificate="DNS:ci.example", description="the same"), NOW)
    with pytest.raises(BindingConflict):
        inventory.put(viewer("other"), NOW)
    with pytest.raises(BindingConflict):
        inventory.put(viewer("other", digest=None, certificate="DNS:ci.example"), NOW)


def test_a_token_is_of_a_tenant_that_is_there_and_keeps_it_from_going(inventory: Inventory) -> None:
    with pytest.raises(Problem):
        inventory.put(viewer(tenant="nobody"), NOW)
    inventory.put(viewer(), NOW)
    with pytest.raises(InUse) as caught:
        inventory.delete("tenant", "acme", now=NOW)
    assert caught.value.referrers == ("token/ci",)


def test_a_token_survives_the_store(inventory: Inventory) -> None:
    token = viewer(certificate="DNS:ci.example", expires_at=NOW, first_used_at=NOW, description="x")
    for each in (token, replace(token, digest=None), Token("prom", "metrics", digest=DIGEST)):
        stored = inventory.put(each, NOW)
        assert decode("token", each.id, encode("token", stored)) == stored
        inventory.delete("token", each.name, now=NOW)


def test_a_token_expires_at_its_moment() -> None:
    token = viewer(expires_at="1970-01-01T00:01:00Z")
    assert [token.is_expired(now) for now in (59.9, 60.0)] == [False, True]
    assert not viewer().is_expired(1e12)
