"""What a switch is told before its flows are looked at."""

from __future__ import annotations

import pytest

from tests.switch.site import Site

pytestmark = pytest.mark.switch


def fragments(site: Site) -> str:
    """How the switch shows fragments to its flows; by default it hides the ports of the first one too."""
    return site.fabric.ovs.ofctl("get-frags").split()[-1]


def test_flows_see_the_ports_of_first_fragments(site):
    assert fragments(site) == "nx-match"


def test_they_see_them_while_the_controller_is_away_and_when_it_comes_back(site):
    site.controller.stop()
    assert fragments(site) == "nx-match"
    site.controller.start()
    site.controller.wait_connected()
    assert fragments(site) == "nx-match"
    assert site.status()["flow_mods"] == 0


def test_a_switch_that_somebody_told_otherwise_is_told_again(site):
    site.controller.stop()
    site.fabric.ovs.ofctl("set-frags", "normal")
    site.controller.start()
    site.controller.wait_connected()
    assert fragments(site) == "nx-match"


def test_a_new_switch_is_told_too(site):
    site.fabric.ovs.restart()
    site.controller.wait_connected()
    site.controller.settle()
    assert fragments(site) == "nx-match"
