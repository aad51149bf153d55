"""A start that cannot be says why in one line, and touches no switch."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from topology.controller import MANAGER, ROOT

pytestmark = pytest.mark.switch


@pytest.fixture
def guarded(site) -> Iterator[None]:
    """A switch whose controller is gone, and that is as it was when the test is over."""
    site.controller.kill()
    before = [(flow.cookie, flow.text) for flow in site.flows()]
    assert before
    yield
    assert [(flow.cookie, flow.text) for flow in site.flows()] == before


WRONG = {
    "rest_listen = nonsense": ("rest_listen", "nonsense"),
    "rest_listen = 127.0.0.1:99999": ("rest_listen", "99999"),
    "state_dir = relative/path": ("state_dir", "relative/path"),
    "uplinks = eth 0": ("uplinks", "eth 0"),
    "local_is_uplink = perhaps": ("local_is_uplink", "perhaps"),
    "max_switches = 0": ("max_switches", "greater than or equal to 1"),
    "log_level = loud": ("log_level", "loud"),
    "uplink = eth0": ("uplink", "uplinks"),
}


def test_a_wrong_setting_stops_the_start(site, guarded, tmp_path):
    for line, words in WRONG.items():
        path = tmp_path / "wrong.conf"
        settings = {"state_dir": str(site.controller.directory / "state"), "rest_listen": "127.0.0.1:8080"}
        settings.pop(line.partition(" = ")[0], None)
        lines = ["[ovswarden]", *(f"{name} = {value}" for name, value in settings.items()), line]
        path.write_text("\n".join(lines) + "\n")
        told = _refused(path)
        assert all(word in told for word in words), told


def test_a_wrong_option_and_a_missing_file_stop_the_start(site, guarded, tmp_path):
    assert "no-such-option" in _refused(_config(site), "--no-such-option")
    assert "nowhere.conf" in _refused(tmp_path / "nowhere.conf")


def test_a_second_process_on_the_same_state_directory_is_refused(site, tmp_path):
    before, pid = site.cookies(), site.controller.process.pid
    path = tmp_path / "second.conf"
    path.write_text(_config(site).read_text().replace(":8080", ":8081"))
    told = _refused(path, "--ofp-tcp-listen-port", "6654")
    assert f"pid {pid}" in told
    assert str(site.controller.directory / "state") in told
    assert site.controller.process.poll() is None
    assert site.passes(("ext", "vm1", 22)) == [True]
    assert site.cookies() == before


def test_a_rest_address_that_is_taken_stops_the_start(site, tmp_path):
    path = tmp_path / "taken.conf"
    path.write_text(_config(site).read_text().replace("/state", "/another"))
    assert "127.0.0.1:8080" in _refused(path, "--ofp-tcp-listen-port", "6654")


def test_a_damaged_database_stops_the_start_and_changes_no_switch(site, guarded):
    database = site.controller.directory / "state" / "ovswarden.db"
    with sqlite3.connect(database) as connection:  # what `kill -9` left in the log beside it
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    whole = database.read_bytes()
    try:
        for damage in DAMAGE:
            damaged = damage(whole)
            database.write_bytes(damaged)
            assert str(database) in _refused(_config(site))
            assert database.read_bytes() == damaged
    finally:
        database.write_bytes(whole)


DAMAGE = (
    lambda whole: whole[:2048] + b"\xa5" * (len(whole) - 4096) + whole[-2048:],
    lambda whole: whole[: len(whole) // 2 - 100],
    lambda whole: b"This is not what you are looking for.\n" * 100,
)


def _config(site) -> Path:
    return site.controller.directory / "ovswarden.conf"


def _refused(config: Path, *options: str) -> str:
    """Start a controller that must not start; the one line that it says."""
    command = [str(MANAGER), "app/stateful_fw.py", "--config-file", str(config), "--ofp-listen-host", "127.0.0.1"]
    done = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, timeout=30)
    said = (done.stdout + done.stderr).strip().splitlines()
    assert done.returncode not in (0, None), said
    assert len(said) == 1, said
    return said[0]
