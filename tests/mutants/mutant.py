"""One mutant: a piece of source, which has to be there exactly once, and what stands there instead."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """`module` of `app.core` with `old` replaced by `new`."""

    name: str
    module: str
    old: str
    new: str
