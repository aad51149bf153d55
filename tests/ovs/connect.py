"""Run as a process: connect to an OVSDB as the controller does, everything green, and print what it says or lacks."""

from __future__ import annotations

import sys

import eventlet

eventlet.monkey_patch()

from app import green  # noqa: E402
from app.ovs import database, threads  # noqa: E402


def main(remote: str, *files: str) -> None:
    threads.prepare_ovs()
    if files:
        database.trust(*files)
    there = database.Database(remote, lambda: None)
    while there.snapshot is None and there.trouble == database.NOT_YET:
        green.sleep(0.02)
    print(there.snapshot.bridges[0].name if there.snapshot else there.trouble)


main(*sys.argv[1:])
