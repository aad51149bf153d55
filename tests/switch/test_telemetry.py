"""What a real switch drops, and how full its zones are: in the events, the series, the usage and the metrics."""

from __future__ import annotations

import http.client
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.switch.conftest import POLICY
from tests.switch.site import DPID, Site, eventually, running_site
from topology import SEED, frames
from topology.probes import send

pytestmark = pytest.mark.switch
EXT, VM1, VM2 = (SEED.host(name) for name in ("ext", "vm1", "vm2"))


@pytest.fixture(scope="module")
def running(place: Path) -> Iterator[Site]:
    settings = {"control_socket": str(place / "switch" / "vswitchd.ctl"), "watch_interval": "1"}
    with running_site(place, SEED, settings=settings) as site:
        yield site


@pytest.fixture
def watched(running: Site) -> Site:
    running.reset(POLICY)
    assert eventually(lambda: running.controller.get("/v1/drops")["looked_at"])
    return running


def events(site: Site, after: int, *types: str) -> list[dict[str, Any]]:
    query = "".join(f"&type={type}" for type in types)
    return site.controller.get(f"/v1/events?limit=1000&after={after}{query}")["items"]


def last_event(site: Site) -> int:
    return site.controller.get("/v1/events?limit=1000")["last"]


def scraped(site: Site) -> dict[str, dict[frozenset[tuple[str, str]], float]]:
    """The samples by name and labels."""
    connection = http.client.HTTPConnection(*site.controller.rest, timeout=10)
    connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {site.controller.token}"})
    text = connection.getresponse().read().decode()
    connection.close()
    found: dict[str, dict[frozenset[tuple[str, str]], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


def of(metrics: Any, name: str, **labels: str) -> float | None:
    return metrics.get(name, {}).get(frozenset(labels.items()))


def test_forged_frames_are_told_in_events_series_and_metrics(watched: Site) -> None:
    spoofs = {"tenant": "red", "switch": DPID, "reason": "ipv4"}
    after, before = last_event(watched), of(scraped(watched), "ovswarden_spoof_dropped_packets_total", **spoofs) or 0
    for _ in range(3):
        send(watched.fabric.hosts["vm1"], frames.wrong_address(VM1, EXT, VM2.address))
    told = eventually(lambda: events(watched, after, "spoof.drop"))
    assert [(e["data"]["tenant"], e["data"]["port"], e["data"]["reason"]) for e in told] == [("red", "vm1", "ipv4")]
    counted = lambda: of(scraped(watched), "ovswarden_spoof_dropped_packets_total", **spoofs)  # noqa: E731
    assert eventually(lambda: counted() == before + 3), counted()
    body = watched.controller.get("/v1/drops?tenant=red&reason=ipv4&port=vm1")
    assert body["totals"]["ipv4"] == body["ports"][0]["packets"] == sum(item["packets"] for item in body["items"])
    assert watched.controller.get("/v1/drops?tenant=blue&reason=ipv4")["items"] == []


def test_a_restarted_controller_does_not_count_again_what_was_dropped_before(watched: Site) -> None:
    send(watched.fabric.hosts["vm1"], frames.wrong_mac(VM1, EXT))
    port = "/v1/tenants/red/ports/vm1"
    assert eventually(lambda: (watched.drops(port) or {}).get("mac"))
    watched.controller.stop()
    watched.controller.start()
    watched.controller.wait_connected()
    assert eventually(lambda: watched.controller.get("/v1/drops")["looked_at"])
    assert watched.drops(port)["mac"] >= 1, "the switch kept its flows"
    assert watched.controller.get("/v1/drops?reason=mac")["items"] == []


def test_a_zone_that_fills_up_is_told_and_shown(watched: Site) -> None:
    after = last_event(watched)
    watched.put("/v1/tenants/red", {"limits": {"connections": 10}})
    for number in range(9):
        watched.fabric.tcp("vm1", "ext", 80 + number, 0.3)
    told = eventually(lambda: events(watched, after, "zone.near-limit", "zone.full"))
    assert (told[0]["data"]["tenant"], told[0]["data"]["limit"]) == ("red", 10)
    first = watched.controller.get("/v1/usage")["items"][0]
    assert (first["tenant"], first["limit"]) == ("red", 10)
    assert first["ratio"] >= 0.85
    assert of(scraped(watched), "ovswarden_conntrack_limit", tenant="red", switch=DPID) == 10


def test_a_port_is_told_of_as_it_comes_and_goes(watched: Site) -> None:
    body = next(document["body"] for document in POLICY if document["path"].endswith("/ports/vm1"))
    after = last_event(watched)
    types = ("port.bound", "port.unbound", "port.active", "port.down")

    def told() -> list[str]:
        return [event["type"] for event in events(watched, after, *types) if event["data"]["port"] == "vm1"]

    expected: list[str] = []
    for change, more in (
        (lambda: watched.put("/v1/tenants/red/ports/vm1", body | {"binding": None}), ["port.unbound", "port.down"]),
        (lambda: watched.put("/v1/tenants/red/ports/vm1", body), ["port.bound", "port.active"]),
        (lambda: link("down"), ["port.down"]),
        (lambda: link("up"), ["port.active"]),
    ):
        change()
        expected += more
        eventually(partial(lambda count: len(told()) >= count, len(expected)))
        assert told() == expected
    realized = events(watched, after, "policy.realized")
    assert {(event["data"]["tenant"], event["data"]["switches"]) for event in realized} == {("red", 1)}


def link(state: str) -> None:
    subprocess.run(["ip", "link", "set", "dev", VM1.interface, state], check=True)


def test_a_stream_gets_what_happens_and_resumes_behind_what_it_got(watched: Site) -> None:
    seen: list[str] = []
    place = str(last_event(watched))
    for number in range(4):
        watched.put(f"/v1/tenants/red/groups/away{number}", {})  # nobody listens
        with listening(watched, place) as stream:
            watched.put(f"/v1/tenants/red/groups/here{number}", {})
            for _ in range(2):
                place, group = next_group(stream, place)
                seen.append(group)
    assert seen == [f"{where}{number}" for number in range(4) for where in ("away", "here")]


@contextmanager
def listening(site: Site, place: str) -> Iterator[Any]:
    connection = http.client.HTTPConnection(*site.controller.rest, timeout=10)
    headers = {"Authorization": f"Bearer {site.controller.token}", "Accept": "text/event-stream"}
    connection.request("GET", "/v1/events?type=group.created", headers=headers | {"Last-Event-ID": place})
    yield connection.getresponse()
    connection.close()


def next_group(stream: Any, place: str) -> tuple[str, str]:
    while True:
        name, _, text = stream.readline().decode().strip().partition(": ")
        place = text if name == "id" else place
        if name == "data":
            return place, json.loads(text)["group"]


def test_every_series_of_a_switch_is_there(watched: Site) -> None:
    metrics = scraped(watched)
    assert of(metrics, "ovswarden_switch_connected", switch=DPID) == 1
    assert eventually(lambda: of(scraped(watched), "ovswarden_switch_revision_lag", switch=DPID) == 0)
    assert eventually(lambda: sum(scraped(watched)["ovswarden_flows"].values()) == watched.status()["flows"])
    assert eventually(lambda: of(scraped(watched), "ovswarden_ports", state="active") == 2, 15)
    assert of(metrics, "ovswarden_flow_mods_total", switch=DPID, op="add", result="ok") >= 1
    assert sum(metrics["ovswarden_realize_seconds_count"].values()) >= 1
    assert sum(metrics["ovswarden_store_commit_seconds_count"].values()) >= 1
