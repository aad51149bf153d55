"""Server-sent events as they come over the wire (HTML Living Standard, section 9.2)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple


class Message(NamedTuple):
    """`id`: the place in the stream that is reached with it; None if it says none. Without `data` it is only that."""

    id: str | None
    type: str = "message"
    data: dict[str, Any] | None = None

    @property
    def event(self) -> dict[str, Any]:
        """As lists of events have it."""
        data = dict(self.data or {})
        return {"id": int(self.id or 0), "time": data.pop("time", None), "type": self.type, "data": data}


def messages(lines: Iterable[str]) -> Iterator[Message]:
    """What a stream says. A message that is cut off is not told. `ValueError` for data that is no JSON object."""
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name:
            fields[name] = f"{fields[name]}\n{value}" if name == "data" and name in fields else value
        elif not line:
            if "data" in fields or "id" in fields:
                data = json.loads(fields["data"]) if "data" in fields else None
                yield Message(fields.get("id"), fields.get("event", "message"), data)
            fields = {}
