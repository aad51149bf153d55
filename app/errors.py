"""What the shell raises: before it runs, and when it cannot compute something in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class StartError(Exception):
    """Stops the start. `exit_message` is the one line to print: what is wrong, where, and what would be
    right.
    """

    def __init__(self, exit_message: str) -> None:
        super().__init__(exit_message)
        self.exit_message = exit_message


class AsideTooLong(Exception):
    """A computation beside the hub took longer than it may, its turn among others included. Nothing came of it."""


class AsideFailed(Exception):
    """A computation beside the hub ended without an answer: killed, or with a result that cannot be told."""


class TooManyFlows(Exception):
    """Switches would have more flows than the setting allows: for each its datapath id, now, after, and the limit."""

    def __init__(self, switches: Sequence[dict[str, Any]]) -> None:
        names = ", ".join(each["switch"] for each in switches[:5])
        super().__init__(f"{len(switches)} switches would have more flows than they may: {names}")
        self.switches = list(switches)
