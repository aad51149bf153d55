"""Options that all commands share may stand before or behind the command: here they are brought to the front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from typer.core import TyperGroup

VALUED = (
    "-o", "--output", "-t", "--tenant", "--context", "--url", "--socket", "--token-file", "--ca", "--cert", "--key",
)  # fmt: skip
FLAGS = ("--curl",)


def hoisted(arguments: Sequence[str]) -> list[str]:
    """The same with the shared options in front, where the frame looks for them. Behind ``--`` nothing is an option."""
    front: list[str] = []
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word in FLAGS or _has_value(word):
            front.append(word)
        elif word in VALUED:
            front += [word, *[value for value in [next(words, None)] if value is not None]]
        else:
            rest.append(word)
    return front + rest


def _has_value(word: str) -> bool:
    """``--output=json``, ``-ojson``."""
    name, equals, _ = word.partition("=")
    is_short = len(word) > 2 and word[:2] in VALUED and word[1] != "-"
    return is_short or (bool(equals) and name in VALUED and name.startswith("--"))


class Frame(TyperGroup):
    """The command with its commands."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, hoisted(args))
