"""A real controller and a real switch, shared by the tests of a module; every test begins with the same policy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.switch.site import Site, both, running_site
from topology import SEED
from topology.controller import ROOT

POLICY = json.loads((ROOT / "demo" / "policy.json").read_text())


def dual_stack(policy: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same for both families: each VM has its IPv6 address too, each rule a twin."""
    made = deepcopy(policy)
    for body in (document["body"] for document in made):
        if "addresses" in body:
            body["addresses"] = next(both(host) for host in SEED.hosts if host.mac == body["mac"])
        for rule in list(body.get("rules", ())):
            body["rules"].append(rule | {"key": rule["key"] + "6", "ethertype": "IPv6"})
    return made


DUAL = dual_stack(POLICY)


@pytest.fixture(scope="module")
def running(place: Path) -> Iterator[Site]:
    with running_site(place, SEED) as site:
        yield site


@pytest.fixture
def site(running: Site) -> Iterator[Site]:
    """The seed's lab under the seed's policy and nothing else, whatever the test before left behind."""
    running.reset(POLICY)
    yield running
    running.end_streams()


@pytest.fixture(params=[4, 6], ids=["IPv4", "IPv6"])
def dual(running: Site, request: pytest.FixtureRequest) -> Iterator[Site]:
    """The same with the policy for both families; the test runs once for each of them."""
    running.reset(DUAL)
    running.family = request.param
    yield running
    running.end_streams()
    running.family = 4
