"""Nobody's work keeps everybody waiting: a tenant has its part of what all share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import eventlet
import pytest

from rest.application import Limits
from rest.problems import Failure
from rest.server import Parts
from tests.rest.local import Client, LocalFirewall


def test_a_tenant_has_its_own_part_and_leaves_nothing_behind() -> None:
    part = Parts(2, 0.01)
    with part("acme"), part("acme"):
        with pytest.raises(Failure) as refused, part("acme"):
            pass
        with part("umbrella"):
            pass
    assert (refused.value.status, refused.value.code) == (503, "overloaded")
    assert "acme" in refused.value.detail
    with part("acme"):
        pass
    assert part.held == {}, "who is gone is not kept"


def test_who_waits_gets_the_part_of_one_who_leaves() -> None:
    part, done = Parts(1, 5.0), []

    def work(number: int) -> None:
        with part("acme"):
            eventlet.sleep(0)
            done.append(number)

    for thread in [eventlet.spawn(work, number) for number in range(5)]:
        thread.wait()
    assert done == [0, 1, 2, 3, 4]


def test_a_tenants_callers_take_its_parts_and_the_operators_take_none() -> None:
    taken: list[tuple[str, str]] = []

    def noting(what: str):  # type: ignore[no-untyped-def]
        @contextmanager
        def part(tenant: str) -> Iterator[None]:
            taken.append((what, tenant))
            yield

        return part

    firewall = LocalFirewall()
    client = Client(firewall, Limits(handlers=noting("handler"), copies=noting("copy")))
    assert client.put("/v1/tenants/acme").status_int == 201
    assert client("PUT", "/v1/tenants/acme/groups/web?dry_run=true", {}).status_int == 200
    assert taken == [], "that was the operator"
    body = {"id": "ops", "role": "tenant-admin", "tenant": "acme"}
    token = client("POST", "/v1/tokens", body).json["token"]
    own = {"Authorization": f"Bearer {token}"}
    assert client("PUT", "/v1/tenants/acme/groups/web?dry_run=true", {}, own).status_int == 200
    assert set(taken) == {("handler", "acme"), ("copy", "acme")}
