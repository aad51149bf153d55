"""What a handler gets and gives: a `Call`, and an `Answer` now or a `Written` that may have to be waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from app.core.inventory import Inventory
from app.core.parsing import Invalid
from app.core.values import Stored as StoredValue
from app.service import Firewall
from rest import query as queries
from rest.access.gate import Gate
from rest.access.writes import guarded
from rest.caller import ANYBODY, Caller
from rest.decode import decode
from rest.origin import Origin
from rest.problems import Failure, Fault
from rest.query import Query

T = TypeVar("T")
PACE = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: JSON of `body`, plain text if it is a string, nothing if it is None; bytes as they are.

    `content_type` says otherwise; bytes need it.
    """

    status: int = 200
    body: dict[str, Any] | str | bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A change that is stored at `revision`; `answer` is made after the wait, if the client asked for one.

    Waiting is not the handler's affair, so that no handler's slot is held meanwhile. `wait` is what holds, in seconds,
    when the client says nothing; None does not even look.
    """

    revision: int
    answer: Callable[[], Answer]
    wait: float | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """Something that takes its time: `answer(seconds)` waits for it, at most so long, and holds no slot meanwhile.

    `wait` is what holds, in seconds, when the client says nothing.
    """

    answer: Callable[[float], Answer]
    wait: float


@dataclass(frozen=True, slots=True)
class Asking:
    """Something that only the switches can tell: `ask` waits for them and holds no slot, `answer` is made of what it
    gave. A control socket that stands still would otherwise hold up everybody.
    """

    ask: Callable[[], Any]
    answer: Callable[[Any], Answer]


class Chunks(Protocol):
    """Pieces of an answer, each given as soon as there is one; `close` is called when nobody wants more."""

    def __iter__(self) -> Iterator[bytes]: ...
    def __next__(self) -> bytes: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Stream:
    """A response that goes on until its client leaves. Each chunk is sent at once, and no handler's slot is held.

    Every way out ends in `chunks.close()`, also when nobody has asked for a first chunk.
    """

    chunks: Chunks
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Writer(Protocol):
    """How the writes of a call are carried out and recorded."""

    def write(self, change: Callable[[Inventory, str], T], status: Callable[[T], int]) -> T: ...
    def write_heavy(
        self, change: Callable[[Inventory, str], T], status: Callable[[T], int], pause: Callable[[], None]
    ) -> T: ...
    def act(self, status: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Call:
    """One request as its handler sees it. `pause` lets everybody else run; `media` is what the client accepts."""

    firewall: Firewall
    path: str
    params: Mapping[str, str]
    query: Query
    headers: Mapping[str, str]
    body: bytes
    media: str
    pause: Callable[[], None]
    about: Mapping[str, str]
    caller: Caller = ANYBODY
    goes_on: Callable[[], bool] = lambda: True  # whether a stream's caller still may
    origin: Origin = field(default_factory=Origin)
    writer: Writer | None = None
    gate: Gate | None = None
    is_tls: bool = False
    needs_condition: bool = False  # whether what is there is changed only for who says If-Match
    body_type: str = ""  # the media type that the client gave it

    def document(self) -> Any:
        return decode(self.body)

    def key(self, name: str, parse: Callable[[str], str]) -> str:
        """The path's own key for something that may be made; `Failure` 400 when nothing can have that name."""
        try:
            return parse(self.params[name])
        except Invalid as error:
            fault = Fault(f"{{{name}}}", error.code, error.detail, error.hint)
            raise Failure(400, "invalid_path", error.detail, errors=[fault]) from None

    def write(self, change: Callable[[Inventory, str], T], status: Callable[[T], int] = lambda done: 200) -> T:
        """`Firewall.write`, as every handler should have it: the audit log learns who changed what by which request,
        and ``?dry_run``, batches and idempotency keys are honoured. `status` is what the answer will say of a result.
        """
        change = guarded(self.caller, change)
        if self.writer is None:
            return self.firewall.write(change)
        return self.writer.write(change, status)

    def write_heavy(self, change: Callable[[Inventory, str], T], status: Callable[[T], int] = lambda done: 200) -> T:
        """`write` for what takes long, and whose result can be pickled: it is computed beside the hub."""
        if self.writer is None:
            return self.write(change, status)
        return self.writer.write_heavy(guarded(self.caller, change), status, self.pause)

    def act(self, status: int = 200) -> None:
        """Note in the audit log what was done to switches and changed nothing that is stored."""
        if self.writer is not None:
            self.writer.act(status)

    def wait(self) -> float | None:
        return queries.seconds(self.query, "wait")

    def paced(self, things: Iterable[T]) -> Iterator[T]:
        """The same things; after every hundred the others get their turn."""
        for n, thing in enumerate(things, 1):
            yield thing
            if n % PACE == 0:
                self.pause()


def etag(revision: int) -> str:
    return f'"{revision}"'


def life(stored: StoredValue) -> dict[str, Any]:
    """The members that every stored resource ends with."""
    return {"revision": stored.revision, "created_at": stored.created_at, "updated_at": stored.updated_at}


def shown(view: dict[str, Any], status: int = 200, location: str | None = None) -> Answer:
    """A resource with its ETag."""
    headers = {"ETag": etag(view["revision"])}
    if location and status == 201:
        headers["Location"] = location
    return Answer(status, view, headers)
