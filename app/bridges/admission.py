"""Two connections with one datapath id: which of them a bridge talks to."""

from __future__ import annotations

import time
from collections.abc import MutableMapping
from typing import Any

from app.bridges.line import Line
from app.core.rivalry import WITHIN, Rivalry

DUPLICATE = "duplicate_datapath_id"  # code of a warning


class Admission:
    """The newer one wins, until two throw each other out again and again: then the one that is there stays, and
    `warnings` says so as long as it goes on."""

    def __init__(self, warnings: MutableMapping[str, str]) -> None:
        self._warnings = warnings
        self._rivalry = Rivalry()

    def replaces(self, datapath: Any, present: Line) -> bool:
        """Whether a second connection may take the place of the one that is there. If not, it is closed."""
        if self._rivalry.admits(time.monotonic()):
            return True
        if DUPLICATE not in self._warnings:
            both = f"{present.address} and {datapath.address[0]}"
            self._warnings[DUPLICATE] = f"{both} throw each other out: two bridges have this datapath id"
            present.later(WITHIN, self._calm_down)
        datapath.close()
        return False

    def _calm_down(self, line: Line) -> None:
        if self._rivalry.calm(time.monotonic()):
            self._warnings.pop(DUPLICATE, None)
        else:
            line.later(WITHIN, self._calm_down)
