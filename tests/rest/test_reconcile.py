"""POST /v1/switches/S:reconcile: an audit on demand."""

from __future__ import annotations

import pytest

from app.service import Drift, SwitchStatus
from tests.rest.local import DPID, Client, LocalFirewall

PATH = f"/v1/switches/{DPID}:reconcile"


@pytest.fixture
def audited(firewall: LocalFirewall) -> LocalFirewall:
    firewall.statuses[DPID] = SwitchStatus(DPID, connected=True, state="synced")
    return firewall


def test_it_tells_what_was_found_and_repaired(call: Client, audited: LocalFirewall) -> None:
    audited.drift = Drift(missing=1, extra=2, altered=3, mended=True, first=("missing: DEST", "extra: table 9"))
    answer = call("POST", PATH)
    assert answer.status_int == 200
    assert answer.json == {
        "dpid": DPID,
        "done": True,
        "missing": 1,
        "extra": 2,
        "altered": 3,
        "repaired": 6,
        "first": ["missing: DEST", "extra: table 9"],
    }


def test_it_waits_as_long_as_it_is_told_and_ten_seconds_else(call: Client, audited: LocalFirewall) -> None:
    audited.drift = Drift(mended=True)
    call("POST", PATH)
    call("POST", PATH + "?wait=250ms")
    assert audited.reconciled == [(DPID, 10.0), (DPID, 0.25)]


def test_an_audit_that_goes_on_is_202_and_says_where_its_end_will_show(call: Client, audited: LocalFirewall) -> None:
    answer = call("POST", PATH + "?wait=0s")
    assert (answer.status_int, answer.json) == (202, {"dpid": DPID, "done": False})
    assert answer.headers["Location"] == f"/v1/switches/{DPID}"
    assert answer.headers["Retry-After"]


def test_a_switch_is_meant_by_its_name_too(call: Client, audited: LocalFirewall) -> None:
    call.put(f"/v1/switches/{DPID}", {"name": "host-9"})
    audited.drift = Drift(mended=True)
    assert call("POST", "/v1/switches/host-9:reconcile").json["dpid"] == DPID


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/switches/00000000000000ff:reconcile", 409, "switch_not_connected"),
        ("/v1/switches/nobody:reconcile", 404, "not_found"),
        (PATH + "?wait=60s", 400, "invalid_query"),
        (PATH + "?now=1", 400, "invalid_query"),
    ],
)
def test_what_cannot_be_done_is_refused(
    call: Client, audited: LocalFirewall, path: str, status: int, code: str
) -> None:
    answer = call("POST", path)
    assert (answer.status_int, answer.json["code"]) == (status, code)


def test_an_audit_that_came_to_no_end_is_a_conflict(call: Client, audited: LocalFirewall) -> None:
    audited.drift = Drift(trouble="the switch disconnected")
    answer = call("POST", PATH)
    assert (answer.status_int, answer.json["code"]) == (409, "audit_failed")
    assert "disconnected" in answer.json["detail"]


def test_it_is_a_post_and_nothing_else(call: Client, audited: LocalFirewall) -> None:
    assert call("DELETE", PATH).status_int in (404, 405)
