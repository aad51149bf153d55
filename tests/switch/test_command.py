"""The installed command against a real controller and a real switch, as root over the unix socket, without a token."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.switch.conftest import POLICY
from tests.switch.site import Site, eventually, running_site
from topology import SEED

pytestmark = pytest.mark.switch
COMMAND = Path(sys.executable).parent / "ovswarden"


@pytest.fixture(scope="module")
def running(place: Path) -> Iterator[Site]:
    settings = {
        "control_socket": str(place / "switch" / "vswitchd.ctl"),
        "rest_socket": str(place / "api.sock"),
        "watch_interval": "1",
    }
    with running_site(place, SEED, settings=settings) as site:
        site.reset(POLICY)
        yield site


def environment(site: Site) -> dict[str, str]:
    """Nothing is said but where the socket is."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("OVSWARDEN_")}
    return mine | {"OVSWARDEN_SOCKET": str(site.controller.directory / "api.sock"), "HOME": "/nonexistent"}


def run(site: Site, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [COMMAND, *arguments], env=environment(site), cwd="/", capture_output=True, text=True, timeout=30, check=False
    )
    assert "Traceback" not in done.stderr
    assert not done.stderr.startswith("ovswarden: "), done.stderr
    return done.returncode, done.stdout


def read(site: Site, *arguments: str) -> Any:
    code, out = run(site, *arguments, "-o", "json")
    assert code == 0
    return json.loads(out)


def test_root_needs_no_token(running: Site) -> None:
    assert read(running, "token", "whoami")["how"] == "socket"


def test_is_every_switch_up_to_date(running: Site) -> None:
    code, out = run(running, "status")
    assert (code, out.splitlines()[-1]) == (0, "every switch is up to date (1)")
    assert "2 ports: 2 active" in out


def test_why_was_this_connection_refused(running: Site) -> None:
    assert not running.fabric.tcp("ext", "vm1", 23, 0.3)
    code, out = run(running, "trace", "192.168.0.254", "vm1", "tcp/23", "--datapath")
    assert (code, out.split("\n")[0]) == (3, "DENY  no_rule_matches at TARGET (port red/vm1)")
    assert "the port is 23, the rule is for 22" in out
    assert "ofproto/trace: agrees" in out


def test_what_may_reach_this_vm(running: Site) -> None:
    page = read(running, "port", "vm1")
    assert {"from": ["ip:0.0.0.0/0"], "traffic": "tcp/22", "to": ["vm1"]} in page["reached_by"]
    assert [rule["rule"] for rule in page["effective_rules"]] == ["ssh/ssh", None]
    assert run(running, "matrix", "--to", "red/vm1")[1].count("tcp/22") == 1


def test_who_is_near_a_limit(running: Site) -> None:
    running.put("/v1/tenants/red", {"limits": {"connections": 4}})
    for number in range(4):
        running.fabric.tcp("vm1", "ext", 80 + number, 0.1)
    rows = eventually(lambda: [each for each in read(running, "limits") if (each["ratio"] or 0) > 0.8])
    assert [(each["tenant"], each["limit"]) for each in rows] == [("red", 4)]


def test_what_changed_in_the_last_hour(running: Site) -> None:
    running.put("/v1/tenants/red/groups/ssh/rules/alt", {"direction": "ingress", "protocol": "tcp", "port_min": 8080})
    out = run(running, "changes")[1]
    assert out.rstrip().endswith("+ /tenants/red/groups/ssh/rules/alt")


def test_drift_is_found_and_mended(running: Site) -> None:
    held = len(running.flows())
    running.fabric.ovs.ofctl("del-flows", "table=20")
    code, out = run(running, "drift")
    assert (code, " drift " in out) == (4, True)
    assert run(running, "drift", "--repair")[0] == 0
    assert len(running.flows()) == held


def test_events_come_as_they_happen(running: Site) -> None:
    listening = subprocess.Popen(
        [COMMAND, "events", "-f", "--type", "group.created", "-o", "json"],
        env=environment(running), cwd="/", stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert listening.stdout is not None
        for number in range(20):  # until it listens
            running.put(f"/v1/tenants/red/groups/here{number}", {})
            if _readable(listening.stdout):
                break
        event = json.loads(listening.stdout.readline())
        assert (event["type"], event["data"]["tenant"]) == ("group.created", "red")
    finally:
        listening.terminate()
        listening.wait(10)


def _readable(pipe: Any, seconds: float = 0.5) -> bool:
    import select

    return bool(select.select([pipe], [], [], seconds)[0])
