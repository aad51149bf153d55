"""The flows of one switch, by cookie, as the union of fragments that come and go one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from app.core.flow import Clash, Flow

Key = tuple[str | int, ...]
Fragment = tuple[Flow, ...]


class Fragments:
    """`wanted` is the union. `dirty` collects the cookies that came or went."""

    def __init__(self) -> None:
        self.wanted: dict[int, Flow] = {}
        self.dirty: set[int] = set()
        self._fragments: dict[Key, dict[int, Flow]] = {}
        self._shared: Counter[int] = Counter()  # cookies of flows that more than one fragment has, beyond the first

    def place(self, key: Key, flows: Iterable[Flow]) -> None:
        """Put a fragment in the place of the one that was there; no flows is no fragment."""
        new = {flow.cookie: flow for flow in flows}
        old = self._fragments.pop(key, {})
        if new:
            self._fragments[key] = new
        for cookie in old.keys() - new.keys():
            self._drop(cookie)
        for cookie in new.keys() - old.keys():
            self._want(cookie, new[cookie])

    def get(self, key: Key) -> dict[int, Flow]:
        """The flows of one fragment, by cookie; none if there is no such."""
        return self._fragments.get(key, {})

    def items(self) -> Iterator[tuple[Key, Fragment]]:
        return ((key, tuple(flows.values())) for key, flows in self._fragments.items())

    def take_dirty(self) -> set[int]:
        dirty, self.dirty = self.dirty, set()
        return dirty

    def _want(self, cookie: int, flow: Flow) -> None:
        present = self.wanted.setdefault(cookie, flow)
        if present is flow:
            self.dirty.add(cookie)
        elif present == flow:
            self._shared[cookie] += 1
        else:
            raise Clash(f"two flows with the fingerprint {cookie:#x}: {flow} and {present}")

    def _drop(self, cookie: int) -> None:
        if self._shared[cookie]:
            self._shared[cookie] -= 1
            return
        del self._shared[cookie]
        del self.wanted[cookie]
        self.dirty.add(cookie)
