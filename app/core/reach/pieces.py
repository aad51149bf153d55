"""The outside, in pieces that rules can tell apart: each network that they name, without the smaller ones in it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from app.core.addresses import WIDTH, Network

ROOTS = (Network(4, 0, 0), Network(6, 0, 0))


@dataclass(frozen=True, slots=True)
class Piece:
    """A network, and one address of it that is in no smaller one. `around` is the number of the next larger piece."""

    network: Network
    sample: Network
    around: int | None


@dataclass(slots=True)
class _Open:
    network: Network
    number: int | None  # among the pieces
    around: int | None
    free: int  # all addresses before it are in smaller networks
    is_found: bool = False

    @property
    def after(self) -> int:
        return self.network.value + (1 << WIDTH[self.network.family] - self.network.length)


def pieces(named: Iterable[Network], besides: Collection[Network]) -> list[Piece]:
    """The pieces of `named` networks and of all there is, the larger before those inside; samples avoid `besides`, too.
    A network that smaller ones fill has no piece."""
    wanted = {*named, *ROOTS}
    found: list[Piece | None] = []
    for family in WIDTH:
        mine = sorted({n for n in (*wanted, *besides) if n.family == family}, key=lambda n: (n.value, n.length))
        _walk(mine, wanted, found)
    kept = [n for n, piece in enumerate(found) if piece is not None]
    places = {n: place for place, n in enumerate(kept)}
    return [
        Piece(piece.network, piece.sample, None if piece.around is None else places.get(piece.around))
        for piece in (found[n] for n in kept)
        if piece is not None
    ]


def _walk(ordered: Iterable[Network], wanted: Collection[Network], found: list[Piece | None]) -> None:
    """Networks lie in one another or apart, so a stack holds those that are around."""
    around: list[_Open] = []

    def close() -> None:
        last = around.pop()
        if last.number is not None and (last.is_found or last.free < last.after):
            sample = Network(last.network.family, last.free, WIDTH[last.network.family])
            found[last.number] = Piece(last.network, sample, last.around)

    for network in ordered:
        while around and around[-1].after <= network.value:
            close()
        outer = next((o.number for o in reversed(around) if o.number is not None), None)
        opened = _Open(network, None, outer, network.value)
        if around and not around[-1].is_found:
            around[-1].is_found = around[-1].free < network.value
            if not around[-1].is_found:
                around[-1].free = opened.after
        if network in wanted:
            opened.number = len(found)
            found.append(None)
        around.append(opened)
    while around:
        close()
