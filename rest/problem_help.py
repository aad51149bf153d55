"""What each error code means: why it comes, what to do, and a command that does it. Written in `problem_help.txt`."""

from __future__ import annotations

from importlib.resources import files
from typing import NamedTuple


class Help(NamedTuple):
    """`statuses` it comes with, the usual one first; `cause` and `fix` as text, `example` as a command: $OW is the
    address of the API, $T the header ``Authorization: Bearer ow_...``."""

    statuses: tuple[int, ...]
    cause: str
    fix: str
    example: str


def _read(text: str) -> dict[str, Help]:
    """Four lines each, with an empty one between them: code and statuses, cause, fix, command."""
    found: dict[str, Help] = {}
    for block in text.strip().split("\n\n"):
        head, cause, fix, example = block.split("\n")
        code, *statuses = head.split()
        found[code] = Help(tuple(map(int, statuses)), cause, fix, example)
    return found


HELP = _read((files("rest") / "problem_help.txt").read_text("utf-8"))
