"""Faults of the controller, of the way to it, and of its disk and its clock."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import threading
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from benchmarks.client import Client
from benchmarks.fault_site import Cell, FaultSite, NotHere, is_small_disk, rules, until
from topology.controller import ControllerError

SSH = "/v1/tenants/red/groups/ssh"
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
HOUR = 3600
ATTEMPTS, SET, PER_SECOND = 40, 100, 1000


def killed(site: FaultSite, _: float) -> str:
    site.controller.kill()
    time.sleep(1.5)  # the switch tries to connect meanwhile
    site.controller.start()
    return _sent_nothing(site)


def stopped(site: FaultSite, _: float) -> str:
    seconds = site.controller.stop()
    time.sleep(1)
    site.controller.start()
    return f"stopped in {seconds:.1f} s, {_sent_nothing(site)}"


def hung(site: FaultSite, seconds: float) -> str:
    process = site.controller.process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        process.send_signal(signal.SIGCONT)
    took = until(lambda: site.status()["state"] == "synced", "in step again")
    return f"SIGSTOP {seconds:g} s, in step after {took:.1f} s"


def reset(site: FaultSite, seconds: float) -> str:
    end, times = time.monotonic() + seconds / 2, 0
    before = site.status()["flow_mods"]
    while time.monotonic() < end:
        times += site.cable.pull() > 0
        time.sleep(0.3)
    site.controller.wait_connected()
    return f"{times} resets, {site.status()['flow_mods'] - before} flow-mods"


def cut(site: FaultSite, seconds: float) -> str:
    before = site.status()["flow_mods"]
    site.cable.cut()
    try:
        time.sleep(seconds)
        state = site.status()["state"]
        code = site.controller.ask("PUT", f"{SSH}?wait=100ms", {"rules": rules("ssh", 8022)}).status
        # Nobody waits for a switch that is known to be away, which takes 20 s.
        assert code == (200 if state == "disconnected" else 202), f"a write meanwhile: {code}"
    finally:
        site.cable.mend()
    took = until(lambda: site.opens("ext", "vm3", 22) and site.status()["state"] == "synced", "in step again", 30)
    sent = site.status()["flow_mods"] - before
    site.put(SSH, {"rules": rules("ssh")})
    return f"cut {seconds:g} s (then {state}), a rule meanwhile in force {took:.1f} s after, {sent} flow-mods"


def full_disk(site: FaultSite, _: float) -> str:
    if not is_small_disk(site.disk):
        raise NotHere("no tmpfs can be mounted")
    filler, codes = site.disk / "filler", set()
    try:
        _fill(filler)
        for number in range(ATTEMPTS):
            more = range(9000 + number, 9050 + number)
            codes.add(site.controller.ask("PUT", SSH, {"rules": rules("ssh", *more)}).status)
        assert site.status()["state"] == "synced"
        assert site.controller.ask("GET", SSH).status == 200
    finally:
        filler.unlink(missing_ok=True)
    assert max(codes) >= 500, f"writes onto a full disk: {codes}"
    again = site.put(SSH, {"rules": rules("ssh")})
    assert again == 200, f"a write after there was room again: {again}"
    return f"writes: {', '.join(map(str, sorted(codes)))}; reads and switch go on; with room again: {again}"


def damaged(site: FaultSite, _: float) -> str:
    site.controller.kill()
    state, saved = site.disk / "state", site.directory / "saved"
    shutil.copytree(state, saved)
    try:
        for path in state.glob("*.db*"):
            with path.open("r+b") as file:
                file.write(os.urandom(min(path.stat().st_size, 4096)))
        try:
            site.controller.start()
        except ControllerError as error:
            why = str(error).strip().splitlines()[-1]
        else:
            raise AssertionError("the controller started with a damaged store")
        time.sleep(1.5)
    finally:
        site.controller.kill()
        shutil.rmtree(state)
        shutil.copytree(saved, state)
        shutil.rmtree(saved)
        site.controller.start()
    return f"does not start: {why[:90]}; with the back-up: {_sent_nothing(site)}"


def many_changes(site: FaultSite, seconds: float) -> str:
    """Rules of one group, replaced by many at once: each PUT takes half of SET away and adds as many others."""
    length, done, late = seconds / 2, [0], [0.0]
    begin = time.monotonic()

    def change() -> None:
        client = Client(site.controller.rest, site.controller.token)
        turn = 0
        while (now := time.monotonic()) < begin + length:
            turn += 1
            first = 10000 + turn % 2 * 1000
            client.ask("PUT", SSH, {"rules": rules("ssh", *range(first, first + SET // 4))})
            done[0] += SET
            late[0] = max(late[0], time.monotonic() - now)
            time.sleep(max(0.0, begin + done[0] / PER_SECOND - time.monotonic()))
        client.close()

    worker = threading.Thread(target=change)
    worker.start()
    worker.join()
    took = time.monotonic() - begin
    site.controller.settle(30)
    rest = time.monotonic() - begin - took
    site.put(SSH, {"rules": rules("ssh")})
    return f"{done[0] / took:.0f} rules/s for {took:.0f} s, slowest PUT {late[0]:.2f} s, in force {rest:.2f} s after"


def clock_back(site: FaultSite, seconds: float) -> str:
    if not FAKETIME.exists():
        raise NotHere("no libfaketime (Debian: faketime)")
    clock = site.directory / "clock"
    clock.write_text("+0")
    fake = {"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1"}
    site.controller.stop()
    site.again({**fake, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"})
    try:
        site.controller.wait_connected()
        met, before = _connections(site), _now(site)
        clock.write_text(f"-{HOUR}")
        assert _now(site) < before - HOUR + 60, "the clock did not go back"
        begin = time.monotonic()
        assert site.put(SSH, {"rules": rules("ssh", 8022)}) == 200
        took = time.monotonic() - begin
        assert site.opens("ext", "vm1", 22)
        time.sleep(min(seconds, 60))  # what reckons with this clock would end, or stand still
        assert site.status()["state"] == "synced"
        assert _connections(site) == met, "the switch was connected anew"
        assert site.put(SSH, {"rules": rules("ssh")}) == 200
    finally:
        site.controller.stop()
        site.again()
    site.controller.wait_connected()
    return f"a change then: {1000 * took:.0f} ms; connection kept; {_sent_nothing(site)}"


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        for size in (65536, 512, 1):
            while True:
                try:
                    file.write(bytes(size))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    break


def _now(site: FaultSite) -> float:
    """The controller's clock, as its answers tell it."""
    site.controller.put("/v1/tenants/red", {"description": str(time.monotonic())})
    told = site.controller.get("/v1/tenants/red")["updated_at"]
    return datetime.fromisoformat(told).timestamp()


def _connections(site: FaultSite) -> int:
    return site.controller.log.read_text().count("switch connected")


def _sent_nothing(site: FaultSite) -> str:
    (switch,) = site.controller.wait_connected()
    assert switch["status"]["flow_mods"] == 0, f"flow-mods after the start: {switch['status']['flow_mods']}"
    return "then 0 flow-mods"


CELLS = (
    Cell("controller: kill -9", killed),
    Cell("controller: stopped and started", stopped),
    Cell("controller: hung", hung),
    Cell("connection reset again and again", reset),
    Cell("network to the controller cut", cut),
    Cell("store: disk full", full_disk),
    Cell("store: damaged", damaged),
    Cell("1000 rule changes per second", many_changes),
    Cell("clock set back one hour", clock_back),
)
