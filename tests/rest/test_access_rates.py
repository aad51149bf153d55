"""How fast a caller may write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rest.access.gate import Access
from rest.access.rates import KEPT, Allowance, Buckets
from tests.rest.local import Client, LocalFirewall, unchanged

TENANT = "/v1/tenants/acme"


@pytest.fixture
def hurried(call: Client, firewall: LocalFirewall) -> tuple[Client, list[float]]:
    """A client that may write twice a second, three at once; and its clock."""
    client, now = Client(firewall, access=Access(writes=Allowance(2, 3))), [1000.0]
    client.application._gate._clock = lambda: now[0]
    return client, now


def test_who_writes_too_fast_waits_and_is_told_how_long(hurried: tuple[Client, list[float]]) -> None:
    call, now = hurried
    for left in (2, 1, 0):
        written = call.put(TENANT)
        assert written.status_int == 200
        assert written.headers["RateLimit-Policy"] == '"writes";q=3;w=2'
        assert written.headers["RateLimit"] == f'"writes";r={left};t={0 if left else 1}'
    with unchanged(call.firewall):
        refused = call.put(TENANT, {"description": "too much"})
    assert (refused.status_int, refused.json["code"], refused.headers["Retry-After"]) == (429, "rate_limited", "1")
    assert refused.headers["RateLimit"] == '"writes";r=0;t=1'
    now[0] += 0.5
    assert call.put(TENANT).status_int == 200
    assert call.put(TENANT).status_int == 429


def test_reading_is_not_counted(hurried: tuple[Client, list[float]]) -> None:
    call, _ = hurried
    for _ in range(10):
        read = call.get(TENANT)
        assert (read.status_int, "RateLimit" in read.headers) == (200, False)


def test_everybody_has_a_bucket(hurried: tuple[Client, list[float]]) -> None:
    call, _ = hurried
    made = call("POST", "/v1/tokens", {"role": "tenant-admin", "tenant": "acme"}).json
    for _ in range(3):
        call.put(TENANT)
    assert call.put(TENANT).status_int == 429
    assert call.bearing(made["token"]).put(TENANT + "/groups/web").status_int == 200


def test_what_is_refused_for_its_role_costs_nothing(hurried: tuple[Client, list[float]]) -> None:
    call, _ = hurried
    viewer = call.bearing(call("POST", "/v1/tokens", {"role": "viewer", "tenant": "acme"}).json["token"])
    assert {viewer.put(TENANT + "/groups/web").status_int for _ in range(9)} == {403}


def test_without_a_rate_there_is_no_limit_and_no_header(call: Client) -> None:
    answers = [call.put(TENANT) for _ in range(300)]
    assert {(a.status_int, "RateLimit" in a.headers) for a in answers} == {(200, False)}


@given(
    rate=st.integers(1, 50),
    burst=st.integers(1, 20),
    steps=st.lists(st.floats(0, 3, allow_nan=False), max_size=60),
)
def test_no_span_of_time_lets_more_through_than_it_may(rate: int, burst: int, steps: list[float]) -> None:
    buckets, now, times = Buckets(Allowance(rate, burst)), 0.0, []
    for step in steps:
        now += step
        taken = buckets.take("x", now)
        assert 0 <= taken.left < burst
        if taken.ok:
            times.append(now)
        else:
            assert taken.wait >= 1
    for n, first in enumerate(times):
        for m, last in enumerate(times[n:], 1):
            assert m <= burst + (last - first) * rate + 1e-6


def test_who_waits_as_long_as_he_is_told_is_let_through() -> None:
    buckets = Buckets(Allowance(3, 1))
    assert buckets.take("x", 0.0).ok
    refused = buckets.take("x", 0.1)
    assert not refused.ok
    assert buckets.take("x", 0.1 + refused.wait).ok


def test_a_clock_that_goes_back_fills_nothing() -> None:
    buckets = Buckets(Allowance(1, 1))
    assert buckets.take("x", 100.0).ok
    assert not buckets.take("x", 50.0).ok
    assert not buckets.take("x", 50.5).ok


def test_names_do_not_pile_up() -> None:
    buckets = Buckets(Allowance(1, 2))
    for n in range(3 * KEPT):
        buckets.take(f"name-{n}", n / 1000)
    assert len(buckets._levels) <= KEPT + 1
