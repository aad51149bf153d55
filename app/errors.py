"""What the shell raises before it runs."""

from __future__ import annotations


class StartError(Exception):
    """Stops the start. `exit_message` is the one line to print: what is wrong, where, and what would be
    right.
    """

    def __init__(self, exit_message: str) -> None:
        super().__init__(exit_message)
        self.exit_message = exit_message
