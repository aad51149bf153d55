"""What a bridge does with a switch that is not fit, and what is told of switches that are sent away."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import pytest
from oslo_config import cfg

from app import refusals
from app import settings as options
from app.bridges import bridge as bridges
from app.bridges import screening
from app.bridges.bridge import Bridge
from app.core.inventory import Inventory
from app.core.needs import NEEDS
from app.core.rivalry import MOST
from app.core.versions import Description
from app.events import Events
from app.openflow.probing import Abilities
from app.refusals import Refusals
from app.settings import Settings

with warnings.catch_warnings(action="ignore"):
    import eventlet


class Clock:
    """Stands for `time` where only the monotonic clock is looked at."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(refusals, "time", clock)
    return clock


def told(events: Events) -> list[Any]:
    return [event.data for event in events.since() if event.type == "switch.refused"]


def test_a_switch_that_comes_again_and_again_is_told_of_every_ten_minutes(clock: Clock) -> None:
    refused = Refusals(events := Events())
    for _ in range(3600):
        refused.note("00000000000000aa", "192.0.2.1", "not one of `switches`")
        clock.now += 1
    assert len(told(events)) == 6
    assert told(events)[1]["refused_in_silence"] == 599


def test_strangers_that_make_up_names_fill_neither_log_nor_events_nor_memory(clock: Clock) -> None:
    refused = Refusals(events := Events())
    for number in range(100_000):
        refused.note(f"{number:016x}", "192.0.2.1", "not one of `switches`")
        clock.now += 0.01  # a thousand seconds altogether
    assert len(told(events)) <= 20 * 17
    assert len(refused._told) <= refusals.REMEMBERED


class Datapath:
    """As much of a connection as a bridge looks at."""

    def __init__(self, host: str) -> None:
        self.address = (host, 6653)
        self.closed = False
        self.ofproto = SimpleNamespace(OFP_VERSION=5)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def settings() -> Settings:
    """The defaults."""
    conf = cfg.ConfigOpts()
    options.register(conf)
    conf([], project="os_ken", default_config_files=[])
    return options.read(conf)


def test_an_unfit_switch_is_asked_again_until_it_is_fit(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    answers = ["it lacks something", "it lacks something", None]
    read = []
    monkeypatch.setattr(bridges, "RETRY", 0.01)
    monkeypatch.setattr(screening, "describe", lambda _: Description("Nicira", "", "3.1.0", "", ""))
    monkeypatch.setattr(screening, "examine", lambda *_: answers.pop(0))
    monkeypatch.setattr(bridges, "no_packets", lambda _: None)
    monkeypatch.setattr(bridges.switch_io, "match_fragments", lambda _: None)
    monkeypatch.setattr(bridges.switch_io, "ports", lambda _: read.append("ports") or [])
    bridge = Bridge("00000000000000aa", Inventory(), settings, lambda: None, events := Events())
    bridge.connect(datapath := Datapath("192.0.2.1"))
    eventlet.sleep(0.005)
    assert (bridge.status().state, bridge.status().last_error) == ("refused", "it lacks something")
    assert not datapath.closed
    assert read == []
    with eventlet.Timeout(5):
        while answers:
            eventlet.sleep(0.01)
    eventlet.sleep(0.05)
    assert read == ["ports"]
    assert bridge.status().state != "refused"
    assert [each["reason"] for each in told(events)].count("it lacks something") == 1


def test_of_two_switches_that_throw_each_other_out_the_one_that_is_there_stays(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setattr(Bridge, "_meet", lambda *_: None)
    bridge = Bridge("00000000000000aa", Inventory(), settings, lambda: None, events := Events())
    came = [Datapath(f"192.0.2.{number}") for number in range(50)]
    for datapath in came:
        bridge.connect(datapath)
    assert [each for each in came if not each.closed] == [came[MOST]]
    assert list(bridge.warnings) == ["duplicate_datapath_id"]
    assert "192.0.2.3" in bridge.warnings["duplicate_datapath_id"]
    assert len(events.since()) < 4 * MOST


def test_what_the_database_says_of_the_datapath_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    label = next(need for need in NEEDS if need.capability == "ct_label")
    nobody = Description("", "", "", "", "")
    monkeypatch.setattr(screening.probing, "probe", lambda _: Abilities([label], 0, False))
    told, features = {"ovs_end_of_support": "of the switch that was here before"}, {}
    known = {"ct_label": "false", "ct_clear": "false", "recirc": "false"}
    unfit = screening.examine(None, nobody, told, features, known)
    assert unfit.count("ct_label (Open vSwitch 2.5") == 1
    assert "ct_clear (Open vSwitch 2.7, Linux 4.15)" in unfit
    assert list(told) == ["unknown_switch"]
    assert (features["connection_rates"].on, features["connection_flush"].on) == (False, False)
    monkeypatch.setattr(screening.probing, "probe", lambda _: Abilities([], 1, True))
    assert screening.examine(None, nobody, told, features, {}) is None
    assert (features["connection_rates"].on, features["connection_flush"].on) == (True, True)
