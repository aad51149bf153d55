"""What the inventory holds, as JSON documents for the store, and back.

Every document carries the number of the schema it was written in. The form follows from the fields of the
values, and reading is strict: each field once, none missing, none unknown, no type bent. So a field that is
added to a value makes old documents unreadable until a step in `app.upgrades` says what it was before there was
such a field.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from app.core.indexes import Id
from app.core.inventory import KINDS, LEDGER
from app.core.values import Stored
from app.core.zones import seconds_of
from app.upgrades import UPGRADES, Document, Upgrade

Reader = Callable[[Any, str], Any]

VALUES = {kind: value for value, kind in KINDS.items()}
SCALARS = {str: "text", int: "a whole number", bool: "true or false"}


class DecodeError(ValueError):
    """A document that says nothing this version understands."""


@dataclass(frozen=True, slots=True)
class _Number:
    number: int


@dataclass(frozen=True, slots=True)
class _Release:
    released_at: str

    def __post_init__(self) -> None:
        seconds_of(self.released_at)


@dataclass(frozen=True, slots=True)
class _PolicyNumbers:
    number: int
    epoch: int


@dataclass(frozen=True, slots=True)
class _Header:
    revision: int
    created_at: str
    updated_at: str


def encode(kind: str, content: Any) -> Document:
    """The document of what the inventory holds under `kind`: a `Stored`, a number, a policy's (number, epoch), or the
    time at which a zone was released.
    """
    schema = len(UPGRADES) + 1
    if kind in VALUES:
        header = _Header(content.revision, content.created_at, content.updated_at)
        return {"schema": schema, **_plain(header), "value": _plain(content.value)}
    if kind == "policy":
        return {"schema": schema, **_plain(_PolicyNumbers(*content))}
    if kind == "resting":
        return {"schema": schema, **_plain(_Release(content))}
    return {"schema": schema, **_plain(_Number(content))}


def decode(kind: str, id: Id, document: Any, upgrades: tuple[Upgrade, ...] = UPGRADES) -> Any:
    """What `encode` was given. `DecodeError` names the place; so if the document is not that of `id`."""
    if kind not in VALUES and kind not in LEDGER:
        raise DecodeError(f"the kind {kind!r} is unknown")
    body = _upgraded(kind, document, upgrades)
    if kind in VALUES:
        return _stored(kind, id, body)
    if kind == "policy":
        read = _reader(_PolicyNumbers)(body, "")
        return read.number, read.epoch
    if kind == "resting":
        return _reader(_Release)(body, "").released_at
    return _reader(_Number)(body, "").number


def _stored(kind: str, id: Id, body: Document) -> Stored:
    value = _reader(VALUES[kind])(body.pop("value", None), "value")
    header = _reader(_Header)(body, "")
    if value.id != id:
        raise DecodeError(f"it is the document of {'/'.join(value.id)}")
    return Stored(value, header.revision, header.created_at, header.updated_at)


def _upgraded(kind: str, document: Any, upgrades: tuple[Upgrade, ...]) -> Document:
    if not isinstance(document, dict):
        raise DecodeError("it is not an object")
    body = dict(document)
    schema, newest = body.pop("schema", None), len(upgrades) + 1
    if type(schema) is not int or schema < 1:
        raise DecodeError("it has no schema number")
    if schema > newest:
        raise DecodeError(f"its schema {schema} is newer than {newest}, the newest this version knows")
    for upgrade in upgrades[schema - 1 :]:
        body = upgrade(kind, body)
    return body


# -- writing


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


# -- reading: one reader per type, made once


@functools.cache
def _reader(kind: Any) -> Reader:
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _record_reader(kind)  # type: ignore[arg-type]
    if origin is Literal:
        return _choice_reader(arguments)
    if origin is types.UnionType and len(arguments) == 2 and arguments[1] is type(None):
        return _optional_reader(_reader(arguments[0]))
    if origin is tuple:
        return _sequence_reader(arguments)
    if kind in SCALARS:
        return _scalar_reader(kind)
    raise TypeError(f"no documents of {kind}")


def _record_reader(record: type) -> Reader:
    hints = get_type_hints(record)
    readers = {field.name: _reader(hints[field.name]) for field in fields(record)}

    def read(document: Any, place: str) -> Any:
        if not isinstance(document, Mapping):
            raise DecodeError(f"{place or 'it'} is not an object")
        for name in sorted(readers.keys() ^ document.keys()):
            raise DecodeError(f"{place}/{name} is {'missing' if name in readers else 'unknown'}".lstrip("/"))
        members = {name: read(document[name], f"{place}/{name}".lstrip("/")) for name, read in readers.items()}
        try:
            return record(**members)
        except ValueError as error:
            raise DecodeError(f"{place or 'it'}: {error}") from error

    return read


def _sequence_reader(arguments: tuple[Any, ...]) -> Reader:
    endless = arguments[-1] is Ellipsis
    readers = [_reader(argument) for argument in arguments if argument is not Ellipsis]

    def read(document: Any, place: str) -> Any:
        if not isinstance(document, list) or not (endless or len(document) == len(readers)):
            raise DecodeError(f"{place} is not a list{'' if endless else f' of {len(readers)}'}")
        return tuple(readers[0 if endless else n](item, f"{place}/{n}") for n, item in enumerate(document))

    return read


def _optional_reader(inner: Reader) -> Reader:
    return lambda document, place: None if document is None else inner(document, place)


def _choice_reader(choices: tuple[Any, ...]) -> Reader:
    def read(document: Any, place: str) -> Any:
        if document not in choices:
            raise DecodeError(f"{place} is {document!r}, none of {', '.join(map(str, choices))}")
        return document

    return read


def _scalar_reader(kind: type) -> Reader:
    def read(document: Any, place: str) -> Any:
        # Not isinstance: True is an int to Python, and is no number here.
        if type(document) is not kind:
            raise DecodeError(f"{place} is {document!r}, not {SCALARS[kind]}")
        return document

    return read
