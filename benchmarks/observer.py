"""A second os-ken application beside the firewall: it writes down when the hub stood still, and what connected when.

    OVSWARDEN_MARKS=/tmp/marks osken-manager benchmarks/observer.py app/stateful_fw.py

A mark is a line of JSON; times are those of `time.time`, in seconds.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import time
import traceback
from typing import Any

from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import CONFIG_DISPATCHER, HANDSHAKE_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from os_ken.lib import hub

TICK = 0.005
NOTED = 0.005  # shorter delays are the machine's noise
LONG = 0.04  # after this the stack is written down: `where`


class Observer(app_manager.OSKenApp):  # type: ignore[misc]
    """A greenlet that wants to run every 5 ms. How late it is, is how long the hub kept everybody waiting."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._marks = os.open(os.environ["OVSWARDEN_MARKS"], os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        self._collecting = 0.0
        self._where: list[str] = []

    def start(self) -> Any:
        gc.callbacks.append(self._collected)
        signal.signal(signal.SIGALRM, self._look)
        hub.spawn(self._tick)
        return super().start()

    def _mark(self, kind: str, **what: Any) -> None:
        os.write(self._marks, (json.dumps({"at": time.time(), "kind": kind, **what}) + "\n").encode())

    def _tick(self) -> None:
        while True:
            began, worked = time.perf_counter(), time.thread_time()
            signal.setitimer(signal.ITIMER_REAL, TICK + LONG)
            hub.sleep(TICK)
            late = time.perf_counter() - began - TICK
            if late > NOTED:
                self._mark("stall", seconds=late, cpu=time.thread_time() - worked, where=self._where)
            self._where = []

    def _look(self, _: int, frame: Any) -> None:
        self._where = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_stack(frame, limit=6)]

    def _collected(self, phase: str, about: dict[str, int]) -> None:
        now = time.perf_counter()
        if phase == "start":
            self._collecting = now
        elif now - self._collecting > NOTED:
            self._mark("gc", seconds=now - self._collecting, generation=about["generation"])

    @set_ev_cls(ofp_event.EventOFPStateChange, [HANDSHAKE_DISPATCHER, MAIN_DISPATCHER])
    def _state_changed(self, event: Any) -> None:
        self._mark("switch", state=event.state)

    @set_ev_cls(ofp_event.EventOFPSwitchFeatures, CONFIG_DISPATCHER)
    def _named(self, _: Any) -> None:
        self._mark("switch", state="named")
