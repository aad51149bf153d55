"""What several ports of a switch share: copy lists of a segment, addresses and MACs of their pairs.

Each is a fragment that depends on who of them is there. They are brought up to date once per event, and a change
touches only the chunk that it is in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

from app.core import delivery, multicast
from app.core.addresses import Network
from app.core.fragments import Fragments
from app.core.multicast import Listing
from app.core.plugged import Plugged, Seat

CHUNK = 128  # switch ports in one flow of a copy list: it stays small when one port changes
SUB_PORTS = (
    1 << 26,
    64,
)  # first number, and how many, of the chunks of sub-ports, whose copies take three times the room
# Ports that share one address, or one MAC, each of which is a way of its own through most tables: a flow-mod ends at
# 64 KiB, a packet's way after 4096 steps. Further ones, by ofport, do not hear.
MOST_ASKED, MOST_HOLDERS = 500, 100
Group = tuple[str | int, ...]  # the key of what is shared, beginning with its kind


class Copies:
    """`listed` says of a policy, by its number, how it is asked about what is sent to many; None if it cannot admit any
    of that."""

    def __init__(self, fragments: Fragments, listed: Callable[[int], Listing | None]) -> None:
        self._fragments, self._listed = fragments, listed
        self._plugged: dict[Seat, Plugged] = {}
        self._sharing: defaultdict[Group, set[Seat]] = defaultdict(set)
        self._chunks: defaultdict[int, set[int]] = defaultdict(set)  # of each segment
        self._policies: defaultdict[int, dict[int, set[int]]] = defaultdict(dict)  # segment -> policy -> chunks
        self._lists: dict[int, int] = {}  # segment -> how many chunks of policies it has
        self._stale: set[Group] = set()
        self._stale_floods: set[int] = set()
        self._stale_segments: set[int] = set()

    def change(self, seat: Seat, new: Plugged | None) -> None:
        """Somebody else sits there now, or nobody. Who is off shares nothing."""
        old = self._plugged.pop(seat, None)
        if new is not None and new.enabled:
            self._plugged[seat] = new
        for plugged, step in ((old, set.discard), (self._plugged.get(seat), set.add)):
            for key in _shares(plugged) if plugged else ():
                step(self._sharing[key], seat)
                self._stale.add(key)

    def policy_changed(self, number: int) -> None:
        """A policy may admit other things than before."""
        for segment, policies in self._policies.items():
            if number in policies:
                self._stale_segments.add(segment)
                self._stale |= {("admit", segment, number, chunk) for chunk in policies[number]}

    def holders(self, segment: int, mac: int) -> list[Plugged]:
        """The ports that get the frames to a MAC that only address pairs have."""
        seats = self._sharing.get(("mac", segment, mac), set())
        return [self._plugged[seat] for seat in sorted(seats)[:MOST_HOLDERS]]

    def settle(self) -> Iterator[None]:
        """Bring up to date what changed. May pause (yields) anywhere, and take up more changes meanwhile."""
        while self._stale:
            key = self._stale.pop()
            seats = sorted(self._sharing[key])
            if not seats:
                del self._sharing[key]
            self._PLACE[str(key[0])](self, key, seats)
            yield
        while self._stale_floods:
            self._place_chunks(self._stale_floods.pop())
        while self._stale_segments:
            self._place_lists(self._stale_segments.pop())
            yield

    def _place_chunks(self, segment: int) -> None:
        chunks = self._chunks[segment]
        self._fragments.place(("flood", segment), multicast.flood_flows(segment, sorted(chunks)))
        if not chunks:
            del self._chunks[segment]

    def _place_flood(self, key: Group, seats: list[Seat]) -> None:
        segment, chunk = map(int, key[1:])
        self._fragments.place(key, multicast.chunk_flows(segment, chunk, seats))
        chunks = self._chunks[segment]
        if (chunk in chunks) != bool(seats):
            (chunks.add if seats else chunks.discard)(chunk)
            self._stale_floods.add(segment)

    def _place_admit(self, key: Group, seats: list[Seat]) -> None:
        segment, policy, chunk = map(int, key[1:])
        is_listed = self._listed(policy) is not None
        self._fragments.place(key, multicast.ports_flows(segment, policy, chunk, seats) if is_listed else ())
        chunks = self._policies[segment].setdefault(policy, set())
        before = set(chunks)
        (chunks.add if seats else chunks.discard)(chunk)
        if not chunks:
            del self._policies[segment][policy]
        if chunks != before:
            self._stale_segments.add(segment)

    def _place_pair(self, key: Group, seats: list[Seat]) -> None:
        segment, *parts = map(int, key[1:])
        self._fragments.place(key, delivery.shared_flows(segment, Network(*parts), seats[:MOST_ASKED]) if seats else ())

    def _place_mac(self, key: Group, seats: list[Seat]) -> None:
        segment, mac = map(int, key[1:])
        holders = [self._plugged[seat] for seat in seats[:MOST_HOLDERS]]
        self._fragments.place(key, delivery.virtual_mac_flows(segment, mac, holders) if seats else ())

    def _place_lists(self, segment: int) -> None:
        candidates: dict[int, multicast.Listed] = {}
        for policy, chunks in self._policies[segment].items():
            listing = self._listed(policy)
            if listing is not None:
                candidates[policy] = policy, tuple(sorted(chunks)), listing
        if not self._policies[segment]:
            del self._policies[segment]
        lists = multicast.within_reach(candidates)
        before = self._lists.pop(segment, 0)
        if lists:
            self._lists[segment] = len(lists)
        for n in range(max(before, len(lists))):
            flows = multicast.list_flows(segment, n, lists[n]) if n < len(lists) else ()
            self._fragments.place(("list", segment, n), flows)
        self._fragments.place(("lists", segment), multicast.admit_flows(segment, len(lists)))

    _PLACE = {"flood": _place_flood, "admit": _place_admit, "pair": _place_pair, "mac": _place_mac}


def chunk_of(seat: Seat) -> int:
    """The chunk of the copy lists in which a seat is."""
    ofport, tag = seat
    first, count = SUB_PORTS
    return first + (31 * ofport + tag) % count if tag else ofport // CHUNK


def _shares(plugged: Plugged) -> list[Group]:
    segment, chunk = plugged.segment, chunk_of(plugged.seat)
    return [
        ("flood", segment, chunk),
        ("admit", segment, plugged.policy, chunk),
        *(("pair", segment, *network) for network in plugged.shared),
        *(("mac", segment, mac) for mac in plugged.virtual_macs),
    ]
