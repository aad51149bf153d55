"""New connections per second: the excess is dropped and counted, and nothing else notices."""

from __future__ import annotations

import re
import time

import pytest

from tests.switch.site import Site, eventually, rule
from topology.crowd import Crowd

pytestmark = pytest.mark.switch
TENANT = "/v1/tenants/red"
PORT, MANY, RATE = 5000, 50, 5
OPENS, ACCEPTS = 4, 5  # the meters of vm1, whose ofport is 2
FIVE = {"new_connections_per_second": RATE, "new_connections_burst": RATE}


@pytest.fixture
def limited(dual: Site) -> Site:
    """red, whose port is vm1, has the rate; everybody may be sent UDP 5000."""
    dual.put(TENANT, {"limits": FIVE})
    for tenant, group in (("red", "ssh"), ("blue", "web")):
        body = rule("ingress", "udp", PORT, family=dual.family)
        dual.put(f"/v1/tenants/{tenant}/groups/{group}/rules/udp", body)
    return dual


@pytest.mark.parametrize(("source", "target", "number"), [("vm1", "ext", OPENS), ("ext", "vm1", ACCEPTS)])
def test_of_too_many_new_connections_the_burst_passes_and_the_rest_is_counted(limited, source, target, number):
    with _crowd(limited, source, target) as crowd:
        crowd.more(MANY)
        begin = time.monotonic()
        known = crowd.say()
        later = RATE * (time.monotonic() - begin)
        assert RATE <= len(known) <= RATE + later + 1
        assert eventually(lambda: _drops(limited)[number] == MANY - len(known))
        assert crowd.say(known) == known, "what is open is open"
        time.sleep(1.1)
        more = crowd.say(set(crowd.more(MANY)))
        assert RATE <= len(more) <= 2 * RATE + 1, "a second later as many again"
        assert _drops(limited)[9 - number] == 0
        shown = limited.drops(f"{TENANT}/ports/vm1")
        assert {shown["rate_opened"], shown["rate_accepted"]} == {0, 2 * MANY - len(known) - len(more)}


def test_streams_of_the_port_and_new_connections_of_others_do_not_notice(limited):
    streams = [limited.stream(kind, "vm1", "ext", 9000 + n) for n, kind in enumerate(("udp", "client-push"))]
    streams.append(limited.stream("server-push", "ext", "vm1", 22))
    time.sleep(1.1)  # those took some of the burst
    begin = time.monotonic()
    with _crowd(limited, "vm1", "ext") as flood, _crowd(limited, "vm2", "ext", PORT + 1) as others:
        flood.more(MANY)
        assert len(flood.say()) < MANY / 2
        assert others.say(mine := set(others.more(MANY))) == mine
        assert len(flood.say()) < MANY / 2
    assert limited.fabric.tcp("ext", "vm2", 80, 2.0, limited.family)
    time.sleep(0.5)
    for stream in streams:
        assert [number for number in stream.lost if _sent_at(stream, number) < time.monotonic() - 0.4] == []
        assert stream.gap(begin) < 0.5


def test_another_rate_changes_the_meters_only_and_without_one_everything_is_as_before(dual):
    before, cookies = dual.status()["flow_mods"], dual.cookies()
    dual.put(TENANT, {"limits": FIVE})
    assert _meters(dual) == {OPENS: (RATE, RATE), ACCEPTS: (RATE, RATE)}
    assert dual.status()["flow_mods"] == before + 2
    with_rate = dual.cookies()
    dual.put(TENANT, {"limits": {"new_connections_per_second": 7}})
    assert _meters(dual) == {OPENS: (7, 7), ACCEPTS: (7, 7)}
    assert (dual.status()["flow_mods"], dual.cookies()) == (before + 2, with_rate)
    dual.put(TENANT, {"description": "owner of vm1"})
    assert _meters(dual) == {}
    assert (dual.status()["flow_mods"], dual.cookies()) == (before + 4, cookies)


def test_a_restart_finds_its_meters_and_changes_nothing(site):
    site.put(TENANT, {"limits": FIVE})
    cookies, meters = site.cookies(), _meters(site)
    site.controller.stop()
    site.controller.start()
    site.controller.wait_connected()
    assert (site.cookies(), _meters(site), site.status()["flow_mods"]) == (cookies, meters, 0)


def _crowd(site: Site, source: str, target: str, port: int = PORT) -> Crowd:
    return Crowd(site.fabric.host(source), site.fabric.host(target), port, site.family)


def _meters(site: Site) -> dict[int, tuple[int, int]]:
    """Rate and burst of each meter, as ovs-ofctl tells them."""
    text = site.fabric.ovs.ofctl("dump-meters")
    found = re.findall(r"meter=(\d+) pktps burst stats bands=\ntype=drop rate=(\d+) burst_size=(\d+)", text)
    assert len(found) == text.count("meter=")
    return {int(number): (int(rate), int(burst)) for number, rate, burst in found}


def _drops(site: Site) -> dict[int, int]:
    """What each meter has dropped."""
    text = site.fabric.ovs.ofctl("meter-stats")
    return {int(n): int(count) for n, count in re.findall(r"meter:(\d+) .*?bands:\n0: packet_count:(\d+)", text, re.S)}


def _sent_at(stream, number: int) -> float:
    return dict(stream.report().sent)[number]
