"""/openapi.json and /docs: what the API is, for programs and for people. Nobody needs a token to read it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from rest.exchange import Answer, Asking, Call
from rest.resources.ui import known, shown
from ui import assets

JSON = "application/json"
# By version: made once, as it is the same as long as the process lives.
_made: dict[str, tuple[bytes, str]] = {}


def page(call: Call) -> Answer:
    """The documentation of the API, a page that renders `/openapi.json`. Loads nothing from elsewhere."""
    return shown(call, assets().pages["docs.html"], "no-cache")


def get(call: Call, make: Callable[[str], Any]) -> Answer | Asking:
    """The document that `make` gives for a version. It takes a third of a second, once, beside everybody."""
    version = call.about.get("ovswarden", "0")
    if version in _made:
        return _answer(call, version)

    def made() -> bytes:
        return json.dumps(make(version), ensure_ascii=False, separators=(",", ":")).encode()

    def answer(body: bytes) -> Answer:
        _made[version] = body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        return _answer(call, version)

    return Asking(lambda: call.firewall.aside(made), answer)


def _answer(call: Call, version: str) -> Answer:
    body, etag = _made[version]
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    return Answer(304, None, headers) if known(call, etag) else Answer(200, body, headers, JSON)
