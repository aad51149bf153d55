"""What is asked of a switch before it is served: what it is, and whether it can do what the pipeline needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import structlog

from app.core.needs import denied, refusal
from app.core.versions import CODES, Description, warnings
from app.openflow import probing
from app.openflow.description import describe
from app.service import Feature

RETRY = 60.0  # seconds until a switch that cannot be served is examined again


class Screening:
    """Whether the switch that is there can be served. Its warnings and features are kept up to date."""

    def __init__(
        self,
        warned: MutableMapping[str, str],
        features: MutableMapping[str, Feature],
        tell: Callable[..., None],
        log: structlog.stdlib.BoundLogger,
    ) -> None:
        self._warned, self._features, self._tell, self._log = warned, features, tell, log
        self.unfit: str | None = None  # why nothing is installed on it
        self.description = Description("", "", "", "", "")  # what it says of itself
        self.retry_at = 0.0  # monotonic

    def passes(self, datapath: Any, capabilities: Mapping[str, str], still: Callable[[], bool]) -> bool:
        """Examine it; what comes of that counts only if it is `still` the one. Waits; raises SwitchTrouble."""
        description = describe(datapath)
        unfit = examine(datapath, description, self._warned, self._features, capabilities)
        if not still():
            return False
        self.description = description
        before, self.unfit = self.unfit, unfit
        if unfit is None:
            return True
        if unfit != before:
            self._log.error("switch refused", reason=unfit)
            self._tell("switch.refused", reason=unfit)
        self.retry_at = time.monotonic() + RETRY
        return False


def examine(
    datapath: Any,
    description: Description,
    warned: MutableMapping[str, str],
    features: MutableMapping[str, Feature],
    capabilities: Mapping[str, str],
) -> str | None:
    """Why the switch cannot be served, or None. Its warnings and features are brought up to date.

    `capabilities` are the datapath's in the switch's database; empty if they are not known. Waits for the switch.
    Raises SwitchTrouble.
    """
    found = warnings(description)
    for code in [code for code in warned if code in CODES and code not in found]:
        del warned[code]
    warned.update(found)
    abilities = probing.probe(datapath)
    features["connection_rates"] = _feature(abilities.meters > 0, "the switch has no meters")
    features["connection_flush"] = _feature(
        abilities.flush, "the switch cannot flush single connections (Open vSwitch 3.1)"
    )
    told = {need.capability for need in abilities.lacking}
    lacking = abilities.lacking + [need for need in denied(capabilities) if need.capability not in told]
    return refusal(lacking) if lacking else None


def _feature(on: bool, why: str) -> Feature:
    return Feature(on, None if on else why)
