"""kill -9 in a stream of writes: every acknowledged write is there afterwards, and none is there by half."""

import random
import subprocess
import sys
import time

from app.store import Store

KILLS = 20


def run_and_kill(directory, series, seconds):
    """The numbers of the changes that a writer had acknowledged when it was killed."""
    command = [sys.executable, "-m", "tests.store.writer", str(directory), str(series)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        first = writer.stdout.readline()
        time.sleep(seconds)
        writer.kill()
        # The kill may cut the last line short: only a line that is whole was written by an acknowledged change.
        lines = (first + writer.stdout.read()).split(b"\n")
    return {int(line) for line in lines[:-1]}


def test_twenty_kills_lose_nothing_that_was_acknowledged_and_leave_nothing_by_half(tmp_path):
    acknowledged = set()
    for series in range(KILLS):
        written = run_and_kill(tmp_path, series, random.uniform(0, 0.05))
        assert written
        acknowledged |= {f"s{series}-{n}" for n in written}
        # Opening checks that rows and numbers fit together, zones, policies and rule ids included.
        store = Store.open(tmp_path)
        inventory = store.load()
        store.close()
        present = {stored.value.name for stored in inventory.list("tenant")}
        assert acknowledged <= present
        for name in present:
            assert len(inventory.list("port", name)) == 2
            assert len(inventory.list("group", name)) == 1
    print(f"{len(acknowledged)} changes acknowledged")
    assert len(acknowledged) > KILLS
