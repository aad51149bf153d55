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
    """Before a full collection: what has come since the last one, if it is much, is flows, and those are there to stay.

    Cycles among it that are garbage already are never found: a price for bursts only, since few are made in one.
    """
    if phase == "start" and about["generation"] == 2 and len(gc.get_objects(generation=2)) > MANY:
        gc.freeze()
