from __future__ import annotations

from collections.abc import Iterator

import pytest

from topology import SEED, Fabric, realise


@pytest.fixture(scope="module")
def seed_lab() -> Iterator[Fabric]:
    with realise(SEED, controller=None) as fabric:
        yield fabric


@pytest.fixture
def seed(seed_lab: Fabric) -> Fabric:
    """The seed lab on a plain learning switch."""
    seed_lab.ovs.program("actions=NORMAL")
    seed_lab.forget()
    return seed_lab


@pytest.fixture
def sealed(seed: Fabric) -> Fabric:
    """The seed lab on a switch that resolves addresses and then drops everything."""
    seed.ovs.program("priority=40000,ip,actions=drop\nactions=NORMAL")
    return seed
