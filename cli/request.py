"""A request as a value: it is sent, or shown as a line for a shell, and both are the same."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from cli.places import Place

JSON, YAML = "application/json", "application/yaml"
EVENTS = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it is. `name` is "-" if it came by standard input."""

    name: str
    content: bytes

    @classmethod
    def read(cls, path: Path) -> Upload:
        """`OSError` if it cannot be read."""
        import sys

        return cls(str(path), sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes())

    @property
    def kind(self) -> str:
        """JSON is YAML too, but is read a hundred times as fast."""
        try:
            json.loads(self.content)
        except ValueError:
            return YAML
        return JSON


@dataclass(frozen=True, slots=True)
class Request:
    """`query` and `headers` leave out what is None."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None  # an `Upload`, or what becomes JSON
    accept: str | None = None
    last_event: str | None = None

    @property
    def target(self) -> str:
        pairs = urlencode([(name, _plain(each)) for name, value in self.query.items() for each in _each(value)])
        return self.path + (f"{'&' if '?' in self.path else '?'}{pairs}" if pairs else "")

    @property
    def headers(self) -> dict[str, str]:
        kind = None if self.body is None else self.body.kind if isinstance(self.body, Upload) else JSON
        said = {"Accept": self.accept, "Last-Event-ID": self.last_event, "Content-Type": kind}
        return {name: value for name, value in said.items() if value is not None}

    @property
    def content(self) -> bytes | None:
        if isinstance(self.body, Upload):
            return self.body.content
        return None if self.body is None else json.dumps(self.body).encode()

    def curl(self, place: Place) -> str:
        """For a shell. The token is not in it: it is read from its file, or is ``$OVSWARDEN_TOKEN``."""
        words = ["curl", "-sSN" if self.accept == EVENTS else "-sS"]
        if self.method != "GET":
            words += ["-X", self.method]
        if place.socket:
            words += ["--unix-socket", place.socket]
        for option, file in (("--cacert", place.ca), ("--cert", place.certificate), ("--key", place.key)):
            words += [option, file] if file else []
        line = shlex.join(words)
        if place.token or place.token_file:
            known = "$OVSWARDEN_TOKEN" if place.token else f"$(cat {shlex.quote(place.token_file or '')})"
            line += f' -H "Authorization: Bearer {known}"'
        for name, value in self.headers.items():
            line += f" -H {shlex.quote(f'{name}: {value}')}"
        if self.body is not None:
            is_file = isinstance(self.body, Upload)
            line += f" --data-binary {shlex.quote(f'@{self.body.name}' if is_file else (self.content or b'').decode())}"
        base = "http://localhost" if place.socket else (place.url or "").rstrip("/")
        return f"{line} {shlex.quote(base + self.target)}"


def _each(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]


def _plain(value: Any) -> str:
    """True and false as the API writes them."""
    return str(value).lower() if isinstance(value, bool) else str(value)
