"""What a handler gets and gives: a `Call`, and an `Answer` now or a `Written` that may have to be waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from app.core.parsing import Invalid
from app.core.values import Stored as StoredValue
from app.service import Firewall
from rest import query as queries
from rest.decode import decode
from rest.problems import Failure, Fault
from rest.query import Query

T = TypeVar("T")
PACE = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: JSON of `body`, plain text if it is a string, nothing if it is None."""

    status: int = 200
    body: dict[str, Any] | str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


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

    def document(self) -> Any:
        return decode(self.body)

    def key(self, name: str, parse: Callable[[str], str]) -> str:
        """The path's own key for something that may be made; `Failure` 400 when nothing can have that name."""
        try:
            return parse(self.params[name])
        except Invalid as error:
            fault = Fault(f"{{{name}}}", error.code, error.detail, error.hint)
            raise Failure(400, "invalid_path", error.detail, errors=[fault]) from None

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
