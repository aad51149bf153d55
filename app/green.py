"""The green threads in which everything here runs: who leaves eventlet one day begins with this file.

A green thread goes on until it waits or sleeps; `sleep(0)` lets the others have their turn.
"""

from __future__ import annotations

import os

os.environ.setdefault("OSKEN_HUB_TYPE", "eventlet")  # as in app.openflow, for whoever comes here first

from os_ken.lib import hub

__all__ = ["Event", "Queue", "QueueEmpty", "Semaphore", "Timeout", "sleep", "spawn", "spawn_after"]

Event, Semaphore, Timeout = hub.Event, hub.Semaphore, hub.Timeout
Queue, QueueEmpty = hub.Queue, hub.QueueEmpty
sleep, spawn, spawn_after = hub.sleep, hub.spawn, hub.spawn_after
