"""The same file under os-ken 3.1.1 and its own `osken-manager`, as distributions ship it: see tools/setup --all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from signal import SIGTERM

import pytest

from tests.switch.site import SWITCH, Site, eventually, rule
from topology import SEED, matrix, realise
from topology.controller import ROOT, Controller

pytestmark = pytest.mark.switch
MANAGER = ROOT / ".venv-osken3" / "bin" / "osken-manager"


@pytest.fixture(scope="module")
def running(place: Path) -> Iterator[Site]:
    """Overrides the usual one, for this module."""
    assert MANAGER.exists(), f"{MANAGER} is missing: run tools/setup --all"
    old = Controller(place, SEED.uplinks, command=[str(MANAGER)], environment={"PYTHONPATH": str(ROOT)})
    with old as controller, realise(SEED, SWITCH, place / "switch") as fabric:
        controller.wait_connected()
        yield Site(controller, fabric)


def test_it_is_os_ken_3(site):
    components = site.controller.get("/version")
    assert "3.1.1" in str(components), components


def test_the_ten_rows_hold(site):
    outcomes = site.fabric.matrix()
    assert matrix.holds(outcomes), matrix.table(outcomes)


def test_a_rule_changes_under_live_traffic(site):
    site.put("/v1/tenants/red/groups/ssh/rules/alt", rule("ingress", "tcp", 8022))
    stream, spared = (site.stream("server-push", "ext", "vm1", port) for port in (8022, 22))
    site.delete("/v1/tenants/red/groups/ssh/rules/alt")
    assert eventually(lambda: not stream.alive(0.5), 3)
    assert spared.alive(1)


def test_a_restart_sends_nothing_and_a_stop_leaves_the_flows(site):
    before = site.cookies()
    process = site.controller.process
    assert site.controller.stop() < 5
    assert process.returncode in (0, -SIGTERM)  # that manager knows no signals
    assert site.cookies() == before
    site.controller.start()
    site.controller.wait_connected()
    assert site.status()["flow_mods"] == 0
    assert site.cookies() == before
