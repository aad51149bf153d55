"""Garbage collection that does not stop the hub, however much there is to hold."""

from __future__ import annotations

import gc

MANY = 25_000  # objects; looking at as many takes about 10 ms


def keep_collections_short() -> None:
    """From now on a collection looks at what is new only. To be called once, when the state is loaded.

    The values of a large installation stay for good, and a full collection over a million objects takes tenths of a
    second. What is set aside is freed all the same when nothing refers to it; only cycles in it are not found.
    """
    gc.collect()
    gc.freeze()
    gc.callbacks.append(_set_aside)


def _set_aside(phase: str, about: dict[str, int]) -> None:
    """Right after a full collection nothing is garbage: if much is left, it is there to stay."""
    if phase == "stop" and about["generation"] == 2 and len(gc.get_objects(generation=2)) > MANY:
        gc.freeze()
