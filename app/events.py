"""What happened lately, for operators: a ring of events that REST shows and nothing else depends on."""

from __future__ import annotations

import time
from collections import UserDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from app.clock import utc_now

KEPT = 1000
EventType = Literal[
    "switch.connected",
    "switch.disconnected",
    "switch.refused",  # the switch refused a change, or the controller refused the switch
    "switch.drift",  # an audit found the switch otherwise than wanted
    "switch.duplicate",  # a second connection with the same datapath id
    "switch.warning",
    "switch.warning_cleared",
]
TYPES: tuple[str, ...] = get_args(EventType)


@dataclass(frozen=True, slots=True)
class Happened:
    id: int
    time: str  # RFC 3339
    type: str
    data: Mapping[str, Any]  # JSON; `switch` is a datapath id


class Events:
    """The last events, the oldest first. Ids go up, also over restarts of the process as long as the clock goes on."""

    def __init__(self, kept: int = KEPT) -> None:
        self._ring: deque[Happened] = deque(maxlen=kept)
        self._next = int(time.time() * 1000)

    def add(self, type: EventType, **data: Any) -> None:
        self._ring.append(Happened(self._next, utc_now(), type, data))
        self._next += 1

    def since(self, after: int | None = None) -> tuple[list[Happened], bool]:
        """The events behind the id `after`, or all; and whether others behind it are gone, or nobody gave that id."""
        events = [event for event in self._ring if after is None or event.id > after]
        oldest = self._ring[0].id if self._ring else self._next
        return events, after is not None and not oldest - 1 <= after < self._next


class Warnings(UserDict[str, str]):
    """Code -> detail of what an operator should see to. `told` hears of each that is raised, reworded or cleared, with
    None for a cleared one's detail."""

    def __init__(self, told: Callable[[str, str | None], None]) -> None:
        super().__init__()
        self._told = told

    def __setitem__(self, code: str, detail: str) -> None:
        changed = self.data.get(code) != detail
        self.data[code] = detail
        if changed:
            self._told(code, detail)

    def __delitem__(self, code: str) -> None:
        del self.data[code]
        self._told(code, None)
