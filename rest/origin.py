"""Where a request came from."""

from __future__ import annotations

from dataclasses import dataclass

from rest.caller import ANYBODY, Caller


@dataclass(frozen=True, slots=True)
class Origin:
    """What the audit log says of a request. `remote` is an address, or None for the unix socket."""

    caller: Caller = ANYBODY
    request_id: str = ""
    method: str = ""
    path: str = ""
    remote: str | None = None
