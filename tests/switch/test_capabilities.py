"""A switch whose datapath lacks something is refused with the reason, and nothing is installed on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.switch.site import DPID, Site, eventually
from tests.wire.test_probing import without

pytestmark = pytest.mark.switch
VM1 = "/v1/tenants/red/ports/vm1"


def refused(site: Site) -> bool:
    known = [each for each in site.controller.get("/v1/switches")["items"] if each["dpid"] == DPID]
    return any(each["status"]["state"] == "refused" for each in known)


@contextmanager
def back_without(site: Site, feature: str) -> Iterator[None]:
    """The controller comes back to a switch that cannot do this any more; at the end to one that can again."""
    site.controller.stop()
    try:
        with without(site.fabric.ovs, feature):
            site.controller.start()
            assert eventually(lambda: refused(site)), site.controller.get("/v1/switches")
            yield
    finally:
        site.controller.stop()
        site.controller.start()
        site.controller.wait_connected()


def test_a_switch_that_lacks_something_is_refused_and_nothing_passes(site: Site) -> None:
    with back_without(site, "ct_label"):
        site.fabric.ovs.ofctl("del-flows")
        status = site.status()
        assert status["connected"]
        assert status["last_error"].startswith(
            "the datapath lacks ct_label (Open vSwitch 2.5, Linux 4.3), commits with"
        )
        assert status["retry_at"]
        assert (site.port_status(VM1)["state"], site.port_status(VM1)["reason"]) == ("error", "switch_refused")
        events = site.controller.get("/v1/events?type=switch.refused")["items"]
        assert [event["data"]["switch"] for event in events] == [DPID]
        assert "ct_label" in events[0]["data"]["reason"]
        # whatever is changed and plugged
        assert site.controller.ask("PATCH", VM1, {"groups": []}).status == 200
        revision = site.controller.ask("GET", "/v1/tenants").headers["X-Revision"]
        told = site.controller.ask("GET", f"/v1/revisions/{revision}?wait=0.2s").body
        assert [each["applied_revision"] for each in told["switches"] if each["dpid"] == DPID] == [0]
        site.fabric.ovs.vsctl("set", "interface", "vm2", "mtu_request=1400")
        assert (site.flows(), site.status()["flow_mods"]) == ([], 0)
        assert site.blocked(("vm1", "ext", 4711), ("ext", "vm1", 22))
    assert site.status()["last_error"] is None
    site.fabric.forget()  # that nobody answered
    assert site.passes(("vm1", "ext", 4711)) == [True]


def test_it_keeps_what_it_has_and_is_served_when_it_connects_again_with_what_was_lacking(site: Site) -> None:
    before = site.cookies()
    site.controller.stop()
    with without(site.fabric.ovs, "ct_orig_tuple6"):
        site.controller.start()
        assert eventually(lambda: refused(site))
        assert "the original tuple of IPv6 connections" in site.status()["last_error"]
        assert site.cookies() == before
    site.fabric.ovs.set_controller("br0", "tcp:127.0.0.1:1")
    site.fabric.ovs.set_controller("br0", "tcp:127.0.0.1:6653")
    site.controller.wait_connected()
    status = site.status()
    assert (status["last_error"], status["retry_at"]) == (None, None)
    assert site.passes(("ext", "vm1", 22), ("vm1", "ext", 4711)) == [True, True]


def test_what_is_known_against_the_version_and_what_it_can_do_stands_in_the_status(site: Site) -> None:
    software = site.fabric.ovs.appctl("version").split()[3]
    status = site.status()
    told = {warning["code"]: warning["detail"] for warning in status["warnings"]}
    if software == "3.1.0":
        assert {"ovs_cve_2023_5366", "ovs_end_of_support"} <= set(told)
        assert "3.1.4" in told["ovs_cve_2023_5366"]
    assert all(software in detail for code, detail in told.items() if code.startswith("ovs_cve"))
    assert status["features"]["connection_flush"] == {"on": True, "why": None}
