"""A plan as one atomic OpenFlow bundle: either all of it is on the switch, or nothing.

Open vSwitch leaves a message out of the bundle when it refuses it, and commits the rest without a word. So the adds are
followed by a barrier *inside* the open bundle: once it is answered, every refusal has arrived, and the caller sends
either `commit()` or `discard()`. An idle bundle is dropped by the switch after 10 s; compute first, then open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from struct import Struct

from app.core.flow import Flow
from app.openflow.templates import Templates

CHUNK = 1 << 16
ATOMIC_ORDERED = 0b11
OPEN, CLOSE, COMMIT, DISCARD = 0, 2, 4, 6  # the reply to each is one more

BARRIER_REQUEST = 20
BUNDLE_CONTROL, BUNDLE_ADD = 33, 34
EXPERIMENTER = 4
ONF = 0x4F4E4600
ONF_CONTROL, ONF_ADD = 2300, 2301  # OpenFlow 1.3 has bundles as ONF extension EXT-230

_HEADER = Struct("!BBHI")
# header, bundle, type, flags; and header, bundle, padding, flags before an embedded message
_CONTROL = {5: Struct("!BBHIIHH"), 4: Struct("!BBHIIIIHH")}
# message type, and what stands between the header and the bundle's number
_KIND_CONTROL: dict[int, tuple[int, tuple[int, ...]]] = {
    5: (BUNDLE_CONTROL, ()),
    4: (EXPERIMENTER, (ONF, ONF_CONTROL)),
}
_KIND_ADD: dict[int, tuple[int, tuple[int, ...]]] = {5: (BUNDLE_ADD, ()), 4: (EXPERIMENTER, (ONF, ONF_ADD))}


class Bundle:
    """The messages that take a switch from what it has to `adds` more and `deletes` less, deletes first.

    It needs `size(...)` transaction ids from `first_xid` upwards; `subject` answers what one of them was about.
    """

    def __init__(
        self,
        templates: Templates,
        number: int,
        first_xid: int,
        adds: Mapping[int, Flow],
        deletes: Sequence[int],
    ) -> None:
        self._templates = templates
        self._version = templates.version
        self._number = number
        self._first = first_xid
        self._adds = adds
        self._deletes = deletes
        self.barrier_xid = first_xid + 1 + len(deletes) + len(adds)

    @staticmethod
    def size(adds: Mapping[int, Flow], deletes: Sequence[int]) -> int:
        """How many transaction ids a bundle takes: open, one per change, barrier, close, and commit or discard."""
        return len(adds) + len(deletes) + 4

    def chunks(self) -> Iterator[bytes]:
        """Opening, changes and barrier in pieces of about 64 kB. Raises ValueError for a flow that no bytes can say."""
        pending, size = [self._control(OPEN, self._first)], 0
        for message in self._changes():
            pending.append(message)
            size += len(message)
            if size >= CHUNK:
                yield b"".join(pending)
                pending, size = [], 0
        pending.append(_HEADER.pack(self._version, BARRIER_REQUEST, _HEADER.size, self.barrier_xid))
        yield b"".join(pending)

    def commit(self) -> bytes:
        """Close and commit; answered under `settled_xid`, or by an error under the id of the change that failed."""
        return self._control(CLOSE, self.barrier_xid + 1) + self._control(COMMIT, self.settled_xid)

    def discard(self) -> bytes:
        return self._control(DISCARD, self.settled_xid)

    @property
    def settled_xid(self) -> int:
        return self.barrier_xid + 2

    def subject(self, xid: int) -> Flow | int | None:
        """What a message was about: the flow it adds, the cookie it deletes, or None for the bundle itself."""
        index = xid - self._first - 1
        if 0 <= index < len(self._deletes):
            return self._deletes[index]
        index -= len(self._deletes)
        if 0 <= index < len(self._adds):
            return next(islice(self._adds.values(), index, None))
        return None

    def _changes(self) -> Iterator[bytes]:
        kind, fixed = _KIND_ADD[self._version]
        pack, size = _CONTROL[self._version].pack, _CONTROL[self._version].size
        version, number = self._version, self._number
        for xid, change in enumerate(self._flow_mods(), self._first + 1):
            yield pack(version, kind, size + len(change), xid, *fixed, number, 0, ATOMIC_ORDERED) + change

    def _flow_mods(self) -> Iterator[bytes]:
        xid = self._first
        for cookie in self._deletes:
            xid += 1
            yield self._templates.delete(xid, cookie)
        for cookie, flow in self._adds.items():
            xid += 1
            yield self._templates.add(xid, cookie, flow)

    def _control(self, request: int, xid: int) -> bytes:
        kind, fixed = _KIND_CONTROL[self._version]
        form = _CONTROL[self._version]
        return form.pack(self._version, kind, form.size, xid, *fixed, self._number, request, ATOMIC_ORDERED)


def by_cookie(flows: Iterable[Flow] | Mapping[int, Flow]) -> Mapping[int, Flow]:
    """Flows under their cookies. Computing one takes longer than rendering its flow, so a mapping is taken as it is."""
    return flows if isinstance(flows, Mapping) else {flow.cookie: flow for flow in flows}
